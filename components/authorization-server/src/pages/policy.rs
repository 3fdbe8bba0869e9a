//! The Content Security Policy of a page: nothing runs, nothing loads, nobody frames, and forms lead where they should.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_configuration::{Connection, ConnectionEndpoints, IdentityProvider};
use gatehouse_protocol::BoundRedirectUri;
use http::Uri;
use sha2::{Digest as _, Sha256};

/// Where the forms of a page may lead (`form-action`, Content Security Policy Level 3, section 6.4.2).
///
/// Chromium holds every redirect after a form against it, so a page names all places on the way: the identity
/// provider's, and the client's at the end. `https:` stands for most of them, since a provider may send the user on to
/// others. What else may be reached is plain http on loopback and the client's private-use scheme, of this page alone.
pub(super) struct Forms(BTreeSet<String>);

impl Forms {
    /// There are none.
    pub(super) fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// They lead back to us.
    pub(super) fn to_ourselves() -> Self {
        Self(BTreeSet::from(["'self'".to_owned()]))
    }

    /// They lead to one of `providers`, and from there back to us.
    pub(super) fn to_providers<'a>(providers: impl IntoIterator<Item = &'a IdentityProvider>) -> Self {
        let mut forms = Self::to_ourselves();
        forms.0.insert("https:".to_owned());
        forms.0.extend(providers.into_iter().filter_map(|provider| plain_http_source(&provider.issuer)));
        forms
    }

    /// They lead to ourselves, or to the server of one of `connections`, and from there back to us.
    pub(super) fn to_connections<'a>(connections: impl IntoIterator<Item = &'a Connection>) -> Self {
        let mut forms = Self::to_ourselves();
        forms.0.insert("https:".to_owned());
        let place = |connection: &'a Connection| match &connection.endpoints {
            ConnectionEndpoints::Discovered { issuer, .. } => issuer,
            ConnectionEndpoints::Given { authorization, .. } => authorization,
        };
        forms.0.extend(connections.into_iter().filter_map(|connection| plain_http_source(place(connection))));
        forms
    }

    /// And in the end to a client.
    pub(super) fn and_to(mut self, redirect_uri: &BoundRedirectUri) -> Self {
        self.0.extend(redirect_uri.redirect_uri().csp_source());
        self
    }
}

/// The policy of a page with this one style sheet, and a picture that comes from `pictures`.
pub(super) fn text(style: &str, pictures: Option<&str>, forms: &Forms) -> String {
    let style = STANDARD.encode(Sha256::digest(style));
    let forms: Vec<&str> = forms.0.iter().map(String::as_str).collect();
    let forms = if forms.is_empty() { "'none'".to_owned() } else { forms.join(" ") };
    let pictures = pictures.map(|source| format!(" img-src {source};")).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'sha256-{style}';{pictures} form-action {forms}; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// The source of a provider that is reached by plain http, which only one on this machine may be. A policy can name no
/// IPv6 address.
fn plain_http_source(issuer: &str) -> Option<String> {
    let issuer: Uri = issuer.parse().ok()?;
    let authority = issuer.authority().filter(|_| issuer.scheme_str() == Some("http"))?;
    let is_ipv6 = authority.host().starts_with('[');
    Some(if is_ipv6 { "http:".to_owned() } else { format!("http://{authority}") })
}
