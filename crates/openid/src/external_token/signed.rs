//! Signed tokens.

use gatehouse_configuration::{EntraVersion, IssuerKeys, RouteTokens, TokenIssuer, TokenVerification};
use gatehouse_jose::{KeySet, SignedToken, SigningAlgorithm, TimeRules};
use gatehouse_protocol::{LogText, UnixTime};

use super::claims::AccessClaims;
use super::kind::ExternalTokenKind;
use super::rejection::ExternalTokenRejection;
use super::without_groups::SignedPrincipal;
use crate::issuer::{Origin, TENANT_PLACEHOLDER, sole_tenant};
use crate::{Endpoint, InvalidEndpoint};

/// A token without an end is refused, and one that begins later. How long it lives is its issuer's to say.
const TIMES: TimeRules = TimeRules { issued_at_required: false, oldest_seconds: None, longest_seconds: None };
/// The same of an id_token, which always says when it was made (OpenID Connect Core 1.0, section 2).
const TIMES_OF_SIGN_IN: TimeRules = TimeRules { issued_at_required: true, ..TIMES };
/// The type of RFC 9068.
const ACCESS_TOKEN_TYPE: &str = "at+jwt";
/// What stands in a token that nobody has given a type, or that type that all JWTs may have.
const ANY_JWT: &str = "JWT";
/// The issuer of version 1 in the public cloud and in that of the US government, as Microsoft documents it.
const STS: &str = "https://sts.windows.net";
/// The same in China.
const STS_CHINA: &str = "https://sts.chinacloudapi.cn";

/// A token with a signature that nobody has verified yet.
#[derive(Debug)]
pub struct SignedAccessToken<'a> {
    kind: ExternalTokenKind,
    accepted: &'a RouteTokens,
    issuer: &'a TokenIssuer,
    token: SignedToken,
    origin: Origin,
}

/// Where the keys of a token are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource<'a> {
    /// Here, as a JWK Set.
    Inline(&'a str),
    /// At this URL.
    At(Endpoint),
    /// Where the metadata says, which is at the first of these places that has one.
    Discovered {
        /// The places, in the order in which they are asked.
        places: Vec<Endpoint>,
        /// The issuer that the metadata must name.
        issuer: String,
    },
}

/// Whether tokens of this origin can be the issuer's.
pub(crate) fn may_be_of(issuer: &TokenIssuer, origin: &Origin) -> bool {
    match &issuer.verification {
        TokenVerification::Discovered { issuer, .. } | TokenVerification::Keys { issuer, .. } => {
            origin.issuer() == Some(issuer)
        }
        TokenVerification::Entra { .. } => entra_version(issuer, origin).is_some(),
        TokenVerification::Introspected { .. } => false,
    }
}

/// The version of Entra's tokens that has such an issuer, where that counts here and so does the tenant.
fn entra_version(issuer: &TokenIssuer, origin: &Origin) -> Option<EntraVersion> {
    let TokenVerification::Entra { profile, tenants, versions } = &issuer.verification else { return None };
    let tenant = origin.tenant()?;
    let tenant_counts = match sole_tenant(profile) {
        Some(sole) => tenant.as_str() == sole,
        None => tenants.iter().any(|listed| listed == tenant.as_str()),
    };
    let is_it = |version: &&EntraVersion| {
        let authority = &profile.authority;
        origin.issuer() == Some(&entra_issuer(authority, **version, tenant.as_str()))
    };
    versions.iter().find(is_it).copied().filter(|_| tenant_counts)
}

/// Whether `ver` is what Entra's tokens of this origin have.
pub(crate) fn is_of_version(issuer: &TokenIssuer, origin: &Origin, ver: &str) -> bool {
    entra_version(issuer, origin).is_some_and(|version| version.as_str() == ver)
}

fn entra_issuer(authority: &str, version: EntraVersion, tenant: &str) -> String {
    match version {
        EntraVersion::V1 if authority.ends_with(".chinacloudapi.cn") => format!("{STS_CHINA}/{tenant}/"),
        EntraVersion::V1 => format!("{STS}/{tenant}/"),
        EntraVersion::V2 => format!("{authority}/{tenant}/v2.0"),
    }
}

/// Where the keys of `issuer` are for a token of this origin.
pub(crate) fn key_source<'a>(issuer: &'a TokenIssuer, origin: &Origin) -> Result<KeySource<'a>, InvalidEndpoint> {
    Ok(match &issuer.verification {
        TokenVerification::Keys { keys: IssuerKeys::Inline(jwks), .. } => KeySource::Inline(jwks),
        TokenVerification::Keys { keys: IssuerKeys::At(uri), .. } => KeySource::At(Endpoint::parse(uri)?),
        TokenVerification::Discovered { issuer, metadata_url } => {
            KeySource::Discovered { places: places(issuer, metadata_url.as_deref())?, issuer: issuer.clone() }
        }
        TokenVerification::Entra { profile, .. } => {
            let version = entra_version(issuer, origin).unwrap_or(EntraVersion::V2);
            let path = match version {
                EntraVersion::V1 => "",
                EntraVersion::V2 => "/v2.0",
            };
            let (authority, tenant) = (&profile.authority, &profile.tenant);
            let place = format!("{authority}/{tenant}{path}/.well-known/openid-configuration");
            let named = sole_tenant(profile).unwrap_or(TENANT_PLACEHOLDER);
            KeySource::Discovered {
                places: vec![Endpoint::parse(&place)?],
                issuer: entra_issuer(authority, version, named),
            }
        }
        // Never made into one of these.
        TokenVerification::Introspected { .. } => return Err(InvalidEndpoint::NotAUrl),
    })
}

