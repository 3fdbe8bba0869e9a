//! What one MCP server is sent.

use gatehouse_audit_log::CredentialKind;
use gatehouse_configuration::Upstream;
use gatehouse_gateway::{Refusal, request_headers, target};
use gatehouse_protocol::SecretString;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use shell_http::SystemEntropy;

use crate::bindings::gatehouse::auth::sessions::{self, ProviderToken};
use crate::caller::{Caller, token_refusal};
use crate::context::RequestContext;
use crate::upstream::identity;

/// A request to an MCP server, as far as it is not the client's own.
pub(crate) struct UpstreamRequest<'a> {
    pub(crate) upstream: &'a Upstream,
    pub(crate) method: Method,
    /// The server's own session id.
    pub(crate) session_id: Option<&'a str>,
    /// The server's own id of the last event that the client got.
    pub(crate) last_event_id: Option<&'a str>,
    /// `Mcp-Name`, where it is not the client's.
    pub(crate) mcp_name: Option<&'a HeaderValue>,
    /// `Accept`, where it is not the client's.
    pub(crate) accept: Option<&'static str>,
    /// Another address than the configured one.
    pub(crate) target: Option<Uri>,
    pub(crate) body: Vec<u8>,
}

impl<'a> UpstreamRequest<'a> {
    /// A message.
    pub(crate) fn posted(upstream: &'a Upstream, body: Vec<u8>) -> Self {
        Self {
            upstream,
            method: Method::POST,
            session_id: None,
            last_event_id: None,
            mcp_name: None,
            accept: None,
            target: None,
            body,
        }
    }

    /// A question for the server's stream.
    pub(crate) fn for_stream(upstream: &'a Upstream) -> Self {
        Self { method: Method::GET, ..Self::posted(upstream, Vec::new()) }
    }

    /// The end of a session.
    pub(crate) fn end_of_session(upstream: &'a Upstream, session_id: Option<&'a str>) -> Self {
        Self { method: Method::DELETE, session_id, ..Self::posted(upstream, Vec::new()) }
    }

    /// The request in the caller's name.
    ///
    /// # Errors
    /// Where something that the server needs is not there.
    pub(crate) fn build(self, context: &RequestContext<'_>, caller: &Caller) -> Result<Request<Vec<u8>>, Refusal> {
        let secrets = secrets(self.upstream)?;
        let identity = match caller.identity.subject.is_nobody() {
            true => Vec::new(),
            false => identity::headers(context, caller, self.upstream)?,
        };
        // Asked for last, when nothing else is left to refuse: it may have to be refreshed.
        let identity_provider_token = identity_provider_token(context, caller, self.upstream)?;
        let own = request_headers::Own {
            method: &self.method,
            subject: caller.identity.known_subject(),
            request_id: &context.request_id,
            hop: &context.trace.hop(&mut SystemEntropy),
            session_id: self.session_id,
            last_event_id: self.last_event_id,
            mcp_name: self.mcp_name,
            accept: self.accept,
            secrets: &secrets,
            identity_provider_token: identity_provider_token.as_ref(),
            identity: &identity,
        };
        let headers =
            request_headers::forwarded(context.head.headers(), context.endpoint.configuration, self.upstream, &own)?;
        let mut request = Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = match self.target {
            Some(target) => target,
            None => target(&context.endpoint, self.upstream, context.head.uri())?,
        };
        *request.headers_mut() = headers;
        Ok(request)
    }
}

fn secrets(upstream: &Upstream) -> Result<Vec<(HeaderName, SecretString)>, Refusal> {
    let secrets = upstream.secret_headers.iter();
    let secrets = secrets.map(|(name, secret)| Ok((name.clone(), shell_configuration::secret(secret)?)));
    secrets
        .collect::<Result<_, shell_configuration::SettingsError>>()
        .map_err(|error| Refusal::Unavailable(error.to_string()))
}

fn identity_provider_token(
    context: &RequestContext<'_>,
    caller: &Caller,
    upstream: &Upstream,
) -> Result<Option<SecretString>, Refusal> {
    if !request_headers::needs_identity_provider_token(upstream) {
        return Ok(None);
    }
    let credential = caller.identity.credential;
    let is_signed_in = matches!(credential, CredentialKind::OwnToken | CredentialKind::BrowserSession);
    let is_user = is_signed_in && !caller.identity.subject.is_machine();
    let token = caller.token.as_ref().filter(|_| is_user).ok_or(Refusal::NoProviderToken(credential))?;
    let ids = sessions::RequestIds {
        request_id: context.request_id.to_string(),
        trace_id: Some(context.trace.id().to_string()),
    };
    match sessions::identity_provider_token(token.expose(), &caller.audience, &ids).map_err(token_refusal)? {
        ProviderToken::Usable(token) => Ok(Some(SecretString::new(token))),
        ProviderToken::Ended => Ok(None),
        ProviderToken::NeverGiven => Err(Refusal::NoProviderToken(credential)),
    }
}
