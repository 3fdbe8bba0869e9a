//! The conversations.

use core::fmt;

use gatehouse_configuration::IdentityProvider;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_openid::{
    AccessRejection, Admission, AssertedIdentity, AuthorizationCode, GROUPS_ANSWER_BYTES, GroupsUnknown,
    IdTokenRejection, Identity, IdentityAssertion, IdentityAssertionRejection, LoginSecrets, Memberships, NamedClaims,
    ProviderMetadata, RefreshRejection, RefreshedTokens, TOKEN_ANSWER_BYTES, TokenResponse, admit, admit_member,
    group_requests, refresh_request, token_request,
};
use gatehouse_protocol::{Claims, SecretString, Subject, UnixTime};
use gatehouse_sealed_storage::sealing::KeyRing;
use http::{Request, Response};

use crate::{AssertionFailure, ComponentHost, Failure, Host, RefreshFailure};

/// One provider, as it is talked to during one request.
pub struct ProviderClient<'a, H = ComponentHost> {
    pub(crate) provider: &'a IdentityProvider,
    pub(crate) configuration: &'a Configuration,
    pub(crate) keys: &'a KeyRing,
    pub(crate) now: UnixTime,
    pub(crate) host: H,
}

/// A user who signed in and may come in.
#[derive(Debug)]
pub struct SignedIn {
    /// Who.
    pub identity: Identity,
    /// What policies judge them by.
    pub claims: Claims,
    /// What the provider gave.
    pub tokens: TokenResponse,
}

/// New tokens, and whether they may be used.
#[derive(Debug)]
pub struct Refreshed {
    /// To be kept whatever the verdict is: the old refresh token may be spent.
    pub tokens: RefreshedTokens,
    /// Whether it is still the user of the session, and one who may come in, and what policies now judge them by: `None`
    /// where the provider says nothing of the user. Where it is an error, nothing may be done
    /// with the access token: where it [ends the session](RefreshFailure::ends_the_session), for ever; otherwise until it
    /// was asked again, so the tokens are then kept as if they had expired.
    pub verdict: Result<Option<Claims>, RefreshFailure>,
}

impl<'a> ProviderClient<'a> {
    /// The client of `provider`, which is one of `configuration`, with the server `keys`, at `now`.
    pub const fn new(
        provider: &'a IdentityProvider,
        configuration: &'a Configuration,
        keys: &'a KeyRing,
        now: UnixTime,
    ) -> Self {
        Self::on(ComponentHost, provider, configuration, keys, now)
    }
}

impl<'a, H: Host> ProviderClient<'a, H> {
    /// The same, in other surroundings than the component's.
    pub const fn on(
        host: H,
        provider: &'a IdentityProvider,
        configuration: &'a Configuration,
        keys: &'a KeyRing,
        now: UnixTime,
    ) -> Self {
        Self { provider, configuration, keys, now, host }
    }

    /// Redeems the code that the browser brought, verifies who signed in, and judges them by the provider's access
    /// rules. `callback_url` is the one with which the login began.
    ///
    /// # Errors
    /// Where nobody signed in, or somebody who may not come in ([`Failure::access`]).
    pub fn sign_in(
        &self,
        metadata: &ProviderMetadata,
        callback_url: &str,
        code: &AuthorizationCode,
        secrets: &LoginSecrets,
    ) -> Result<SignedIn, Failure> {
        let authentication = self.authentication(metadata)?;
        let request = token_request(self.provider, metadata, &authentication, callback_url, code, secrets);
        let tokens = TokenResponse::parse(&self.ask("tokens", &request, TOKEN_ANSWER_BYTES)?)?;
        let verify = |keys: &_| Identity::verify(&tokens.id_token, self.provider, metadata, keys, secrets, self.now);
        let identity = self.verified(metadata, verify, IdTokenRejection::fresh_keys_may_help)??;
        let claims = self.admit(&identity, &tokens.access_token)?;
        Ok(SignedIn { identity, claims, tokens })
    }

