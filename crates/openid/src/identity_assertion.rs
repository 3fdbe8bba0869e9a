//! Identity assertions: the enterprise's provider says who uses a client, and for what, without a browser.
//!
//! Identity Assertion JWT Authorization Grant (ID-JAG, draft-ietf-oauth-identity-assertion-authz-grant), as the MCP
//! extension "Enterprise-Managed Authorization" profiles it.

use gatehouse_configuration::IdentityProvider;
use gatehouse_jose::{Audience, KeySet, SignedToken, TimeRejection, TimeRules, TokenRejection, VerifiedClaims};
use gatehouse_protocol::UnixTime;
use serde::Deserialize;
use serde::de::IgnoredAny;
use thiserror::Error;

use crate::identity::{UserClaims, UserRejection};
use crate::issuer::{IssuerRejection, Origin};
use crate::{Identity, ProviderMetadata, UnlistedAlgorithm, metadata_issuer};

/// The header `typ`, without `application/`.
const TYPE: &str = "oauth-id-jag+jwt";

/// An assertion is made for one request. Its end bounds how long it must be remembered that it was used.
const TIMES: TimeRules =
    TimeRules { issued_at_required: true, oldest_seconds: Some(60 * 60), longest_seconds: Some(60 * 60) };

/// The longest `jti`, in bytes.
const LONGEST_ID: usize = 256;

/// An assertion that was read, and that nobody has vouched for yet.
#[derive(Debug)]
pub struct IdentityAssertion {
    token: SignedToken,
    origin: Origin,
}

/// A verified assertion. Its `jti` must be used once, and the user be admitted by the provider's rules, before anything
/// is granted.
#[derive(Debug)]
pub struct AssertedIdentity {
    /// The user: the same subject as after a login at the provider.
    pub identity: Identity,
    /// `jti`: the assertion's name, unique at its provider.
    pub id: String,
    /// From when on the assertion is refused anyway, so that its use need not be remembered any longer.
    pub ends_at: UnixTime,
    /// `resource`: what it is for, one of ours, or it is worth nothing; `None` where the provider leaves that to the request.
    pub resource: Option<String>,
    /// `scope`: what the provider's policy allows there; `None` where it leaves that to us.
    pub scope: Option<String>,
}

