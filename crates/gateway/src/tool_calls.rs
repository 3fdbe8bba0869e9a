//! Calls that fit their tool: arguments by the schema that it publishes, and headers that say what the arguments say.

use gatehouse_configuration::{Prefix, Route, Upstream};
use gatehouse_mcp_wire::header::{MCP_METHOD, MCP_NAME, is_parameter};
use gatehouse_mcp_wire::json_rpc::{Call, Id};
use gatehouse_tool_schema::{
    Audience, CacheDirective, Calls, InvalidArguments, ListingError, PublishedTool, SchemaCacheEntry, SchemaScope,
    Search, Step, ToolSchema, UnusableSchema,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::answer::{Answers, BodyFormat, Transfers, UpstreamEvent, check_status, is_encoded};
use crate::{Caller, Clock, Milliseconds, PostedMessages, ProtocolRevision, Refusal};

const TOOLS_LIST: HeaderValue = HeaderValue::from_static("tools/list");

/// Whether calls of tools are checked: where the route asks for it, or headers of 2026-07-28 repeat arguments, by which
/// something on the way may go.
pub fn must_check(route: &Route, posted: &PostedMessages, headers: &HeaderMap) -> bool {
    let is_mirrored = posted.revision.is_stateless && has_parameters(headers);
    (route.validate_arguments || is_mirrored) && !posted.tool_calls().is_empty()
}

fn has_parameters(headers: &HeaderMap) -> bool {
    headers.keys().any(is_parameter)
}

/// The names of the tools that are called, each once.
pub fn called_tools(calls: &[&Call]) -> Vec<String> {
    let mut names: Vec<_> = calls.iter().filter_map(|call| call.param("name")).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The server that gets the calls of one request.
#[derive(Clone, Copy, Debug)]
pub struct ToolServer<'a> {
    /// The route.
    pub route: &'a Route,
    /// Who calls.
    pub caller: &'a Caller,
    /// The revision of the request.
    pub revision: &'static ProtocolRevision,
    /// The server.
    pub upstream: &'a Upstream,
    /// Its prefix, where it is one of several.
    pub prefix: Option<&'a Prefix>,
    /// Its own session id.
    pub session: Option<&'a str>,
}

impl ToolServer<'_> {
    /// Holds the calls against the schemas of their tools, as far as the server has them. `headers` are those of the request;
    /// they are about a call that `is_alone`, in no batch.
    ///
    /// # Errors
    /// Where a call does not fit, or its schema cannot be used.
    pub fn check(
        &self,
        calls: &[&Call],
        is_alone: bool,
        schemas: &[(String, ToolSchema)],
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        let mut by_tool = Calls::of(schemas.iter().map(|(tool, schema)| (tool.as_str(), schema)));
        calls.iter().try_for_each(|call| {
            let name = call.param("name").unwrap_or_default();
            let Some(schema) = by_tool.schema(&name) else {
                return match self.route.validate_arguments {
                    true => Err(Refusal::InvalidParams("Unknown tool".into())),
                    // The server says it better.
                    false => Ok(()),
                };
            };
            let arguments = call.params.as_ref().and_then(|params| params.get("arguments"));
            // Older clients repeat nothing; what they say all the same is read by others on the way, too.
            if is_alone && (self.revision.is_stateless || has_parameters(headers)) {
                if has_parameters(headers) && schema.check_annotations().is_err() {
                    return Err(Refusal::UpstreamMalformed("an x-mcp-header of the tool's input schema is invalid"));
                }
                schema
                    .check_headers(headers, arguments)
                    .map_err(|mismatch| Refusal::HeaderMismatch(mismatch.to_string().into()))?;
            }
            if self.route.validate_arguments {
                by_tool.validate(&name, arguments).map_err(|invalid| arguments_refusal(invalid, self.revision))?;
            }
            Ok(())
        })
    }

    /// What is looked for in the server's listing, in the name of the first call.
    pub fn search(&self, tools: Vec<String>, call: &Call) -> Search {
        let search = Search::of(tools);
        if self.revision.is_stateless { search.in_the_name_of(call) } else { search }
    }

    /// Makes the headers of the client's request those of a request for the server's listing.
    pub fn make_listing_request(&self, headers: &mut HeaderMap) {
        let of_the_call = |name: &&HeaderName| **name == MCP_NAME || is_parameter(name);
        for name in headers.keys().filter(of_the_call).cloned().collect::<Vec<_>>() {
            headers.remove(name);
        }
        if self.revision.is_stateless || headers.contains_key(MCP_METHOD) {
            headers.insert(MCP_METHOD, TOOLS_LIST);
        }
    }

    /// For whom a schema may be cached that this caller may use. Only listings of 2026-07-28 say whom they are for.
    pub fn cache_scopes(&self) -> &'static [SchemaScope] {
        match self.revision.is_stateless {
            true => &[SchemaScope::Shared, SchemaScope::Subject],
            false => &[SchemaScope::Subject],
        }
    }

    /// For whom a schema is cached, of which the listing says this.
    pub fn scope_to_cache(&self, directive: CacheDirective) -> SchemaScope {
        if self.revision.is_stateless { directive.scope } else { SchemaScope::Subject }
    }

    /// Where the schema of a tool is cached.
    pub fn cache_entry(&self, tool: &str, scope: SchemaScope) -> SchemaCacheEntry {
        let (subject, client_id) = (self.caller.subject.as_str(), self.caller.client_id.as_str());
        let audience = match scope {
            SchemaScope::Shared => Audience::Everybody,
            SchemaScope::Subject => Audience::Caller { subject, client_id, session: self.session },
        };
        let published = PublishedTool {
            route: self.route.path.as_str(),
            member: self.prefix.map_or("", Prefix::as_str),
            server: &self.upstream.url.to_string(),
            tool,
            version: self.revision.version,
        };
        SchemaCacheEntry::of(&published, audience)
    }

    /// Reads one page of the listing into `search`, until `deadline`.
    ///
    /// # Errors
    /// Where the server does not answer, or not with a listing.
    pub fn read_page<T: Transfers>(
        &self,
        clock: &impl Clock,
        answers: &mut Answers<T>,
        search: &mut Search,
        id: &Id,
        deadline: Milliseconds,
    ) -> Result<Step, Refusal> {
        loop {
            match answers.next(clock, deadline.saturating_sub(clock.elapsed())) {
                UpstreamEvent::Head(_, head) if head.status() == StatusCode::NOT_FOUND && self.session.is_some() => {
                    return Err(Refusal::UnknownSession);
                }
                UpstreamEvent::Head(_, head) => {
                    check_status(&head)?;
                    if BodyFormat::of(head.headers()) == BodyFormat::Other || is_encoded(head.headers()) {
                        return Err(Refusal::UpstreamMalformed("its tools/list is neither JSON nor events"));
                    }
                }
                UpstreamEvent::Event(_, event) => {
                    let text = event.data.as_deref().filter(|text| !text.is_empty());
                    match text.map_or(Ok(Step::Wait), |text| search.read(text, id)).map_err(listing_refusal)? {
                        Step::Wait if clock.elapsed() >= deadline => return Err(Refusal::UpstreamTimedOut),
                        Step::Wait => {}
                        step @ (Step::Ask | Step::Done) => return Ok(step),
                    }
                }
                UpstreamEvent::End(_) => return Err(Refusal::UpstreamMalformed("its tools/list has no answer")),
                UpstreamEvent::NoAnswer(_, reason) => return Err(reason.into()),
                UpstreamEvent::Broken(_, refusal) => return Err(refusal),
                UpstreamEvent::Nothing => return Err(Refusal::UpstreamTimedOut),
            }
        }
    }
}

