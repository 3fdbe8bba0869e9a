//! The server as a function: a request gives a response, or a run whose output is streamed.

use gatehouse_mcp_wire::header::{EVENT_STREAM, JSON};
use gatehouse_mcp_wire::json_rpc::{Body, Call, DEEPEST, Id, Message, Object, Reply, code};
use gatehouse_protocol::Subject;
use gatehouse_storage::Store;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use sandbox_environments::Launch;
use serde_json::json;

use crate::accept::{accepts, accepts_by_name, is_json};
use crate::host::Host;
use crate::interpreter::Listener;
use crate::log::{self, Ids, Line};
use crate::progress::{Events, Nobody, Progress, last_event};
use crate::resources::{self, Target};
use crate::revision::Revision;
use crate::run::{End, Order, Reason, Report, refused};
use crate::sandbox::Sandbox;
use crate::tools::{self, Asked, Wrong};
use crate::{answers, caller, methods};

/// The path of the endpoint.
const PATH: &str = "/mcp";
/// "Resource not found" until 2025-11-25 (resources, "Error Handling"); from 2026-07-28 on it is [`code::INVALID_PARAMS`].
const RESOURCE_NOT_FOUND: i32 = -32002;

/// What becomes of a request.
pub enum Answer {
    /// The response.
    Whole(Response<Vec<u8>>),
    /// A run whose output the client wants as it comes: a stream of events, which [`Sandbox::stream`] writes.
    Stream(Box<Streamed>),
}

/// A run whose output is streamed.
pub struct Streamed {
    caller: Caller,
    id: Id,
    revision: Revision,
    token: Id,
    tool: &'static str,
    order: Order,
}

/// Who asks, and in which request.
#[derive(Clone)]
pub struct Caller {
    subject: Subject,
    ids: Ids,
}

