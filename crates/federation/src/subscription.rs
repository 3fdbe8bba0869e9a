//! `subscriptions/listen` (MCP 2026-07-28, subscriptions): the members' streams as one.

use std::collections::HashSet;

use gatehouse_mcp_wire::json_rpc::{Call, Id, Message, Object, Outcome, Reply};

use crate::introduction::server_info;
use crate::merge::{Common, METHOD_NOT_FOUND, MergedAnswer, error_code, is_answer};
use crate::stream::{id_param, notification};
use crate::unavailable::{self, FailureReason, UNAVAILABLE};

const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";
const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
/// What the filter may ask of every member.
const LIST_CHANGES: [&str; 3] = ["toolsListChanged", "promptsListChanged", "resourcesListChanged"];
/// Notifications that wait for the acknowledgement. What changed before it, the client sees when it lists after it.
const MOST_WAITING: usize = 256;

/// A subscription of the client's, and those of the members that are part of it. All have the client's request id.
///
/// The client hears nothing before every member that was asked has acknowledged or failed: the acknowledgement is the
/// first message, comes once, says what all of them agreed to, and who failed. The component that sends gives the members
/// a time for it, and then says that they failed.
///
/// A member that breaks off later is announced as changes of its lists: the client lists anew, and that listing says who
/// is unavailable. The subscription ends gracefully when all members have ended theirs gracefully.
#[derive(Debug)]
pub struct Subscription {
    common: Common,
    id: Id,
    /// The lists whose changes the client asked for.
    lists: Vec<&'static str>,
    parts: Vec<Part>,
    is_acknowledged: bool,
    waiting: Vec<Message>,
}

/// A member's subscription.
#[derive(Debug)]
struct Part {
    member: usize,
    /// Its own URIs that were asked for.
    asked: Vec<String>,
    /// What it acknowledged.
    agreed: Option<Agreed>,
    end: Option<End>,
}

#[derive(Debug)]
struct Agreed {
    lists: Vec<&'static str>,
    uris: Vec<String>,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one for each member")]
enum End {
    Graceful,
    Refused { status: u16, reply: Reply },
    Failed(FailureReason),
}

impl Subscription {
    /// `parts` are the members that are asked, each with its own URIs.
    pub(crate) fn begin(common: Common, id: Id, filter: &Object, parts: Vec<(usize, Vec<String>)>) -> Self {
        let part = |(member, asked)| Part { member, asked, agreed: None, end: None };
        Self {
            common,
            id,
            lists: lists(filter),
            parts: parts.into_iter().map(part).collect(),
            is_acknowledged: false,
            waiting: Vec::new(),
        }
    }

    /// A message of a member; what the client gets.
    pub fn message(&mut self, member: usize, message: Message) -> Vec<Message> {
        match message {
            Message::Response(reply) => self.answer(member, 200, reply),
            Message::Notification(call) => self.notified(member, call),
            // "Servers MUST NOT initiate JSON-RPC requests" (MCP 2026-07-28, patterns).
            Message::Request(_) => Vec::new(),
        }
    }

    /// The member answers the request, which ends its subscription; what the client gets.
    pub fn answer(&mut self, member: usize, status: u16, reply: Reply) -> Vec<Message> {
        let Some(part) = self.running(member) else { return Vec::new() };
        let end = match (&reply.outcome, &part.agreed) {
            (Outcome::Error(_), None) if !is_answer(status) => End::Failed(FailureReason::Refused),
            (Outcome::Result(_), Some(_)) => End::Graceful,
            (Outcome::Error(_), None) => End::Refused { status, reply },
            (Outcome::Error(_), Some(_)) => End::Failed(FailureReason::Refused),
            (Outcome::Result(_) | Outcome::OtherResult(_), _) => End::Failed(FailureReason::Unreadable),
        };
        self.ended(member, end)
    }

