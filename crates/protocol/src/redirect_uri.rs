//! Redirect URIs: the one place where a code may go.

use core::fmt;
use std::borrow::Cow;

use thiserror::Error;
use url::{Host, Url, form_urlencoded};

use crate::{PrivateUseScheme, WebOrigin, is_loopback_host};

/// A redirect URI as registered or requested, kept letter by letter: it is compared as a string
/// (OAuth 2.1, section 2.3.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RedirectUri {
    text: String,
    url: Url,
}

/// What the operator decides about redirect URIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectRules {
    /// Where we are ourselves: no redirect URI leads there.
    pub own: WebOrigin,
    /// The private-use schemes that are allowed beside https and loopback http.
    pub private_use_schemes: Vec<PrivateUseScheme>,
}

/// Why a redirect URI is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidRedirectUri {
    /// Not an absolute URI of at most 2,048 visible ASCII characters, or with a backslash: browsers read those as
    /// slashes.
    #[error("is not an absolute URI of at most 2048 visible ASCII characters")]
    Malformed,
    /// Not https, not http on a loopback host (MCP 2026-07-28, authorization security), and not one of the private-use
    /// schemes of the [`RedirectRules`].
    #[error(
        "must use https, http with the host 127.0.0.1, [::1] or localhost, or a private-use scheme that the operator of \
         this server has allowed in its configuration (applications or private_use_schemes)"
    )]
    Scheme,
    /// A private-use scheme, but written so that applications may read it differently.
    #[error("must be written scheme:/path or scheme://authority/path, with the scheme in lower case")]
    PrivateUseForm,
    /// A fragment would swallow the response (RFC 6749, section 3.1.2).
    #[error("must not have a fragment")]
    Fragment,
    /// `https://known.example@evil.example` reads as what it is not.
    #[error("must not have a user or a password")]
    UserInfo,
    /// The host is written so that some programs read another one: in percent-encoding, or an address in other numbers
    /// than usual (`127.1`, `0x7f000001`).
    #[error("must have a host that is written as it is read: a name in ASCII, or an address in its usual form")]
    Host,
    /// A redirect to ourselves would make the browser ask us, in our own name, for whatever the URI says: for a code for
    /// another client at our authorization endpoint, or to finish another login at our callback.
    #[error("must not lead to the authorization server itself")]
    OwnOrigin,
}

impl RedirectUri {
    const LONGEST: usize = 2048;