impl<H: Host, S: Store> Sandbox<'_, H, S> {
    /// What is answered before the body is read, if anything is: whoever is not let in need not be heard, and administrators send none.
    pub fn answer_to_head(&self, head: &Request<()>) -> Option<Response<Vec<u8>>> {
        if let Some(answer) = self.administer(head) {
            return Some(answer);
        }
        if head.uri().path() != PATH {
            return Some(answers::refused(StatusCode::NOT_FOUND, "Not found: the MCP endpoint is /mcp"));
        }
        if let Err(refusal) = caller::of(head.headers(), self.configuration) {
            let line =
                Line { event: "request", decision: "refused", reason: Some(refusal.reason()), ..Line::default() };
            self.log(&Ids::default(), &line);
            return Some(answers::refused(StatusCode::UNAUTHORIZED, refusal.text()));
        }
        if head.method() != Method::POST {
            return Some(answers::only_post());
        }
        if !is_json(head.headers()) {
            let text = "Content-Type must be application/json";
            return Some(answers::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        if !accepts(head.headers(), JSON) {
            return Some(answers::refused(StatusCode::NOT_ACCEPTABLE, "Accept must include application/json"));
        }
        None
    }

    /// Answers a request.
    pub fn answer(&self, request: &Request<Vec<u8>>) -> Answer {
        let headers = request.headers();
        if let Some(answer) = self.answer_to_head(&head(request)) {
            return Answer::Whole(answer);
        }
        let Ok(subject) = caller::of(headers, self.configuration) else {
            return Answer::Whole(answers::refused(StatusCode::UNAUTHORIZED, "Unauthorized"));
        };
        let caller = Caller { subject, ids: Ids::of(headers) };
        match Body::parse(request.body(), DEEPEST) {
            Ok(Body::Single(message)) => self.message(headers, caller, &message),
            Ok(Body::Batch(messages)) => Answer::Whole(self.batch(headers, &caller, &messages)),
            Err(error) => {
                let reply = Reply::error::<()>(None, error.code(), &error.to_string(), None);
                Answer::Whole(answers::reply(StatusCode::BAD_REQUEST, reply))
            }
        }
    }

    /// Writes the events of a run; what is left to be sent of them when it has ended, and the answer as the last of them.
    pub fn stream(&self, streamed: Streamed, events: &impl Events) -> Vec<u8> {
        let Streamed { caller, id, revision, token, tool, order } = streamed;
        let mut listener = Progress::new(self.host, token, events);
        let result = self.run_logged(&caller, tool, &order, &mut listener);
        let mut last = listener.rest();
        last.extend(last_event(finished(id, result, revision)));
        last
    }

    fn message(&self, headers: &HeaderMap, caller: Caller, message: &Message) -> Answer {
        if let Some(Err(error)) = message.call().map(Call::check_id) {
            let reply = Reply::error::<()>(message.id().cloned(), error.code(), &error.to_string(), None);
            return Answer::Whole(answers::reply(StatusCode::BAD_REQUEST, reply));
        }
        // No notification means anything to a server without state, and it asks for no answers.
        let Message::Request(call) = message else { return Answer::Whole(answers::accepted()) };
        let revision = match Revision::of(headers, call) {
            Ok(revision) => revision,
            Err(reply) => return Answer::Whole(answers::reply(StatusCode::BAD_REQUEST, *reply)),
        };
        if accepts_by_name(headers, EVENT_STREAM)
            && let Some(token) = progress_token(call)
            && let (Some(id), Some((tool, order))) = (call.id.clone(), run_of(call))
        {
            return Answer::Stream(Box::new(Streamed { caller, id, revision, token, tool, order }));
        }
        let (status, reply) = self.request(&caller, revision, call);
        Answer::Whole(answers::reply(status, reply))
    }

    /// The answer to a request, and its status.
    pub fn request(&self, caller: &Caller, revision: Revision, call: &Call) -> (StatusCode, Reply) {
        let Some(id) = call.id.clone() else { return invalid(revision, Id::from(0), "It has no id") };
        let is_stateless = revision.is_stateless();
        let no_page = |id| invalid(revision, id, "The cursor is unknown");
        let result = match (call.method.as_str(), is_stateless) {
            ("initialize", false) => methods::initialize(call),
            ("ping", false) => Object::new(),
            ("server/discover", true) => methods::discover(),
            ("tools/list", _) => match methods::list_tools(call, revision, &self.configuration.settings) {
                Some(result) => result,
                None => return no_page(id),
            },
            ("resources/list", _) => return self.list(caller, revision, call, id),
            ("resources/templates/list", _) => {
                match methods::list(call, revision, "resourceTemplates", &resources::templates()) {
                    Some(result) => result,
                    None => return no_page(id),
                }
            }
            ("resources/read", _) => return self.read(caller, revision, call, id),
            ("tools/call", _) => match self.call(caller, call) {
                Ok(result) => result,
                Err(text) => return invalid(revision, id, text),
            },
            _ => {
                let status = if is_stateless { StatusCode::NOT_FOUND } else { StatusCode::OK };
                return (status, Reply::error::<()>(Some(id), code::METHOD_NOT_FOUND, "Method not found", None));
            }
        };
        (StatusCode::OK, finished(id, result, revision))
    }

    fn list(&self, caller: &Caller, revision: Revision, call: &Call, id: Id) -> (StatusCode, Reply) {
        match self.resources(&caller.subject, call.param("cursor").as_deref()) {
            Ok(Some(mut result)) => {
                if revision.is_stateless() {
                    methods::for_the_caller(&mut result);
                }
                (StatusCode::OK, finished(id, result, revision))
            }
            Ok(None) => invalid(revision, id, "The cursor is unknown"),
            Err(error) => {
                let (reason, subject) = (error.to_string(), Some(caller.subject.as_str()));
                let line = Line {
                    event: "resource-list",
                    decision: "failed",
                    subject,
                    reason: Some(&reason),
                    ..Line::default()
                };
                self.log(&caller.ids, &line);
                let text = "The store of the environments does not answer now";
                (StatusCode::OK, Reply::error::<()>(Some(id), code::INTERNAL_ERROR, text, None))
            }
        }
    }

    fn read(&self, caller: &Caller, revision: Revision, call: &Call, id: Id) -> (StatusCode, Reply) {
        let Some(uri) = call.param("uri") else { return invalid(revision, id, "The uri must be a string") };
        let read = Target::parse(&uri).map_or(Ok(None), |target| self.resource(&caller.subject, &target));
        let (decision, reason) = match &read {
            Ok(Some(_)) => ("allowed", None),
            Ok(None) => ("refused", Some("there is no such resource".to_owned())),
            Err(error) => ("failed", Some(error.to_string())),
        };
        let subject = Some(caller.subject.as_str());
        let line = Line { event: "resource-read", decision, subject, reason: reason.as_deref(), ..Line::default() };
        self.log(&caller.ids, &line);
        match read {
            Ok(Some(mut result)) => {
                if revision.is_stateless() {
                    methods::for_the_caller(&mut result);
                }
                (StatusCode::OK, finished(id, result, revision))
            }
            Ok(None) if revision.is_stateless() => invalid(revision, id, "Resource not found"),
            Ok(None) => {
                let data = json!({ "uri": uri });
                (StatusCode::OK, Reply::error(Some(id), RESOURCE_NOT_FOUND, "Resource not found", Some(&data)))
            }
            Err(error) => {
                let text = match refused(&error).0 {
                    End::Damaged => "What was kept of this environment cannot be read any more",
                    _ => "The store of the environments does not answer now",
                };
                (StatusCode::OK, Reply::error::<()>(Some(id), code::INTERNAL_ERROR, text, None))
            }
        }
    }

    /// The result of a call.
    fn call(&self, caller: &Caller, call: &Call) -> Result<Object, &'static str> {
        let (tool, arguments) = tool_call(call)?;
        match tools::read(&tool, &arguments) {
            Ok(Asked::Launch) => Ok(self.launch(caller)),
            Ok(Asked::Run(order)) => Ok(self.run_logged(caller, tools::tool(order.language), &order, &mut Nobody)),
            Err(Wrong::Tool) => Err("Unknown tool"),
            Err(Wrong::Arguments(text)) => Ok(tools::error(&text)),
        }
    }

    fn launch(&self, caller: &Caller) -> Object {
        self.has_written.set(true);
        let settings = &self.configuration.settings;
        let launch = self.environments().launch(&caller.subject, &mut self.host.entropy());
        let mut name = None;
        let (decision, reason, result) = match launch {
            Ok(Launch::Launched(id, environment)) => {
                name = Some(environment.log_name());
                ("allowed", None, tools::launched(id.as_str()))
            }
            Ok(Launch::SubjectFull) => {
                let (most, seconds) = (settings.environments_per_subject, settings.cool_down_seconds);
                let text = format!(
                    "You have {most} environments, and may not have more. One that is not used ends {seconds} seconds after its last use; its place is free at the latest as long after that."
                );
                ("refused", Some("the subject has as many environments as allowed".to_owned()), tools::error(&text))
            }
            Ok(Launch::Full) => {
                let text = "There are as many environments as this server may have. Try again in some minutes.";
                ("refused", Some("there are as many environments as allowed".to_owned()), tools::error(text))
            }
            Err(error) => {
                let text = "The store of the environments does not answer now. Try again later.";
                ("failed", Some(error.to_string()), tools::error(text))
            }
        };
        let line = Line {
            event: "launch",
            decision,
            subject: Some(caller.subject.as_str()),
            tool: Some(tools::LAUNCH),
            environment: name.as_deref(),
            reason: reason.as_deref(),
            ..Line::default()
        };
        self.log(&caller.ids, &line);
        result
    }

    fn run_logged(&self, caller: &Caller, tool: &'static str, order: &Order, listener: &mut impl Listener) -> Object {
        let report = self.run(&caller.subject, order, listener);
        let Report { environment, end, reason } = &report;
        let (decision, why) = match end {
            End::Unknown => ("refused", Some("there is no such environment")),
            End::Busy => ("refused", Some("another run is under way")),
            End::TooMany => ("refused", Some("the subject has as many runs under way as allowed")),
            End::Damaged | End::Failed(_) => ("failed", None),
            End::Ran(ran) => ("allowed", ran.stopped.map(why)),
        };
        let ran = if let End::Ran(ran) = end { Some(ran) } else { None };
        let limit = ran.and_then(|ran| ran.stopped).and_then(|reason| match reason {
            Reason::Limit(limit) => Some(tools::name(limit)),
            _ => None,
        });
        let line = Line {
            event: "run",
            decision,
            subject: Some(caller.subject.as_str()),
            tool: Some(tool),
            environment: environment.as_deref(),
            exit_code: ran.map(|ran| ran.exit_code),
            limit,
            run_ms: ran.map(|ran| ran.milliseconds),
            reason: reason.as_deref().or(why),
        };
        self.log(&caller.ids, &line);
        tools::ended(end, &self.configuration.settings)
    }

    /// Writes a line of the log.
    pub fn log(&self, ids: &Ids, line: &Line<'_>) {
        self.host.log(&log::written(self.host.now_in_milliseconds(), ids, line));
    }
}

