//! `routes[].cors`.

use http::HeaderName;
use serde::{Deserialize, Serialize};

use crate::error::problem;
use crate::{ConfigurationError, CrossOrigin, PageOrigin, PageOrigins};

/// Seconds: a day, which no browser exceeds.
const LONGEST_MAX_AGE: u32 = 24 * 60 * 60;
const ANY: &str = "*";
/// What a page may call an MCP endpoint with.
const METHODS: [&str; 4] = ["GET", "POST", "DELETE", "OPTIONS"];

/// Which web pages of other origins may call a route, and with what (CORS). It takes the place of `allowed_origins` there. A
/// key that is left out is as without the table ([networks.md](networks.md#web-pages-of-other-origins)).
///
/// ```toml
/// [[routes]]
/// path = "/mcp"
/// url = "http://10.0.0.7:8080/mcp"
/// cors = { origins = ["https://vscode.dev", "https://*.example.com"], max_age = 3600 }
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CrossOriginDocument {
    /// The origins of the pages. A host may begin with `*.`: the `*` is exactly one label, so that `https://*.example.com` is
    /// neither `https://example.com` nor `https://a.b.example.com`. `"*"` alone means every page.
    ///
    /// Example: `["https://vscode.dev", "https://*.example.com"]`
    origins: Vec<String>,
    /// The methods. A page that uses another one gets 403. `"*"` means all.
    ///
    /// Default: GET, POST, DELETE and OPTIONS
    methods: Option<Vec<String>>,
    /// The request headers. `"*"` means all.
    ///
    /// Default: all that MCP has, and those of tools' arguments
    /// Example: `["Content-Type", "Authorization", "Mcp-Session-Id", "MCP-Protocol-Version"]`
    headers: Option<Vec<String>>,
    /// The headers of answers that a page may read.
    ///
    /// Default: all that Gatehouse and MCP have
    /// Example: `["Mcp-Session-Id", "WWW-Authenticate"]`
    exposed_headers: Option<Vec<String>>,
    /// Whether browsers may send cookies and read what comes back. Not with `"*"` in any list.
    ///
    /// Default: `false`
    credentials: Option<bool>,
    /// Seconds for which a browser may remember what a page may do.
    ///
    /// Default: 7200
    /// Bounds: 0 to [`LONGEST_MAX_AGE`]
    max_age: Option<u32>,
}

