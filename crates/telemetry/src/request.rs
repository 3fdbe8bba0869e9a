//! What is known of one request while it is under way, and what comes of it when it ends.

use http::StatusCode;

use crate::audit_line::{ALLOWED, AuditLine, FAILED, REFUSED};
use crate::label::{Label, OTHER};
use crate::metric::{
    DB_OPERATION, DB_SYSTEM, DECISION, ERROR_TYPE, HTTP_METHOD, HTTP_ROUTE, HTTP_STATUS, MCP_METHOD, PEER,
    SERVER_ADDRESS, SERVER_PORT, TOOL,
};
use crate::moment::Moment;
use crate::names::{Names, TOOLS_CALL, TOOLS_LIST, http_method, mcp_method};
use crate::span::{Attribute, Span, SpanKind};
use crate::trace_context::{SpanId, TraceContext, TraceId, trace_id_of};

/// The id under which the log has a request, where the host has given it; else one that stands for the request until a line tells another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey(pub [u8; 16]);

/// A call of the store that has ended.
#[derive(Clone, Copy, Debug)]
pub struct StoreCall {
    /// `sqlite` or `redis`.
    pub system: &'static str,
    /// What was done.
    pub operation: &'static str,
    /// When it was asked for.
    pub began: Moment,
    /// When it ended.
    pub ended: Moment,
    /// Why it failed, in one of few words.
    pub error: Option<&'static str>,
}

/// A request of ours to another party, of which the head of the answer is there, or no answer will be.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The method.
    pub method: &'a str,
    /// The host that it went to.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// The `traceparent` that it had.
    pub traceparent: Option<&'a str>,
    /// When it was sent.
    pub began: Moment,
    /// When the head of the answer was there.
    pub ended: Moment,
    /// The answer's status.
    pub status: Option<u16>,
    /// Why there is no answer, in one of few words.
    pub error: Option<&'static str>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub struct EndedRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// The status; `None` where the client has left before there was one.
    pub status: Option<u16>,
    /// When.
    pub ended: Moment,
}

/// The most messages and spans of one request that are kept: a batch has 50 messages at most, and a stream that lasts for hours
/// goes on reading the store.
const MOST_OPERATIONS: usize = 64;
const MOST_CHILDREN: usize = 64;

/// A message, or a request without one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Operation {
    pub(crate) route: Label,
    pub(crate) method: Label,
    pub(crate) tool: Label,
    pub(crate) decision: &'static str,
}

/// A request that is under way.
pub(crate) struct RequestInProgress {
    key: RequestKey,
    began: Moment,
    /// What the caller has said about the trace.
    context: Option<TraceContext>,
    trace_id: Option<TraceId>,
    /// The id under which the components' lines have it.
    request_id: Option<[u8; 16]>,
    pub(crate) operations: Vec<Operation>,
    rule: Option<String>,
    /// How an answer ended that had begun.
    broken: Option<&'static str>,
    /// When it was decided, and when the server began to answer.
    decided: Option<Moment>,
    answered: Option<Moment>,
    /// A limit of the host has refused it.
    pub(crate) is_limited: bool,
    children: Vec<Span>,
    pub(crate) children_left_out: usize,
}

impl RequestInProgress {
    pub(crate) fn new(key: RequestKey, began: Moment, traceparent: Option<&str>) -> Self {
        Self {
            key,
            began,
            context: traceparent.and_then(TraceContext::parse),
            trace_id: None,
            request_id: None,
            operations: Vec::new(),
            rule: None,
            broken: None,
            decided: None,
            answered: None,
            is_limited: false,
            children: Vec::new(),
            children_left_out: 0,
        }
    }

    pub(crate) fn began(&self) -> Moment {
        self.began
    }

    /// The route whose tools it lists, if that is all that it does.
    pub(crate) fn lists_tools_of(&self) -> Option<&str> {
        match self.operations.as_slice() {
            [only] if only.method == TOOLS_LIST && only.decision == ALLOWED => Some(&only.route),
            _ => None,
        }
    }

    /// Takes a line of the gateway or the authorization server.
    pub(crate) fn read(&mut self, line: &AuditLine, names: &Names, now: Moment) {
        self.trace_id = line.trace_id.as_deref().and_then(trace_id_of).or(self.trace_id);
        self.request_id = line.request_id.as_deref().and_then(trace_id_of).or(self.request_id);
        // Where the request's header has a parent, that is it.
        self.context = self.context.or_else(|| TraceContext::parse(line.traceparent.as_deref()?));
        if line.component != "gateway" {
            return;
        }
        if let Some(rule) = &line.rule {
            self.rule = Some(rule.clone());
        }
        match line.event.as_str() {
            "begun" => {
                self.decided.get_or_insert(now);
                self.add(line, names, ALLOWED);
            }
            "forwarded" => {
                self.answered.get_or_insert(now);
                if self.operations.is_empty() {
                    self.add(line, names, ALLOWED);
                }
            }
            "refused" => {
                self.decided.get_or_insert(now);
                self.refuse(line, names, REFUSED);
            }
            "failed" => self.refuse(line, names, FAILED),
            "given-up" => self.broken = Some("given-up"),
            "stream-broken" => self.broken = Some("stream-broken"),
            _ => {}
        }
    }

