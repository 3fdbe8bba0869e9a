//! What an MCP server is told of who calls, and in which headers.

use http::HeaderName;

/// What one MCP server is told of the caller, beside `subject_header`. At least one header is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityHeaders {
    /// `X-MS-CLIENT-PRINCIPAL` and its kin, as Azure App Service says who calls.
    pub app_service: bool,
    /// Claims, each in a header of its own.
    pub claims: Vec<(HeaderName, IdentityClaim)>,
    /// A signed assertion.
    pub assertion: Option<CallerAssertion>,
    /// Whether the headers say what people call the user. It is personal, and is kept in the session for it.
    pub names: bool,
    /// The most bytes of all their values together. Beyond it the request is refused: half a list of groups would be another
    /// statement than the whole one.
    pub bytes: usize,
}

/// A signed assertion of who calls, in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerAssertion {
    /// The header.
    pub header: HeaderName,
    /// Who must be the audience.
    pub audience: String,
}

/// What can stand in a header of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityClaim {
    /// The user or machine: `PROVIDER:SUB`.
    Subject,
    /// The first part of the subject.
    Provider,
    /// The OAuth client that the user acts through.
    ClientId,
    /// The resource that the token is for: the route's URL.
    Resource,
    /// The token's scopes.
    Scopes,
    /// The user's tenant.
    Tenant,
    /// The user's groups.
    Groups,
    /// The user's roles.
    Roles,
    /// The user's whole name.
    Name,
    /// What the user signs in as.
    PreferredUsername,
    /// The user's e-mail address, where the provider vouches for it.
    Email,
}

impl IdentityHeaders {
    /// What App Service calls Entra.
    pub const ENTRA: &'static str = "aad";
    /// The headers of App Service that say who calls.
    pub const APP_SERVICE: [HeaderName; 4] = [
        HeaderName::from_static("x-ms-client-principal"),
        HeaderName::from_static("x-ms-client-principal-id"),
        HeaderName::from_static("x-ms-client-principal-name"),
        HeaderName::from_static("x-ms-client-principal-idp"),
    ];

    /// Every header in which the server may be told something.
    pub fn headers(&self) -> impl Iterator<Item = HeaderName> {
        let app_service = Self::APP_SERVICE.into_iter().filter(|_| self.app_service);
        app_service.chain(self.own_headers().cloned())
    }

    /// Those whose names the operator chose.
    pub fn own_headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.claims.iter().map(|(name, _)| name).chain(self.assertion.iter().map(|assertion| &assertion.header))
    }
}

impl IdentityClaim {
    /// Every one, as the document names it.
    pub const ALL: [(&'static str, Self); 11] = [
        ("subject", Self::Subject),
        ("provider", Self::Provider),
        ("client_id", Self::ClientId),
        ("resource", Self::Resource),
        ("scopes", Self::Scopes),
        ("tenant", Self::Tenant),
        ("groups", Self::Groups),
        ("roles", Self::Roles),
        ("name", Self::Name),
        ("preferred_username", Self::PreferredUsername),
        ("email", Self::Email),
    ];

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(known, claim)| (known == name).then_some(claim))
    }

    /// As the document names it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find_map(|(name, claim)| (claim == self).then_some(name)).unwrap_or_default()
    }

    /// Whether it is what people call the user.
    pub const fn is_name(self) -> bool {
        matches!(self, Self::Name | Self::PreferredUsername | Self::Email)
    }
}
