//! Whose a token says to be.

use gatehouse_configuration::{RouteTokens, TokenIssuer, TokenPresentation, TokenRoute, TokenVerification};
use gatehouse_jose::{SignedToken, TokenRejection};
use gatehouse_protocol::LogText;

use super::kind::ExternalTokenKind;
use super::rejection::{ExternalTokenRejection, LONGEST_TOKEN};
use super::signed;
use super::signed::SignedAccessToken;
use crate::issuer::Origin;

/// A token, with what the route says of tokens of its issuer.
#[derive(Debug)]
pub enum Presented<'a> {
    /// It says by a signature what it is.
    Signed(SignedAccessToken<'a>),
    /// Its issuer must be asked.
    Opaque {
        /// What the route says of it.
        accepted: &'a RouteTokens,
        /// Whose it is.
        issuer: &'a TokenIssuer,
    },
}

impl<'a> Presented<'a> {
    /// Chooses by what the token says of itself, which nobody has verified yet, among what the route accepts in this place of a request.
    ///
    /// # Errors
    /// Where it can be none that the route accepts.
    pub fn choose(
        token: &str,
        presentation: &TokenPresentation,
        route: &'a TokenRoute,
        issuers: &'a [TokenIssuer],
    ) -> Result<Self, ExternalTokenRejection> {
        Self::choose_as(ExternalTokenKind::Access, token, presentation, &route.tokens, issuers)
    }

    /// The same of a token that is presented as one of this kind in a request to exchange it (RFC 8693), among those that count there.
    ///
    /// # Errors
    /// Where it can be none of those.
    pub fn choose_to_exchange(
        kind: ExternalTokenKind,
        token: &str,
        tokens: &'a [RouteTokens],
        issuers: &'a [TokenIssuer],
    ) -> Result<Self, ExternalTokenRejection> {
        Self::choose_as(kind, token, &TokenPresentation::default(), tokens, issuers)
    }

    fn choose_as(
        kind: ExternalTokenKind,
        token: &str,
        presentation: &TokenPresentation,
        tokens: &'a [RouteTokens],
        issuers: &'a [TokenIssuer],
    ) -> Result<Self, ExternalTokenRejection> {
        if token.len() > LONGEST_TOKEN {
            return Err(ExternalTokenRejection::TooLong);
        }
        let accepted = || {
            let here = tokens.iter().filter(|accepted| accepted.presentation == *presentation);
            here.filter_map(|accepted| Some((accepted, issuers.iter().find(|issuer| issuer.name == accepted.issuer)?)))
        };
        let asked = || accepted().find(|(_, issuer)| !issuer.is_signed());
        let read = || -> Result<(SignedToken, Origin), TokenRejection> {
            let token = SignedToken::parse(token)?;
            let origin = token.unverified()?;
            Ok((token, origin))
        };
        let (token, origin) = match (read(), asked()) {
            (Ok(read), _) => read,
            // What is no signed token may be anything to the issuer that is asked.
            (Err(_), Some((accepted, issuer))) => return Ok(Self::Opaque { accepted, issuer }),
            (Err(TokenRejection::Malformed), None) => return Err(ExternalTokenRejection::NoIssuer),
            (Err(rejection), None) => return Err(rejection.into()),
        };
        let named = origin.issuer().ok_or(ExternalTokenRejection::NoIssuer)?;
        if let Some((accepted, issuer)) =
            accepted().find(|(_, issuer)| issuer.is_signed() && signed::may_be_of(issuer, &origin))
        {
            return Ok(Self::Signed(SignedAccessToken::new(kind, accepted, issuer, token, origin)));
        }
        // A signed token of somebody else is not for the one who is asked to see.
        let is_of_asked = |issuer: &TokenIssuer| match &issuer.verification {
            TokenVerification::Introspected { issuer, .. } => issuer.as_deref().is_none_or(|issuer| issuer == named),
            _ => false,
        };
        match asked().filter(|(_, issuer)| is_of_asked(issuer)) {
            Some((accepted, issuer)) => Ok(Self::Opaque { accepted, issuer }),
            None => Err(ExternalTokenRejection::UnknownIssuer(LogText::new(named))),
        }
    }
}
