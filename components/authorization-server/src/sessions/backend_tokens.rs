//! `gatehouse:auth/backend-tokens`: the tokens with which the gateway calls servers.

use std::borrow::Cow;

use gatehouse_backend_tokens::{
    DueToken, GivenToken, Refused, RefusedBy, TokenClaim, TokenLease, TokenPlace, TokenState,
};
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_openid::{BackendRejection, TokenRefusal};
use gatehouse_protocol::{ResourceUri, SecretString};
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_sessions::{ProviderGrant, Rejection as SessionRejection};
use provider_client::{BackendFailure, BackendTokens, UserToken};
use shell_configuration::SettingsError;
use shell_http::{SystemEntropy, now};
use shell_store::HostStore;

use super::provider_tokens::{self, ProviderToken};
use super::{translate, with_keys};
use crate::AuthorizationServer;
use crate::awaited::awaited;
use crate::bindings::exports::gatehouse::auth::backend_tokens::{Guest, Rejection, Session, Wanted};
use crate::bindings::exports::gatehouse::auth::sessions::RequestIds;
use crate::log::{Details, RequestLog};

/// What the log calls it.
const BACKEND_TOKEN: &str = "backend-token";

/// The session of the user whose token it is.
struct UserSession {
    grant: ProviderGrant,
    resource: ResourceUri,
}

/// A wanted token.
struct Getting<'a> {
    wanted: &'a Wanted,
    keys: &'a KeyRing,
    user: Option<UserSession>,
    log: RequestLog,
}

impl Guest for AuthorizationServer {
    fn token(wanted: Wanted, session: Option<Session>, ids: RequestIds) -> Result<String, Rejection> {
        let keys = shell_configuration::server_keys().map_err(unavailable)?;
        let user = match (wanted.place, session) {
            (None, _) => None,
            (Some(_), None) => return Err(unavailable("a user's token is wanted without a session")),
            (Some(_), Some(session)) => Some(UserSession::of(&session, keys).map_err(of_session)?),
        };
        let log = RequestLog::on_behalf_of(&ids.request_id, ids.trace_id.as_deref());
        let token = Getting { wanted: &wanted, keys, user, log }.token()?;
        Ok(token.expose().to_owned())
    }
}

impl UserSession {
    fn of(session: &Session, keys: &KeyRing) -> Result<Self, SessionRejection> {
        let resource = ResourceUri::parse(&session.resource).map_err(|_| SessionRejection::Unrecognised)?;
        let grant = with_keys(keys).provider_grant(&session.access_token, &resource)?;
        Ok(Self { grant, resource })
    }
}

