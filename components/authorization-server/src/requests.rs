//! What the endpoints ask of a request's head.

use gatehouse_protocol::essence;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};

/// The media type of the body; `None` where there is none, or more than one: which of them is meant is anybody's guess.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    single(headers, &CONTENT_TYPE).map(essence)
}

/// The value of a header that is there once, as text.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first)?.to_str().ok()
}
