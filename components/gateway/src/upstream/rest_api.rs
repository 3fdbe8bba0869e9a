//! A REST API in the place of an MCP server: its document, and what a message to it becomes.

use std::cell::OnceCell;

use gatehouse_audit_log::Event;
use gatehouse_configuration::{BackendTokenSource, OpenApi, OpenApiDocument, Upstream, piece_name};
use gatehouse_gateway::rest::{KeptDocument, KeptIndex, RestExchange, SealTexts, rest_exchange};
use gatehouse_gateway::{EndpointKind, ProtocolRevision, is_reserved, request_headers};
use gatehouse_openapi::{
    CompiledDocument, DocumentOptions, Index, LARGEST_DOCUMENT, Pieces, Protocol, RequestTarget, Selection, compile,
};
use gatehouse_sealed_storage::document_cache::lifetime;
use http::header::{ACCEPT, ACCEPT_ENCODING};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use shell_http::now;
use shell_http::outbound::{Limits, fetch_within};
use shell_store::HostStore;

use crate::caller::Caller;
use crate::clock::HostClock;
use crate::context::RequestContext;
use crate::log;

/// In place of a subject: what is kept is for everybody at the route. No identity provider has an empty name.
const EVERYBODY: &str = ":everybody";
/// Milliseconds for a document.
const FETCH_TIME: u64 = 20_000;
/// Seconds for which a document is fresh that does not say for how long, and at most.
const DEFAULT_SECONDS: u64 = 60 * 60;
const LONGEST_SECONDS: u64 = 24 * 60 * 60;
/// What is read of a document. YAML is asked for last: it is larger, and takes longer.
const DOCUMENT_TYPES: HeaderValue =
    HeaderValue::from_static("application/openapi+json, application/json, application/yaml;q=0.5, */*;q=0.1");

/// What is sent in place of this request to an MCP server.
pub(super) fn exchange(
    context: &RequestContext<'_>,
    caller: &Caller,
    upstream: &Upstream,
    api: &OpenApi,
    request: &Request<Vec<u8>>,
) -> Request<Vec<u8>> {
    let configuration = context.endpoint.configuration;
    let may_set = |name: &HeaderName| !is_reserved(name, configuration, upstream);
    // Nothing of a REST API happens by itself, and it has no sessions to end.
    let exchange = if *request.method() == Method::POST {
        let revision = match context.endpoint.kind {
            EndpointKind::Streamable => ProtocolRevision::of(context.head.headers()),
            EndpointKind::LegacyEvents | EndpointKind::LegacyMessages => ProtocolRevision::oldest(),
        };
        let protocol = Protocol { version: revision.version, is_stateless: revision.is_stateless };
        let secret_headers = &request_headers::secret_names(upstream);
        let target =
            RequestTarget { base: &upstream.url, headers: request.headers(), secret_headers, may_set: &may_set };
        let document = Document { context, caller, upstream, api, kept: OnceCell::new(), may_set: &may_set };
        let source = upstream.backend_token.as_deref().map(|token| &token.source);
        let is_in_account = matches!(source, Some(BackendTokenSource::Connection(_)));
        rest_exchange(request.body(), protocol, &document, &target, is_in_account)
    } else {
        RestExchange::Answered(StatusCode::METHOD_NOT_ALLOWED, Vec::new())
    };
    let mut carrier = Request::new(Vec::new());
    carrier.extensions_mut().insert(exchange);
    carrier
}

/// The document of one API, as one request sees it.
struct Document<'a> {
    context: &'a RequestContext<'a>,
    caller: &'a Caller,
    upstream: &'a Upstream,
    api: &'a OpenApi,
    kept: OnceCell<KeptIndex>,
    may_set: &'a dyn Fn(&HeaderName) -> bool,
}

impl Pieces for Document<'_> {
    type Error = String;

    fn index(&self) -> Result<Index, String> {
        match &self.api.document {
            OpenApiDocument::File(_) => serde_json::from_str(&self.baked("index")?)
                .map_err(|error| format!("the compiled OpenAPI document: {error}")),
            OpenApiDocument::At(url) => {
                if let Some(kept) = self.kept.get() {
                    return Ok(kept.index.clone());
                }
                let id = self.id();
                let kept = self.place(&id).current(&HostClock, || self.fetch(url), |reason| self.log(reason));
                let kept = kept.inspect_err(|reason| self.log(reason))?;
                Ok(self.kept.get_or_init(|| kept).index.clone())
            }
        }
    }

    fn piece(&self, name: &str) -> Result<String, String> {
        match &self.api.document {
            OpenApiDocument::File(_) => self.baked(name),
            OpenApiDocument::At(_) => {
                let id = self.id();
                let kept = self.kept.get().ok_or("the index of the OpenAPI document was not read")?;
                let piece = self.place(&id).piece(kept, name).map_err(|error| error.to_string())?;
                piece.ok_or_else(|| "a piece of the OpenAPI document is no longer kept".to_owned())
            }
        }
    }
}

impl Document<'_> {
    /// A piece that is a part of the compiled configuration.
    fn baked(&self, name: &str) -> Result<String, String> {
        let piece = shell_configuration::piece(&piece_name(&self.api.id(&self.upstream.url), name));
        let piece = piece.map_err(|error| error.to_string())?;
        piece.ok_or_else(|| {
            "the OpenAPI document is not in the configuration: compile it with gatehouse check --compile".to_owned()
        })
    }

    fn id(&self) -> String {
        format!("{} {}", self.context.endpoint.path(), self.api.id(&self.upstream.url))
    }

    fn place<'k>(&'k self, id: &'k str) -> KeptDocument<'k, HostStore, Caller> {
        KeptDocument { store: &HostStore, seal: self.caller, id }
    }

    /// Fetches the document, and compiles it. It is asked for without credentials: those are for the API.
    fn fetch(&self, url: &Uri) -> Result<(CompiledDocument, u64), String> {
        let mut request = Request::new(Vec::new());
        *request.uri_mut() = url.clone();
        request.headers_mut().insert(ACCEPT, DOCUMENT_TYPES);
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let response = fetch_within(&request, LARGEST_DOCUMENT, Limits::SHORT, FETCH_TIME)
            .map_err(|reason| format!("the OpenAPI document cannot be fetched: {reason}"))?;
        if response.status() != StatusCode::OK {
            return Err(format!("the OpenAPI document cannot be fetched: HTTP {}", response.status().as_u16()));
        }
        let seconds = lifetime(&request, &response, now(), DEFAULT_SECONDS, LONGEST_SECONDS);
        let text =
            String::from_utf8(response.into_body()).map_err(|_| "the OpenAPI document is not UTF-8".to_owned())?;
        let selection = Selection::of(self.api.operations.iter().map(String::as_str));
        let options = DocumentOptions {
            selection: &selection,
            fixed_query: self.upstream.url.query().unwrap_or_default(),
            may_set: self.may_set,
            with_output_schemas: self.api.output_schemas,
        };
        Ok((compile(&text, &options).map_err(|error| error.to_string())?, seconds))
    }

    fn log(&self, reason: &str) {
        log::event(Event::NotReady, Some(self.context.endpoint.path()), reason);
    }
}

/// What is kept of a document is for everybody at the route.
impl SealTexts for Caller {
    fn seal(&self, text: &str) -> Result<String, String> {
        self.seal_text(EVERYBODY, text).map_err(|refusal| refusal.reason().into_owned())
    }

    fn open(&self, sealed: &str) -> Result<Option<String>, String> {
        self.open_text(EVERYBODY, sealed)
    }
}
