//! What a provider is asked for, and at which path.

/// What a provider is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// `/.well-known/openid-configuration`.
    Discovery,
    /// The key set.
    Keys,
    /// The authorization endpoint.
    Authorize,
    /// The token endpoint.
    Token,
    /// Microsoft Graph's `checkMemberGroups`.
    Groups,
    /// Token revocation (RFC 7009).
    Revoke,
    /// A source of federated client assertions.
    Assertion,
}

impl Endpoint {
    pub(super) fn of(path: &str) -> Option<Self> {
        let last = path.rsplit('/').next()?;
        Some(match last {
            "openid-configuration" => Self::Discovery,
            "keys" => Self::Keys,
            "authorize" => Self::Authorize,
            "token" => Self::Token,
            "checkMemberGroups" => Self::Groups,
            "revoke" => Self::Revoke,
            "assertion" => Self::Assertion,
            _ => return None,
        })
    }
}
