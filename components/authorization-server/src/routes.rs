//! Which endpoint answers which request.

use gatehouse_audit_log::X_REQUEST_ID;
use gatehouse_authorization_server::ErrorCode;
use gatehouse_authorization_server::session_pools::PoolRequest;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::OwnPath;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, RETRY_AFTER,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use shell_http::inbound::{self, Unreadable};
use wasip2::http::types::IncomingRequest;

use crate::context::{Context, language};
use crate::from_where::{self, Stopped};
use crate::log::RequestLog;
use crate::pages::{Layout, Problem};
use crate::{
    administration, authorize, browser_sign_in, callback, choose, connections_page, consent, consents_page, introspect,
    metadata, pages, register, requests, responses, revoke, session_pools, sessions_page, token, token_page,
};

/// Bytes. The largest legitimate body is a registration with many redirect URIs.
const LARGEST_BODY: usize = 64 * 1024;

/// Seconds after which it is worth a try again where something of ours does not answer, the store above all.
const RETRY_AFTER_SECONDS: u64 = 5;

/// What the log calls the reading of configuration and keys.
const SETTINGS: &str = "settings";

/// What the log calls a page that is none of the endpoints.
const PAGE: &str = "page";

/// What is said where a rate of an address is exceeded.
const TOO_MANY: &str = "too many requests have come from this address";

/// What an endpoint does with a request.
type Answer = fn(&Context, &Request<Vec<u8>>) -> Response<Vec<u8>>;

/// A method of an endpoint: how it may be called, and whether web pages of other origins may. An endpoint with two
/// methods has two rows.
struct Endpoint {
    path: OwnPath,
    method: Method,
    /// Browser-based clients fetch these. Never the authorization endpoint (RFC 9700, section 2.6).
    cross_origin: bool,
    /// Whether a person sees what it answers.
    is_page: bool,
    /// Whether its success leaves entries in the store, and nobody has it again and again for nothing: a token needs a
    /// grant, and registrations in an hour are counted.
    keeps_state: bool,
    answer: Answer,
}

const fn endpoint(path: OwnPath, method: Method, answer: Answer) -> Endpoint {
    Endpoint { path, method, cross_origin: true, is_page: false, keeps_state: false, answer }
}

/// An endpoint whose success leaves entries in the store.
const fn storing(path: OwnPath, method: Method, answer: Answer) -> Endpoint {
    Endpoint { path, method, cross_origin: true, is_page: false, keeps_state: true, answer }
}

const fn page(path: OwnPath, method: Method, answer: Answer) -> Endpoint {
    Endpoint { path, method, cross_origin: false, is_page: true, keeps_state: false, answer }
}

/// For machines, and not for web pages.
const fn internal(path: OwnPath, method: Method, answer: Answer) -> Endpoint {
    Endpoint { path, method, cross_origin: false, is_page: false, keeps_state: false, answer }
}

static ENDPOINTS: [Endpoint; 30] = [
    endpoint(OwnPath::AuthorizationServerMetadata, Method::GET, metadata::answer),
    // A path of ours so that web pages may read that there is nothing here, and no route can be put there.
    endpoint(OwnPath::OpenIdConfiguration, Method::GET, metadata::not_a_provider),
    endpoint(OwnPath::CallerKeys, Method::GET, metadata::caller_keys),
    storing(OwnPath::Register, Method::POST, register::answer),
    storing(OwnPath::Token, Method::POST, token::answer),
    endpoint(OwnPath::Revoke, Method::POST, revoke::answer),
    internal(OwnPath::Introspect, Method::POST, introspect::answer),
    page(OwnPath::Authorize, Method::GET, authorize::answer),
    page(OwnPath::Choose, Method::POST, choose::answer),
    page(OwnPath::Consent, Method::POST, consent::answer),
    page(OwnPath::Callback, Method::GET, callback::answer),
    page(OwnPath::Sessions, Method::GET, sessions_page::show),
    page(OwnPath::Sessions, Method::POST, sessions_page::change),
    page(OwnPath::Consents, Method::GET, consents_page::show),
    page(OwnPath::Consents, Method::POST, consents_page::take_back),
    page(OwnPath::Connections, Method::GET, connections_page::show),
    page(OwnPath::Connections, Method::POST, connections_page::change),
    page(OwnPath::ConnectionsCallback, Method::GET, connections_page::linked),
    page(OwnPath::Administration, Method::GET, administration::show),
    page(OwnPath::Administration, Method::POST, administration::act),
    page(OwnPath::SignIn, Method::POST, sessions_page::sign_in),
    page(OwnPath::SignOut, Method::POST, sessions_page::sign_out),
    internal(OwnPath::Subscriptions, Method::POST, session_pools::answer),
    page(OwnPath::AccessToken, Method::GET, token_page::show),
    page(OwnPath::AccessToken, Method::POST, token_page::sign_in),
    page(OwnPath::BrowserSignIn, Method::GET, browser_sign_in::sign_in),
    internal(OwnPath::BrowserUser, Method::GET, browser_sign_in::user),
    internal(OwnPath::BrowserRefresh, Method::GET, browser_sign_in::refresh),
    page(OwnPath::BrowserSignOut, Method::GET, browser_sign_in::sign_out),
    page(OwnPath::BrowserSignOut, Method::POST, browser_sign_in::sign_out_confirmed),
];

