//! Headers in and out of WASI.

use http::{HeaderMap, HeaderName, HeaderValue};
use thiserror::Error;
use wasip2::http::types::Fields;

/// A header's name or value is not HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a header is not HTTP")]
pub(crate) struct MalformedHeader;

/// The headers as the `http` crate holds them.
pub(crate) fn header_map(fields: &Fields) -> Result<HeaderMap, MalformedHeader> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.entries() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| MalformedHeader)?;
        let value = HeaderValue::from_bytes(&value).map_err(|_| MalformedHeader)?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// The headers as WASI takes them, all by one call. Those that only a host may set (connection handling) are refused by it and left out.
pub(crate) fn fields(headers: &HeaderMap) -> Fields {
    let all: Vec<_> = headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    Fields::from_list(&all).unwrap_or_else(|_| those_not_forbidden(headers))
}

fn those_not_forbidden(headers: &HeaderMap) -> Fields {
    let fields = Fields::new();
    for (name, value) in headers {
        let _forbidden = fields.append(name.as_str(), value.as_bytes());
    }
    fields
}