    fn add(&mut self, line: &AuditLine, names: &Names, decision: &'static str) {
        let route = names.path(line.route.as_deref().unwrap_or_default());
        // A batch has a line for itself, and one for each of its first messages.
        if line.messages.is_none() {
            self.push(names, &route, line.rpc_method.as_deref(), line.tool.as_deref(), decision);
        }
        for text in &line.further {
            let (method, name) = text.split_once(' ').unwrap_or((text, ""));
            let tool = (method == TOOLS_CALL).then_some(name);
            self.push(names, &route, Some(method), tool, decision);
        }
    }

    fn push(&mut self, names: &Names, route: &Label, method: Option<&str>, tool: Option<&str>, decision: &'static str) {
        if self.operations.len() < MOST_OPERATIONS {
            self.operations.push(Operation {
                route: route.clone(),
                method: method.map(mcp_method).unwrap_or_default(),
                tool: tool.map(|tool| names.tool(route, tool)).unwrap_or_default(),
                decision,
            });
        }
    }

    /// What had begun may be refused later: its server is not there.
    fn refuse(&mut self, line: &AuditLine, names: &Names, decision: &'static str) {
        if self.operations.iter().any(|operation| operation.decision == ALLOWED) {
            self.operations.iter_mut().for_each(|operation| operation.decision = decision);
        } else {
            self.add(line, names, decision);
        }
    }

    pub(crate) fn add_store_call(&mut self, call: &StoreCall) {
        let attributes = vec![
            Attribute::new(DB_SYSTEM, call.system),
            Attribute::new(DB_OPERATION, call.operation),
            Attribute::new(ERROR_TYPE, call.error.unwrap_or_default()),
        ];
        let name = format!("store {}", call.operation);
        self.add_child(None, name, (call.began, call.ended), attributes, call.error.is_some());
    }

    pub(crate) fn add_exchange(&mut self, exchange: &Exchange<'_>, names: &Names) {
        let [host, port, peer] = names.peer(exchange.host, exchange.port);
        let context = exchange.traceparent.and_then(TraceContext::parse);
        let name = format!("{} {peer}", http_method(exchange.method));
        let error = error_type(exchange.error, exchange.status);
        let attributes = vec![
            Attribute::new(HTTP_METHOD, http_method(exchange.method)),
            Attribute::new(SERVER_ADDRESS, host),
            Attribute::new(SERVER_PORT, port),
            Attribute::new(PEER, peer),
            Attribute::new(HTTP_STATUS, status_text(exchange.status)),
            Attribute::new(ERROR_TYPE, error.clone()),
        ];
        let span_id = context.map(|context| context.span_id);
        self.add_child(span_id, name, (exchange.began, exchange.ended), attributes, !error.is_empty());
    }

    fn add_child(
        &mut self,
        span_id: Option<SpanId>,
        name: String,
        (began, ended): (Moment, Moment),
        attributes: Vec<Attribute>,
        failed: bool,
    ) {
        if self.children.len() >= MOST_CHILDREN {
            self.children_left_out += 1;
            return;
        }
        let span_id = span_id.unwrap_or_else(|| self.span_id(self.children.len() as u64 + FIRST_CHILD));
        self.children.push(Span {
            trace_id: TraceId::default(),
            span_id,
            parent_id: None,
            name,
            kind: SpanKind::Client,
            began,
            ended,
            attributes,
            failed,
        });
    }

