//! How an API wants its callers to say who they are.

use crate::Note;
use crate::document::{Document, string};
use crate::text::shortened;

/// How the API wants its callers to say who they are, and what sets it here.
pub(crate) fn notes_on_security(document: &Document<'_>) -> Vec<Note> {
    let schemes = document.components("securitySchemes");
    schemes
        .filter_map(|(name, scheme)| {
            let scheme = document.resolved_object(scheme)?;
            let parameter = string(&scheme, "name").unwrap_or_default();
            let kind = (string(&scheme, "type"), string(&scheme, "in"), string(&scheme, "scheme"));
            let text = match (kind.0.as_deref()?, kind.1.as_deref(), kind.2.map(|scheme| scheme.to_ascii_lowercase()).as_deref()) {
                ("apiKey", Some("header"), _) => format!("the API wants a key in the header {parameter}: set it in secret_headers"),
                ("apiKey", Some("query"), _) => {
                    format!("the API wants a key in the query parameter {parameter}, where secrets are not sent: use another scheme, or a proxy that adds it")
                }
                ("apiKey", Some("cookie"), _) => format!("the API wants a key in the cookie {parameter}, and cookies are not sent"),
                ("http", _, Some("basic")) => "the API wants Basic credentials: set the header authorization in secret_headers, to `Basic` and the base64".to_owned(),
                ("http", _, Some("bearer")) | ("oauth2" | "openIdConnect", ..) => {
                    "the API wants a bearer token: set the header authorization in secret_headers, or identity_provider_token_header".to_owned()
                }
                ("http", _, scheme) => format!("the API wants {} credentials, which Gatehouse does not make", scheme.unwrap_or("unknown")),
                ("mutualTLS", ..) => "the API wants a client certificate, which Gatehouse does not have".to_owned(),
                _ => "the API wants credentials of an unknown kind".to_owned(),
            };
            Some(Note::new(shortened(name, 60), text))
        })
        .collect()
}
