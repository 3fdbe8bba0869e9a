//! The paths of Gatehouse itself: what is reserved is what is served.

use core::fmt;

/// A path of our own. No route of an operator is at one, or behind one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnPath {
    /// The authorization endpoint (RFC 6749, section 3.1).
    Authorize,
    /// The form of the page on which users choose an identity provider.
    Choose,
    /// The form of the consent page.
    Consent,
    /// The redirect URI at identity providers.
    Callback,
    /// The token endpoint (RFC 6749, section 3.2).
    Token,
    /// Dynamic client registration (RFC 7591).
    Register,
    /// Token revocation (RFC 7009).
    Revoke,
    /// Token introspection (RFC 7662).
    Introspect,
    /// The page on which users see their sessions, and its forms.
    Sessions,
    /// The page on which administrators see what they have allowed for everybody, and its form.
    Consents,
    /// The page on which users link accounts of other services, and its forms.
    Connections,
    /// The redirect URI at the servers of those, with a connection's name behind it.
    ConnectionsCallback,
    /// The page on which operators see what is so, and its forms.
    Administration,
    /// The form with which users sign in to that page.
    SignIn,
    /// The form with which users end all their sessions.
    SignOut,
    /// The page on which a person gets an access token by hand, and its form.
    AccessToken,
    /// Signs a browser in, with the identity provider's name behind it, as App Service has it.
    BrowserSignIn,
    /// Who is signed in in this browser.
    BrowserUser,
    /// Lets the sign-in of this browser last longer.
    BrowserRefresh,
    /// Signs this browser out.
    BrowserSignOut,
    /// The authorization server's metadata (RFC 8414).
    AuthorizationServerMetadata,
    /// The same document where OpenID clients look for it (OpenID Connect Discovery 1.0, section 4).
    OpenIdConfiguration,
    /// The public keys of the assertions that MCP servers get of their callers.
    CallerKeys,
    /// The protected resource metadata of the only route, or, with a route's path behind it, of that route (RFC 9728).
    ProtectedResourceMetadata,
    /// The event stream of MCP 2024-11-05 of the only route.
    LegacyEvents,
    /// Where the client of that stream sends its messages.
    LegacyMessages,
    /// Where administrators fetch and replace API keys, behind it, as at Azure Resource Manager.
    Subscriptions,
    /// Whether the configuration can be used.
    Health,
    /// Whether the MCP servers answer.
    Readiness,
}

/// Who answers at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServedBy {
    /// The gateway, which sees every request first.
    Gateway,
    /// The authorization server, to which the gateway hands on the others.
    AuthorizationServer,
}

/// Others may add to this name space (RFC 8615), so all of it is reserved.
const WELL_KNOWN: &str = "/.well-known";
/// App Service's name space, of which we have a part.
const AUTH: &str = "/.auth";

impl OwnPath {
    /// Every one.
    pub const ALL: [Self; 29] = [
        Self::Authorize,
        Self::Choose,
        Self::Consent,
        Self::Callback,
        Self::Token,
        Self::Register,
        Self::Revoke,
        Self::Introspect,
        Self::Sessions,
        Self::Consents,
        Self::Connections,
        Self::ConnectionsCallback,
        Self::Administration,
        Self::SignIn,
        Self::SignOut,
        Self::AccessToken,
        Self::BrowserSignIn,
        Self::BrowserUser,
        Self::BrowserRefresh,
        Self::BrowserSignOut,
        Self::AuthorizationServerMetadata,
        Self::OpenIdConfiguration,
        Self::CallerKeys,
        Self::ProtectedResourceMetadata,
        Self::LegacyEvents,
        Self::LegacyMessages,
        Self::Subscriptions,
        Self::Health,
        Self::Readiness,
    ];