/// The answer to a request.
pub(crate) struct Answered {
    pub(crate) response: Response<Vec<u8>>,
    /// Whether the store has grown by something that not anybody can make it grow by.
    pub(crate) keeps_state: bool,
    /// For what is done after it.
    pub(crate) log: RequestLog,
}

/// Answers any request that the gateway did not take. Every answer says the id that its request has in the log.
pub(crate) fn answer(incoming: &IncomingRequest) -> Answered {
    let head = inbound::head(incoming);
    let log = RequestLog::begin(head.as_ref().map_or(&HeaderMap::new(), Request::headers));
    let (mut response, endpoint) = match head {
        Ok(head) => find_and_call(incoming, head, &log),
        Err(error) => (responses::error(400, ErrorCode::InvalidRequest, &error.to_string()), None),
    };
    response.headers_mut().insert(X_REQUEST_ID, log.request_id().to_header_value());
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().entry(RETRY_AFTER).or_insert(RETRY_AFTER_SECONDS.into());
    }
    let keeps_state = response.status().is_success() && endpoint.is_some_and(|endpoint| endpoint.keeps_state);
    Answered { response, keeps_state, log }
}

/// The answer, and the endpoint that gave it.
fn find_and_call(
    incoming: &IncomingRequest,
    head: Request<()>,
    log: &RequestLog,
) -> (Response<Vec<u8>>, Option<&'static Endpoint>) {
    let path = own_path(head.uri().path());
    let methods = || ENDPOINTS.iter().filter(|endpoint| endpoint.is_at(path));
    let Some(first) = methods().next() else {
        return (elsewhere(&head, log), None);
    };
    let cross_origin = first.cross_origin;
    let asks_beforehand =
        *head.method() == Method::OPTIONS && head.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let endpoint = methods().find(|endpoint| endpoint.takes(head.method()));
    let mut response = match endpoint {
        Some(endpoint) => called(endpoint, incoming, head, log),
        None if cross_origin && asks_beforehand => preflight(first),
        None => responses::method_not_allowed(methods().map(|endpoint| &endpoint.method)),
    };
    if cross_origin {
        // No cookie counts at these endpoints, so any page may read what it could fetch itself.
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        response.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from(X_REQUEST_ID));
    }
    (response, endpoint)
}

/// The path of the endpoint: behind two of them stands the name of an identity provider, or of a connection.
fn own_path(path: &str) -> &str {
    let own = [OwnPath::BrowserSignIn, OwnPath::ConnectionsCallback].map(OwnPath::as_str);
    let is_behind = |own: &&str| path.strip_prefix(*own).is_some_and(|rest| rest.starts_with('/'));
    own.into_iter().find(is_behind).unwrap_or(path)
}

/// The answer at a path that is not ours: a page for a person, who has typed it or followed a link.
fn elsewhere(head: &Request<()>, log: &RequestLog) -> Response<Vec<u8>> {
    if !requests::is_for_a_page(head) {
        return responses::not_found();
    }
    let context = Context::of_this_request(head, log.clone()).ok();
    if let Some(context) = &context
        && let Err(stopped) = from_where::check(context, &context.configuration.pages)
    {
        return stopped_page(context, PAGE, stopped);
    }
    let layout = context.as_ref().map_or_else(|| unconfigured(head.headers(), log), Context::layout);
    if head.uri().path() == "/" { pages::home(layout) } else { pages::error(layout, Problem::NotFound) }
}