    /// Parses a redirect URI by the operator's `rules`: `https://…`, `http://…` on a loopback host, or an allowed
    /// private-use scheme as `scheme:/path` or `scheme://authority/path` (RFC 8252, sections 7.1 to 7.3).
    ///
    /// # Errors
    /// See [`InvalidRedirectUri`].
    pub fn parse(text: &str, rules: &RedirectRules) -> Result<Self, InvalidRedirectUri> {
        let visible = text.bytes().all(|byte| (0x21..=0x7e).contains(&byte) && byte != b'\\');
        if text.len() > Self::LONGEST || !visible {
            return Err(InvalidRedirectUri::Malformed);
        }
        let url = Url::parse(text).map_err(|_| InvalidRedirectUri::Malformed)?;
        let loopback = url.host().is_some_and(|host| is_loopback_host(&host));
        match url.scheme() {
            // `https:host` and `https:/host` parse as `https://host` (WHATWG), and other parsers disagree: refuse them.
            "https" | "http" if !has_authority(text, &url) => return Err(InvalidRedirectUri::Malformed),
            "https" => {}
            "http" if loopback => {}
            scheme if rules.private_use_schemes.iter().any(|allowed| allowed.as_str() == scheme) => {
                if !is_private_use_form(text, &url) {
                    return Err(InvalidRedirectUri::PrivateUseForm);
                }
            }
            _ => return Err(InvalidRedirectUri::Scheme),
        }
        if url.fragment().is_some() {
            return Err(InvalidRedirectUri::Fragment);
        }
        if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
            return Err(InvalidRedirectUri::UserInfo);
        }
        if rules.own.is_reached_by(&url) {
            return Err(InvalidRedirectUri::OwnOrigin);
        }
        let is_web = matches!(url.scheme(), "http" | "https");
        if is_web && !url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(host_text(text))) {
            return Err(InvalidRedirectUri::Host);
        }
        Ok(Self { text: text.to_owned(), url })
    }

    /// The URI as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where the code goes, as a person is shown it: the host, with its port where it is not the scheme's. Of a
    /// private-use scheme only the scheme (`cursor://`), because the system chooses the application by nothing else.
    pub fn host_and_port(&self) -> String {
        if self.is_private_use() {
            return format!("{}://", self.url.scheme());
        }
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Whether the code stays on the user's machine by way of the network (RFC 8252, section 7.3).
    pub fn is_loopback(&self) -> bool {
        !self.is_private_use() && self.url.host().is_some_and(|host| is_loopback_host(&host))
    }

    /// Whether the code goes to whichever application of the user's machine has claimed the scheme (RFC 8252,
    /// section 7.1). Any application can claim any scheme.
    pub fn is_private_use(&self) -> bool {
        !matches!(self.url.scheme(), "http" | "https")
    }

    /// The source expression (Content Security Policy Level 3, section 2.3.1) that lets a form end in a redirect to
    /// this URI; `None` where that is `https:`, which every page with such a form allows anyway.
    ///
    /// A policy can name no address but 127.0.0.1 (the same, "host-part matches"): for `[::1]` it takes all of `http:`.
    pub fn csp_source(&self) -> Option<String> {
        match (self.url.scheme(), self.url.host()) {
            ("https", _) => None,
            ("http", Some(Host::Domain(_) | Host::Ipv4(std::net::Ipv4Addr::LOCALHOST))) => {
                Some(format!("http://{}", self.host_and_port()))
            }
            (scheme, _) => Some(format!("{scheme}:")),
        }
    }

    /// The text by which two redirect URIs are one place: as written, without the port of a loopback URI, which changes
    /// with every run of an application (RFC 8252, section 7.3). Never a place to redirect to.
    pub fn comparable(&self) -> Cow<'_, str> {
        if self.is_loopback() { Cow::Owned(without_port(&self.text)) } else { Cow::Borrowed(&self.text) }
    }

    /// Binds this URI, requested by a client, to one of the client's `registered` ones.
    ///
    /// Equal means equal as strings; only the port of a loopback URI may vary (RFC 8252, section 7.3), for
    /// `localhost` too, because VS Code and Claude Code register it and listen on a random port.
    pub fn bind(self, registered: &[Self]) -> Option<BoundRedirectUri> {
        registered.iter().any(|known| self.comparable() == known.comparable()).then_some(BoundRedirectUri(self))
    }
}

/// A redirect URI that is known to belong to the client of the request: the only thing that a redirect can be built
/// from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundRedirectUri(RedirectUri);

impl BoundRedirectUri {
    /// The URI as the client wrote it.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The redirect URI behind the bond.
    pub fn redirect_uri(&self) -> &RedirectUri {
        &self.0
    }

    /// The location of an authorization response: `parameters` added to the URI's own query.
    pub fn location(&self, parameters: &[(&str, &str)]) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let joint = match self.0.text.find('?') {
            None => "?",
            Some(_) if self.0.text.ends_with(['?', '&']) => "",
            Some(_) => "&",
        };
        format!("{}{joint}{query}", self.0.text)
    }
}

impl fmt::Display for BoundRedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the scheme is followed by `://` in the text itself.
fn has_authority(text: &str, url: &Url) -> bool {
    text.get(url.scheme().len()..).is_some_and(|rest| rest.starts_with("://"))
}

/// Whether the text starts with the scheme in lower case, and then `:/path` or `://authority/path`. What has no slash
/// (`scheme:x`) or an empty authority (`scheme:///x`) is read differently from system to system.
fn is_private_use_form(text: &str, url: &Url) -> bool {
    let Some(rest) = text.strip_prefix(url.scheme()).and_then(|rest| rest.strip_prefix(":/")) else { return false };
    match rest.strip_prefix('/') {
        None => true,
        Some(rest) => {
            rest.split_once('/').is_some_and(|(authority, _)| !authority.is_empty() && !authority.contains(['?', '#']))
        }
    }
}

/// The text between `://` and the path.
fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// The host as it is written: the authority without its port, which is what follows the last colon, unless that is inside
/// an IPv6 address.
fn host_text(text: &str) -> &str {
    let authority = authority(text);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// The text without the port of its authority. The parsed URL would not do: it hides a port that is the scheme's own.
fn without_port(text: &str) -> String {
    text.replacen(authority(text), host_text(text), 1)
}

#[cfg(test)]
mod tests;
