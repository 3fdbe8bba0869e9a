//! The authorization request (OAuth 2.1, section 4.1.1).
//!
//! Errors come in two kinds that must not be mixed up: until client and redirect URI are known to belong together,
//! nothing may be sent anywhere and the user is told ([`UnboundRejection`]); from then on the client is told
//! ([`AuthorizationRejection`]).

use gatehouse_configuration::GrantType;
use gatehouse_configuration::authorization_server::{Configuration, Route};
use gatehouse_protocol::{
    BoundRedirectUri, ClientId, CodeChallenge, InvalidResource, ParameterError, Parameters, RedirectUri, ResourceUri,
    Scopes, UnixTime,
};
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_storage::{Store, StoreUnavailable};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ErrorCode;
use crate::client::{Client, ClientUnknown};
use crate::client_document::{FoundDocument, ReadDocument};

/// Bytes. A client that keeps more than this in `state` would pass the limits of URLs, too.
const LONGEST_STATE: usize = 2048;
/// Bytes of redirect URI and `state`, as they stand in `Location`. With what we add to them (code, `iss`, or an error), the
/// header stays below the 4 KB that a proxy has for the whole head of an answer (nginx).
const LONGEST_RESPONSE: usize = 3072;

/// A request whose client is known and whose redirect URI belongs to it.
#[derive(Clone, Debug)]
pub struct BoundRequest {
    client: Client,
    redirect_uri: BoundRedirectUri,
    parameters: Parameters,
}

/// A request that can be granted.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client: Client,
    /// Where the answer goes.
    pub redirect_uri: BoundRedirectUri,
    /// The client's `state`, returned as it came.
    pub state: Option<String>,
    /// The PKCE challenge.
    pub code_challenge: CodeChallenge,
    /// What is asked for: always a part of what the resource has.
    pub scopes: Scopes,
    /// For what.
    pub resource: ResourceUri,
    /// Whether the client wants the user asked, whatever they approved before (`prompt=consent`).
    pub prompts_consent: bool,
}

/// Nothing may be sent to the redirect URI; the user is told.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnboundRejection {
    /// A parameter that says who asks, or where the answer goes, is missing or doubled.
    #[error("{0}")]
    Parameter(#[from] ParameterError),
    /// No such client.
    #[error("the client is not registered here, or its registration has expired")]
    UnknownClient,
    /// The redirect URI is not one of the client's.
    #[error("the redirect URI is not one that this client registered")]
    ForeignRedirectUri,
    /// The operator has taken away, while the user was deciding, what was asked for.
    #[error("the server or the permission that was asked for is no longer there")]
    WithdrawnResource,
    /// The client cannot be looked up.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

/// The client is told.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AuthorizationRejection {
    /// A parameter is missing or doubled.
    #[error("{0}")]
    Parameter(#[from] ParameterError),
    /// `response_type` is not `code`.
    #[error("response_type must be code")]
    ResponseType,
    /// `response_mode` is not `query`.
    #[error("response_mode must be query")]
    ResponseMode,
    /// `code_challenge_method` is not S256; absent, it would mean `plain`.
    #[error("code_challenge_method must be S256")]
    ChallengeMethod,
    /// `code_challenge` is not an S256 challenge.
    #[error("code_challenge must be 43 base64url characters")]
    Challenge,
    /// `state` is too long, by itself or beside the redirect URI.
    #[error(
        "state must have at most {LONGEST_STATE} bytes, and {LONGEST_RESPONSE} with the redirect URI, form-encoded"
    )]
    State,
    /// A scope is malformed, or the resource does not have it.
    #[error("scope holds something that this resource does not have")]
    Scope,
    /// `resource` is not one that we protect, or there are several, none is named, and the scopes do not say which one.
    #[error("resource must be one of the MCP servers here")]
    Resource,
    /// `prompt=none`: somebody always has to sign in.
    #[error("the user must be asked")]
    PromptNone,
    /// Request objects are not supported.
    #[error("request objects are not supported")]
    RequestObject,
    /// The client is not one that gets codes.
    #[error("this client must not ask for codes")]
    Client,
    /// The operator allows other clients alone at the resource.
    #[error("this client is not allowed at this resource")]
    ClientNotAllowed,
    /// Request objects by reference are not supported.
    #[error("request_uri is not supported")]
    RequestUri,
}

