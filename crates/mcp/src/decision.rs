//! The log: one line of JSON for each decision.
//!
//! It says who did what and what came of it, by ids. Tokens, headers, bodies and queries have no place in it.

use core::fmt;

use serde::Serialize;

/// A decision, as the log shows it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Decision<'a> {
    /// What was decided: `forwarded`, `refused`, `options`, `stream-broken` or `not-configured`.
    pub event: &'static str,
    /// The path of the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<&'a str>,
    /// The request's method.
    pub method: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// The signed-in user, once known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a str>,
    /// The user's client, once known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<&'a str>,
    /// Why, where it was not simply done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
}

impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_one_line_whatever_is_in_it() {
        let decision = Decision {
            event: "refused",
            route: Some("/mcp"),
            method: "POST",
            status: 401,
            subject: Some("demo:\n\"alice"),
            ..Decision::default()
        };
        let expected = r#"{"event":"refused","route":"/mcp","method":"POST","status":401,"subject":"demo:\n\"alice"}"#;
        assert_eq!(decision.to_string(), expected);
    }
}
