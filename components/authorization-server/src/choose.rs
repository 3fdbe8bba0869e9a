//! `POST /choose`: the user has said where they want to sign in.

use gatehouse_authorization_server::consent::ConsentRequest;
use gatehouse_authorization_server::page::{PageRejection, ReturnedTicket};
use gatehouse_authorization_server::provider_selection::ProviderSelection;
use http::{Request, Response};

use crate::consent::{self, Unasked};
use crate::context::Context;
use crate::cookies;
use crate::forms::{self, Form, FormRejection};

const ACTION: &str = "choose";

/// Asks the user whether the client may come in, which is asked after the choice because the page names the provider.
pub(crate) fn answer(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    match chosen(context, request) {
        Ok((form, consent_request, unasked, ticket)) => {
            let account = cookies::signed_in_user(request.headers(), &form.browser, context);
            consent::ask(context, &consent_request, &form.browser, unasked, account.as_ref(), Some(&ticket), ACTION)
        }
        Err(rejection) => forms::refused(context, ACTION, &rejection),
    }
}

fn chosen<'c>(
    context: &'c Context,
    request: &Request<Vec<u8>>,
) -> Result<(Form, ConsentRequest<'c>, Unasked, ReturnedTicket), FormRejection> {
    let form = Form::read(context, request)?;
    let (ticket, provider) = (form.required("ticket")?, form.required("provider")?);
    let (keys, configuration) = (&context.keys, &context.configuration);
    let (selection, ticket) = form
        .browser
        .open(|browser| ProviderSelection::redeem(ticket, browser, keys, configuration, &context.store, context.now))?;
    let provider = configuration.identity_provider(provider).ok_or(PageRejection::UnknownProvider)?;
    let consent_request = ConsentRequest { request: selection.request, provider, approved: None };
    let unasked = Unasked { by_the_user: selection.may_be_remembered, for_everybody: selection.may_go_unasked };
    Ok((form, consent_request, unasked, ticket))
}
