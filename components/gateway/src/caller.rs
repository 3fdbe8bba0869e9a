//! Who makes the request, and what is sealed for them.

use std::cell::OnceCell;

use gatehouse_audit_log::CredentialKind;
use gatehouse_client_address::ClientAddress;
use gatehouse_configuration::Revocation;
use gatehouse_gateway::{Endpoint, PresentedToken, Refusal, SealReferences, SealedReference};
use gatehouse_protocol::{Actor, Actors, Claims, ClientId, Names, Scope, SecretString, Subject, browser_resource};
use gatehouse_sealed_storage::sealing::HandleKeys;
use http::{HeaderValue, Method};
use shell_http::SystemEntropy;

use crate::bindings::gatehouse::auth::handles;
use crate::bindings::gatehouse::auth::sessions::{self, OtherIssuers, Principal, TokenIssuer};

/// Who makes the request.
pub(crate) struct Caller {
    pub(crate) identity: gatehouse_gateway::Caller,
    /// The access token, where one was shown.
    pub(crate) token: Option<SecretString>,
    /// Whether the caller has as many calls under way at the route as may be; `None` where nobody has looked yet.
    pub(crate) calls_are_full: Option<bool>,
    /// What the token is for.
    pub(crate) audience: String,
    /// Where the caller is: what is sealed for them opens here.
    resource: String,
    handle_keys: OnceCell<HandleKeys>,
}

impl Caller {
    /// Whoever has this token, presented with a request of this method at the endpoint.
    ///
    /// # Errors
    /// Where it is none, or cannot be validated.
    pub(crate) fn of_token(
        shown: PresentedToken,
        endpoint: &Endpoint<'_>,
        method: &Method,
        client: ClientAddress,
    ) -> Result<Self, Refusal> {
        let PresentedToken { token, presentation } = shown;
        let others = endpoint.route.accepted_tokens.as_ref().map(|accepted| OtherIssuers {
            path: endpoint.path().to_owned(),
            fingerprint: accepted.fingerprint.clone(),
            header: presentation.header,
            scheme: presentation.scheme,
            own_tokens: endpoint.route.own_tokens,
            address: client.counted_if_known(),
        });
        Self::validated(token, endpoint.resource(), others.as_ref(), endpoint, method)
    }

    /// Whoever is signed in with the browser whose cookie has this token.
    ///
    /// # Errors
    /// Where it is none, or cannot be validated.
    pub(crate) fn of_browser(token: SecretString, endpoint: &Endpoint<'_>, method: &Method) -> Result<Self, Refusal> {
        let audience = browser_resource(&endpoint.configuration.public_url);
        let mut caller = Self::validated(token, audience, None, endpoint, method)?;
        caller.identity.credential = CredentialKind::BrowserSession;
        // One sign-in is for all routes that take browsers. None of them gives anything at another.
        caller.identity.scopes = caller.identity.scopes.intersection(&endpoint.route.scopes);
        Ok(caller)
    }

    /// Somebody whom nobody knows, at a route that lets everybody in.
    ///
    /// # Errors
    /// If they could not be named.
    pub(crate) fn nobody(endpoint: &Endpoint<'_>) -> Result<Self, Refusal> {
        let identity = gatehouse_gateway::Caller::nobody();
        let identity = identity.ok_or_else(|| Refusal::Unavailable("nobody has no name".to_owned()))?;
        Ok(Self::without_token(identity, None, endpoint))
    }

    /// Whoever has shown a key of the endpoint's route that is good.
    pub(crate) fn of_key(
        identity: gatehouse_gateway::Caller,
        calls_are_full: Option<bool>,
        endpoint: &Endpoint<'_>,
    ) -> Self {
        Self::without_token(identity, calls_are_full, endpoint)
    }

    fn without_token(
        identity: gatehouse_gateway::Caller,
        calls_are_full: Option<bool>,
        endpoint: &Endpoint<'_>,
    ) -> Self {
        Self {
            identity,
            token: None,
            calls_are_full,
            audience: String::new(),
            resource: endpoint.resource(),
            handle_keys: OnceCell::new(),
        }
    }

    fn validated(
        token: SecretString,
        audience: String,
        others: Option<&OtherIssuers>,
        endpoint: &Endpoint<'_>,
        method: &Method,
    ) -> Result<Self, Refusal> {
        let resource = endpoint.resource();
        let revocation = match endpoint.route.revocation {
            Revocation::Immediate => sessions::Revocation::Immediate,
            Revocation::AtExpiry => sessions::Revocation::AtExpiry,
        };
        let calls_at = (method == Method::POST).then_some(endpoint.path());
        let validated = sessions::validate(token.expose(), &audience, revocation, calls_at, others);
        let validated = validated.map_err(token_refusal)?;
        let credential = match validated.issuer {
            TokenIssuer::Ourselves => CredentialKind::OwnToken,
            TokenIssuer::Another => CredentialKind::ExternalToken,
        };
        let identity = identity(validated.principal, credential)
            .ok_or_else(|| Refusal::Unavailable("the authorization server names no principal".to_owned()))?;
        let (token, calls_are_full) = (Some(token), validated.calls_are_full);
        Ok(Self { identity, token, calls_are_full, audience, resource, handle_keys: OnceCell::new() })
    }