impl AuthorizationRejection {
    /// The code on the wire.
    pub fn to_wire(&self) -> ErrorCode {
        match self {
            Self::Parameter(_) | Self::ResponseMode | Self::ChallengeMethod | Self::Challenge | Self::State => {
                ErrorCode::InvalidRequest
            }
            Self::ResponseType => ErrorCode::UnsupportedResponseType,
            Self::Scope => ErrorCode::InvalidScope,
            Self::Resource => ErrorCode::InvalidTarget,
            Self::PromptNone => ErrorCode::InteractionRequired,
            Self::RequestObject => ErrorCode::RequestNotSupported,
            Self::RequestUri => ErrorCode::RequestUriNotSupported,
            Self::Client | Self::ClientNotAllowed => ErrorCode::UnauthorizedClient,
        }
    }
}

impl BoundRequest {
    /// Finds the client of the request in `query` and binds the redirect URI to it.
    ///
    /// # Errors
    /// See [`UnboundRejection`]: to be shown, never redirected.
    pub fn parse(
        query: &str,
        configuration: &Configuration,
        keys: &KeyRing,
        store: &impl Store,
        now: UnixTime,
    ) -> Result<Self, UnboundRejection> {
        Self::parse_with(None, query, configuration, keys, store, now)
    }

    /// The same, where the document of the client has been `read` for this request.
    ///
    /// # Errors
    /// See [`UnboundRejection`]: to be shown, never redirected.
    pub fn parse_with(
        read: Option<&ReadDocument>,
        query: &str,
        configuration: &Configuration,
        keys: &KeyRing,
        store: &impl Store,
        now: UnixTime,
    ) -> Result<Self, UnboundRejection> {
        let parameters = Parameters::parse(query);
        let client_id =
            ClientId::parse(parameters.required("client_id")?).map_err(|_| UnboundRejection::UnknownClient)?;
        let client = Client::find_with(read, &client_id, configuration, keys, store, now)?;
        let requested = parameters.required("redirect_uri")?;
        let redirect_uri = RedirectUri::parse(requested, &configuration.redirect_rules())
            .ok()
            .and_then(|uri| uri.bind(&client.redirect_uris))
            .ok_or(UnboundRejection::ForeignRedirectUri)?;
        Ok(Self { client, redirect_uri, parameters })
    }

    /// Judges the rest of the request.
    ///
    /// # Errors
    /// Where the client asks for something that cannot be; it is told at its redirect URI.
    pub fn validate(self, configuration: &Configuration) -> Result<AuthorizationRequest, Box<RejectedRequest>> {
        let prompts_consent = self.prompts("consent");
        match self.judge(configuration) {
            Ok((state, code_challenge, scopes, resource)) => Ok(AuthorizationRequest {
                client: self.client,
                redirect_uri: self.redirect_uri,
                state,
                code_challenge,
                scopes,
                resource,
                prompts_consent,
            }),
            Err(rejection) => {
                // A doubled or overlong state cannot be returned; the client then knows the answer by its redirect
                // URI alone.
                let state = self.parameters.optional("state").ok().flatten().filter(|state| self.can_return(state));
                let state = state.map(str::to_owned);
                Err(Box::new(RejectedRequest {
                    client: self.client,
                    state,
                    redirect_uri: self.redirect_uri,
                    rejection,
                }))
            }
        }
    }

