//! Who gets what the client says.

use gatehouse_mcp_wire::json_rpc::{Call, Id, Message, Reply, code};
use serde_json::json;

use crate::cursor::Cursor;
use crate::event_id::Awaited;
use crate::listing::Listed;
use crate::merge::{Common, Kind};
use crate::rule::Rule;
use crate::sessions::{MemberSession, MemberSessions};
use crate::subscription::lists;
use crate::unavailable::FailureReason;
use crate::{Federation, Lifecycle, MemberRequest, Merge, Stream, Subscription, request_ids};

/// "Resource not found" up to 2025-11-25 (MCP, resources, "Error Handling").
const RESOURCE_NOT_FOUND: i32 = -32002;

/// What to do with a message of the client.
#[derive(Debug)]
pub enum Plan {
    /// One member has it.
    ToOne {
        /// What it gets.
        request: MemberRequest,
        /// Takes its answer.
        stream: Stream,
    },
    /// Members answer together.
    ToAll {
        /// What they get; at least one.
        requests: Vec<MemberRequest>,
        /// Takes their answers.
        merge: Merge,
    },
    /// `subscriptions/listen`: their streams flow together.
    Subscribe {
        /// What they get; at least one.
        requests: Vec<MemberRequest>,
        /// Takes their messages.
        subscription: Subscription,
    },
    /// No member has it, and this is what the client is told.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The body.
        reply: Reply,
    },
    /// No member has it, and the client waits for nothing: 202.
    Accept,
}

impl Federation {
    /// Plans one message of the client. `sessions` is what the client presented, opened.
    pub fn plan(&self, message: &Message, sessions: Option<&MemberSessions>) -> Plan {
        let call = match message {
            Message::Request(call) | Message::Notification(call) => call,
            Message::Response(reply) => return self.plan_reply(reply, sessions),
        };
        // Its name would not be read as one with a prefix, and the member that got it would do it all the same.
        if call.id.is_none() && call.check_id().is_err() {
            return Plan::Accept;
        }
        match Rule::of(self.lifecycle, call) {
            Rule::Name => match call.param("name") {
                Some(name) => match self.naming.name_inward(&name) {
                    Some((member, own)) => self.one(member, with_param(call, "name", own), sessions),
                    None => self.unknown(call, code::INVALID_PARAMS, &unknown_name(&call.method, &name), None),
                },
                None => self.malformed(call, sessions),
            },
            Rule::Uri => match call.param("uri") {
                Some(uri) => match self.naming.uri_inward(&uri) {
                    Some((member, own)) => self.one(member, with_param(call, "uri", &own), sessions),
                    None => self.unknown_resource(call, &uri),
                },
                None => self.malformed(call, sessions),
            },
            Rule::Reference => self.plan_completion(call, sessions),
            Rule::Progress => {
                let token = call.params.as_ref().and_then(|params| Id::parse(params.get("progressToken")?.get()));
                match token.and_then(|token| request_ids::inward(&self.naming, &token)) {
                    Some((member, own)) => self.one(member, with_param(call, "progressToken", &own), sessions),
                    None => Plan::Accept,
                }
            }
            Rule::All(kind) => self.all(kind, call, sessions),
            Rule::Listing(listed) => self.plan_listing(listed, call, sessions),
            Rule::Subscribe => self.plan_subscription(call),
            Rule::Unprefixed => match self.naming.unprefixed() {
                Some(member) => self.one(member, call.clone(), sessions),
                None => self.not_found(call),
            },
        }
    }

    /// The client's answer to a request of a member.
    fn plan_reply(&self, reply: &Reply, sessions: Option<&MemberSessions>) -> Plan {
        match reply.id.as_ref().and_then(|id| request_ids::inward(&self.naming, id)) {
            Some((member, id)) => self.send_one(member, Reply { id: Some(id), ..reply.clone() }.into(), sessions),
            None => Plan::Accept,
        }
    }

