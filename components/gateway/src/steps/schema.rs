//! Calls that fit their tool, by the schema that its server publishes.

use gatehouse_audit_log::Event;
use gatehouse_configuration::{Member, Upstream};
use gatehouse_federation::Plan;
use gatehouse_gateway::answer::Answers;
use gatehouse_gateway::tool_calls::{ToolServer, called_tools, listing_refusal, must_check, schema_refusal};
use gatehouse_gateway::{PostedMessages, Refusal, Session, UpstreamTimeouts};
use gatehouse_mcp_wire::header::JSON_OR_EVENT_STREAM;
use gatehouse_mcp_wire::json_rpc::{Body, Call, Id};
use gatehouse_storage::Store;
use gatehouse_tool_schema::{CacheDirective, MOST_BYTES, SchemaScope, Search, Step, ToolSchema};
use http::Request;
use shell_http::{elapsed, now};
use shell_store::HostStore;

use crate::caller::Caller;
use crate::clock::HostClock;
use crate::context::RequestContext;
use crate::log;
use crate::upstream::request::UpstreamRequest;
use crate::upstream::transfers::OutboundTransfers;

/// In place of a subject, where a listing is for everybody. No identity provider has an empty name, so nobody has it.
const EVERYBODY: &str = ":everybody";

/// Checks the calls of tools among messages to the route's only server.
///
/// # Errors
/// Where a call does not fit, or nobody can say whether it does: then it does not go on.
pub(crate) fn check(
    context: &RequestContext<'_>,
    caller: &Caller,
    posted: &PostedMessages,
    upstream: &Upstream,
    session: &Session,
) -> Result<(), Refusal> {
    if !must_check(context.endpoint.route, posted, context.head.headers()) {
        return Ok(());
    }
    let (route, identity, session) = (context.endpoint.route, &caller.identity, session.id()?);
    let tools = ToolServer { route, caller: identity, revision: posted.revision, upstream, prefix: None, session };
    Server { context, caller, posted, tools }.check(&posted.tool_calls())
}

/// Checks a call of a tool as the member gets it that has the tool. What no member has, the federation answers itself.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_planned(
    context: &RequestContext<'_>,
    caller: &Caller,
    posted: &PostedMessages,
    plan: &Plan,
) -> Result<(), Refusal> {
    if !must_check(context.endpoint.route, posted, context.head.headers()) {
        return Ok(());
    }
    let Plan::ToOne { request, .. } = plan else { return Ok(()) };
    let (Some(Member { prefix, upstream }), Some(call)) =
        (context.members().get(request.member), request.message.call())
    else {
        return Ok(());
    };
    let (route, identity, prefix) = (context.endpoint.route, &caller.identity, prefix.as_ref());
    let session = request.session.as_deref();
    let tools = ToolServer { route, caller: identity, revision: posted.revision, upstream, prefix, session };
    Server { context, caller, posted, tools }.check(&[call]).map_err(|refusal| refusal.at_member(prefix))
}

/// The server that gets the calls.
struct Server<'a> {
    context: &'a RequestContext<'a>,
    caller: &'a Caller,
    posted: &'a PostedMessages,
    tools: ToolServer<'a>,
}

impl Server<'_> {
    fn check(&self, calls: &[&Call]) -> Result<(), Refusal> {
        let is_alone = matches!(self.posted.body, Body::Single(_));
        self.tools.check(calls, is_alone, &self.schemas(calls)?, self.context.head.headers())
    }

    /// The schemas of the tools that are called, as far as the server has them.
    fn schemas(&self, calls: &[&Call]) -> Result<Vec<(String, ToolSchema)>, Refusal> {
        let (mut schemas, mut missing) = (Vec::new(), Vec::new());
        for name in called_tools(calls) {
            match self.cached(&name)? {
                Some(schema) => schemas.push((name, schema)),
                None => missing.push(name),
            }
        }
        if let (false, [call, ..]) = (missing.is_empty(), calls) {
            for found in self.listed(self.tools.search(missing, call))?.into_found() {
                let schema = found.schema.map_err(schema_refusal)?;
                self.cache(&found.tool, &schema, found.directive);
                schemas.push((found.tool, schema));
            }
        }
        Ok(schemas)
    }

    /// Asks the server for its listing as the caller, until everything that is looked for is found.
    fn listed(&self, mut search: Search) -> Result<Search, Refusal> {
        let deadline = elapsed().saturating_add(UpstreamTimeouts::longest(self.tools.upstream));
        for page in 0_usize.. {
            // In a session, no id is used twice.
            let id = Id::from(format!("gatehouse-{}-{page}", self.context.request_id).as_str());
            let request = self.request(&search.request(id.clone()).map_err(listing_refusal)?)?;
            let mut answers = Answers::of_at_most(OutboundTransfers::default(), MOST_BYTES);
            answers.transfers().start(request, UpstreamTimeouts::of_request(self.tools.upstream));
            if self.tools.read_page(&HostClock, &mut answers, &mut search, &id, deadline)? == Step::Done {
                break;
            }
        }
        Ok(search)
    }

    fn request(&self, call: &Call) -> Result<Request<Vec<u8>>, Refusal> {
        let request = UpstreamRequest {
            session_id: self.tools.session,
            accept: Some(JSON_OR_EVENT_STREAM),
            ..UpstreamRequest::posted(self.tools.upstream, call.to_object().to_string().into_bytes())
        };
        let mut request = request.build(self.context, self.caller)?;
        self.tools.make_listing_request(request.headers_mut());
        Ok(request)
    }

    /// What was cached of this tool for everybody, or for this caller.
    fn cached(&self, tool: &str) -> Result<Option<ToolSchema>, Refusal> {
        for scope in self.tools.cache_scopes() {
            let (entry, now) = (self.tools.cache_entry(tool, *scope), now());
            let key = entry.key(now).map_err(unavailable)?;
            let Some(sealed) = HostStore.get(&key).map_err(unavailable)? else { continue };
            let Ok(sealed) = String::from_utf8(sealed) else { continue };
            // It does not open where somebody altered it, or the server key is another one by now.
            let opened = self.caller.open_text(self.owner(*scope), &sealed).map_err(unavailable)?;
            if let Some(schema) = opened.and_then(|text| entry.read(&text, now)) {
                return Ok(Some(schema));
            }
        }
        Ok(None)
    }

    /// Caches it, if it may be cached. Where that fails, it is only asked for again.
    fn cache(&self, tool: &str, schema: &ToolSchema, directive: CacheDirective) {
        let scope = self.tools.scope_to_cache(directive);
        let (entry, now) = (self.tools.cache_entry(tool, scope), now());
        let Some(text) = entry.text(schema, directive, now) else { return };
        let cached =
            self.caller.seal_text(self.owner(scope), &text).map_err(|refusal| refusal.reason().into_owned()).and_then(
                |sealed| {
                    let key = entry.key(now).map_err(|error| error.to_string())?;
                    HostStore.put(&key, sealed.as_bytes()).map_err(|error| error.to_string())
                },
            );
        if let Err(reason) = cached {
            log::event(Event::SchemaNotKept, Some(self.context.endpoint.path()), &reason);
        }
    }

    /// The subject for whom the cached schema is sealed.
    fn owner(&self, scope: SchemaScope) -> &str {
        match scope {
            SchemaScope::Subject => self.caller.identity.subject.as_str(),
            SchemaScope::Shared => EVERYBODY,
        }
    }
}

fn unavailable(reason: impl core::fmt::Display) -> Refusal {
    Refusal::Unavailable(format!("the tool's schema cannot be looked up: {reason}"))
}