impl Endpoint {
    /// Whether it answers at this path. One endpoint has its names in what is behind its own.
    fn is_at(&self, path: &str) -> bool {
        match self.path {
            OwnPath::Subscriptions => PoolRequest::of(path).is_some(),
            own => own.as_str() == path,
        }
    }

    /// A HEAD is a GET without the body, which the host leaves out (RFC 9110, section 9.3.2).
    fn takes(&self, method: &Method) -> bool {
        *method == self.method || (*method == Method::HEAD && self.method == Method::GET && !self.is_page)
    }

    /// Whether the request may come from where it comes, and as often as it does. Metadata costs nothing, and is not counted.
    fn admit(&self, context: &Context) -> Result<(), Stopped> {
        let Configuration { pages, endpoints, .. } = &context.configuration;
        from_where::check(context, if self.is_page { pages } else { endpoints })?;
        let is_metadata = self.cross_origin && self.method == Method::GET;
        if is_metadata { Ok(()) } else { from_where::count(context) }
    }

    /// The answer to a request that goes no further, in the kind of the endpoint.
    fn stopped(&self, context: &Context, stopped: Stopped) -> Response<Vec<u8>> {
        let action = self.path.as_str();
        if self.is_page {
            return stopped_page(context, action, stopped);
        }
        match stopped {
            Stopped::Network(reason) => {
                context.log.refused(action, None, reason);
                responses::error(403, ErrorCode::AccessDenied, "this address is not allowed")
            }
            Stopped::TooMany(seconds) => {
                context.log.refused(action, None, TOO_MANY);
                let mut response = responses::error(429, ErrorCode::TemporarilyUnavailable, TOO_MANY);
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
                response
            }
            Stopped::Uncounted(reason) => {
                context.log.failed(action, None, reason);
                responses::error(503, ErrorCode::ServerError, "this server cannot answer at the moment")
            }
        }
    }

    /// Whether there is something for it to do: it is about tokens of ours, about people who have signed in, or about keys.
    fn is_offered(&self, context: &Context) -> bool {
        let configuration = &context.configuration;
        match self.path {
            OwnPath::Register | OwnPath::Authorize | OwnPath::Choose | OwnPath::Consent | OwnPath::AccessToken => {
                configuration.issues_tokens() && configuration.signs_users_in()
            }
            OwnPath::Callback
            | OwnPath::Consents
            | OwnPath::Sessions
            | OwnPath::SignIn
            | OwnPath::SignOut
            | OwnPath::BrowserSignIn
            | OwnPath::BrowserUser
            | OwnPath::BrowserRefresh
            | OwnPath::BrowserSignOut => configuration.signs_users_in(),
            OwnPath::Connections | OwnPath::ConnectionsCallback => !configuration.connections.is_empty(),
            OwnPath::Administration => {
                configuration.identity_providers.iter().any(|provider| !provider.operator_roles.is_empty())
            }
            OwnPath::Subscriptions => !configuration.session_pools.is_empty(),
            // Servers verify with them what they are told of callers, whatever these have shown.
            OwnPath::CallerKeys => true,
            _ => configuration.issues_tokens(),
        }
    }

    /// A body that was not read.
    fn unreadable(&self, error: Unreadable, headers: &HeaderMap, log: &RequestLog) -> Response<Vec<u8>> {
        let (status, reason) = match error {
            Unreadable::TooLarge => (413, "the body is larger than 65536 bytes".to_owned()),
            Unreadable::Broken | Unreadable::Malformed => (400, error.to_string()),
        };
        if self.is_page {
            log.refused(self.path.as_str(), None, reason);
            pages::error(unconfigured(headers, log), Problem::UnreadableForm { status })
        } else {
            responses::error(status, ErrorCode::InvalidRequest, &reason)
        }
    }
}

fn called(endpoint: &Endpoint, incoming: &IncomingRequest, head: Request<()>, log: &RequestLog) -> Response<Vec<u8>> {
    let context = match Context::of_this_request(&head, log.clone()) {
        Ok(context) => context,
        Err(error) => {
            log.failed(SETTINGS, None, error);
            inbound::drain(incoming);
            return if endpoint.is_page {
                pages::error(unconfigured(head.headers(), log), Problem::OutOfOrder)
            } else {
                responses::error(503, ErrorCode::ServerError, "this server is not configured correctly")
            };
        }
    };
    if let Err(stopped) = endpoint.admit(&context) {
        inbound::drain(incoming);
        return endpoint.stopped(&context, stopped);
    }
    if !endpoint.is_offered(&context) {
        // Where no token of ours is for anything, nobody can get one here.
        inbound::drain(incoming);
        return responses::not_found();
    }
    let body = match inbound::body(incoming, head.headers(), LARGEST_BODY) {
        Ok(body) => body,
        Err(error) => return endpoint.unreadable(error, head.headers(), log),
    };
    (endpoint.answer)(&context, &head.map(|()| body))
}

