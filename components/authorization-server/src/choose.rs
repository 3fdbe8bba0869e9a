//! `POST /choose`: the user has said where they want to sign in.

use gatehouse_authorization_server::choice::Choice;
use gatehouse_authorization_server::consent::Question;
use gatehouse_authorization_server::page::{PageRejection, ReturnedTicket};
use http::{Request, Response};

use crate::consent;
use crate::context::Context;
use crate::forms::{self, Form, FormRejection};

const ACTION: &str = "choose";

/// Asks the user whether the client may come in, which is asked after the choice because the page names the provider.
pub(crate) fn answer(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    match chosen(context, request) {
        Ok((form, question, may_be_remembered, ticket)) => {
            consent::ask(context, &question, &form.browser, may_be_remembered, Some(&ticket), ACTION)
        }
        Err(rejection) => forms::refused(context, ACTION, &rejection),
    }
}

fn chosen<'c>(
    context: &'c Context,
    request: &Request<Vec<u8>>,
) -> Result<(Form, Question<'c>, bool, ReturnedTicket), FormRejection> {
    let form = Form::read(context, request)?;
    let (ticket, provider) = (form.required("ticket")?, form.required("provider")?);
    let (keys, configuration) = (&context.keys, &context.configuration);
    let (choice, ticket) = Choice::redeem(ticket, &form.browser, keys, configuration, &context.store, context.now)?;
    let provider = configuration.identity_provider(provider).ok_or(PageRejection::UnknownProvider)?;
    let question = Question { request: choice.request, provider, approved: None };
    Ok((form, question, choice.may_be_remembered, ticket))
}