/// An assertion that proves nothing. The text is for the log; the client is told `invalid_grant` whatever it is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdentityAssertionRejection {
    /// Another kind of token, such as an id_token.
    #[error("the identity assertion's typ is not oauth-id-jag+jwt")]
    Type,
    /// Not a token that the provider has signed.
    #[error("the identity assertion {0}")]
    Token(#[from] TokenRejection),
    /// Signed with an algorithm that the provider does not name.
    #[error("the identity assertion {0}")]
    Unlisted(#[from] UnlistedAlgorithm),
    /// Another issuer's.
    #[error("the identity assertion {0}")]
    Issuer(#[from] IssuerRejection),
    /// Of no provider of the configuration, or of one whose assertions are not accepted.
    #[error("the identity assertion is of a provider without accepts_identity_assertions")]
    NotAccepted,
    /// Not valid at this time.
    #[error("the identity assertion {0}")]
    Time(#[from] TimeRejection),
    /// Of nobody that can be named.
    #[error("the identity assertion {0}")]
    User(#[from] UserRejection),
    /// A required claim is absent or empty.
    #[error("the identity assertion lacks {0}")]
    Missing(&'static str),
    /// For another authorization server, or for several.
    #[error("the identity assertion is not for this server alone (aud)")]
    AudienceDiffers,
    /// Given to another client, and stolen or passed on.
    #[error("the identity assertion was given to another client (client_id)")]
    ClientDiffers,
    /// With a claim that limits what it may be used for, which is not supported: it must not be used as if the limit were not there.
    #[error("the identity assertion has the claim {0}, which is not supported here")]
    Unsupported(&'static str),
    /// `jti` is too long to be remembered.
    #[error("the identity assertion's jti is longer than 256 bytes")]
    IdTooLong,
}

impl IdentityAssertionRejection {
    /// Whether the provider may have changed its keys since they were fetched: fetching them again, once, may help.
    pub const fn fresh_keys_may_help(&self) -> bool {
        matches!(self, Self::Token(rejection) if rejection.fresh_keys_may_help())
    }
}

#[derive(Deserialize)]
struct Claims {
    aud: Option<Audience>,
    client_id: Option<String>,
    jti: Option<String>,
    resource: Option<String>,
    scope: Option<String>,
    cnf: Option<IgnoredAny>,
    authorization_details: Option<IgnoredAny>,
    #[serde(flatten)]
    user: UserClaims,
}

/// Whether the token says to be one.
pub(crate) fn is_one(token: &SignedToken) -> bool {
    token.is_of_type(TYPE)
}

impl IdentityAssertion {
    /// Whether the text is a token that says to be one.
    pub fn is_one(text: &str) -> bool {
        SignedToken::parse(text).is_ok_and(|token| is_one(&token))
    }

    /// Reads an assertion.
    ///
    /// # Errors
    /// Where it is not a signed token of this kind.
    pub fn parse(text: &str) -> Result<Self, IdentityAssertionRejection> {
        let token = SignedToken::parse(text)?;
        // Before anything else: an id_token of the same provider must never do (RFC 8725, section 3.11).
        if !is_one(&token) {
            return Err(IdentityAssertionRejection::Type);
        }
        let origin = token.unverified()?;
        Ok(Self { token, origin })
    }

    /// The provider that says to have made it, and whose keys must now be fetched.
    ///
    /// # Errors
    /// Where it is none of these, or one whose assertions are not accepted.
    pub fn provider<'a>(
        &self,
        providers: &'a [IdentityProvider],
    ) -> Result<&'a IdentityProvider, IdentityAssertionRejection> {
        let accepted = providers.iter().filter(|provider| provider.accepts_identity_assertions);
        let mut of_issuer = accepted.filter(|provider| self.origin.check(provider, &metadata_issuer(provider)).is_ok());
        of_issuer.next().ok_or(IdentityAssertionRejection::NotAccepted)
    }

    /// Verifies the assertion of `provider` for the authenticated client `client_id` at the authorization server
    /// `our_issuer`.
    ///
    /// # Errors
    /// See [`IdentityAssertionRejection`]. The signature is checked first.
    pub fn verify(
        &self,
        provider: &IdentityProvider,
        metadata: &ProviderMetadata,
        keys: &KeySet,
        our_issuer: &str,
        client_id: &str,
        now: UnixTime,
    ) -> Result<AssertedIdentity, IdentityAssertionRejection> {
        if !provider.accepts_identity_assertions {
            return Err(IdentityAssertionRejection::NotAccepted);
        }
        let algorithms = metadata.id_token_algorithms();
        let verified = self.token.verify_of_issuer::<Claims>(keys, algorithms, |bound| self.origin.is(bound));
        let VerifiedClaims { custom: claims, times } = match verified {
            Ok(verified) => verified,
            Err(rejection) => {
                return Err(match UnlistedAlgorithm::of(&rejection) {
                    Some(unlisted) => unlisted.into(),
                    None => rejection.into(),
                });
            }
        };
        let tenant = self.origin.check(provider, metadata.issuer())?;
        if !claims.aud.ok_or(IdentityAssertionRejection::Missing("aud"))?.is_only(our_issuer) {
            return Err(IdentityAssertionRejection::AudienceDiffers);
        }
        if present("client_id", claims.client_id)? != client_id {
            return Err(IdentityAssertionRejection::ClientDiffers);
        }
        // Whoever holds it must prove a key (RFC 7800), or may do less than the scopes say (RFC 9396).
        for (claim, value) in [("cnf", claims.cnf), ("authorization_details", claims.authorization_details)] {
            if value.is_some() {
                return Err(IdentityAssertionRejection::Unsupported(claim));
            }
        }
        let ends_at = times.check(&TIMES, now)?;
        let id = present("jti", claims.jti)?;
        if id.len() > LONGEST_ID {
            return Err(IdentityAssertionRejection::IdTooLong);
        }
        Ok(AssertedIdentity {
            identity: Identity::of(provider, tenant, &claims.user)?,
            id,
            ends_at,
            resource: claims.resource.map(|resource| present("resource", Some(resource))).transpose()?,
            scope: claims.scope,
        })
    }
}

fn present(claim: &'static str, text: Option<String>) -> Result<String, IdentityAssertionRejection> {
    text.filter(|text| !text.is_empty()).ok_or(IdentityAssertionRejection::Missing(claim))
}

#[cfg(test)]
mod tests;
