//! Access tokens of other issuers: verified with their keys, or asked about.

use core::fmt;
use std::collections::BTreeSet;

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_configuration::{EntraProfile, GroupLookup, RouteTokens, TokenIssuer, TokenVerification};
use gatehouse_openid::{
    AccessRejection, Endpoint, ExternalPrincipal, ExternalTokenRejection, GROUPS_ANSWER_BYTES, GroupsUnknown,
    INTROSPECTION_BYTES, IssuerMetadata, KeySet, KeySource, KeysRejection, Memberships, MetadataRejection, NamedClaims,
    Presented, PrincipalWithoutGroups, SignedAccessToken, SignedPrincipal, VerifiedWorkload, WorkloadAssertion,
    WorkloadRejection, application_token, application_token_request, document_request, groups_to_ask, introspected,
    introspection_request, user_group_requests,
};
use gatehouse_protocol::UnixTime;
use gatehouse_sealed_storage::document_cache::DocumentCache;
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_storage::{Kind, Store, StoreUnavailable};
use http::Request;

use crate::documents::{Documents, issuer_metadata, key_set};
use crate::{ComponentHost, ExternalTokenFailure, Failure, Host, WorkloadFailure};

/// Answers of an issuer about tokens that it does not know.
const UNKNOWN: Kind = "introspection-unknown";
/// How many of those an issuer gives in a minute to one address: whoever makes tokens up must not be able to have us ask without
/// end, and stops his own address alone.
const UNKNOWN_OF_ADDRESS: u64 = 60;
/// How many of those it gives in a minute to all addresses, and to those that are not known.
const UNKNOWN_OF_ALL: u64 = 1_200;
/// How many of those it gives before even an address that has shown none is not believed: whoever has twenty addresses does not stop all
/// others, and whoever has any number does not have us ask without end.
const UNKNOWN_AT_MOST: u64 = 2_400;

/// The issuers of tokens, as they are talked to during one request.
pub struct IssuerClient<'a, H = ComponentHost> {
    configuration: &'a Configuration,
    keys: &'a KeyRing,
    now: UnixTime,
    host: H,
}

/// For whom an issuer is asked about a token that it must be asked about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asker<'a> {
    /// The address that shows the token, as requests are counted by it; `None` where nobody knows it.
    pub address: Option<&'a str>,
    /// Whether the issuer has said within the hour that the token is active, and nothing else since. Such a token is asked about
    /// whatever others show.
    pub was_active: bool,
}

/// Who bears a token, and until when that may be kept.
#[derive(Debug)]
pub struct Verified {
    /// Who.
    pub principal: ExternalPrincipal,
    /// From this second on it must be verified again; now, where it must not be kept.
    pub keep_until: UnixTime,
}

impl<'a> IssuerClient<'a> {
    /// The client of the issuers of `configuration`, with the server `keys`, at `now`.
    pub const fn new(configuration: &'a Configuration, keys: &'a KeyRing, now: UnixTime) -> Self {
        Self::on(ComponentHost, configuration, keys, now)
    }
}

impl<'a, H: Host> IssuerClient<'a, H> {
    /// The same, in other surroundings than the component's.
    pub const fn on(host: H, configuration: &'a Configuration, keys: &'a KeyRing, now: UnixTime) -> Self {
        Self { configuration, keys, now, host }
    }

    /// Who bears `token`, which was `presented` at a route by `asker`.
    ///
    /// # Errors
    /// Where it does not count, or that cannot be known now.
    pub fn verify(
        &self,
        token: &str,
        presented: &Presented<'_>,
        asker: Asker<'_>,
    ) -> Result<Verified, ExternalTokenFailure> {
        match presented {
            Presented::Signed(signed) => {
                let principal = match self.verify_signed(signed)?? {
                    SignedPrincipal::Whole(principal) => principal,
                    SignedPrincipal::WithoutGroups(found) => self.with_groups(found, signed.issuer())?,
                };
                let keep_until = principal.ends_at;
                Ok(Verified { principal, keep_until })
            }
            // Ours, in whatever state: nobody else is to see it.
            Presented::Opaque { .. } if self.keys.may_have_sealed(token) => Err(ExternalTokenRejection::Own.into()),
            Presented::Opaque { accepted, issuer } => self.ask(token, issuer, accepted, asker),
        }
    }