    /// The path.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authorize => "/authorize",
            Self::Choose => "/choose",
            Self::Consent => "/consent",
            Self::Callback => "/callback",
            Self::Token => "/token",
            Self::Register => "/register",
            Self::Revoke => "/revoke",
            Self::Introspect => "/introspect",
            Self::Sessions => "/sessions",
            Self::Consents => "/consents",
            Self::Connections => "/connections",
            Self::ConnectionsCallback => "/connections/callback",
            Self::Administration => "/admin",
            Self::SignIn => "/sign-in",
            Self::SignOut => "/sign-out",
            Self::AccessToken => "/access-token",
            Self::BrowserSignIn => "/.auth/login",
            Self::BrowserUser => "/.auth/me",
            Self::BrowserRefresh => "/.auth/refresh",
            Self::BrowserSignOut => "/.auth/logout",
            Self::AuthorizationServerMetadata => "/.well-known/oauth-authorization-server",
            Self::OpenIdConfiguration => "/.well-known/openid-configuration",
            Self::CallerKeys => "/.well-known/jwks.json",
            Self::ProtectedResourceMetadata => "/.well-known/oauth-protected-resource",
            Self::LegacyEvents => "/sse",
            Self::LegacyMessages => "/message",
            Self::Subscriptions => "/subscriptions",
            Self::Health => "/healthz",
            Self::Readiness => "/readyz",
        }
    }

    /// Who answers there.
    pub const fn served_by(self) -> ServedBy {
        match self {
            Self::Authorize
            | Self::Choose
            | Self::Consent
            | Self::Callback
            | Self::Token
            | Self::Register
            | Self::Revoke
            | Self::Introspect
            | Self::Sessions
            | Self::Consents
            | Self::Connections
            | Self::ConnectionsCallback
            | Self::Administration
            | Self::SignIn
            | Self::SignOut
            | Self::AccessToken
            | Self::BrowserSignIn
            | Self::BrowserUser
            | Self::BrowserRefresh
            | Self::BrowserSignOut
            | Self::AuthorizationServerMetadata
            | Self::OpenIdConfiguration
            | Self::CallerKeys
            | Self::Subscriptions => ServedBy::AuthorizationServer,
            Self::ProtectedResourceMetadata
            | Self::LegacyEvents
            | Self::LegacyMessages
            | Self::Health
            | Self::Readiness => ServedBy::Gateway,
        }
    }

    /// Whether no route may be at `path`: it is one of ours, or behind one.
    pub fn reserves(path: &str) -> bool {
        let is_at_or_behind =
            |own: &str| path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        is_at_or_behind(WELL_KNOWN)
            || is_at_or_behind(AUTH)
            || Self::ALL.iter().any(|own| is_at_or_behind(own.as_str()))
    }
}

impl fmt::Display for OwnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_paths_are_one() {
        for (at, own) in OwnPath::ALL.iter().enumerate() {
            for other in &OwnPath::ALL[at + 1..] {
                assert_ne!(own.as_str(), other.as_str());
            }
        }
    }

    #[test]
    fn what_is_ours_is_reserved_with_all_that_is_behind_it_and_nothing_else() {
        for own in OwnPath::ALL {
            assert!(OwnPath::reserves(own.as_str()) && OwnPath::reserves(&format!("{own}/more")), "{own}");
            assert!(!OwnPath::reserves(&format!("/team{own}")), "{own}");
            let is_in_a_name_space = [WELL_KNOWN, AUTH].iter().any(|space| own.as_str().starts_with(space));
            let is_behind_another = OwnPath::ALL.iter().any(|other| own.as_str().starts_with(&format!("{other}/")));
            assert!(is_in_a_name_space || is_behind_another || !OwnPath::reserves(&format!("{own}x")), "{own}");
        }
        assert!(OwnPath::reserves("/.well-known") && OwnPath::reserves("/.well-known/anything"));
        for free in ["/mcp", "/", "", "/Token", "/.well-knownx", "/tokens"] {
            assert!(!OwnPath::reserves(free), "{free}");
        }
    }
}
