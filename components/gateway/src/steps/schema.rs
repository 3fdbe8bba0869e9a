//! Calls that fit their tool: arguments by the schema that it publishes, and headers that say what the arguments say.

use gatehouse_configuration::{Member, Prefix, Servers, Upstream};
use gatehouse_federation::Plan;
use gatehouse_gateway::Refusal;
use gatehouse_mcp_wire::json_rpc::{Body, Call, Id, Message};
use gatehouse_sealed_storage::sealing::HandleKeys;
use gatehouse_storage::Store;
use gatehouse_tool_schema::{
    Audience, Calls, Keeping, MOST_BYTES, Place, Published, SchemaScope, Search, Step, ToolSchema,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use shell_http::{Milliseconds, SystemEntropy, elapsed, now};
use shell_store::HostStore;

use crate::bindings::gatehouse::auth::sessions::Principal;
use crate::caller::{Caller, handle_keys};
use crate::posted::Posted;
use crate::request::Exchange;
use crate::steps::plan;
use crate::steps::session::Session;
use crate::upstream::answers::{Form, Reading, Said, is_encoded};
use crate::upstream::request;
use crate::{log, rejection};

/// The headers that repeat arguments (MCP 2026-07-28, "Custom Headers from Tool Parameters").
const PARAMETER: &str = "mcp-param-";
const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");
const TOOLS_LIST: HeaderValue = HeaderValue::from_static("tools/list");

/// In place of a subject, where a listing is for everybody. No identity provider has an empty name, so nobody has it.
const EVERYBODY: &str = ":everybody";

/// Checks the calls of tools among the messages, where the route asks for it, or headers of 2026-07-28 repeat arguments:
/// something on the way may go by those. `session` is the one that the client presents, where it is known already.
///
/// # Errors
/// Where a call does not fit, or nobody can say whether it does: then it does not go on.
pub(crate) fn check(
    exchange: &Exchange<'_>,
    caller: &Caller,
    posted: &Posted,
    session: Option<&Session>,
) -> Result<(), Refusal> {
    let validates = exchange.endpoint.route.validate_arguments;
    let is_mirrored = posted.era.is_stateless && has_parameters(exchange.head.headers());
    let calls = || posted.body.messages().iter().filter_map(Message::call).filter(|call| call.method == "tools/call");
    if !(validates || is_mirrored) || calls().next().is_none() {
        return Ok(());
    }
    let presented;
    let session = match session {
        Some(session) => session,
        None => {
            presented = Session::of(exchange, caller, posted.era)?;
            &presented
        }
    };
    match &exchange.endpoint.route.servers {
        Servers::One(upstream) => {
            let server = Server { exchange, caller, posted, upstream, prefix: None, session: session.id()? };
            server.check(&calls().collect::<Vec<_>>())
        }
        Servers::Federated(members) => {
            let (_, plan) = plan::plan_in(exchange, posted, session)?;
            // What no member has, the federation answers itself.
            let Plan::One { sending, .. } = plan else { return Ok(()) };
            let (Some(Member { prefix, upstream }), Some(call)) = (members.get(sending.member), sending.message.call())
            else {
                return Ok(());
            };
            let prefix = prefix.as_ref();
            let server = Server { exchange, caller, posted, upstream, prefix, session: sending.session.as_deref() };
            server.check(&[call]).map_err(|refusal| refusal.at_member(prefix))
        }
    }
}

fn has_parameters(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with(PARAMETER))
}

/// The server that gets the calls.
struct Server<'a> {
    exchange: &'a Exchange<'a>,
    caller: &'a Caller,
    posted: &'a Posted,
    upstream: &'a Upstream,
    prefix: Option<&'a Prefix>,
    /// Its own session id.
    session: Option<&'a str>,
}

