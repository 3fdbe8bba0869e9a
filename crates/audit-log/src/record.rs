//! The record.

use core::fmt;

use serde::Serialize;

use crate::credential_kind::CredentialKind;
use crate::log_time::LogTime;
use crate::mcp_call::McpCall;
use crate::request_id::RequestId;
use crate::schema::Schema;
use crate::text::{bounded, each_bounded, without_line_ends};
use crate::trace_parent::TraceId;

/// One line of the audit log. Fields that say nothing are left out.
///
/// [`fmt::Display`] writes it: one flat JSON object, without the line break. `docs/audit.schema.json` follows from the types
/// (`cargo xtask docs`): a doc comment here is a description there, and a line `Personal: ` in it says why a field is personal
/// data, or may be.
#[derive(Clone, Debug, Serialize)]
pub struct AuditRecord<'a> {
    /// The schema of the line, with its version.
    pub schema: Schema,
    /// When the line was written.
    pub time: LogTime,
    /// Who writes.
    pub component: Component,
    /// Which request it is about: the `x-request-id` of its answer. None where it is about no request of a client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a RequestId>,
    /// The request's trace (W3C Trace Context).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<&'a TraceId>,
    /// The caller's span in it, as `traceparent` has it, where a message said so and no header.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
    pub traceparent: Option<&'a str>,
    /// What happened.
    pub event: Event,
    /// What it happened to, where the route and the method do not say that: an endpoint of the authorization server
    /// (`token`, `callback`, …), or something that is done beside the request (`sweep`, `identity-provider-refresh`, …).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<&'a str>,
    /// What was decided, once somebody asked for something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// The name of the policy's rule that decided. None where no rule was needed, or where no rule allowed it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
    pub rule: Option<&'a str>,
    /// The path of the route.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
    pub route: Option<&'a str>,
    /// The prefix of the federation's member that it went to.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
    pub member: Option<&'a str>,
    /// The request's method in HTTP.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
    pub method: Option<&'a str>,
    /// What was asked for.
    #[serde(flatten)]
    pub call: McpCall<'a>,
    /// How many messages the batch has that the line is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<usize>,
    /// What those messages of the batch ask for that have no line of their own: method and name, in short.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<String>,
    /// The status of the answer in HTTP, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The signed-in user or machine, once known: the name of the identity provider and its id for the user.
    ///
    /// Personal: it names one person for good, by an id that the identity provider can resolve.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
    pub subject: Option<&'a str>,
    /// The user whom an administrator looked at, or whose sessions or environment they ended; `subject` is the administrator then.
    ///
    /// Personal: as `subject`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
    pub target_subject: Option<&'a str>,
    /// The OAuth client, once known.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
    pub client_id: Option<&'a str>,
    /// Who acts for the subject by an exchanged token, beginning with who acts now: the name, and behind a space its issuer where that
    /// is another one.
    ///
    /// Personal: it can name a person.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "each_bounded")]
    pub actors: Vec<String>,
    /// The address that the request came from, as far as it is known.
    ///
    /// Personal: it can lead to a person. `log_addresses = false` leaves it out.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
    pub client_address: Option<&'a str>,
    /// What the caller showed, once that counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialKind>,
    /// What became of a token of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenEvent>,
    /// Milliseconds until the upstream began to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_ms: Option<u64>,
    /// Milliseconds from the request to this line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_ms: Option<u64>,
    /// Why, where it was not simply done.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
    pub reason: Option<&'a str>,
}

/// Who writes a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// The gateway.
    Gateway,
    /// The authorization server.
    AuthorizationServer,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Who asked may have it.
    Allowed,
    /// Who asked may not have it.
    Refused,
    /// It could not be decided or done, by no fault of who asked.
    Failed,
}

/// What became of a token of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenEvent {
    /// It was issued, with a session of its own.
    Issued,
    /// It was issued in place of one before.
    Refreshed,
    /// Its session was ended by who had it.
    Revoked,
    /// It had been used before, or its code had: its session was ended.
    Reused,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// It is about to be done: whatever becomes of this instance, the log says so.
    Begun,
    /// It was done.
    Completed,
    /// An upstream has begun to answer it.
    Forwarded,
    /// It was not done, and we said so.
    Refused,
    /// It was not done, by no fault of who asked.
    Failed,
    /// A browser asked beforehand what another origin's page may send.
    Options,
    /// The answer had begun, and was not waited for any longer.
    GivenUp,
    /// The answer had begun, and the upstream's stream broke off.
    StreamBroken,
    /// The configuration cannot be used, so nothing is served.
    NotConfigured,
    /// An upstream is not there, or something else that readiness needs.
    NotReady,
    /// What lasts could not be counted in the store.
    NotCounted,
    /// A tool's schema could not be kept.
    SchemaNotKept,
    /// The stream of an upstream is not listened to.
    NotListening,
    /// A message could not be handed to the client's open stream (MCP 2024-11-05).
    MessageNotDelivered,
    /// What is handed to a client's open stream could not be read (MCP 2024-11-05).
    ChannelNotRead,
    /// What is kept for a client's open stream could not be removed (MCP 2024-11-05).
    ChannelNotClosed,
}

impl AuditRecord<'_> {
    /// A line about nothing but `event`.
    pub const fn new(time: LogTime, component: Component, event: Event) -> Self {
        Self {
            schema: Schema,
            time,
            component,
            request_id: None,
            trace_id: None,
            traceparent: None,
            event,
            action: None,
            decision: None,
            rule: None,
            route: None,
            member: None,
            method: None,
            call: McpCall { rpc_method: None, tool: None, prompt: None, resource: None, arguments: None },
            messages: None,
            further: Vec::new(),
            status: None,
            subject: None,
            target_subject: None,
            client_id: None,
            actors: Vec::new(),
            client_address: None,
            credential: None,
            token: None,
            upstream_ms: None,
            total_ms: None,
            reason: None,
        }
    }
}

