//! The keys of a REST API that is served as an MCP server.

use http::Uri;

use super::values::unique;
use crate::error::problem;
use crate::{ConfigurationError, OpenApi, OpenApiDocument};

/// Each pattern is compared with each operation of a document.
const MOST_OPERATIONS: usize = 200;
const DOCUMENT: &str = r#"openapi = "https://api.internal.example/openapi.json""#;
const OPERATIONS: &str = r#"openapi_operations = ["GET *", "!tag:admin"]"#;

/// The keys, wherever they stand.
#[derive(Debug)]
pub(super) struct OpenApiKeys {
    pub(super) document: Option<String>,
    pub(super) operations: Vec<String>,
    pub(super) output_schemas: Option<bool>,
}

impl OpenApiKeys {
    /// One of the keys that are given, if any is.
    pub(super) fn given(&self) -> Option<&'static str> {
        [
            ("openapi", self.document.is_some()),
            ("openapi_operations", !self.operations.is_empty()),
            ("openapi_output_schemas", self.output_schemas.is_some()),
        ]
        .into_iter()
        .find_map(|(name, is_given)| is_given.then_some(name))
    }

    /// `key` is where a key stands.
    pub(super) fn check(self, key: impl Fn(&str) -> String) -> Result<Option<Box<OpenApi>>, ConfigurationError> {
        let given = self.given();
        let Some(document) = self.document else {
            return match given {
                Some(name) => Err(problem(key(name), "needs openapi", DOCUMENT)),
                None => Ok(None),
            };
        };
        let document = match document.strip_prefix('@') {
            Some(name) if !name.trim().is_empty() && !name.contains(char::is_control) => {
                OpenApiDocument::File(name.to_owned())
            }
            Some(_) => {
                return Err(problem(key("openapi"), "must name a file behind @", r#"openapi = "@openapi.json""#));
            }
            None => OpenApiDocument::At(address(&document).ok_or_else(|| {
                let text = "is neither an http(s) URL with one host and without a user, nor @ with the name of a file";
                problem(key("openapi"), text, DOCUMENT)
            })?),
        };
        if self.operations.len() > MOST_OPERATIONS {
            return Err(problem(key("openapi_operations"), "has more than 200 patterns", OPERATIONS));
        }
        let is_pattern = |pattern: &String| {
            let pattern = pattern.strip_prefix('!').unwrap_or(pattern);
            !pattern.trim().is_empty() && pattern.len() <= 300 && !pattern.contains(char::is_control)
        };
        if !self.operations.iter().all(is_pattern) {
            return Err(problem(
                key("openapi_operations"),
                "has a pattern that is empty, or longer than 300 characters",
                OPERATIONS,
            ));
        }
        unique(&key("openapi_operations"), "", self.operations.iter().map(String::as_str))?;
        let output_schemas = self.output_schemas.unwrap_or(true);
        Ok(Some(Box::new(OpenApi { document, operations: self.operations, output_schemas })))
    }
}

fn address(text: &str) -> Option<Uri> {
    let url: Uri = text.parse().ok()?;
    let is_web = matches!(url.scheme_str(), Some("http" | "https"));
    let has_one_host = url.authority().is_some_and(|authority| !authority.as_str().contains(['@', '*']));
    (is_web && has_one_host).then_some(url)
}

#[cfg(test)]
mod tests {
    use crate::tests::{MINIMAL, problem_of};
    use crate::{Configuration, OpenApi, OpenApiDocument};

    const URL: &str = "url = \"https://api.example/v1\"";

    fn with(keys: &str) -> String {
        format!("{MINIMAL}\n[[routes]]\npath = \"/b\"\n{keys}")
    }

    fn of(keys: &str) -> Option<OpenApi> {
        let route = Configuration::parse(&with(keys)).unwrap().routes.remove(1);
        route.upstreams().next().unwrap().openapi.as_deref().cloned()
    }

    #[test]
    fn a_rest_api_has_a_document_at_an_address_or_in_a_file() {
        assert_eq!(of(URL), None);
        let api = of(&format!("{URL}\nopenapi = \"https://docs.example/a.yaml\"")).unwrap();
        assert_eq!(api.document, OpenApiDocument::At("https://docs.example/a.yaml".parse().unwrap()));
        assert!(api.operations.is_empty() && api.output_schemas);
        let keys =
            "openapi = \"@api.json\"\nopenapi_operations = [\"GET *\", \"!tag:admin\"]\nopenapi_output_schemas = false";
        let api = of(&format!("{URL}\n{keys}")).unwrap();
        assert_eq!(api.document, OpenApiDocument::File("api.json".to_owned()));
        assert_eq!((api.operations.len(), api.output_schemas), (2, false));
        let member = "members = [{ prefix = \"a\", url = \"https://a.example/\", openapi = \"@a.json\" }]";
        assert!(of(member).is_some());
    }

    #[test]
    fn wrong_keys_of_a_rest_api_are_named() {
        for (keys, key) in [
            ("openapi = \"\"", "openapi"),
            ("openapi = \"@\"", "openapi"),
            ("openapi = \"file:///etc/passwd\"", "openapi"),
            ("openapi = \"https://user@docs.example/\"", "openapi"),
            ("openapi = \"https://*.example/\"", "openapi"),
            ("openapi_operations = [\"GET *\"]", "openapi_operations"),
            ("openapi_output_schemas = true", "openapi_output_schemas"),
            ("openapi = \"@a\"\nopenapi_operations = [\"!\"]", "openapi_operations"),
            ("openapi = \"@a\"\ntransport = \"sse\"", "transport"),
        ] {
            let (refused, _) = problem_of(&with(&format!("{URL}\n{keys}")));
            assert_eq!(refused, format!("routes[1].{key}"), "{keys}");
        }
    }

    #[test]
    fn other_tools_have_another_id() {
        let url = "https://api.example/".parse().unwrap();
        let api = of(&format!("{URL}\nopenapi = \"@a.json\"")).unwrap();
        let ids = [
            api.id(&url),
            api.id(&"https://other.example/".parse().unwrap()),
            OpenApi { operations: vec!["a".to_owned()], ..api.clone() }.id(&url),
            OpenApi { output_schemas: false, ..api.clone() }.id(&url),
            OpenApi { document: OpenApiDocument::At("https://a.example/a.json".parse().unwrap()), ..api }.id(&url),
        ];
        let different: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(different.len(), ids.len());
        assert!(ids.iter().all(|id| id.len() == 32));
    }
}
