//! The component: WASI's request in, WASI's response out.

use http::header::HOST;
use http::{HeaderValue, Request, Response, StatusCode};
use http_shell::inbound::{self, Unreadable};
use http_shell::{SystemEntropy, now};
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::settings::Settings;
use crate::store::{EntryKey, Store, StoreUnavailable};
use crate::{answers, provider};
use bindings::gatehouse::host::{settings, store};

/// Bytes of a request's body; the largest is the login form.
const LARGEST_BODY: usize = 64 * 1024;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/host"],
        inline: "
            package demo:identity-provider;
            world imports {
                import gatehouse:host/store@0.1.0;
                import gatehouse:host/settings@0.1.0;
            }
        ",
        world: "demo:identity-provider/imports",
        generate_all,
    });
}

struct Component;

impl wasip2::exports::http::incoming_handler::Guest for Component {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        inbound::respond(out, respond(&request));
    }
}

wasip2::http::proxy::export!(Component);

fn respond(request: &IncomingRequest) -> Response<Vec<u8>> {
    let settings = match Settings::read(|name| settings::get(name).map_err(|error| format!("{error:?}"))) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("demo identity provider: {error}");
            return answers::text(StatusCode::SERVICE_UNAVAILABLE, "not configured; see the log");
        }
    };
    let request = match read(request) {
        Ok(request) => request,
        Err(Unreadable::TooLarge) => {
            return answers::text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
        }
        Err(Unreadable::Broken | Unreadable::Malformed) => {
            return answers::text(StatusCode::BAD_REQUEST, "the request is malformed");
        }
    };
    provider::answer(&request, &settings, now(), &mut SystemEntropy, &HostStore).unwrap_or_else(|failure| {
        eprintln!("demo identity provider: {failure}");
        answers::text(StatusCode::SERVICE_UNAVAILABLE, "unavailable; see the log")
    })
}

/// The request, with its authority in `Host`: hosts keep that header from components and give its value apart.
fn read(request: &IncomingRequest) -> Result<Request<Vec<u8>>, Unreadable> {
    let authority = request.authority();
    let mut request = inbound::read(request, LARGEST_BODY)?;
    if let Some(authority) = authority {
        let authority = HeaderValue::try_from(authority).map_err(|_| Unreadable::Malformed)?;
        request.headers_mut().insert(HOST, authority);
    }
    Ok(request)
}

/// `gatehouse:host/store`.
struct HostStore;

impl HostStore {
    fn key(key: &EntryKey) -> store::Key {
        let EntryKey { kind, id, expires_at } = key;
        store::Key { kind: (*kind).to_owned(), id: id.clone(), expires_at: expires_at.seconds() }
    }
}

impl Store for HostStore {
    fn get(&self, key: &EntryKey) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        store::get(&Self::key(key)).map_err(unavailable)
    }

    fn put(&self, key: &EntryKey, value: &[u8]) -> Result<(), StoreUnavailable> {
        store::put(&Self::key(key), value).map_err(unavailable)
    }

    fn increment(&self, key: &EntryKey) -> Result<i64, StoreUnavailable> {
        store::increment(&Self::key(key), 1).map_err(unavailable)
    }
}

fn unavailable(error: store::Error) -> StoreUnavailable {
    StoreUnavailable(format!("{error:?}"))
}