impl Server<'_> {
    fn check(&self, calls: &[&Call]) -> Result<(), Refusal> {
        let schemas = self.schemas(calls)?;
        let mut by_tool = Calls::of(schemas.iter().map(|(tool, schema)| (tool.as_str(), schema)));
        calls.iter().try_for_each(|call| {
            let name = call.param("name").unwrap_or_default();
            match by_tool.schema(&name) {
                Some(schema) => self.check_by(&mut by_tool, &name, schema, call),
                None if self.exchange.endpoint.route.validate_arguments => {
                    Err(Refusal::InvalidParams("Unknown tool".into()))
                }
                // The server says it better.
                None => Ok(()),
            }
        })
    }

    fn check_by(&self, by_tool: &mut Calls<'_>, name: &str, schema: &ToolSchema, call: &Call) -> Result<(), Refusal> {
        let headers = self.exchange.head.headers();
        let arguments = call.params.as_ref().and_then(|params| params.get("arguments"));
        let is_alone = matches!(self.posted.body, Body::Single(_));
        // Older clients repeat nothing; what they say all the same is read by who is on the way, too.
        if is_alone && (self.posted.era.is_stateless || has_parameters(headers)) {
            if has_parameters(headers) && schema.check_annotations().is_err() {
                return Err(Refusal::UpstreamMalformed("an x-mcp-header of the tool's input schema is invalid"));
            }
            schema
                .check_headers(headers, arguments)
                .map_err(|mismatch| Refusal::HeaderMismatch(mismatch.to_string().into()))?;
        }
        if self.exchange.endpoint.route.validate_arguments {
            by_tool.validate(name, arguments).map_err(|invalid| rejection::of_arguments(invalid, self.posted.era))?;
        }
        Ok(())
    }

    /// The schemas of the tools that are called, as far as the server has them.
    fn schemas(&self, calls: &[&Call]) -> Result<Vec<(String, ToolSchema)>, Refusal> {
        let mut names: Vec<_> = calls.iter().filter_map(|call| call.param("name")).collect();
        names.sort_unstable();
        names.dedup();
        let (mut schemas, mut sought) = (Vec::new(), Vec::new());
        for name in names {
            match self.kept(&name)? {
                Some(schema) => schemas.push((name, schema)),
                None => sought.push(name),
            }
        }
        if let (false, [call, ..]) = (sought.is_empty(), calls) {
            let mut search = Search::of(sought);
            if self.posted.era.is_stateless {
                search = search.in_the_name_of(call);
            }
            for found in self.listed(search)?.into_found() {
                let schema = found.schema.map_err(rejection::of_schema)?;
                self.keep(&found.tool, &schema, found.keeping);
                schemas.push((found.tool, schema));
            }
        }
        Ok(schemas)
    }

    /// Asks the server for its listing as the caller, until everything that is looked for is found.
    fn listed(&self, mut search: Search) -> Result<Search, Refusal> {
        let deadline = elapsed().saturating_add(request::longest(self.upstream));
        for page in 0_usize.. {
            // In a session, no id is used twice.
            let id = Id::from(format!("gatehouse-{}-{page}", self.exchange.request_id).as_str());
            let request = self.request(&search.request(id.clone()).map_err(rejection::of_listing)?)?;
            let mut reading = Reading::of_at_most(MOST_BYTES);
            reading.start(&request, request::limits(self.upstream));
            if self.read(&mut reading, &mut search, &id, deadline)? == Step::Done {
                break;
            }
        }
        Ok(search)
    }

    fn request(&self, call: &Call) -> Result<Request<Vec<u8>>, Refusal> {
        let call = request::Call {
            session_id: self.session,
            accept: Some(request::BOTH),
            ..request::Call::posted(self.upstream, call.to_object().to_string().into_bytes())
        };
        let mut request = request::request(self.exchange, self.caller, call)?;
        let headers = request.headers_mut();
        let of_the_call = |name: &&HeaderName| **name == MCP_NAME || name.as_str().starts_with(PARAMETER);
        for name in headers.keys().filter(of_the_call).cloned().collect::<Vec<_>>() {
            headers.remove(name);
        }
        if self.posted.era.is_stateless || headers.contains_key(MCP_METHOD) {
            headers.insert(MCP_METHOD, TOOLS_LIST);
        }
        Ok(request)
    }

    /// Reads one page.
    fn read(
        &self,
        reading: &mut Reading,
        search: &mut Search,
        id: &Id,
        deadline: Milliseconds,
    ) -> Result<Step, Refusal> {
        loop {
            let said = reading.next(deadline.saturating_sub(elapsed()));
            match said {
                Said::Head(_, head) if head.status() == StatusCode::NOT_FOUND && self.session.is_some() => {
                    return Err(Refusal::UnknownSession);
                }
                Said::Head(_, head) if Form::of(head.headers()) == Form::Other || is_encoded(head.headers()) => {
                    return Err(Refusal::UpstreamMalformed("its tools/list is neither JSON nor events"));
                }
                Said::Head(..) => {}
                Said::Event(_, event) => {
                    let text = event.data.as_deref().filter(|text| !text.is_empty());
                    match text.map_or(Ok(Step::Wait), |text| search.read(text, id)).map_err(rejection::of_listing)? {
                        Step::Wait if elapsed() >= deadline => return Err(Refusal::UpstreamTimedOut),
                        Step::Wait => {}
                        step @ (Step::Ask | Step::Done) => return Ok(step),
                    }
                }
                Said::End(_) => return Err(Refusal::UpstreamMalformed("its tools/list has no answer")),
                Said::NoAnswer(_, reason) => return Err(request::no_answer(&reason)),
                Said::Broken(_, why) => return Err(Refusal::UpstreamMalformed(why)),
                Said::Tick => return Err(Refusal::UpstreamTimedOut),
            }
        }
    }

    /// What was kept of this tool for everybody, or for this caller.
    fn kept(&self, tool: &str) -> Result<Option<ToolSchema>, Refusal> {
        for scope in [SchemaScope::Shared, SchemaScope::Subject] {
            // Only listings of 2026-07-28 say whom they are for.
            if scope == SchemaScope::Shared && !self.posted.era.is_stateless {
                continue;
            }
            let (place, now) = (self.place(tool, scope), now());
            let key = place.key(now).map_err(unavailable)?;
            let Some(sealed) = HostStore.get(&key).map_err(unavailable)? else { continue };
            let opened =
                self.with_keys(scope, |keys| str::from_utf8(&sealed).ok().and_then(|text| keys.open(text).ok()))?;
            // Somebody altered it, or the server key is another one by now.
            let Some(opened) = opened else { continue };
            if let Some(schema) = place.read(opened.expose(), now) {
                return Ok(Some(schema));
            }
        }
        Ok(None)
    }

    /// Keeps it, if it may be kept. Where that fails, it is only asked for again.
    fn keep(&self, tool: &str, schema: &ToolSchema, keeping: Keeping) {
        let scope = if self.posted.era.is_stateless { keeping.scope } else { SchemaScope::Subject };
        let (place, now) = (self.place(tool, scope), now());
        let Some(text) = place.text(schema, keeping, now) else { return };
        let sealed =
            self.with_keys(scope, |keys| keys.seal(&text, &mut SystemEntropy).map_err(|error| error.to_string()));
        let kept = sealed.map_err(|refusal| refusal.reason().into_owned()).flatten().and_then(|sealed| {
            let key = place.key(now).map_err(|error| error.to_string())?;
            HostStore.put(&key, sealed.as_bytes()).map_err(|error| error.to_string())
        });
        if let Err(reason) = kept {
            log::event("schema-not-kept", Some(self.exchange.endpoint.path()), &reason);
        }
    }

    fn place(&self, tool: &str, scope: SchemaScope) -> Place {
        let Principal { subject, client_id, .. } = &self.caller.principal;
        let audience = match scope {
            SchemaScope::Shared => Audience::Everybody,
            SchemaScope::Subject => Audience::Caller { subject, client_id, session: self.session },
        };
        let published = Published {
            route: self.exchange.endpoint.route.path.as_str(),
            member: self.prefix.map_or("", Prefix::as_str),
            server: &self.upstream.url.to_string(),
            tool,
            version: self.posted.era.version,
        };
        Place::of(&published, audience)
    }

    /// Acts with the keys of those whom it is kept for.
    fn with_keys<T>(&self, scope: SchemaScope, act: impl FnOnce(&HandleKeys) -> T) -> Result<T, Refusal> {
        match scope {
            SchemaScope::Subject => self.caller.handle_keys().map(act),
            SchemaScope::Shared => Ok(act(&handle_keys(EVERYBODY, &self.caller.principal.resource)?)),
        }
    }
}

fn unavailable(reason: impl core::fmt::Display) -> Refusal {
    Refusal::Unavailable(format!("the tool's schema cannot be looked up: {reason}"))
}
