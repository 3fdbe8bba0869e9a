//! `GET /authorize`: parse, bind, ask.

use gatehouse_authorization_server::arrival::Arrival;
use gatehouse_authorization_server::authorization::{BoundRequest, RejectedRequest};
use gatehouse_authorization_server::browser::BrowserCookies;
use gatehouse_authorization_server::consent::ConsentRequest;
use gatehouse_authorization_server::error_description;
use gatehouse_authorization_server::preauthorization::may_go_unasked;
use gatehouse_authorization_server::provider_selection::ProviderSelection;
use gatehouse_authorization_server::remembered_consent::may_be_remembered;
use gatehouse_configuration::IdentityProvider;
use gatehouse_protocol::Parameters;
use http::{HeaderMap, HeaderName, Request, Response};
use shell_http::SystemEntropy;

use crate::consent::Unasked;
use crate::context::Context;
use crate::pages::Problem;
use crate::{client_document, consent, cookies, failures, pages, requests, responses};

const ACTION: &str = "authorize";
/// With these, browsers say that they fetch a page that the user may ask for: `Sec-Purpose`, and what there was before it
/// (`X-Moz` in Firefox, `Purpose` and `X-Purpose` in others).
const PREFETCHES: [&str; 4] = ["sec-purpose", "purpose", "x-moz", "x-purpose"];

/// Asks the user: where they want to sign in, and whether the client may come in. Nothing is asked of an identity
/// provider before they have approved, now or, by a consent that they wanted remembered, before.
pub(crate) fn answer(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let query = request.uri().query().unwrap_or_default();
    let read = match Parameters::parse(query).required("client_id") {
        Ok(client_id) => client_document::read_for_page(context, client_id),
        Err(_) => Ok(None),
    };
    let read = match read {
        Ok(read) => read,
        Err(not_now) => return pages::error(context.layout(), Problem::NotNow(not_now)),
    };
    let (configuration, keys, store) = (&context.configuration, &context.keys, &context.store);
    let bound = match BoundRequest::parse_with(read.as_ref(), query, configuration, keys, store, context.now) {
        Ok(bound) => bound,
        Err(rejection) => return failures::unbound(context, ACTION, &rejection),
    };
    let authorization = match bound.validate(&context.configuration) {
        Ok(authorization) => authorization,
        Err(rejected) => return rejected_at_client(context, &rejected),
    };
    let browser = cookies::browser(request.headers(), &context.configuration.public_url)
        .unwrap_or_else(|| BrowserCookies::generate(&mut SystemEntropy));
    let arrival = arrival(request.headers(), context);
    let unasked = Unasked {
        by_the_user: may_be_remembered(&authorization, &arrival),
        for_everybody: may_go_unasked(&authorization, &arrival),
    };
    let mut response = match context.configuration.identity_providers.as_slice() {
        [only] => {
            let consent_request = ConsentRequest { request: authorization, provider: only, approved: None };
            let account = cookies::signed_in_user(request.headers(), &browser, context);
            consent::ask(context, &consent_request, &browser, unasked, account.as_ref(), None, ACTION)
        }
        several => {
            let Unasked { by_the_user: may_be_remembered, for_everybody: may_go_unasked } = unasked;
            let selection = ProviderSelection { request: authorization, may_be_remembered, may_go_unasked };
            choose(context, several, selection, &browser)
        }
    };
    cookies::set_browser(&mut response, browser.first(), &context.configuration);
    response
}

/// How the browser says that it came here.
pub(crate) fn arrival<'a>(headers: &'a HeaderMap, context: &'a Context) -> Arrival<'a> {
    let single = |name| requests::single(headers, &HeaderName::from_static(name));
    Arrival {
        site: single("sec-fetch-site"),
        mode: single("sec-fetch-mode"),
        destination: single("sec-fetch-dest"),
        is_prefetch: PREFETCHES.iter().any(|name| headers.contains_key(*name)),
        departures: context.departures.iter().map(String::as_str).collect(),
    }
}

fn choose(
    context: &Context,
    providers: &[IdentityProvider],
    selection: ProviderSelection,
    browser: &BrowserCookies,
) -> Response<Vec<u8>> {
    match selection.ticket(browser.first(), &context.keys, context.now, &mut SystemEntropy) {
        Ok(ticket) => pages::choose(context.layout(), &context.configuration, providers, &selection.request, &ticket),
        Err(error) => failures::out_of_order(context, ACTION, None, error),
    }
}

/// Tells the client (RFC 6749, section 4.1.2.1; `iss` by RFC 9207, section 2): at once, or when the user goes back to it.
fn rejected_at_client(context: &Context, rejected: &RejectedRequest) -> Response<Vec<u8>> {
    context.log.refused(ACTION, Some(rejected.client.client_id.as_str()), &rejected.rejection);
    let description = error_description(&rejected.rejection.to_string());
    let mut parameters =
        vec![("error", rejected.rejection.to_wire().as_str()), ("error_description", description.as_str())];
    parameters.extend(rejected.state.as_deref().map(|state| ("state", state)));
    parameters.push(("iss", context.configuration.public_url.as_str()));
    if rejected.may_redirect() {
        responses::redirect_to_client(context, &rejected.client, &rejected.redirect_uri, &parameters)
    } else {
        pages::rejected(context.layout(), rejected, &rejected.redirect_uri.location(&parameters))
    }
}