impl CrossOriginDocument {
    /// `table` is where the keys stand.
    pub(super) fn check(self, table: &str) -> Result<CrossOrigin, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        let is_any = |list: &[String]| list.iter().any(|value| value == ANY);
        let lists = [
            ("origins", Some(&self.origins), r#"origins = ["https://vscode.dev"]"#),
            ("methods", self.methods.as_ref(), r#"methods = ["GET", "POST"]"#),
            ("headers", self.headers.as_ref(), r#"headers = ["Content-Type", "Authorization"]"#),
            ("exposed_headers", self.exposed_headers.as_ref(), r#"exposed_headers = ["Mcp-Session-Id"]"#),
        ];
        for (name, list, example) in lists {
            let Some(list) = list else { continue };
            if list.is_empty() {
                return Err(problem(key(name), "must not be empty", example));
            }
            if is_any(list) && list.len() > 1 {
                return Err(problem(key(name), "lists others beside \"*\", which is all of them", example));
            }
            if is_any(list) && self.credentials == Some(true) {
                return Err(problem(key(name), "must not be \"*\" with credentials = true", example));
            }
        }
        if self.max_age.is_some_and(|seconds| seconds > LONGEST_MAX_AGE) {
            return Err(problem(key("max_age"), "must be 0 to 86400", "max_age = 3600"));
        }
        let origin = |(index, text): (usize, &String)| {
            PageOrigin::parse(text).map_err(|said| {
                problem(format!("{}[{index}]", key("origins")), said, r#"origins = ["https://*.example.com"]"#)
            })
        };
        let origins = match is_any(&self.origins) {
            true => PageOrigins::Any,
            false => PageOrigins::These(self.origins.iter().enumerate().map(origin).collect::<Result<_, _>>()?),
        };
        let methods = self.methods.filter(|methods| !is_any(methods));
        if let Some(index) = methods.iter().flatten().position(|method| !METHODS.contains(&method.as_str())) {
            let text = "must be GET, POST, DELETE or OPTIONS";
            return Err(problem(format!("{}[{index}]", key("methods")), text, r#"methods = ["GET", "POST"]"#));
        }
        Ok(CrossOrigin {
            origins,
            methods,
            headers: self.headers.map(|names| header_names(&key("headers"), &names)).transpose()?,
            exposed_headers: self
                .exposed_headers
                .map(|names| header_names(&key("exposed_headers"), &names))
                .transpose()?,
            credentials: self.credentials.unwrap_or(false),
            max_age: self.max_age,
        })
    }
}

fn header_names(key: &str, names: &[String]) -> Result<String, ConfigurationError> {
    if let Some(index) = names.iter().position(|name| HeaderName::from_bytes(name.as_bytes()).is_err()) {
        return Err(problem(format!("{key}[{index}]"), "is not a header name", r#""Mcp-Session-Id""#));
    }
    Ok(names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Configuration;

    fn cors(table: &str) -> Result<CrossOrigin, String> {
        let document = format!(
            r#"
            public_url = "https://gateway.example"
            identity_provider = {{ name = "demo", issuer = "https://login.example", client_id = "gatehouse" }}
            [[routes]]
            path = "/mcp"
            url = "http://10.0.0.7:8080/mcp"
            cors = {table}
            "#
        );
        let mut configuration = Configuration::parse(&document).map_err(|error| error.to_string())?;
        crate::compile(&document).map_err(|error| error.to_string())?;
        Ok(configuration.routes.remove(0).cors.unwrap())
    }

    /// The article's command for Container Apps, key by key.
    #[test]
    fn the_example_of_container_apps_can_be_written_down_as_it_is() {
        let example = cors(
            r#"{ origins = ["https://vscode.dev", "https://github.dev"], methods = ["GET", "POST", "OPTIONS"],
                headers = ["Content-Type", "Authorization", "Mcp-Session-Id"], max_age = 3600 }"#,
        );
        let example = example.unwrap();
        assert!(example.allows("https://vscode.dev") && example.allows("https://github.dev"));
        assert!(!example.allows("https://evil.example") && !example.credentials);
        assert!(example.has_method("POST") && !example.has_method("DELETE"));
        assert_eq!(example.headers.as_deref(), Some("Content-Type, Authorization, Mcp-Session-Id"));
        assert_eq!((example.exposed_headers, example.max_age), (None, Some(3_600)));
    }

    #[test]
    fn everybody_is_never_allowed_with_cookies_and_wrong_values_are_said_with_their_key() {
        for (table, said) in [
            (r#"{ origins = ["*"], credentials = true }"#, "cors.origins` must not be \"*\" with credentials"),
            (
                r#"{ origins = ["https://a.example"], headers = ["*"], credentials = true }"#,
                "cors.headers` must not be",
            ),
            (
                r#"{ origins = ["https://a.example"], methods = ["*"], credentials = true }"#,
                "cors.methods` must not be",
            ),
            (r#"{ origins = ["*", "https://a.example"] }"#, "cors.origins` lists others beside"),
            (r#"{ origins = [] }"#, "cors.origins` must not be empty"),
            (r#"{ max_age = 1 }"#, "cors.origins` is missing"),
            (r#"{ origins = ["https://*.com"] }"#, "cors.origins[0]` must name a domain of at least two labels"),
            (r#"{ origins = ["null"] }"#, "cors.origins[0]` is not a URL"),
            (r#"{ origins = ["https://a.example"], methods = ["get"] }"#, "cors.methods[0]` must be GET"),
            (r#"{ origins = ["https://a.example"], methods = [] }"#, "cors.methods` must not be empty"),
            (r#"{ origins = ["https://a.example"], headers = ["a b"] }"#, "cors.headers[0]` is not a header name"),
            (r#"{ origins = ["https://a.example"], max_age = 86401 }"#, "cors.max_age` must be 0 to 86400"),
        ] {
            let error = cors(table).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
        assert_eq!(cors(r#"{ origins = ["*"] }"#).unwrap().origins, PageOrigins::Any);
    }
}