/// For arguments that do not fit their tool.
fn arguments_refusal(invalid: InvalidArguments, revision: &'static ProtocolRevision) -> Refusal {
    match invalid {
        InvalidArguments::Misfit { .. }
        | InvalidArguments::Somewhere
        | InvalidArguments::TooMuchWork
        | InvalidArguments::Unreadable => Refusal::InvalidArguments { detail: invalid.to_string(), revision },
        InvalidArguments::Schema(unusable) => schema_refusal(unusable),
    }
}

/// What a client is told of a schema by which nothing can be said of arguments.
pub fn schema_refusal(unusable: UnusableSchema) -> Refusal {
    Refusal::UpstreamMalformed(match unusable {
        UnusableSchema::NoObject => "the tool's input schema is no JSON object",
        UnusableSchema::TooLong => "the tool's input schema is too long",
        UnusableSchema::TooDeep => "the tool's input schema goes too deep",
        UnusableSchema::TooManyPatterns => "the tool's input schema has too many patterns",
        UnusableSchema::Dialect => "the tool's input schema has an unknown $schema",
        UnusableSchema::NestedId => "a part of the tool's input schema has an $id of its own",
        UnusableSchema::Reference => "a reference in the tool's input schema does not lead to a part of it",
        UnusableSchema::Circle => "references in the tool's input schema lead in a circle",
        UnusableSchema::Invalid => "the tool's input schema is no valid JSON Schema",
    })
}

/// What a client is told of a listing in which its tool was looked for.
pub fn listing_refusal(error: ListingError) -> Refusal {
    Refusal::UpstreamMalformed(match error {
        ListingError::Unreadable => "its tools/list cannot be read",
        ListingError::Refused => "it refuses tools/list",
        ListingError::TooManyPages => "its tools/list has too many pages, or leads in a circle",
        ListingError::TooLarge => "its tools/list is too large",
    })
}

#[cfg(test)]
mod tests;