    /// An id that no other span of the request has: the request's own is random, and a bijection spreads what is counted.
    fn span_id(&self, number: u64) -> SpanId {
        let [.., a, b, c, d, e, f, g, h] = self.key.0;
        let mut mixed = u64::from_be_bytes([a, b, c, d, e, f, g, h]).wrapping_add(number.wrapping_mul(GOLDEN));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).max(1).to_be_bytes()
    }

    /// The trace that it belongs to: the caller's, or the one that the gateway began, or one with the id of the request.
    pub(crate) fn trace_id(&self) -> TraceId {
        let told = self.context.map(|context| context.trace_id).or(self.trace_id);
        told.unwrap_or_else(|| self.request_id())
    }

    fn request_id(&self) -> [u8; 16] {
        self.request_id.unwrap_or(self.key.0)
    }

    /// Whether the caller records the trace; `None` where the caller said nothing of one.
    pub(crate) fn is_sampled_by_caller(&self) -> Option<bool> {
        self.context.map(|context| context.is_sampled)
    }

    /// Why an operation was not done, in a word; empty where it was.
    pub(crate) fn error_of(&self, operation: &Operation, status: Option<u16>) -> Label {
        match (self.broken, operation.decision) {
            (Some(broken), _) => broken.into(),
            (None, ALLOWED) => error_type(None, status),
            (None, decision) => match error_type(None, status) {
                none if none.is_empty() => decision.into(),
                status => status,
            },
        }
    }

    /// All spans of the request, which has ended.
    pub(crate) fn into_spans(mut self, request: &EndedRequest<'_>, path: &Label) -> Vec<Span> {
        let trace_id = self.trace_id();
        let root_id = self.span_id(0);
        let root = self.root(request, path, trace_id, root_id);
        let part = |number, name: &str, began, ended| Span {
            trace_id,
            span_id: self.span_id(number),
            parent_id: Some(root_id),
            name: name.to_owned(),
            kind: SpanKind::Internal,
            began,
            ended,
            attributes: Vec::new(),
            failed: false,
        };
        let decide = self.decided.map(|decided| part(1, "decide", self.began, decided));
        let forward = self.decided.zip(self.answered).map(|(decided, ended)| part(2, "forward", decided, ended));
        for child in &mut self.children {
            let within = |part: &&Span| part.began <= child.began && child.began <= part.ended;
            let parent = [&decide, &forward].into_iter().flatten().find(within);
            child.parent_id = Some(parent.map_or(root_id, |parent| parent.span_id));
            child.trace_id = trace_id;
        }
        let parts = [Some(root), decide, forward].into_iter().flatten();
        parts.chain(self.children).collect()
    }

    fn root(&self, request: &EndedRequest<'_>, path: &Label, trace_id: TraceId, span_id: SpanId) -> Span {
        let first = self.operations.first();
        let none = Label::default();
        let (method, tool) = first.map_or((&none, &none), |first| (&first.method, &first.tool));
        let name = match first {
            Some(_) if !method.is_empty() && !tool.is_empty() => format!("{method} {tool}"),
            Some(_) if !method.is_empty() => method.to_string(),
            _ => format!("{} {path}", http_method(request.method)),
        };
        let error =
            first.map_or_else(|| error_type(None, request.status), |first| self.error_of(first, request.status));
        let attributes = vec![
            Attribute::new(HTTP_METHOD, http_method(request.method)),
            Attribute::new(HTTP_ROUTE, path.clone()),
            Attribute::new(HTTP_STATUS, status_text(request.status)),
            Attribute::new(MCP_METHOD, method.clone()),
            Attribute::new(TOOL, tool.clone()),
            Attribute::new(DECISION, first.map_or("", |first| first.decision)),
            Attribute::new("gatehouse.rule", self.rule.clone().unwrap_or_default()),
            Attribute::new("gatehouse.request_id", hexadecimal(&self.request_id())),
            Attribute::new(ERROR_TYPE, error),
        ];
        Span {
            trace_id,
            span_id,
            parent_id: self.context.map(|context| context.span_id),
            name,
            kind: SpanKind::Server,
            began: self.began,
            ended: request.ended,
            attributes,
            // What a client asked for wrongly is no fault of ours (semantic conventions for HTTP spans).
            failed: self.broken.is_some() || request.status.is_none_or(|status| status >= 500),
        }
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
/// Behind the request itself and its two parts.
const FIRST_CHILD: u64 = 3;

/// A status as a label; empty where there is none. Those that nobody has registered are one: a server may answer any number, and a metric
/// has so many series for all servers together.
pub(crate) fn status_text(status: Option<u16>) -> Label {
    let Some(status) = status else { return Label::default() };
    let is_registered = StatusCode::from_u16(status).is_ok_and(|status| status.canonical_reason().is_some());
    if is_registered { status.to_string().into() } else { OTHER }
}

/// The conventions' `error.type`: the word for what went wrong, or a status that is none of success; empty where nothing did.
pub(crate) fn error_type(error: Option<&'static str>, status: Option<u16>) -> Label {
    match (error, status) {
        (Some(error), _) => error.into(),
        (None, Some(400..)) => status_text(status),
        (None, _) => Label::default(),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    gatehouse_audit_log::hexadecimal(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_nobody_has_registered_is_no_label_of_its_own() {
        assert_eq!(status_text(Some(404)), Label::Owned("404".to_owned()));
        let made_up = (100..=999).filter(|status| status_text(Some(*status)) == OTHER).count();
        assert!(made_up > 800, "{made_up}");
        assert_eq!(status_text(None), Label::default());
    }
}