impl fmt::Display for AuditRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_line_ends(&serde_json::to_string(self).map_err(|_| fmt::Error)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::trace_parent::TraceParent;

    const TIME: LogTime = LogTime::from_milliseconds(1_795_250_096_007);

    fn ids() -> (RequestId, TraceId) {
        let trace = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap().trace_id;
        (RequestId::parse("000102030405060708090a0b0c0d0e0f").unwrap(), trace)
    }

    #[test]
    fn a_line_says_only_what_there_is_to_say() {
        let record = AuditRecord {
            decision: Some(Decision::Refused),
            route: Some("/mcp"),
            method: Some("POST"),
            status: Some(401),
            subject: Some("demo:\n\"alice"),
            ..AuditRecord::new(TIME, Component::Gateway, Event::Refused)
        };
        let expected = r#"{"schema":"gatehouse-audit/1","time":"2026-11-21T08:34:56.007Z","component":"gateway","event":"refused","decision":"refused","route":"/mcp","method":"POST","status":401,"subject":"demo:\n\"alice"}"#;
        assert_eq!(record.to_string(), expected);
    }

    #[test]
    fn a_line_has_everything_that_an_auditor_asks_for() {
        let (request_id, trace_id) = ids();
        let record = AuditRecord {
            schema: Schema,
            time: TIME,
            component: Component::Gateway,
            request_id: Some(&request_id),
            trace_id: Some(&trace_id),
            traceparent: Some("parent"),
            event: Event::Forwarded,
            action: Some("action"),
            decision: Some(Decision::Allowed),
            rule: Some("everyone"),
            route: Some("/mcp"),
            member: Some("files"),
            method: Some("POST"),
            call: McpCall { rpc_method: Some("tools/call"), tool: Some("echo".to_owned()), ..McpCall::default() },
            messages: Some(21),
            further: vec!["ping".to_owned()],
            status: Some(200),
            subject: Some("demo:alice"),
            target_subject: Some("demo:bob"),
            client_id: Some("client"),
            actors: vec!["agent".to_owned(), "app https://op.example".to_owned()],
            client_address: Some("192.0.2.1"),
            credential: Some(CredentialKind::OwnToken),
            token: Some(TokenEvent::Issued),
            upstream_ms: Some(3),
            total_ms: Some(5),
            reason: Some("reason"),
        };
        let expected = r#"{"schema":"gatehouse-audit/1","time":"2026-11-21T08:34:56.007Z","component":"gateway","request_id":"000102030405060708090a0b0c0d0e0f","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","traceparent":"parent","event":"forwarded","action":"action","decision":"allowed","rule":"everyone","route":"/mcp","member":"files","method":"POST","rpc_method":"tools/call","tool":"echo","messages":21,"further":["ping"],"status":200,"subject":"demo:alice","target_subject":"demo:bob","client_id":"client","actors":["agent","app https://op.example"],"client_address":"192.0.2.1","credential":"own-token","token":"issued","upstream_ms":3,"total_ms":5,"reason":"reason"}"#;
        assert_eq!(record.to_string(), expected);
    }

    #[test]
    fn every_component_uses_the_same_words() {
        let written = |component, event, decision| {
            let record = AuditRecord { decision: Some(decision), ..AuditRecord::new(TIME, component, event) };
            let line = serde_json::from_str::<Value>(&record.to_string()).unwrap();
            [line["component"].clone(), line["event"].clone(), line["decision"].clone()]
        };
        assert_eq!(
            [
                written(Component::Gateway, Event::GivenUp, Decision::Allowed),
                written(Component::AuthorizationServer, Event::Begun, Decision::Refused),
                written(Component::AuthorizationServer, Event::Completed, Decision::Failed),
            ],
            [
                [json!("gateway"), json!("given-up"), json!("allowed")],
                [json!("authorization-server"), json!("begun"), json!("refused")],
                [json!("authorization-server"), json!("completed"), json!("failed")],
            ]
        );
    }

    #[test]
    fn what_was_shown_has_a_word_of_its_own() {
        let words = [
            (CredentialKind::OwnToken, "own-token"),
            (CredentialKind::ExternalToken, "external-token"),
            (CredentialKind::ApiKey, "api-key"),
            (CredentialKind::BrowserSession, "browser-session"),
            (CredentialKind::None, "none"),
        ];
        for (credential, word) in words {
            let record = AuditRecord {
                credential: Some(credential),
                ..AuditRecord::new(TIME, Component::Gateway, Event::Forwarded)
            };
            assert!(record.to_string().ends_with(&format!(r#""credential":"{word}"}}"#)), "{record}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_in_it_a_record_is_one_flat_object_on_one_bounded_line(
            reason in prop_oneof![".{0,40}", Just("\u{2028}".repeat(3_000)), Just("\",\"decision\":\"allowed\"}\r\n{".to_owned())],
            subject in ".{0,20}",
        ) {
            let record = AuditRecord {
                reason: Some(&reason),
                subject: Some(&subject),
                ..AuditRecord::new(TIME, Component::Gateway, Event::Failed)
            };
            let line = record.to_string();
            let ends = ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
            prop_assert!(!line.contains(ends), "{line}");
            prop_assert!(line.len() < 8_000);
            let read = serde_json::from_str::<serde_json::Map<String, Value>>(&line).unwrap();
            prop_assert!(read.values().all(|value| !value.is_object()));
            prop_assert_eq!(&read["subject"], &json!(subject));
            prop_assert_eq!(read.len(), 6);
            if reason.chars().count() <= 1024 {
                prop_assert_eq!(&read["reason"], &json!(reason));
            }
        }
    }
}