    fn verify_signed(
        &self,
        token: &SignedAccessToken<'_>,
    ) -> Result<Result<SignedPrincipal, ExternalTokenRejection>, Failure> {
        let source = token.keys().map_err(misplaced)?;
        self.with_keys(source, |keys| token.verify(keys, self.now), ExternalTokenRejection::fresh_keys_may_help)
    }

    /// The principal with those of the groups that any rule names; nobody is asked where none does.
    fn with_groups(
        &self,
        found: PrincipalWithoutGroups,
        issuer: &TokenIssuer,
    ) -> Result<ExternalPrincipal, ExternalTokenFailure> {
        let named = NamedClaims::of(&self.configuration.rule_claims);
        if named.is_without_groups() {
            return Ok(found.with(&BTreeSet::new(), &Memberships::default()));
        }
        let (TokenVerification::Entra { profile, .. }, Some(lookup)) = (&issuer.verification, &issuer.group_lookup)
        else {
            return Err(ExternalTokenRejection::Elsewhere("groups").into());
        };
        let asked = groups_to_ask(&named).map_err(unknown)?;
        let memberships =
            if asked.is_empty() { Memberships::default() } else { self.memberships(profile, lookup, &found, &asked)? };
        Ok(found.with(&asked, &memberships))
    }

    /// What Microsoft Graph says to our application. Every request must be answered.
    fn memberships(
        &self,
        entra: &EntraProfile,
        lookup: &GroupLookup,
        user: &PrincipalWithoutGroups,
        asked: &BTreeSet<String>,
    ) -> Result<Memberships, Failure> {
        let secret = self.host.secret(&lookup.client_secret).map_err(Failure::Settings)?;
        let fetch = |request: &Request<Vec<u8>>| {
            let answer = self.host.fetch(request, GROUPS_ANSWER_BYTES);
            answer.map_err(|reason| unknown(GroupsUnknown::NoAnswer(reason.to_string())))
        };
        let request = application_token_request(entra, lookup, user.tenant(), &secret).map_err(unknown)?;
        let token = application_token(&fetch(&request)?).map_err(unknown)?;
        let mut memberships = Memberships::default();
        for request in user_group_requests(entra, user.object_id(), asked, &token).map_err(unknown)? {
            memberships.add(&fetch(&request)?).map_err(unknown)?;
        }
        Ok(memberships)
    }

