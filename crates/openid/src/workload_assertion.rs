//! Tokens by which a platform says which of its machines bears them: of a Kubernetes service account, of a job of GitHub Actions,
//! of a SPIFFE workload. They are assertions (RFC 7523, section 2.1) of machines that have no credentials of ours.

use gatehouse_configuration::{ClaimRule, TokenIssuer, TokenVerification, Workload};
use gatehouse_jose::{
    Audience, KeySet, SignedToken, SigningAlgorithm, TimeRejection, TimeRules, TokenRejection, VerifiedClaims,
};
use gatehouse_protocol::{LogText, UnixTime};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::external_token::{KeySource, LONGEST_TOKEN, is_of_version, key_source, may_be_of};
use crate::identity::AllClaims;
use crate::issuer::Origin;
use crate::{InvalidEndpoint, identity_assertion};

/// What such a token has as its type, if it has one: any JWT's, and SPIFFE's (JWT-SVID, section 2.2).
const USUAL_TYPES: [&str; 2] = ["JWT", "JOSE"];
/// What only tokens about a user's sign-in have, or tokens that are not for whoever happens to bear them.
const OF_OTHER_TOKENS: [&str; 6] = ["nonce", "at_hash", "c_hash", "s_hash", "events", "cnf"];

/// A token that was read, and that nobody has vouched for yet.
#[derive(Debug)]
pub struct WorkloadAssertion {
    token: SignedToken,
    origin: Origin,
}

/// The workloads that a verified token can be of, in the order of the configuration; at least one.
#[derive(Debug)]
pub struct VerifiedWorkload<'a> {
    /// The workloads.
    pub workloads: Vec<&'a Workload>,
    /// From when on the token is refused.
    pub ends_at: UnixTime,
}