    fn plan_completion(&self, call: &Call, sessions: Option<&MemberSessions>) -> Plan {
        let reference = call.params.as_ref().and_then(|params| params.object("ref"));
        let Some(mut reference) = reference else { return self.malformed(call, sessions) };
        let (key, text) = match reference.str("type").as_deref() {
            Some("ref/prompt") => ("name", reference.str("name")),
            Some("ref/resource") => ("uri", reference.str("uri")),
            _ => return self.malformed(call, sessions),
        };
        let Some(text) = text else { return self.malformed(call, sessions) };
        let inward = if key == "name" {
            self.naming.name_inward(&text).map(|(member, own)| (member, own.into()))
        } else {
            self.naming.uri_inward(&text)
        };
        match inward {
            Some((member, own)) => {
                reference.set(key, &own);
                self.one(member, with_param(call, "ref", &reference), sessions)
            }
            None if key == "name" => {
                self.unknown(call, code::INVALID_PARAMS, &unknown_name("prompts/get", &text), None)
            }
            None => self.unknown_resource(call, &text),
        }
    }

    fn plan_listing(&self, listed: Listed, call: &Call, sessions: Option<&MemberSessions>) -> Plan {
        let cursor =
            call.params.as_ref().and_then(|params| params.get("cursor")).filter(|cursor| cursor.get() != "null");
        if cursor.is_none() {
            return self.all(Kind::Listing { listed, was_private: false }, call, sessions);
        }
        let Some(cursor) = call.param("cursor").and_then(|text| Cursor::read(&text, &self.naming)) else {
            return self.unknown(call, code::INVALID_PARAMS, "Invalid cursor", None);
        };
        let calls = cursor.positions.iter().map(|(member, own)| (*member, with_param(call, "cursor", own))).collect();
        self.several(Kind::Listing { listed, was_private: cursor.is_private }, call, calls, sessions)
    }

    /// `subscriptions/listen`, split: list changes are asked of all members, resources of those that have them.
    fn plan_subscription(&self, call: &Call) -> Plan {
        let (Some(id), Some(filter)) =
            (&call.id, call.params.as_ref().and_then(|params| params.object("notifications")))
        else {
            return self.malformed(call, None);
        };
        let uris: Vec<String> = filter
            .get("resourceSubscriptions")
            .and_then(|uris| serde_json::from_str(uris.get()).ok())
            .unwrap_or_default();
        let mut parts: Vec<(usize, Vec<String>)> = (0..self.naming.len()).map(|member| (member, Vec::new())).collect();
        for (owner, own) in uris.iter().filter_map(|uri| self.naming.uri_inward(uri)) {
            if let Some((_, uris)) = parts.get_mut(owner) {
                uris.push(own.into_owned());
            }
        }
        if lists(&filter).is_empty() && parts.iter().any(|(_, uris)| !uris.is_empty()) {
            parts.retain(|(_, uris)| !uris.is_empty());
        }
        let request = |(member, uris): &(usize, Vec<String>)| {
            let mut own = filter.clone();
            own.remove("resourceSubscriptions");
            if !uris.is_empty() {
                own.set("resourceSubscriptions", uris);
            }
            MemberRequest::new(self, *member, with_param(call, "notifications", &own).into(), None)
        };
        let requests = parts.iter().map(request).collect();
        let common = self.common(call, Vec::new());
        Plan::Subscribe { requests, subscription: Subscription::begin(common, id.clone(), &filter, parts) }
    }

    fn all(&self, kind: Kind, call: &Call, sessions: Option<&MemberSessions>) -> Plan {
        let calls = (0..self.naming.len()).map(|member| (member, call.clone())).collect();
        // With `initialize` a session begins, whatever was before.
        let sessions = sessions.filter(|_| !matches!(kind, Kind::Initialize));
        self.several(kind, call, calls, sessions)
    }

    fn several(&self, kind: Kind, call: &Call, calls: Vec<(usize, Call)>, sessions: Option<&MemberSessions>) -> Plan {
        let (mut requests, mut missing) = (Vec::new(), Vec::new());
        for (member, call) in calls {
            match sessions.map(|sessions| sessions.of(member)) {
                Some(MemberSession::None) => missing.push((member, FailureReason::NotInSession)),
                Some(session) => requests.push(MemberRequest::new(self, member, call.into(), session.id())),
                None => requests.push(MemberRequest::new(self, member, call.into(), None)),
            }
        }
        if requests.is_empty() {
            return match missing.first() {
                Some((member, _)) => self.not_in_session(*member, call.id.as_ref()),
                None => self.not_found(call),
            };
        }
        Plan::ToAll { requests, merge: Merge { kind, common: self.common(call, missing) } }
    }