impl Getting<'_> {
    /// As it is kept, or got anew.
    fn token(&self) -> Result<SecretString, Rejection> {
        let mut user_token = None;
        let found = awaited(|| {
            let place = self.place()?;
            let due = match place.state(&HostStore, now()).map_err(unavailable)? {
                TokenState::Fresh(token) => return Ok(Some(token)),
                TokenState::Refused(refused) => return Err(rejection(refused)),
                TokenState::Due(due) => due,
            };
            // Before anybody gets the lease: whoever cannot sign in again should not keep others waiting.
            if let (Some(user), None) = (&self.user, &user_token) {
                user_token = Some(self.user_token(user)?);
            }
            match place.claim(&due, &HostStore, now(), &mut SystemEntropy).map_err(unavailable)? {
                TokenClaim::Lease(lease) => self.got(lease, due, user_token.as_ref()).map(Some),
                TokenClaim::Wait | TokenClaim::Paused if due.usable.is_some() => Ok(due.usable),
                TokenClaim::Paused => Err(unavailable("the token service has not answered for several times")),
                TokenClaim::Wait => Ok(None),
            }
        })?;
        found.ok_or_else(|| unavailable("the token is being got, and it takes too long"))
    }

    /// Got anew, by this request and no other.
    fn got(
        &self,
        lease: TokenLease,
        due: DueToken,
        user_token: Option<&SecretString>,
    ) -> Result<SecretString, Rejection> {
        match self.get(user_token) {
            Ok(given) => {
                let token = lease.complete(given, &HostStore, now(), &mut SystemEntropy);
                self.check_open()?;
                token.map_err(unavailable)
            }
            Err(NotGiven::Refused(refused)) => {
                self.note_refusal(&refused.reason);
                lease.refused(refused.clone(), &HostStore, now(), &mut SystemEntropy).map_err(unavailable)?;
                self.check_open()?;
                Err(rejection(refused))
            }
            Err(NotGiven::Unavailable(reason)) => {
                lease.give_up(&HostStore, now(), &mut SystemEntropy).map_err(unavailable)?;
                due.usable.ok_or(Rejection::Unavailable(reason))
            }
        }
    }

    fn place(&self) -> Result<TokenPlace, Rejection> {
        let fingerprint = self.wanted.fingerprint.clone();
        match (&self.user, self.wanted.place) {
            (Some(user), Some(place)) => Ok(user.grant.backend_place(place, fingerprint)),
            _ => TokenPlace::of_gateway(self.keys, now(), fingerprint).map_err(unavailable),
        }
    }

    /// The user's access token of the identity provider, refreshed where it must be.
    fn user_token(&self, user: &UserSession) -> Result<SecretString, Rejection> {
        // Before the first token of the session is kept: so it ends with the session.
        user.grant.mark_backend_tokens(&HostStore).map_err(of_session)?;
        let token = provider_tokens::access_token(&user.grant, &user.resource, configuration, &self.log);
        match token.map_err(of_session)? {
            ProviderToken::Usable(token) => Ok(token),
            ProviderToken::Ended => Err(Rejection::NoUserToken),
            ProviderToken::NeverGiven => Err(Rejection::NeverSignedIn),
        }
    }

    fn get(&self, user_token: Option<&SecretString>) -> Result<GivenToken, NotGiven> {
        let configuration = shell_configuration::authorization_server();
        let configuration = configuration.map_err(|error| NotGiven::Unavailable(error.to_string()))?;
        let Wanted { route, fingerprint, .. } = self.wanted;
        let grant = configuration.backend_grants.iter();
        let grant = grant.filter(|grant| grant.path == *route).find(|grant| grant.fingerprint == *fingerprint);
        let Some(grant) = grant else {
            return Err(NotGiven::Unavailable(
                "the server's token is not that of the gateway's configuration".to_owned(),
            ));
        };
        let provider = self.user.as_ref().map_or("", |user| user.grant.subject.provider());
        let user_token = user_token.map(|token| UserToken { provider, token });
        let answer = BackendTokens::new(&configuration, self.keys, now()).get(grant, user_token.as_ref())?;
        Ok(GivenToken {
            access_token: answer.access_token,
            refresh_token: None,
            expires_at: answer.expires_in.map(|seconds| now().plus(seconds)),
        })
    }

    /// Nothing stays of a session that has ended meanwhile.
    fn check_open(&self) -> Result<(), Rejection> {
        self.user.as_ref().map_or(Ok(()), |user| user.grant.check_open(&HostStore)).map_err(of_session)
    }

    fn note_refusal(&self, reason: &str) {
        let subject = self.user.as_ref().map(|user| user.grant.subject.as_str());
        let details = Details { subject, route: Some(&self.wanted.route), ..Details::default() };
        self.log.refused_about(BACKEND_TOKEN, details, reason);
    }
}

/// Why no token was given.
enum NotGiven {
    Refused(Refused),
    Unavailable(String),
}

impl From<BackendFailure> for NotGiven {
    fn from(failure: BackendFailure) -> Self {
        match failure {
            BackendFailure::Rejected(BackendRejection::Refused { of, reason }) => {
                let of = match of {
                    TokenRefusal::User => RefusedBy::User,
                    TokenRefusal::UserAction => RefusedBy::UserAction,
                    TokenRefusal::Gateway => RefusedBy::Gateway,
                };
                Self::Refused(Refused { of, reason })
            }
            failure => Self::Unavailable(failure.to_string()),
        }
    }
}

fn rejection(Refused { of, reason }: Refused) -> Rejection {
    match of {
        RefusedBy::User => Rejection::Refused(reason),
        RefusedBy::UserAction => Rejection::UserAction(reason),
        RefusedBy::Gateway => Rejection::Misconfigured(reason),
    }
}

fn of_session(rejection: SessionRejection) -> Rejection {
    match rejection {
        SessionRejection::Unavailable(reason) => Rejection::Unavailable(reason),
        rejection => Rejection::Session(translate::rejection(rejection)),
    }
}

fn unavailable(reason: impl ToString) -> Rejection {
    Rejection::Unavailable(reason.to_string())
}

/// Read where somebody must be asked, and nowhere else.
fn configuration() -> Result<Cow<'static, Configuration>, SettingsError> {
    shell_configuration::authorization_server().map(Cow::Owned)
}