/// A token that proves nothing. The text is for the log; the machine is told `invalid_grant` whatever it is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WorkloadRejection {
    /// Longer than any token that is worth reading.
    #[error("the token of a workload is longer than {LONGEST_TOKEN} bytes")]
    TooLong,
    /// Another kind of token.
    #[error("the token of a workload is of the type {0}")]
    Type(LogText),
    /// Nobody has signed it whom we believe.
    #[error("the token of a workload {0}")]
    Token(#[from] TokenRejection),
    /// It names no issuer. SPIFFE leaves that to the operator.
    #[error("the token of a workload names no issuer (iss)")]
    NoIssuer,
    /// No workload is of this issuer.
    #[error("the token of a workload is of an issuer that none of the configured workloads has: {0}")]
    UnknownIssuer(LogText),
    /// What only other tokens have.
    #[error("the token of a workload is one of another kind: it has the claim {0}")]
    OtherKind(&'static str),
    /// Not for us alone.
    #[error("the token is not for the audience of workload {0} alone (aud)")]
    Audience(String),
    /// Not valid at this time, or for too long.
    #[error("the token of workload {0} {1}")]
    Time(String, TimeRejection),
    /// A rule does not fit.
    #[error("the token does not fit the rule of workload {0} for the claim {1}")]
    Rule(String, String),
}

impl WorkloadRejection {
    /// Whether the issuer may have changed its keys since they were fetched: fetching them again, once, may help.
    pub const fn fresh_keys_may_help(&self) -> bool {
        matches!(self, Self::Token(rejection) if rejection.fresh_keys_may_help())
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct PlatformClaims(AllClaims);

impl WorkloadAssertion {
    /// Reads a token.
    ///
    /// # Errors
    /// Where it is no signed token, or an identity assertion.
    pub fn parse(text: &str) -> Result<Self, WorkloadRejection> {
        if text.len() > LONGEST_TOKEN {
            return Err(WorkloadRejection::TooLong);
        }
        let token = SignedToken::parse(text)?;
        // Whatever the configuration says of types: a token is of one kind (RFC 8725, section 3.11).
        if identity_assertion::is_one(&token) {
            return Err(other_type(&token));
        }
        let origin = token.unverified()?;
        Ok(Self { token, origin })
    }

    /// The issuer that says to have made it, and whose keys must now be had.
    ///
    /// # Errors
    /// Where no workload has that issuer.
    pub fn issuer<'a>(
        &self,
        issuers: &'a [TokenIssuer],
        workloads: &[Workload],
    ) -> Result<&'a TokenIssuer, WorkloadRejection> {
        let named = self.origin.issuer().ok_or(WorkloadRejection::NoIssuer)?;
        let has_workloads = |issuer: &&TokenIssuer| workloads.iter().any(|workload| workload.issuer == issuer.name);
        let mut of_workloads = issuers.iter().filter(has_workloads);
        let found = of_workloads.find(|issuer| may_be_of(issuer, &self.origin));
        found.ok_or_else(|| WorkloadRejection::UnknownIssuer(LogText::new(named)))
    }

    /// Where the keys of `issuer` are. Nothing in the token says so.
    ///
    /// # Errors
    /// Where no safe URL can be made of what is configured.
    pub fn keys<'a>(&self, issuer: &'a TokenIssuer) -> Result<KeySource<'a>, InvalidEndpoint> {
        key_source(issuer, &self.origin)
    }

    /// The workloads whose token it is, where one of `keys` has signed it. It may be presented again until it ends: a pod reads the
    /// same token from its file for an hour.
    ///
    /// # Errors
    /// See [`WorkloadRejection`]. The signature is checked first. Where no workload fits, the text is about the first of the issuer.
    pub fn verify<'a>(
        &self,
        issuer: &TokenIssuer,
        workloads: &'a [Workload],
        keys: &KeySet,
        now: UnixTime,
    ) -> Result<VerifiedWorkload<'a>, WorkloadRejection> {
        let named: Vec<_> = issuer.algorithms.iter().filter_map(|name| SigningAlgorithm::parse(name)).collect();
        let algorithms = if named.is_empty() { SigningAlgorithm::ALL.as_slice() } else { &named };
        let verified = self.token.verify_of_issuer(keys, algorithms, |bound| self.origin.is(bound))?;
        let VerifiedClaims { custom: PlatformClaims(claims), times } = verified;
        self.check_type(issuer)?;
        if let Some(name) = OF_OTHER_TOKENS.into_iter().find(|name| claims.get(name).is_some()) {
            return Err(WorkloadRejection::OtherKind(name));
        }
        if matches!(issuer.verification, TokenVerification::Entra { .. }) {
            let version = claims.get("ver").and_then(Value::as_str);
            if !version.is_some_and(|version| is_of_version(issuer, &self.origin, version)) {
                return Err(WorkloadRejection::OtherKind("ver"));
            }
        }
        let audience = claims.get("aud").and_then(|aud| Audience::deserialize(aud).ok());
        let (mut fitting, mut ends_at, mut first_refused) = (Vec::new(), None, None);
        for workload in workloads.iter().filter(|workload| workload.issuer == issuer.name) {
            let fits = || {
                let is_for_it = audience.as_ref().is_some_and(|audience| audience.is_only(&workload.audience));
                if !is_for_it {
                    return Err(WorkloadRejection::Audience(workload.name.clone()));
                }
                let longest = Some(workload.longest_lifetime);
                // By both ends: what was good for a year must not be taken on its last day.
                let rules = TimeRules { issued_at_required: false, oldest_seconds: longest, longest_seconds: longest };
                let until = times.check_with(&rules, issuer.clock_skew, now);
                let until = until.map_err(|rejection| WorkloadRejection::Time(workload.name.clone(), rejection))?;
                match workload.claims.iter().find(|rule| !holds(rule, &claims)) {
                    // An empty set would fit everybody; the configuration has none.
                    None if !workload.claims.is_empty() => Ok(until),
                    rule => {
                        let name = rule.map(|rule| rule.name.clone()).unwrap_or_default();
                        Err(WorkloadRejection::Rule(workload.name.clone(), name))
                    }
                }
            };
            match fits() {
                Ok(until) => {
                    fitting.push(workload);
                    ends_at = Some(until);
                }
                Err(rejection) => first_refused = first_refused.or(Some(rejection)),
            }
        }
        match (ends_at, first_refused) {
            (Some(ends_at), _) => Ok(VerifiedWorkload { workloads: fitting, ends_at }),
            (None, Some(rejection)) => Err(rejection),
            (None, None) => Err(WorkloadRejection::UnknownIssuer(LogText::new(&issuer.name))),
        }
    }

    fn check_type(&self, issuer: &TokenIssuer) -> Result<(), WorkloadRejection> {
        let is = |name: &str| self.token.is_of_type(name);
        let fits = match issuer.types.as_slice() {
            [] => self.token.typ().is_none() || USUAL_TYPES.into_iter().any(is),
            types => types.iter().any(|listed| is(listed) || listed == "JWT" && self.token.typ().is_none()),
        };
        if fits { Ok(()) } else { Err(other_type(&self.token)) }
    }
}

fn other_type(token: &SignedToken) -> WorkloadRejection {
    WorkloadRejection::Type(LogText::new(token.typ().unwrap_or("none")))
}

/// Whether the claim is one text, number or truth value, and fits. A list is none: what it means to have a value among others is not
/// for a rule of this kind to guess.
fn holds(rule: &ClaimRule, claims: &AllClaims) -> bool {
    match claims.find(&rule.name) {
        Some(Value::String(text)) => rule.pattern.matches(text),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => rule.pattern.matches(&value.to_string()),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => false,
    }
}

#[cfg(test)]
mod tests;