    fn judge(
        &self,
        configuration: &Configuration,
    ) -> Result<(Option<String>, CodeChallenge, Scopes, ResourceUri), AuthorizationRejection> {
        let parameters = &self.parameters;
        let state = parameters.optional("state")?.map(str::to_owned);
        if state.as_ref().is_some_and(|state| !self.can_return(state)) {
            return Err(AuthorizationRejection::State);
        }
        if parameters.optional("request")?.is_some() {
            return Err(AuthorizationRejection::RequestObject);
        }
        if parameters.optional("request_uri")?.is_some() {
            return Err(AuthorizationRejection::RequestUri);
        }
        if parameters.required("response_type")? != "code" {
            return Err(AuthorizationRejection::ResponseType);
        }
        if !self.client.may(GrantType::AuthorizationCode) {
            return Err(AuthorizationRejection::Client);
        }
        if parameters.optional("response_mode")?.is_some_and(|mode| mode != "query") {
            return Err(AuthorizationRejection::ResponseMode);
        }
        parameters.optional("prompt")?;
        if self.prompts("none") {
            return Err(AuthorizationRejection::PromptNone);
        }
        let challenge = parameters.required("code_challenge")?;
        if parameters.optional("code_challenge_method")? != Some("S256") {
            return Err(AuthorizationRejection::ChallengeMethod);
        }
        let challenge = CodeChallenge::parse(challenge).map_err(|_| AuthorizationRejection::Challenge)?;
        let named = named_resource(parameters).map_err(|_| AuthorizationRejection::Resource)?;
        let requested = Scopes::parse(parameters.optional("scope")?.unwrap_or_default());
        let requested = requested.map_err(|_| AuthorizationRejection::Scope)?;
        let target = target(named.as_ref(), &requested, configuration);
        let (resource, route) = target.ok_or(AuthorizationRejection::Resource)?;
        if !route.allows_client(&self.client.client_id) {
            return Err(AuthorizationRejection::ClientNotAllowed);
        }
        // What was asked for, or what the resource needs.
        let scopes = route.granted(&requested).ok_or(AuthorizationRejection::Scope)?;
        Ok((state, challenge, scopes, resource))
    }

    /// Whether an answer with this `state` fits into the head of an HTTP response.
    fn can_return(&self, state: &str) -> bool {
        state.len() <= LONGEST_STATE && self.redirect_uri.location(&[("state", state)]).len() <= LONGEST_RESPONSE
    }

    /// Whether `value` is one of the values of `prompt` (OpenID Connect Core 1.0, section 3.1.2.1).
    fn prompts(&self, value: &str) -> bool {
        self.parameters.all("prompt").flat_map(|prompt| prompt.split(' ')).any(|prompt| prompt == value)
    }
}

/// A request that cannot be granted, and where to say so.
#[derive(Clone, Debug)]
pub struct RejectedRequest {
    /// Who asked.
    pub client: Client,
    /// Where the answer goes.
    pub redirect_uri: BoundRedirectUri,
    /// The client's `state`, where it can be returned.
    pub state: Option<String>,
    /// Why.
    pub rejection: AuthorizationRejection,
}

impl RejectedRequest {
    /// Whether the answer may be sent without asking the user: to a client of the operator's, or to a program on the
    /// user's own machine. Anybody can register a redirect URI elsewhere and make a link of ours lead there (RFC 9700,
    /// section 4.11.2; MCP 2026-07-28, authorization security, "Open Redirection").
    pub fn may_redirect(&self) -> bool {
        let redirect_uri = self.redirect_uri.redirect_uri();
        self.client.is_configured || redirect_uri.is_loopback() || redirect_uri.is_private_use()
    }
}

/// The resource that a request names. One token is for one resource here: RFC 8707 lets a client name several, and the
/// server refuse.
pub(crate) fn named_resource(parameters: &Parameters) -> Result<Option<ResourceUri>, InvalidResource> {
    let mut named = parameters.all("resource").filter(|value| !value.is_empty());
    let first = named.next();
    if named.any(|other| Some(other) != first) {
        return Err(InvalidResource);
    }
    first.map(ResourceUri::parse).transpose()
}