/// The page for a person whose request goes no further.
fn stopped_page(context: &Context, action: &'static str, stopped: Stopped) -> Response<Vec<u8>> {
    let problem = match stopped {
        Stopped::Network(reason) => {
            context.log.refused(action, None, reason);
            Problem::Network
        }
        Stopped::TooMany(seconds) => {
            context.log.refused(action, None, TOO_MANY);
            Problem::TooManyFromThere(seconds)
        }
        Stopped::Uncounted(reason) => {
            context.log.failed(action, None, reason);
            Problem::OutOfOrder
        }
    };
    pages::error(context.layout(), problem)
}

/// What is around a page where there is no configuration, or it was not read.
fn unconfigured<'a>(headers: &HeaderMap, log: &'a RequestLog) -> Layout<'a> {
    Layout::new(language(headers), None, log.request_id(), None)
}

fn preflight(endpoint: &Endpoint) -> Response<Vec<u8>> {
    let mut response = responses::status_only(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    if let Ok(method) = HeaderValue::from_str(endpoint.method.as_str()) {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, method);
    }
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("authorization, content-type, mcp-protocol-version"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

#[cfg(test)]
mod tests {
    use gatehouse_protocol::ServedBy;
    use http::header::CONTENT_TYPE;

    use super::*;

    #[test]
    fn an_endpoint_has_each_method_once_and_one_kind_of_answer() {
        for (place, row) in ENDPOINTS.iter().enumerate() {
            for other in &ENDPOINTS[place + 1..] {
                assert!(row.path != other.path || row.method != other.method, "{}", row.path);
                let alike = (row.cross_origin, row.is_page) == (other.cross_origin, other.is_page);
                assert!(row.path != other.path || alike, "{}", row.path);
            }
            assert!(
                !(row.cross_origin && row.is_page),
                "{}: no other origin's script may call what a person looks at",
                row.path
            );
            assert!(row.takes(&row.method) && !row.takes(&Method::OPTIONS) && !row.takes(&Method::PUT));
        }
    }

    /// The gateway's own are tested where it is tested alone: `tests/tests/components/gateway/own_answers.rs`.
    #[test]
    fn every_path_that_is_kept_for_this_component_is_served_by_it_and_no_other_is() {
        for path in OwnPath::ALL {
            let is_served = ENDPOINTS.iter().any(|row| row.path == path);
            assert_eq!(is_served, path.served_by() == ServedBy::AuthorizationServer, "{path}");
        }
    }

    /// Templates are text: they spell the paths.
    #[test]
    fn every_form_of_every_page_leads_to_an_endpoint() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let mut forms = 0;
        for template in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(template.unwrap().path()).unwrap();
            // A form that several pages have is called with its path.
            let actions = ["action=\"", "button(\""].iter().flat_map(|before| text.split(before).skip(1));
            let actions = actions.filter_map(|rest| rest.split('"').next());
            for action in actions.filter(|action| *action != "{{ action }}") {
                let leads = |row: &Endpoint| row.path.as_str() == action && row.method == Method::POST && row.is_page;
                assert!(ENDPOINTS.iter().any(leads), "{action}");
                forms += 1;
            }
        }
        assert!(forms > 4, "{forms}");
    }

    #[test]
    fn a_body_that_cannot_be_read_is_answered_in_the_kind_of_its_endpoint() {
        for row in &ENDPOINTS {
            let kind = if row.is_page { "text/html; charset=utf-8" } else { "application/json" };
            for (error, status) in [(Unreadable::TooLarge, 413), (Unreadable::Broken, 400)] {
                let answer = row.unreadable(error, &HeaderMap::new(), &RequestLog::example());
                assert_eq!(
                    (answer.status().as_u16(), answer.headers()[CONTENT_TYPE].to_str().unwrap()),
                    (status, kind)
                );
            }
        }
    }
}
