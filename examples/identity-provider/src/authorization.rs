//! Authorization requests (OpenID Connect Core, section 3.1.2), and the answers that go through the browser.

use gatehouse_protocol::{CodeChallenge, ParameterError, Parameters};
use url::Url;

use crate::discovery::SCOPES;
use crate::settings::Settings;

/// Characters of a `nonce`; it is kept in the store, so it needs an end.
const LONGEST_NONCE: usize = 1024;

/// A request in which everything is right: what is missing is someone to sign in.
#[derive(Debug)]
pub struct AuthorizationRequest {
    /// The granted scope: what was asked for and means something here.
    pub scope: String,
    /// Repeated in the answer.
    pub state: Option<String>,
    /// Repeated in the ID token.
    pub nonce: Option<String>,
    /// What the code is bound to.
    pub challenge: CodeChallenge,
    /// A name to put on the login page.
    pub login_hint: Option<String>,
}

/// Why a request is refused, and where that is said.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// On a page: it is not certain that the redirect URI is the client's, and a redirect to another one would make
    /// this an open redirector (RFC 6749, section 4.1.2.1).
    Here(String),
    /// At the client.
    AtTheClient {
        /// The error code.
        error: &'static str,
        /// A sentence for the client's developer.
        description: String,
        /// The request's `state`.
        state: Option<String>,
    },
}

impl AuthorizationRequest {
    /// Validates the parameters of a request.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn parse(parameters: &Parameters, settings: &Settings) -> Result<Self, Refusal> {
        let here = |error: ParameterError| Refusal::Here(format!("{error}."));
        if parameters.required("client_id").map_err(here)? != settings.client_id.as_str() {
            return Err(Refusal::Here("The client_id is not the one in this provider's settings.".to_owned()));
        }
        // Character by character (OAuth 2.1, section 2.3.1).
        if parameters.required("redirect_uri").map_err(here)? != settings.redirect_uri.as_str() {
            return Err(Refusal::Here("The redirect_uri is not the one in this provider's settings.".to_owned()));
        }
        let state = parameters.optional("state").ok().flatten().map(str::to_owned);
        Self::parse_for_the_client(parameters, state.clone()).map_err(|(error, description)| Refusal::AtTheClient {
            error,
            description,
            state,
        })
    }

    /// The rest of the parameters, once it is certain where an error may go.
    fn parse_for_the_client(parameters: &Parameters, state: Option<String>) -> Result<Self, (&'static str, String)> {
        let doubled = |error: ParameterError| ("invalid_request", error.to_string());
        let optional = |name| parameters.optional(name).map_err(doubled);
        optional("state")?;
        if optional("request")?.is_some() {
            return Err(("request_not_supported", "request objects are not supported".to_owned()));
        }
        if optional("request_uri")?.is_some() {
            return Err(("request_uri_not_supported", "request objects are not supported".to_owned()));
        }
        if parameters.required("response_type").map_err(doubled)? != "code" {
            return Err(("unsupported_response_type", "the only response_type is code".to_owned()));
        }
        if optional("response_mode")?.is_some_and(|mode| mode != "query") {
            return Err(("invalid_request", "the only response_mode is query".to_owned()));
        }
        let requested: Vec<&str> = optional("scope")?.unwrap_or_default().split(' ').collect();
        if !requested.contains(&"openid") {
            return Err(("invalid_scope", "the scope must contain openid".to_owned()));
        }
        if optional("code_challenge_method")? != Some("S256") {
            return Err(("invalid_request", "PKCE with code_challenge_method S256 is required".to_owned()));
        }
        let challenge = parameters.required("code_challenge").map_err(doubled)?;
        let challenge = CodeChallenge::parse(challenge).map_err(|error| ("invalid_request", error.to_string()))?;
        let nonce = optional("nonce")?.map(str::to_owned);
        if nonce.as_ref().is_some_and(|nonce| nonce.len() > LONGEST_NONCE) {
            return Err(("invalid_request", format!("the nonce is longer than {LONGEST_NONCE} bytes")));
        }
        // Nobody stays signed in here, so a request that may not show a page cannot be answered (section 3.1.2.6).
        if optional("prompt")?.is_some_and(|prompt| prompt.split(' ').any(|prompt| prompt == "none")) {
            return Err(("login_required", "nobody stays signed in at this provider".to_owned()));
        }
        let scope: Vec<&str> = SCOPES.into_iter().filter(|scope| requested.contains(scope)).collect();
        let login_hint = optional("login_hint")?.map(str::to_owned);
        Ok(Self { scope: scope.join(" "), state, nonce, challenge, login_hint })
    }

    /// The request as form fields, so that the login form can repeat it: nothing is kept until someone signs in.
    pub fn to_fields(&self, settings: &Settings) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("response_type", "code".to_owned()),
            ("client_id", settings.client_id.to_string()),
            ("redirect_uri", settings.redirect_uri.to_string()),
            ("scope", self.scope.clone()),
            ("code_challenge", self.challenge.to_wire()),
            ("code_challenge_method", "S256".to_owned()),
        ];
        fields.extend(self.state.clone().map(|state| ("state", state)));
        fields.extend(self.nonce.clone().map(|nonce| ("nonce", nonce)));
        fields
    }
}

/// Where the browser goes with `answer`; `iss` tells the client who answers (RFC 9207).
pub fn answer_url(settings: &Settings, answer: &[(&str, &str)], state: Option<&str>) -> Url {
    let mut url = settings.redirect_uri.clone();
    let mut query = url.query_pairs_mut();
    query.extend_pairs(answer).append_pair("iss", settings.issuer.as_str());
    if let Some(state) = state {
        query.append_pair("state", state);
    }
    drop(query);
    url
}