/// The route that is meant, with its resource indicator: the named one; the only one where none is named (clients of MCP
/// 2025-03-26 name none, and some of later versions neither); or of several the only one that has the `requested` scopes.
pub(crate) fn target<'a>(
    named: Option<&ResourceUri>,
    requested: &Scopes,
    configuration: &'a Configuration,
) -> Option<(ResourceUri, &'a Route)> {
    let route = match (named, configuration.routes.as_slice()) {
        (Some(named), _) => configuration.route_of(named)?,
        (None, [only]) => only,
        (None, several) => {
            let mut having = several.iter().filter(|route| has(route, requested));
            having.next().filter(|_| having.next().is_none())?
        }
    };
    Some((configuration.resource_of(route)?, route))
}

/// Whether something is asked for, and the route has all of it. Scopes of OpenID count where the route has them.
fn has(route: &Route, requested: &Scopes) -> bool {
    let requested = requested.without_openid_but(&route.offered_scopes);
    !requested.is_empty() && route.offered_scopes.contains_all(&requested)
}

/// The request as it is kept while the user decides and signs in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RequestText {
    client_id: String,
    redirect_uri: String,
    state: Option<String>,
    code_challenge: String,
    scopes: String,
    resource: String,
    prompts_consent: bool,
    /// What the client's document said when the request came; nothing of it is kept elsewhere until a user has approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    document: Option<Box<ReadDocument>>,
}

impl AuthorizationRequest {
    pub(crate) fn to_text(&self) -> RequestText {
        RequestText {
            client_id: self.client.client_id.to_string(),
            redirect_uri: self.redirect_uri.to_string(),
            state: self.state.clone(),
            code_challenge: self.code_challenge.to_wire(),
            scopes: self.scopes.to_string(),
            resource: self.resource.to_string(),
            prompts_consent: self.prompts_consent,
            document: self.client.document.as_ref().and_then(FoundDocument::carried).cloned().map(Box::new),
        }
    }

    /// Reads a kept request back, and binds it anew: a client that has gone, or a redirect URI that is no longer its
    /// own, gets nothing.
    pub(crate) fn restore(
        text: &RequestText,
        configuration: &Configuration,
        keys: &KeyRing,
        store: &impl Store,
        now: UnixTime,
    ) -> Result<Self, UnboundRejection> {
        let client_id = ClientId::parse(&text.client_id).map_err(|_| UnboundRejection::UnknownClient)?;
        let read = text.document.as_deref();
        let client = Client::find_with(read, &client_id, configuration, keys, store, now)?;
        let redirect_uri = RedirectUri::parse(&text.redirect_uri, &configuration.redirect_rules())
            .ok()
            .and_then(|uri| uri.bind(&client.redirect_uris))
            .ok_or(UnboundRejection::ForeignRedirectUri)?;
        let broken = || UnboundRejection::Unavailable(StoreUnavailable("a kept request cannot be read".to_owned()));
        let scopes = Scopes::parse(&text.scopes).map_err(|_| broken())?;
        let resource = ResourceUri::parse(&text.resource).map_err(|_| broken())?;
        let route = configuration.route_of(&resource).ok_or(UnboundRejection::WithdrawnResource)?;
        if route.granted(&scopes).is_none() || !route.allows_client(&client.client_id) {
            return Err(UnboundRejection::WithdrawnResource);
        }
        Ok(Self {
            client,
            redirect_uri,
            state: text.state.clone(),
            code_challenge: CodeChallenge::parse(&text.code_challenge).map_err(|_| broken())?,
            scopes,
            resource,
            prompts_consent: text.prompts_consent,
        })
    }
}

impl From<ClientUnknown> for UnboundRejection {
    fn from(error: ClientUnknown) -> Self {
        match error {
            ClientUnknown::NotRegistered => Self::UnknownClient,
            ClientUnknown::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

#[cfg(test)]
mod tests;