    /// Asks for new tokens for the session of `subject`. The refresh token may be spent from then on, so this happens
    /// once at a time for each session, whichever instance does it.
    ///
    /// # Errors
    /// Where there are none; [`RefreshFailure::ends_the_session`] says what that means.
    pub fn refresh(&self, refresh_token: &SecretString, subject: &Subject) -> Result<Refreshed, RefreshFailure> {
        let metadata = self.metadata()?;
        let authentication = self.authentication(&metadata)?;
        let request = refresh_request(self.provider, &metadata, &authentication, refresh_token);
        let answer = self.ask("refreshed tokens", &request, TOKEN_ANSWER_BYTES)?;
        let tokens = RefreshedTokens::parse(&answer, refresh_token)?;
        let verdict = self.verdict(&tokens, &metadata, subject);
        Ok(Refreshed { tokens, verdict })
    }

    /// Whether refreshed tokens are of `subject`, and the access rules still let them in.
    fn verdict(
        &self,
        tokens: &RefreshedTokens,
        metadata: &ProviderMetadata,
        subject: &Subject,
    ) -> Result<Option<Claims>, RefreshFailure> {
        // It is optional (OpenID Connect Core 1.0, section 12.2). Without it there is nothing new to judge by.
        let Some(id_token) = &tokens.id_token else { return Ok(None) };
        let verify = |keys: &_| Identity::verify_refreshed(id_token, self.provider, metadata, keys, subject, self.now);
        let identity = self.verified(metadata, verify, IdTokenRejection::fresh_keys_may_help)?;
        let identity = identity.map_err(RefreshRejection::from)?;
        Ok(Some(self.admit(&identity, &tokens.access_token).map_err(RefreshRejection::from)?))
    }

    /// Verifies an identity assertion of this provider for the authenticated client `client_id` at the authorization
    /// server `our_issuer`. Whether its user may come in, and whether it was used before, is the caller's to judge.
    ///
    /// # Errors
    /// Where the assertion is worth nothing.
    pub fn verify_assertion(
        &self,
        assertion: &IdentityAssertion,
        our_issuer: &str,
        client_id: &str,
    ) -> Result<AssertedIdentity, AssertionFailure> {
        let metadata = self.metadata()?;
        let verify = |keys: &_| assertion.verify(self.provider, &metadata, keys, our_issuer, client_id, self.now);
        Ok(self.verified(&metadata, verify, IdentityAssertionRejection::fresh_keys_may_help)??)
    }

    fn admit(&self, identity: &Identity, access_token: &SecretString) -> Result<Claims, AccessRejection> {
        let named = NamedClaims::of(&self.configuration.rule_claims);
        match admit(identity, self.provider, &named)? {
            Admission::Granted(claims) => Ok(claims),
            Admission::GroupsNeeded => {
                admit_member(identity, &self.memberships(&named, access_token)?, self.provider, &named)
            }
        }
    }

    /// Those of the groups that rules name that the user is in. Every request must be answered.
    fn memberships(&self, named: &NamedClaims<'_>, access_token: &SecretString) -> Result<Memberships, GroupsUnknown> {
        let mut memberships = Memberships::default();
        for request in group_requests(self.provider, named, access_token)? {
            let response = self.host.fetch(&request, GROUPS_ANSWER_BYTES);
            memberships.add(&response.map_err(|reason| GroupsUnknown::NoAnswer(reason.to_string()))?)?;
        }
        Ok(memberships)
    }

    pub(crate) fn ask(
        &self,
        what: &'static str,
        request: &Request<Vec<u8>>,
        limit: usize,
    ) -> Result<Response<Vec<u8>>, Failure> {
        self.host.fetch(request, limit).map_err(|reason| Failure::NoAnswer(what, reason).at(request.uri()))
    }
}

impl<H> fmt::Debug for ProviderClient<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderClient").field("provider", &self.provider.name).finish_non_exhaustive()
    }
}