/// Why a run was stopped, for the log.
const fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::Limit(_) => "a limit stopped it",
        Reason::Ended => "the interpreter's answer broke off",
        Reason::Unusable => "what it left behind cannot be kept",
        Reason::NotKept => "what it left behind could not be kept",
        Reason::ClientGone => "the client has gone",
    }
}

/// The name of the tool and its arguments.
fn tool_call(call: &Call) -> Result<(String, Object), &'static str> {
    let tool = call.param("name").ok_or("The name of the tool is missing")?;
    let given = call.params.as_ref().and_then(|params| params.get("arguments")).filter(|given| given.get() != "null");
    let arguments = given.map_or_else(|| Some(Object::new()), Object::of).ok_or("The arguments are no object")?;
    Ok((tool, arguments))
}

/// The run that a call asks for, if it asks for one.
fn run_of(call: &Call) -> Option<(&'static str, Order)> {
    if call.method != "tools/call" {
        return None;
    }
    let (tool, arguments) = tool_call(call).ok()?;
    match tools::read(&tool, &arguments) {
        Ok(Asked::Run(order)) => Some((tools::tool(order.language), order)),
        Ok(Asked::Launch) | Err(_) => None,
    }
}

/// The token with which a client asks to be told of progress: a string or an integer.
fn progress_token(call: &Call) -> Option<Id> {
    call.meta().and_then(|meta| Id::parse(meta.get("progressToken")?.get()))
}

fn finished(id: Id, mut result: Object, revision: Revision) -> Reply {
    if revision.is_stateless() {
        result.set("resultType", "complete");
    }
    Reply::result(id, result)
}

/// Up to 2025-11-25, an error of JSON-RPC is told with 200.
fn invalid(revision: Revision, id: Id, text: &str) -> (StatusCode, Reply) {
    let status = if revision.is_stateless() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    (status, Reply::error::<()>(Some(id), code::INVALID_PARAMS, text, None))
}

fn head(request: &Request<Vec<u8>>) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.headers_mut() = request.headers().clone();
    head
}