impl<'a> SignedAccessToken<'a> {
    pub(super) const fn new(
        kind: ExternalTokenKind,
        accepted: &'a RouteTokens,
        issuer: &'a TokenIssuer,
        token: SignedToken,
        origin: Origin,
    ) -> Self {
        Self { kind, accepted, issuer, token, origin }
    }

    /// Whose it says to be.
    pub const fn issuer(&self) -> &'a TokenIssuer {
        self.issuer
    }

    /// Where the keys are. Nothing in the token says so (`jku`, `x5u`, `jwk`): only the configuration does.
    ///
    /// # Errors
    /// Where no safe URL can be made of what is configured.
    pub fn keys(&self) -> Result<KeySource<'a>, InvalidEndpoint> {
        key_source(self.issuer, &self.origin)
    }

    /// Who bears it, where one of `keys` has signed it, and it is an access token for the route, or what else is due.
    ///
    /// # Errors
    /// See [`ExternalTokenRejection`]. The signature is checked first: no claim counts before it is known whose it is.
    pub fn verify(&self, keys: &KeySet, now: UnixTime) -> Result<SignedPrincipal, ExternalTokenRejection> {
        let named: Vec<_> = self.issuer.algorithms.iter().filter_map(|name| SigningAlgorithm::parse(name)).collect();
        let algorithms = if named.is_empty() { SigningAlgorithm::ALL.as_slice() } else { &named };
        // Only what is signed is read in the end: these are the claims that `origin` was read from.
        let verified = self.token.verify_of_issuer::<AccessClaims>(keys, algorithms, |bound| self.origin.is(bound))?;
        let claims = verified.custom;
        self.check_type(&claims)?;
        let times = match self.kind {
            ExternalTokenKind::Access => &TIMES,
            ExternalTokenKind::SignIn => &TIMES_OF_SIGN_IN,
        };
        let until = verified.times.check_with(times, self.issuer.clock_skew, now)?;
        if matches!(self.issuer.verification, TokenVerification::Entra { .. }) {
            let version = entra_version(self.issuer, &self.origin);
            let version = version.ok_or(ExternalTokenRejection::Version)?;
            claims.check_entra_version(version)?;
            if self.kind == ExternalTokenKind::Access {
                claims.check_entra_client(version)?;
            }
        }
        claims.principal(self.kind, self.issuer, self.accepted, self.origin.tenant(), until)
    }

    /// Whether it is of the kind that is due: an id_token and an access token of the same issuer, with the same key, are never both.
    fn check_type(&self, claims: &AccessClaims) -> Result<(), ExternalTokenRejection> {
        if self.kind == ExternalTokenKind::SignIn {
            claims.check_for_sign_in(&self.issuer.claim_names)?;
            let typ = self.token.typ();
            return match typ.is_none() || self.token.is_of_type(ANY_JWT) {
                true => Ok(()),
                false => Err(ExternalTokenRejection::NotOfSignIn("typ")),
            };
        }
        claims.check_for_access()?;
        let types = &self.issuer.types;
        let typ = self.token.typ();
        let is = |name: &str| self.token.is_of_type(name);
        if !types.is_empty() {
            let fits = types.iter().any(|listed| is(listed) || listed == ANY_JWT && typ.is_none());
            return match fits {
                true => Ok(()),
                false => Err(ExternalTokenRejection::Type(LogText::new(typ.unwrap_or("none")))),
            };
        }
        // Entra's name their application, which is asked for elsewhere, and its id_tokens name none.
        let is_entra = matches!(self.issuer.verification, TokenVerification::Entra { .. });
        match typ {
            Some(_) if is(ACCESS_TOKEN_TYPE) => Ok(()),
            Some(typ) if !is(ANY_JWT) => Err(ExternalTokenRejection::Type(LogText::new(typ))),
            _ if is_entra || claims.speaks_of_access(&self.issuer.claim_names) => Ok(()),
            _ => Err(ExternalTokenRejection::NothingOfAccess),
        }
    }
}

/// Where metadata of the issuer may be: OpenID Connect Discovery, section 4, and RFC 8414, section 3.1.
fn places(issuer: &str, metadata_url: Option<&str>) -> Result<Vec<Endpoint>, InvalidEndpoint> {
    if let Some(url) = metadata_url {
        return Ok(vec![Endpoint::parse(url)?]);
    }
    let trimmed = issuer.trim_end_matches('/');
    let openid = Endpoint::parse(&format!("{trimmed}/.well-known/openid-configuration"))?;
    let mut place = Endpoint::parse(trimmed)?.url().clone();
    let path = format!("/.well-known/oauth-authorization-server{}", place.path().trim_end_matches('/'));
    place.set_path(&path);
    Ok(vec![openid, Endpoint::parse(place.as_str())?])
}
