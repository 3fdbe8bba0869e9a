//! The log: one line of JSON for each decision.
//!
//! It says who did what and what came of it, by ids. Tokens, headers and queries have no place in it; arguments and the
//! URIs of resources only where the route's `log_arguments` says so.

use core::fmt;

use gatehouse_configuration::Route;
use gatehouse_mcp_wire::json_rpc::Message;
use gatehouse_protocol::LogText;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::RequestId;

/// A decision, as the log shows it. For a batch there is one for itself, and one for each of its first messages.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Decision<'a> {
    /// When, in milliseconds since the Unix epoch; written as RFC 3339 in UTC.
    #[serde(serialize_with = "time")]
    pub time: u64,
    /// Which request to the gateway: the `x-request-id` of its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a RequestId>,
    /// Its trace (W3C Trace Context).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<&'a str>,
    /// What happened: `begun`, `forwarded`, `refused`, `options`, `given-up`, `stream-broken` or `not-configured`; or to which
    /// part of the gateway.
    pub event: &'static str,
    /// What was decided, once somebody asked for something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Verdict>,
    /// The policy's rule by which it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'a str>,
    /// The path of the route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<&'a str>,
    /// The prefix of the federation's member that it went to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<&'a str>,
    /// The request's method in HTTP.
    pub method: &'a str,
    /// What was asked for.
    #[serde(flatten)]
    pub about: About<'a>,
    /// How many messages the batch has that this is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<usize>,
    /// What those of them ask for that have no line of their own ([`About::text`]).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<String>,
    /// The status of the answer, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The signed-in user or machine, once known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a str>,
    /// Its client, once known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<&'a str>,
    /// Milliseconds until the upstream began to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_ms: Option<u64>,
    /// Milliseconds from the request to this line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_ms: Option<u64>,
    /// Why, where it was not simply done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It went on.
    Allowed,
    /// It did not.
    Refused,
}

/// What a message asks for, as far as the log may say.
#[derive(Clone, Debug, Default, Serialize)]
pub struct About<'a> {
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cleaned")]
    rpc_method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cleaned")]
    tool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cleaned")]
    prompt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cleaned")]
    resource: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "one_line")]
    arguments: Option<&'a RawValue>,
}

impl<'a> About<'a> {
    /// What `message` asks for at `route`. A response asks for nothing.
    pub fn of(message: &'a Message, route: &Route) -> Self {
        let Some(call) = message.call() else { return Self::default() };
        let method = call.method.as_str();
        let named = |methods: &[&str], parameter| methods.contains(&method).then(|| call.param(parameter)).flatten();
        let params = call.params.as_ref().filter(|_| route.log_arguments);
        Self {
            rpc_method: Some(method),
            tool: named(&["tools/call"], "name"),
            prompt: named(&["prompts/get"], "name"),
            resource: params.and_then(|params| params.str("uri")),
            arguments: params.and_then(|params| params.get("arguments")),
        }
    }
}

impl About<'_> {
    /// The method and the name, in one short text; empty for a response.
    pub fn text(&self) -> String {
        let name = self.tool.as_deref().or(self.prompt.as_deref());
        let words = self.rpc_method.into_iter().chain(name).map(|word| LogText::new(word).to_string());
        words.collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn time<S: Serializer>(milliseconds: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    let time = i64::try_from(*milliseconds).ok().and_then(|time| Timestamp::from_millisecond(time).ok());
    // Not by `strftime`: its interpreter alone is 70 KB of WebAssembly.
    let time = TimeZone::UTC.to_datetime(time.unwrap_or(Timestamp::MAX));
    serializer.collect_str(&format_args!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    ))
}

/// Client text: it can neither forge a line nor fill a disk.
fn cleaned<T: AsRef<str>, S: Serializer>(text: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_ref().map(|text| LogText::new(text.as_ref()).as_str().to_owned()).serialize(serializer)
}

/// Bytes of arguments that a line holds at most.
const LONGEST_ARGUMENTS: usize = 4096;

/// As JSON without the line breaks that it may have come with; how long it is where it is too long.
fn one_line<S: Serializer>(arguments: &Option<&RawValue>, serializer: S) -> Result<S::Ok, S::Error> {
    let text = arguments.map_or("", RawValue::get);
    if text.len() > LONGEST_ARGUMENTS {
        return serializer.collect_str(&format_args!("{} bytes", text.len()));
    }
    serde_json::from_str::<Value>(text).ok().serialize(serializer)
}

#[cfg(test)]
mod tests {
    use gatehouse_mcp_wire::json_rpc::Body;
    use serde_json::json;

    use super::*;
    use crate::example::{self, Counting};

    fn logged(message: &Value, log_arguments: bool) -> Value {
        let configuration = example::configuration();
        let route = Route { log_arguments, ..configuration.routes[0].clone() };
        let Body::Single(message) = Body::parse(message.to_string().as_bytes(), 64).unwrap() else { panic!() };
        serde_json::to_value(About::of(&message, &route)).unwrap()
    }

    fn request(method: &str, params: &Value) -> Value {
        json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
    }