    /// The workloads that `assertion` can be of.
    ///
    /// # Errors
    /// Where it proves nothing, or that cannot be known now.
    pub fn verify_workload(&self, assertion: &WorkloadAssertion) -> Result<VerifiedWorkload<'a>, WorkloadFailure> {
        let workloads = &self.configuration.workloads;
        let issuer = assertion.issuer(&self.configuration.token_issuers, workloads)?;
        let source = assertion.keys(issuer).map_err(misplaced)?;
        let verify = |keys: &KeySet| assertion.verify(issuer, workloads, keys, self.now);
        Ok(self.with_keys(source, verify, WorkloadRejection::fresh_keys_may_help)??)
    }

    /// What `verify` says with the keys from there: those that are kept or, where they do not do, fresh ones.
    fn with_keys<T, E>(
        &self,
        source: KeySource<'_>,
        verify: impl Fn(&KeySet) -> Result<T, E>,
        fresh_keys_may_help: impl Fn(&E) -> bool,
    ) -> Result<Result<T, E>, Failure> {
        let place = match source {
            KeySource::Inline(jwks) => {
                let keys = KeySet::from_json(jwks.as_bytes()).map_err(KeysRejection::from)?;
                return Ok(verify(&keys));
            }
            KeySource::At(place) => place,
            KeySource::Discovered { places, issuer } => self.place_of_keys(&places, &issuer)?,
        };
        self.documents().verified(&key_set(document_request(&place)), verify, fresh_keys_may_help)
    }

    /// What is kept at any of the places comes before asking at the first.
    fn place_of_keys(&self, places: &[Endpoint], issuer: &str) -> Result<Endpoint, Failure> {
        let of = |metadata: IssuerMetadata, place| Ok(metadata.jwks_uri(place)?.clone());
        let documents = self.documents();
        for place in places {
            if let Some(kept) = documents.kept(&issuer_metadata(place, issuer))? {
                return of(kept, place);
            }
        }
        let mut failed = None;
        for place in places {
            match documents.current(&issuer_metadata(place, issuer)) {
                Ok(metadata) => return of(metadata, place),
                // The first place is the usual one; what is wrong there is what an operator wants to know.
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        Err(failed.unwrap_or_else(|| MetadataRejection::Missing("issuer").into()))
    }

    fn ask(
        &self,
        token: &str,
        issuer: &TokenIssuer,
        accepted: &RouteTokens,
        asker: Asker<'_>,
    ) -> Result<Verified, ExternalTokenFailure> {
        let TokenVerification::Introspected { introspection, .. } = &issuer.verification else {
            return Err(ExternalTokenRejection::NoIssuer.into());
        };
        let unknown = UnknownTokens::at(&introspection.url, asker, self.host.store(), self.keys, self.now);
        unknown.check()?;
        let secret = self.host.secret(&introspection.client_secret).map_err(Failure::Settings)?;
        let request = introspection_request(introspection, &secret, token).map_err(misplaced)?;
        let response = self.host.fetch(&request, INTROSPECTION_BYTES);
        let response =
            response.map_err(|reason| Failure::NoAnswer("answer about a token", reason).at(request.uri()))?;
        let said = introspected(&response, issuer, accepted, self.now);
        if said.is_err() {
            unknown.count().map_err(Failure::Store)?;
        }
        let principal = said?.principal;
        let keep_until = principal.ends_at.min(self.now.plus(introspection.keep_seconds));
        Ok(Verified { principal, keep_until })
    }

    const fn documents(&self) -> Documents<'_, H> {
        Documents { keys: self.keys, own: &self.configuration.public_url, now: self.now, host: &self.host }
    }
}

/// Nothing is wrong with the token: it is our side that cannot know.
fn unknown(groups: GroupsUnknown) -> Failure {
    AccessRejection::from(groups).into()
}

/// How many tokens of late an issuer did not know; nothing of a token that was active before.
struct UnknownTokens<'a, S> {
    /// Of all, and of the address.
    places: [Option<String>; 2],
    cache: DocumentCache<'a, S>,
}

impl<'a, S: Store> UnknownTokens<'a, S> {
    fn at(url: &str, asker: Asker<'_>, store: &'a S, keys: &'a KeyRing, now: UnixTime) -> Self {
        let of_all = (!asker.was_active).then(|| url.to_owned());
        let of_address = asker.address.filter(|_| !asker.was_active).map(|address| format!("{url} {address}"));
        Self { places: [of_all, of_address], cache: DocumentCache { store, keys, now } }
    }

    /// Fails where the issuer is to be left in peace.
    fn check(&self) -> Result<(), Failure> {
        let [of_all, of_address] = &self.places;
        let Some(of_all) = of_all else { return Ok(()) };
        let counted = |place: &String| self.cache.failures(UNKNOWN, place).map_err(Failure::Store);
        let of_address = of_address.as_ref().map(counted).transpose()?;
        let most = if of_address == Some(0) { UNKNOWN_AT_MOST } else { UNKNOWN_OF_ALL };
        if of_address.is_some_and(|count| count >= UNKNOWN_OF_ADDRESS) || counted(of_all)? >= most {
            return Err(Failure::LeftInPeace("answer about a token"));
        }
        Ok(())
    }

    fn count(&self) -> Result<(), StoreUnavailable> {
        self.places.iter().flatten().try_for_each(|place| self.cache.note_failure(UNKNOWN, place))
    }
}

fn misplaced(problem: gatehouse_openid::InvalidEndpoint) -> Failure {
    MetadataRejection::Endpoint { member: "of the configuration", problem }.into()
}

impl<H> fmt::Debug for IssuerClient<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerClient").finish_non_exhaustive()
    }
}
