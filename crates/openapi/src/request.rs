//! The HTTP request of a call.

use gatehouse_mcp_wire::json_rpc::Object;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use serde_json::value::RawValue;

use crate::body::joined;
use crate::operation::{Operation, ParameterLocation};
use crate::parameters::Pairs;
use crate::unusable_arguments::{LONGEST_TARGET, UnusableArguments};

/// Where requests go, and what they have whatever is called.
#[derive(Clone, Copy)]
pub struct RequestTarget<'a> {
    /// The address that the operator has set: scheme, host, the beginning of the path, and a query.
    pub base: &'a Uri,
    /// The operator's headers, credentials among them.
    pub headers: &'a HeaderMap,
    /// Those of them whose values no client may learn. What the API is told of the caller is not secret, and may well be in its answer.
    pub secret_headers: &'a [HeaderName],
    /// Whether a call may set this header.
    pub may_set: &'a dyn Fn(&HeaderName) -> bool,
}

impl RequestTarget<'_> {
    /// What must not be in a result, as an API could repeat it: the secret headers, of credentials with a scheme also what stands behind
    /// it; and what the operator has set in the query, as it is written and as it is meant.
    pub fn secrets(&self) -> Vec<String> {
        let headers = self.secret_headers.iter().flat_map(|name| self.headers.get_all(name));
        let headers = headers.filter_map(|value| core::str::from_utf8(value.as_bytes()).ok());
        let headers = headers.flat_map(|value| [Some(value), value.split_once(' ').map(|(_, credential)| credential)]);
        let mut secrets: Vec<_> = headers.flatten().map(str::to_owned).collect();
        for pair in self.base.query().unwrap_or_default().split('&') {
            let written = pair.split_once('=').map_or(pair, |(_, value)| value);
            let meant = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
            secrets.extend([written.to_owned(), meant(written), meant(&written.replace('+', " "))]);
        }
        secrets.sort_unstable();
        secrets.dedup();
        // The longest first: one may be the beginning of another.
        secrets.sort_by_key(|secret| core::cmp::Reverse(secret.len()));
        secrets
    }
}

impl Operation {
    /// The request.
    pub(crate) fn request(
        &self,
        arguments: &Object,
        target: &RequestTarget<'_>,
    ) -> Result<Request<Vec<u8>>, UnusableArguments> {
        self.check_names(arguments)?;
        let mut headers = target.headers.clone();
        let (mut path, mut query) = (self.path.clone(), Pairs::new());
        let reserved: Vec<String> = names(target.base.query().unwrap_or_default()).collect();
        for parameter in &self.parameters {
            let given = given(arguments, &parameter.argument);
            let Some(value) = given else {
                if parameter.required {
                    return Err(UnusableArguments::Missing(parameter.argument.clone()));
                }
                continue;
            };
            match parameter.location {
                ParameterLocation::Path => {
                    path = path.replace(&format!("{{{}}}", parameter.name), &parameter.in_path(value)?);
                }
                // What the operator has set in the address is not a call's to say, in whatever spelling.
                ParameterLocation::Query => {
                    let pairs = parameter.in_query(value)?;
                    query.extend(
                        pairs.into_iter().filter(|(name, _)| names(name).all(|name| !reserved.contains(&name))),
                    );
                }
                ParameterLocation::Header => {
                    let Ok(name) = HeaderName::try_from(&parameter.name) else { continue };
                    let Some(value) = parameter.in_header(value)? else { continue };
                    let value = HeaderValue::from_str(&value)
                        .map_err(|_| UnusableArguments::Header(parameter.argument.clone()))?;
                    if (target.may_set)(&name) && !target.headers.contains_key(&name) {
                        headers.insert(name, value);
                    }
                }
            }
        }
        headers.insert(ACCEPT, HeaderValue::from_str(&self.accept).unwrap_or(HeaderValue::from_static("*/*")));
        headers.remove(CONTENT_TYPE);
        let mut body = Vec::new();
        if let Some(expected) = &self.body {
            match given(arguments, &expected.argument) {
                Some(value) => {
                    body = expected.bytes(value)?;
                    if let Ok(media_type) = HeaderValue::from_str(&expected.media_type) {
                        headers.insert(CONTENT_TYPE, media_type);
                    }
                }
                None if expected.required => return Err(UnusableArguments::Missing(expected.argument.clone())),
                None => {}
            }
        }
        let mut request = Request::new(body);
        *request.method_mut() = Method::from_bytes(self.method.as_bytes()).map_err(|_| UnusableArguments::Address)?;
        *request.uri_mut() = address(target.base, &path, &query)?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn check_names(&self, arguments: &Object) -> Result<(), UnusableArguments> {
        let is_known = |name: &str| {
            self.parameters.iter().any(|parameter| parameter.argument == name)
                || self.body.as_ref().is_some_and(|body| body.argument == name)
        };
        match arguments.iter().find(|(name, _)| !is_known(name)) {
            Some((name, _)) => Err(UnusableArguments::Unknown(name.chars().take(64).collect())),
            None => Ok(()),
        }
    }
}

/// The value of an argument; null is none.
fn given<'a>(arguments: &'a Object, name: &str) -> Option<&'a RawValue> {
    arguments.get(name).filter(|value| value.get() != "null")
}

/// The address: scheme and host are those of `base`, whatever stands behind them.
fn address(base: &Uri, path: &str, query: &Pairs) -> Result<Uri, UnusableArguments> {
    // A path without its value.
    if path.contains(['{', '}']) {
        return Err(UnusableArguments::Address);
    }
    let path = format!("{}{path}", base.path().trim_end_matches('/'));
    // A second slash would make a host of what follows, for some readers. Some decode a path before they resolve its dots, and what a
    // style puts in front of a value can make dots of it.
    let decoded = percent_encoding::percent_decode_str(&path).decode_utf8_lossy();
    let is_dots = |segment: &str| matches!(segment.split(';').next().unwrap_or_default(), "." | "..");
    if !path.starts_with('/') || path.contains("//") || decoded.split(['/', '\\']).any(is_dots) {
        return Err(UnusableArguments::Address);
    }
    let query = [base.query().unwrap_or_default(), &joined(query)]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("&");
    let text = if query.is_empty() { path } else { format!("{path}?{query}") };
    if text.len() > LONGEST_TARGET {
        return Err(UnusableArguments::TooLong);
    }
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).map_err(|_| UnusableArguments::Address)?);
    Uri::from_parts(parts).map_err(|_| UnusableArguments::Address)
}

/// The names of a query's parameters, as forgiving readers take them: without case and encoding, and up to a bracket.
pub(crate) fn names(query: &str) -> impl Iterator<Item = String> {
    query.split(['&', ';']).filter(|pair| !pair.is_empty()).map(|pair| {
        let name = pair.split('=').next().unwrap_or_default().replace('+', " ");
        let name = percent_encoding::percent_decode_str(&name).decode_utf8_lossy().to_ascii_lowercase();
        name.trim().split(['[', '\0']).next().unwrap_or_default().replace(['.', ' '], "_")
    })
}

#[cfg(test)]
mod tests;