    fn common(&self, call: &Call, missing: Vec<(usize, FailureReason)>) -> Common {
        let (naming, name, id) = (self.naming.clone(), self.name.clone(), call.id.clone());
        let discover_needs_all = self.discover_needs_all;
        Common { naming, lifecycle: self.lifecycle, name, id, missing, discover_needs_all }
    }

    fn one(&self, member: usize, call: Call, sessions: Option<&MemberSessions>) -> Plan {
        self.send_one(member, call.into(), sessions)
    }

    fn send_one(&self, member: usize, message: Message, sessions: Option<&MemberSessions>) -> Plan {
        let session = sessions.map(|sessions| sessions.of(member));
        if matches!(session, Some(MemberSession::None)) {
            return self.not_in_session(member, message.call().and_then(|call| call.id.as_ref()));
        }
        let awaited = match &message {
            Message::Request(call) => call.id.clone().map(|id| Awaited { id, method: call.method.clone() }),
            Message::Notification(_) | Message::Response(_) => None,
        };
        Plan::ToOne {
            request: MemberRequest::new(self, member, message, session.and_then(MemberSession::id)),
            stream: Stream::answer(&self.naming, self.lifecycle, member, awaited),
        }
    }

    fn unknown_resource(&self, call: &Call, uri: &str) -> Plan {
        let code = if self.lifecycle == Lifecycle::Stateless { code::INVALID_PARAMS } else { RESOURCE_NOT_FOUND };
        self.unknown(call, code, "Resource not found", Some(json!({"uri": uri})))
    }

    fn unknown(&self, call: &Call, code: i32, message: &str, data: Option<serde_json::Value>) -> Plan {
        answer(200, call.id.as_ref(), code, message, data)
    }

    /// Nobody's by its form. The member without a prefix says what is wrong with it, as if it stood there alone.
    fn malformed(&self, call: &Call, sessions: Option<&MemberSessions>) -> Plan {
        match self.naming.unprefixed() {
            Some(member) => self.one(member, call.clone(), sessions),
            None => {
                let status = if self.lifecycle == Lifecycle::Stateless { 400 } else { 200 };
                answer(status, call.id.as_ref(), code::INVALID_PARAMS, "The params do not say what is meant", None)
            }
        }
    }

    /// MCP 2026-07-28, "Protocol Version Header": 404 and the code; before, the code alone.
    fn not_found(&self, call: &Call) -> Plan {
        let status = if self.lifecycle == Lifecycle::Stateless { 404 } else { 200 };
        answer(status, call.id.as_ref(), code::METHOD_NOT_FOUND, "Method not found", None)
    }

    fn not_in_session(&self, member: usize, id: Option<&Id>) -> Plan {
        let who = match self.naming.prefix(member) {
            Some(prefix) => format!("`{prefix}` of {}", self.name),
            None => format!("The server of {} without a prefix", self.name),
        };
        let message = format!("{who} {}; begin a new session", FailureReason::NotInSession.as_str());
        answer(502, id, code::INTERNAL_ERROR, &message, None)
    }
}

fn answer(status: u16, id: Option<&Id>, code: i32, message: &str, data: Option<serde_json::Value>) -> Plan {
    match id {
        Some(id) => Plan::Answer { status, reply: Reply::error(Some(id.clone()), code, message, data.as_ref()) },
        None => Plan::Accept,
    }
}

fn unknown_name(method: &str, name: &str) -> String {
    format!("Unknown {}: {name}", if method == "prompts/get" { "prompt" } else { "tool" })
}

fn with_param<T: serde::Serialize + ?Sized>(call: &Call, name: &str, value: &T) -> Call {
    let mut call = call.clone();
    call.params.get_or_insert_default().set(name, value);
    call
}

#[cfg(test)]
mod tests;
