//! `[branding]`: the operator's name, logo and links.

use gatehouse_protocol::OwnPath;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::ConfigurationError;
use crate::branding::{Branding, Logo};
use crate::error::problem;

/// Characters.
const LONGEST_NAME: usize = 80;
/// Bytes of a picture that stands in the document, in base64: each request for a page reads it.
const LARGEST_LOGO: usize = 32 * 1024;
/// Bytes.
const LONGEST_URL: usize = 500;
/// What a picture may be. No page runs a script, and a picture in one neither.
const PICTURES: [&str; 4] = ["image/svg+xml", "image/png", "image/webp", "image/jpeg"];

const LOGO_EXAMPLE: &str = r#"logo = "data:image/png;base64,iVBORw0KGgo…""#;

/// What users see of the operator on every page: whom they deal with, and whom they can ask. Without this table, pages show
/// the host of `public_url`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BrandingDocument {
    /// The name of the operator: 1 to 80 characters.
    ///
    /// Example: `"Contoso"`
    name: Option<String>,
    /// The logo. Either a `data:` URL in base64 of an SVG, PNG, WebP or JPEG picture, of [`LARGEST_LOGO`] bytes at most; or a
    /// path at `public_url` that your proxy serves, and that is no path of Gatehouse. It is shown 40 pixels high.
    ///
    /// Example: `"/brand/logo.svg"`
    logo: Option<String>,
    /// Where users get help: a `mailto:` or `https:` URL.
    ///
    /// Example: `"mailto:help@example.com"`
    contact: Option<String>,
    /// Where users read what becomes of their data: an `https:` URL.
    ///
    /// Example: `"https://example.com/privacy"`
    privacy: Option<String>,
}

impl BrandingDocument {
    pub(super) fn check(self) -> Result<Branding, ConfigurationError> {
        Ok(Branding {
            name: self.name.map(name).transpose()?,
            logo: self.logo.map(logo).transpose()?,
            contact: self.contact.map(contact).transpose()?,
            privacy: self.privacy.map(privacy).transpose()?,
        })
    }
}

fn name(text: String) -> Result<String, ConfigurationError> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > LONGEST_NAME || text.chars().any(char::is_control) {
        return Err(problem("branding.name", "must be 1 to 80 characters on one line", r#"name = "Contoso""#));
    }
    Ok(text)
}

fn logo(text: String) -> Result<Logo, ConfigurationError> {
    let refused = |text: &str| Err(problem("branding.logo", text, LOGO_EXAMPLE));
    if let Some(data) = text.strip_prefix("data:") {
        let picture = data.split_once(";base64,").filter(|(kind, _)| PICTURES.contains(kind));
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        return match picture {
            Some((_, content)) if !content.is_empty() && content.bytes().all(is_base64) => {
                if text.len() > LARGEST_LOGO {
                    return refused("must have 32768 bytes at most; a path at public_url has no such bound");
                }
                Ok(Logo::Data(text))
            }
            Some(_) | None => {
                refused("must be a data: URL of an svg+xml, png, webp or jpeg image in base64, or a path at public_url")
            }
        };
    }
    // What a policy's source can name: without a query, and without what would end the source.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    if !text.starts_with('/') || text.starts_with("//") || !text.bytes().all(is_plain) || text.len() > LONGEST_URL {
        return refused("must be a data: URL, or a path at public_url of letters, digits, `/`, `-`, `.`, `_` and `~`");
    }
    if OwnPath::reserves(&text) {
        return refused("is a path of Gatehouse itself");
    }
    Ok(Logo::OwnPath(text))
}

fn contact(text: String) -> Result<String, ConfigurationError> {
    let is_allowed = |url: &Url| match url.scheme() {
        "mailto" => url.path().contains('@'),
        scheme => scheme == "https",
    };
    let example = r#"contact = "mailto:help@example.com""#;
    link(text, is_allowed).ok_or_else(|| problem("branding.contact", "must be a mailto: or https: URL", example))
}

fn privacy(text: String) -> Result<String, ConfigurationError> {
    let example = r#"privacy = "https://example.com/privacy""#;
    link(text, |url| url.scheme() == "https")
        .ok_or_else(|| problem("branding.privacy", "must be an https: URL", example))
}

/// An absolute URL, as it is written.
fn link(text: String, is_allowed: impl Fn(&Url) -> bool) -> Option<String> {
    let url: Url = text.parse().ok()?;
    (text.len() <= LONGEST_URL && is_allowed(&url) && url.password().is_none()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorization_server::Configuration;

    fn branding(lines: &str) -> Result<Branding, String> {
        let document = format!(
            r#"public_url = "https://gateway.example"
            [branding]
            {lines}
            [identity_provider]
            name = "a"
            issuer = "https://i.example"
            client_id = "b"
            [[routes]]
            path = "/mcp"
            url = "https://c.example/mcp""#
        );
        Configuration::parse(&document).map(|it| it.branding).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_that_is_given_is_kept_as_it_is_written_and_nothing_is_required() {
        assert_eq!(branding(""), Ok(Branding::NONE));
        let all = branding(
            r#"name = "Contoso & Söhne"
            logo = "data:image/svg+xml;base64,PHN2Zy8+"
            contact = "https://contoso.example/help?about=gatehouse"
            privacy = "https://contoso.example/privacy""#,
        );
        let expected = Branding {
            name: Some("Contoso & Söhne".to_owned()),
            logo: Some(Logo::Data("data:image/svg+xml;base64,PHN2Zy8+".to_owned())),
            contact: Some("https://contoso.example/help?about=gatehouse".to_owned()),
            privacy: Some("https://contoso.example/privacy".to_owned()),
        };
        assert_eq!(all, Ok(expected));
        let of_path = branding(r#"logo = "/brand/logo-2.svg""#).map(|it| it.logo);
        assert_eq!(of_path, Ok(Some(Logo::OwnPath("/brand/logo-2.svg".to_owned()))));
        assert!(branding(r#"contact = "mailto:help@contoso.example""#).is_ok());
    }

    #[test]
    fn what_a_page_cannot_show_safely_is_refused_with_its_key() {
        let (long, large) = ("x".repeat(81), "A".repeat(LARGEST_LOGO));
        for (key, value) in [
            ("name", ""),
            ("name", " "),
            ("name", "a\\nb"),
            ("name", long.as_str()),
            ("logo", ""),
            ("logo", "logo.png"),
            ("logo", "//evil.example/logo.png"),
            ("logo", "https://evil.example/logo.png"),
            ("logo", "/logo.png; script-src *"),
            ("logo", "/logo.png?v=2"),
            ("logo", "/sessions"),
            ("logo", "/.well-known/logo.png"),
            ("logo", "data:text/html;base64,PGI+"),
            ("logo", "data:image/png,abc"),
            ("logo", "data:image/png;base64,"),
            ("logo", "data:image/png;base64,a\\\"b"),
            ("logo", &format!("data:image/png;base64,{large}")),
            ("contact", "help@contoso.example"),
            ("contact", "javascript:alert(1)"),
            ("contact", "http://contoso.example/"),
            ("contact", "mailto:nobody"),
            ("privacy", "mailto:help@contoso.example"),
            ("privacy", "/privacy"),
            ("privacy", "https://a:b@contoso.example/"),
        ] {
            let error = branding(&format!("{key} = \"{value}\"")).unwrap_err();
            assert!(error.contains(&format!("`branding.{key}`")), "{value}: {error}");
            assert!(error.len() < 400, "{error}");
        }
    }
}