    /// Seals a session for `Mcp-Session-Id`.
    ///
    /// # Errors
    /// Where it cannot be sealed.
    pub(crate) fn seal_header(&self, reference: &SealedReference) -> Result<HeaderValue, Refusal> {
        HeaderValue::try_from(self.seal(reference)?)
            .map_err(|_| Refusal::Unavailable("a bound Mcp-Session-Id cannot stand in a header".to_owned()))
    }

    /// Seals a text for a subject at the caller's resource.
    ///
    /// # Errors
    /// Where it cannot be sealed: then it is not given out.
    pub(crate) fn seal_text(&self, subject: &str, text: &str) -> Result<String, Refusal> {
        self.with_keys(subject, |keys| keys.seal(text, &mut SystemEntropy))
            .and_then(|sealed| sealed.map_err(|error| error.to_string()))
            .map_err(|reason| Refusal::Unavailable(format!("a handle cannot be bound: {reason}")))
    }

    /// Opens what [`Caller::seal_text`] sealed for this subject; `None` for what it has never sealed.
    ///
    /// # Errors
    /// Why nothing can be opened at the moment.
    pub(crate) fn open_text(&self, subject: &str, sealed: &str) -> Result<Option<String>, String> {
        self.with_keys(subject, |keys| keys.open(sealed).ok().map(|text| text.expose().to_owned()))
    }

    /// Acts with the keys that seal what belongs to a subject at the caller's resource. The caller's own are asked for once,
    /// however many references and events there are.
    fn with_keys<T>(&self, subject: &str, act: impl FnOnce(&HandleKeys) -> T) -> Result<T, String> {
        if subject != self.identity.subject.as_str() {
            return handle_keys(subject, &self.resource).map(|keys| act(&keys));
        }
        if let Some(keys) = self.handle_keys.get() {
            return Ok(act(keys));
        }
        let keys = handle_keys(subject, &self.resource)?;
        Ok(act(self.handle_keys.get_or_init(|| keys)))
    }
}

impl SealReferences for Caller {
    fn seal(&self, reference: &SealedReference) -> Result<String, Refusal> {
        self.seal_text(self.identity.subject.as_str(), &reference.to_text())
    }

    fn open(&self, sealed: &str) -> Result<Option<SealedReference>, Refusal> {
        let opened = self
            .open_text(self.identity.subject.as_str(), sealed)
            .map_err(|reason| Refusal::Unavailable(format!("a handle cannot be opened: {reason}")))?;
        Ok(opened.as_deref().and_then(SealedReference::parse))
    }
}

fn identity(principal: Principal, credential: CredentialKind) -> Option<gatehouse_gateway::Caller> {
    let sessions::Claims { tenant, groups, roles, names } = principal.claims;
    let names =
        names.map(|sessions::Names { name, preferred_username, email }| Names { name, preferred_username, email });
    let actor = |actor: sessions::Actor| Actor::new(&actor.sub, actor.iss.as_deref()).ok();
    Some(gatehouse_gateway::Caller {
        subject: Subject::parse(&principal.subject).ok()?,
        client_id: ClientId::parse(&principal.client_id).ok()?,
        credential,
        scopes: principal.scopes.iter().map(|scope| Scope::parse(scope).ok()).collect::<Option<_>>()?,
        claims: Claims { tenant, groups, roles, names: names.map(Box::new) },
        actors: Actors::new(principal.actors.into_iter().map(actor).collect::<Option<_>>()?).ok()?,
    })
}

/// What a client is told of a rejected access token. Every case is named, so that a new one cannot be let through unnoticed.
pub(crate) fn token_refusal(rejection: sessions::Rejection) -> Refusal {
    use sessions::Rejection;
    match rejection {
        Rejection::Unrecognised => Refusal::InvalidToken("not one of ours, or for another resource".into()),
        Rejection::Expired => Refusal::InvalidToken("expired".into()),
        Rejection::Revoked => Refusal::InvalidToken("of a session that has ended".into()),
        Rejection::NotAccepted(reason) => Refusal::InvalidToken(reason.into()),
        Rejection::Unavailable(reason) => Refusal::Unavailable(format!("the token cannot be validated: {reason}")),
    }
}

/// The keys that seal what belongs to `subject` at `resource`.
///
/// # Errors
/// Why there are none: then nothing is given out or taken back.
fn handle_keys(subject: &str, resource: &str) -> Result<HandleKeys, String> {
    let keys = handles::keys(subject, resource)?;
    HandleKeys::parse(&keys).map_err(|error| error.to_string())
}