    /// The member did not answer, or its stream ended without a response; what the client gets. Nothing changes where it
    /// had ended before.
    pub fn failed(&mut self, member: usize, reason: FailureReason) -> Vec<Message> {
        self.ended(member, End::Failed(reason))
    }

    /// Whether no member is left: the stream is closed.
    pub fn is_over(&self) -> bool {
        self.parts.iter().all(|part| part.end.is_some())
    }

    /// Members that have neither acknowledged nor failed.
    pub fn awaited(&self) -> Vec<usize> {
        self.parts.iter().filter(|part| !part.is_settled()).map(|part| part.member).collect()
    }

    /// What the client is told instead of a stream, where no member agreed to anything.
    pub fn refusal(&self) -> Option<MergedAnswer> {
        if !self.is_over() || self.is_acknowledged {
            return None;
        }
        let (mut errors, mut failed) = (Vec::new(), Vec::new());
        for part in &self.parts {
            match &part.end {
                Some(End::Refused { status, reply }) => errors.push((part.member, *status, reply.clone())),
                Some(End::Failed(reason)) => failed.push((part.member, *reason)),
                Some(End::Graceful) | None => {}
            }
        }
        Some(self.common.nobody(errors, &failed))
    }

    fn running(&mut self, member: usize) -> Option<&mut Part> {
        self.parts.iter_mut().find(|part| part.member == member && part.end.is_none())
    }

    fn notified(&mut self, member: usize, call: Call) -> Vec<Message> {
        let requested = self.lists.clone();
        let Some(part) = self.running(member) else { return Vec::new() };
        let params = call.params.as_ref();
        match call.method.as_str() {
            ACKNOWLEDGED if part.agreed.is_some() => Vec::new(),
            ACKNOWLEDGED => {
                let filter = params.and_then(|params| params.object("notifications")).unwrap_or_default();
                part.agreed = Some(Agreed::of(&filter, &requested, &part.asked));
                self.proceed()
            }
            // So a server tears its subscription down (MCP 2026-07-28, cancellation); that of the others goes on.
            "notifications/cancelled" => match params.and_then(|params| id_param(params, "requestId")) {
                Some(id) if id == self.id => self.ended(member, End::Graceful),
                _ => Vec::new(),
            },
            _ if part.agreed.is_none() => Vec::new(),
            _ => {
                let renamed = notification(&self.common.naming, member, call);
                let message = renamed.map(|call| self.tagged(call).into());
                self.say(message.into_iter().collect())
            }
        }
    }

    fn ended(&mut self, member: usize, end: End) -> Vec<Message> {
        let was_acknowledged = self.is_acknowledged;
        let Some(part) = self.running(member) else { return Vec::new() };
        let changed = match (&end, &part.agreed) {
            (End::Failed(_), Some(agreed)) if was_acknowledged => agreed.lists.clone(),
            _ => Vec::new(),
        };
        part.end = Some(end);
        let changes =
            changed.into_iter().map(|list| self.tagged(Call::notification(notification_of(list), None)).into());
        let mut messages: Vec<Message> = changes.collect();
        messages.extend(self.proceed());
        messages
    }

    /// Acknowledges when all have, and ends when all have.
    fn proceed(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        let is_agreed = self.parts.iter().any(|part| part.agreed().is_some());
        if !self.is_acknowledged && is_agreed && self.parts.iter().all(Part::is_settled) {
            self.is_acknowledged = true;
            messages.push(self.acknowledgement().into());
            messages.append(&mut self.waiting);
        }
        let is_graceful = |part: &Part| part.agreed.is_none() || matches!(part.end, Some(End::Graceful));
        if self.is_acknowledged && self.is_over() && self.parts.iter().all(is_graceful) {
            messages.push(self.end().into());
        }
        messages
    }

    /// Now, or after the acknowledgement.
    fn say(&mut self, mut messages: Vec<Message>) -> Vec<Message> {
        if self.is_acknowledged {
            return messages;
        }
        if self.waiting.len() < MOST_WAITING {
            self.waiting.append(&mut messages);
        }
        Vec::new()
    }