    #[test]
    fn a_decision_is_one_line_whatever_is_in_it() {
        let decision = Decision {
            time: 1_795_250_096_007,
            event: "refused",
            route: Some("/mcp"),
            method: "POST",
            status: Some(401),
            subject: Some("demo:\n\"alice"),
            ..Decision::default()
        };
        let expected = r#"{"time":"2026-11-21T08:34:56.007Z","event":"refused","route":"/mcp","method":"POST","status":401,"subject":"demo:\n\"alice"}"#;
        assert_eq!(decision.to_string(), expected);
    }

    #[test]
    fn a_line_has_everything_that_an_auditor_asks_for() {
        let configuration = example::configuration();
        let body = request("tools/call", &json!({ "name": "echo", "arguments": { "secret": 1 } })).to_string();
        let Body::Single(message) = Body::parse(body.as_bytes(), 64).unwrap() else { panic!() };
        let id = RequestId::generate(&mut Counting::default());
        let decision = Decision {
            time: 0,
            request_id: Some(&id),
            trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"),
            event: "forwarded",
            decision: Some(Verdict::Allowed),
            rule: Some("everyone"),
            route: Some("/mcp"),
            member: Some("files"),
            method: "POST",
            about: About::of(&message, &configuration.routes[0]),
            messages: None,
            further: Vec::new(),
            status: Some(200),
            subject: Some("demo:alice"),
            client_id: Some("client"),
            upstream_ms: Some(3),
            total_ms: Some(5),
            reason: None,
        };
        let expected = r#"{"time":"1970-01-01T00:00:00.000Z","request_id":"000102030405060708090a0b0c0d0e0f","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","event":"forwarded","decision":"allowed","rule":"everyone","route":"/mcp","member":"files","method":"POST","rpc_method":"tools/call","tool":"echo","status":200,"subject":"demo:alice","client_id":"client","upstream_ms":3,"total_ms":5}"#;
        assert_eq!(decision.to_string(), expected);
    }

    #[test]
    fn the_line_of_a_batch_says_in_short_texts_what_has_no_line_of_its_own() {
        let configuration = example::configuration();
        let text = |method: &str, params: Value| {
            let body = request(method, &params).to_string();
            let Body::Single(message) = Body::parse(body.as_bytes(), 64).unwrap() else { panic!() };
            About::of(&message, &configuration.routes[0]).text()
        };
        let further = vec![
            text("tools/call", json!({ "name": "echo\n\u{202e}" })),
            text("prompts/get", json!({ "name": "greet" })),
            text("resources/read", json!({ "uri": "file:///home/alice" })),
            text(&"m".repeat(5_000), json!({ "name": "n" })),
        ];
        assert_eq!(further[..3], ["tools/call echo??", "prompts/get greet", "resources/read"]);
        assert_eq!(further[3].len(), 128);
        let decision = Decision { messages: Some(24), further, ..Decision::default() };
        let line = serde_json::from_str::<Value>(&decision.to_string()).unwrap();
        assert_eq!((&line["messages"], line["further"].as_array().unwrap().len()), (&json!(24), 4));
    }

    #[test]
    fn arguments_and_uris_are_there_only_where_the_route_says_so() {
        let call = request("tools/call", &json!({ "name": "echo", "arguments": { "text": "a\nb", "n": 1 } }));
        assert_eq!(logged(&call, false), json!({ "rpc_method": "tools/call", "tool": "echo" }));
        let arguments = json!({ "text": "a\nb", "n": 1 });
        assert_eq!(logged(&call, true), json!({ "rpc_method": "tools/call", "tool": "echo", "arguments": arguments }));
        let read = request("resources/read", &json!({ "uri": "file:///home/alice" }));
        assert_eq!(logged(&read, false), json!({ "rpc_method": "resources/read" }));
        let expected = json!({ "rpc_method": "resources/read", "resource": "file:///home/alice" });
        assert_eq!(logged(&read, true), expected);
        let prompt = request("prompts/get", &json!({ "name": "p", "arguments": {} }));
        assert_eq!(logged(&prompt, false), json!({ "rpc_method": "prompts/get", "prompt": "p" }));
        assert_eq!(logged(&json!({ "jsonrpc": "2.0", "id": 1, "result": { "uri": "x" } }), true), json!({}));
    }

    #[test]
    fn client_text_cannot_forge_a_line_or_fill_the_disk() {
        let long = "x".repeat(5000);
        let call = request(&format!("a\n{{\"{long}"), &json!({ "name": "b" }));
        let expected = format!("a?{{\"{}", "x".repeat(124));
        assert_eq!(logged(&call, true), json!({ "rpc_method": expected }));
        let call = request("tools/call", &json!({ "name": "e\u{301}\r\n", "arguments": { "text": long } }));
        let expected = json!({ "rpc_method": "tools/call", "tool": "e???", "arguments": "5011 bytes" });
        assert_eq!(logged(&call, true), expected);
        let spaced =
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"arguments\":{\n\"a\":\n1}}}";
        let Body::Single(message) = Body::parse(spaced.as_bytes(), 64).unwrap() else { panic!() };
        let configuration = example::configuration();
        let route = Route { log_arguments: true, ..configuration.routes[0].clone() };
        let decision = Decision { about: About::of(&message, &route), ..Decision::default() };
        assert!(!decision.to_string().contains('\n'));
    }
}
