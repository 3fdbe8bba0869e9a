//! Headers that `Connection` names (RFC 9110, section 7.6.1).
//!
//! They are for this connection only. WASI takes `Connection` itself away before a guest could read it, so the guest
//! cannot know which they were: they are removed here.

use http::header::CONNECTION;
use http::{HeaderMap, HeaderName};

/// Removes every header that `Connection` names. `Connection` itself stays, for those who still need it.
pub(crate) fn remove_named_by_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| *name != CONNECTION)
        .collect();
    for name in named {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_connection_names_is_removed_in_every_spelling_and_nothing_else() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Secret-Hop ,,keep-alive"),
            ("connection", "x-other-hop"),
            ("x-secret-hop", "1"),
            ("x-other-hop", "1"),
            ("x-end-to-end", "1"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        remove_named_by_connection(&mut headers);
        let left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["connection", "x-end-to-end"]);
    }
}
