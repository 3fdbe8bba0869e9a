//! The next page of an answer, as the arguments that ask for it (RFC 8288, `rel="next"`).

use http::HeaderMap;
use http::header::LINK;
use serde_json::{Map, Value};

use crate::operation::{Operation, Parameter, ParameterLocation};

/// Bytes of a `Link` field that are looked at.
const LONGEST: usize = 8 * 1024;

/// A sentence for the model, where the answer names a next page that the operation has arguments for.
pub(crate) fn next_page(headers: &HeaderMap, operation: &Operation) -> Option<String> {
    let next = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).find_map(next_link)?;
    let query = next.split_once('?')?.1.split('#').next().unwrap_or_default();
    let mut arguments = Map::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(value));
        let is_it = |parameter: &&Parameter| parameter.location == ParameterLocation::Query && parameter.name == name;
        let parameter = operation.parameters.iter().find(is_it);
        if let Some(parameter) = parameter {
            let value = value.parse::<i64>().map_or_else(|_| Value::from(value), Value::from);
            arguments.insert(parameter.argument.clone(), value);
        }
    }
    (!arguments.is_empty()).then(|| {
        format!("There is a next page. Call the tool again with these arguments changed: {}", Value::Object(arguments))
    })
}

/// The target of the link to the next page.
fn next_link(field: &str) -> Option<&str> {
    let mut rest = field.get(..LONGEST.min(field.len()))?;
    while let Some((_, behind)) = rest.split_once('<') {
        let (target, behind) = behind.split_once('>')?;
        let parameters = behind.split('<').next().unwrap_or_default();
        if is_next(parameters) {
            return Some(target);
        }
        rest = behind;
    }
    None
}

fn is_next(parameters: &str) -> bool {
    parameters.split([';', ',']).filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("rel")
            && value.split(' ').any(|relation| relation.eq_ignore_ascii_case("next"))
    })
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}