    fn acknowledgement(&self) -> Call {
        let agreed = || self.parts.iter().filter_map(|part| Some((part.member, part.agreed()?)));
        let mut filter = Object::new();
        for list in LIST_CHANGES.into_iter().filter(|list| agreed().any(|(_, agreed)| agreed.lists.contains(list))) {
            filter.set(list, &true);
        }
        let naming = &self.common.naming;
        let uris: Vec<_> = agreed()
            .flat_map(|(member, agreed)| agreed.uris.iter().filter_map(move |uri| naming.uri_outward(member, uri)))
            .collect();
        if !uris.is_empty() {
            filter.set("resourceSubscriptions", &uris);
        }
        let mut params = Object::new();
        let unavailable: Vec<_> = self.parts.iter().filter_map(|part| Some((part.member, part.failure()?))).collect();
        if !unavailable.is_empty() {
            let mut meta = Object::new();
            meta.set(UNAVAILABLE, &unavailable::list(naming, &unavailable));
            params.set_raw("_meta", meta.to_raw());
        }
        params.set_raw("notifications", filter.to_raw());
        self.tagged(Call::notification(ACKNOWLEDGED, Some(params)))
    }

    /// The graceful end.
    fn end(&self) -> Reply {
        let (mut result, mut meta) = (Object::new(), Object::new());
        meta.set(SUBSCRIPTION_ID, &self.id);
        meta.set("io.modelcontextprotocol/serverInfo", &server_info(&self.common.name));
        result.set("resultType", "complete");
        result.set_raw("_meta", meta.to_raw());
        Reply::result(self.id.clone(), result)
    }

    /// Every message says which subscription it belongs to; a member cannot say another.
    fn tagged(&self, mut call: Call) -> Call {
        let mut meta = call.meta().unwrap_or_default();
        meta.set(SUBSCRIPTION_ID, &self.id);
        call.params.get_or_insert_default().set_raw("_meta", meta.to_raw());
        call
    }
}

impl Part {
    fn is_settled(&self) -> bool {
        self.agreed.is_some() || self.end.is_some()
    }

    /// What counts of its agreement.
    fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref().filter(|_| !matches!(self.end, Some(End::Failed(_))))
    }

    /// Why it has no part. A server without subscriptions is not missed.
    fn failure(&self) -> Option<FailureReason> {
        match &self.end {
            Some(End::Failed(reason)) => Some(*reason),
            Some(End::Refused { reply, .. }) if error_code(reply) != METHOD_NOT_FOUND => Some(FailureReason::Refused),
            Some(End::Refused { .. } | End::Graceful) | None => None,
        }
    }
}

impl Agreed {
    /// Only what was asked for: a member agrees to nothing for another.
    fn of(filter: &Object, requested: &[&'static str], asked: &[String]) -> Self {
        let uris: HashSet<String> = filter
            .get("resourceSubscriptions")
            .and_then(|uris| serde_json::from_str(uris.get()).ok())
            .unwrap_or_default();
        Self {
            lists: lists(filter).into_iter().filter(|list| requested.contains(list)).collect(),
            uris: asked.iter().filter(|uri| uris.contains(*uri)).cloned().collect(),
        }
    }
}

/// The lists of a filter whose changes are wanted.
pub(crate) fn lists(filter: &Object) -> Vec<&'static str> {
    LIST_CHANGES.into_iter().filter(|list| filter.get(list).is_some_and(|value| value.get() == "true")).collect()
}

fn notification_of(list: &str) -> &'static str {
    match list {
        "toolsListChanged" => "notifications/tools/list_changed",
        "promptsListChanged" => "notifications/prompts/list_changed",
        _ => "notifications/resources/list_changed",
    }
}

#[cfg(test)]
mod tests;
