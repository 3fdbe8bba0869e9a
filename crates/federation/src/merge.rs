//! One answer of many.

use gatehouse_mcp_wire::json_rpc::{self as json_rpc, ErrorObject, Id, Object, Reply, code};

use crate::introduction::{self, Introduction};
use crate::listing::Listed;
use crate::naming::Naming;
use crate::unavailable::{self, FailureReason, UNAVAILABLE};
use crate::{Lifecycle, MemberSessions};

/// What makes one answer of those of the members.
#[derive(Debug)]
pub struct Merge {
    pub(crate) kind: Kind,
    pub(crate) common: Common,
}

/// What every merge needs.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) naming: Naming,
    pub(crate) lifecycle: Lifecycle,
    /// The route's name.
    pub(crate) name: String,
    /// Of the client's request; none for a notification.
    pub(crate) id: Option<Id>,
    /// Members that were not even asked.
    pub(crate) missing: Vec<(usize, FailureReason)>,
    /// Whether `server/discover` needs every member that answers.
    pub(crate) discover_needs_all: bool,
}

/// How answers become one.
#[derive(Debug)]
pub(crate) enum Kind {
    /// There are none: 202.
    Notification,
    /// An empty result.
    Empty,
    Initialize,
    Discover {
        /// The version of the request.
        version: Option<String>,
    },
    Listing {
        listed: Listed,
        was_private: bool,
    },
}

/// What came of a message to a member.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one for each member")]
pub enum MemberOutcome {
    /// Its answer to a request.
    Answer {
        /// The HTTP status.
        status: u16,
        /// `Mcp-Session-Id`, where it gave one.
        session: Option<String>,
        /// The first response in its body.
        reply: Reply,
    },
    /// 202: it took a notification.
    Accepted,
    /// 404 to a message with a session id: it does not know the session any more.
    SessionLost,
    /// Nothing of this.
    Failed(FailureReason),
}

/// What the client gets.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one for each request")]
pub enum MergedAnswer {
    /// An answer.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The body.
        reply: Reply,
        /// The session that began with it, where one did.
        sessions: Option<MemberSessions>,
    },
    /// 202, without a body.
    Accepted,
    /// 404: the client begins anew (MCP 2025-11-25, transports, "Session Management").
    SessionLost,
    /// No member gave an answer: 504 where all were late, else 502.
    Failed {
        /// The members in their order, as people read them ("" for the one without a prefix), and why.
        members: Vec<(String, FailureReason)>,
    },
}

/// The members' answers, sorted.
#[derive(Default)]
struct Sorted {
    results: Vec<(usize, Object, Option<String>)>,
    errors: Vec<(usize, u16, Reply)>,
    failed: Vec<(usize, FailureReason)>,
    is_accepted: bool,
}

impl Sorted {
    /// Whether a member answered that does not have the method: with an error, or with something else. One that gave no answer
    /// may have it.
    fn lacks_method(&self) -> bool {
        let lacks = |reason| matches!(reason, FailureReason::Refused | FailureReason::Unreadable);
        !self.errors.is_empty() || self.failed.iter().any(|(_, reason)| lacks(*reason))
    }
}

impl Merge {
    /// Makes one of the `outcomes`, each with its member.
    pub fn finish(self, mut outcomes: Vec<(usize, MemberOutcome)>) -> MergedAnswer {
        outcomes.sort_by_key(|(member, _)| *member);
        if outcomes.iter().any(|(_, outcome)| matches!(outcome, MemberOutcome::SessionLost)) {
            return MergedAnswer::SessionLost;
        }
        let Self { kind, common } = self;
        let sorted = common.sort(outcomes);
        match kind {
            Kind::Notification => common.accepted(sorted),
            Kind::Empty => common.merge(sorted, false, |_, _| Some(()), |_, _| Object::new()),
            Kind::Initialize => common.merge(
                sorted,
                true,
                |_, result| Introduction::initialized(result),
                |parts, _| introduction::initialize(&common.naming, &common.name, parts),
            ),
            Kind::Discover { .. } if common.discover_needs_all && sorted.lacks_method() => common.method_not_found(),
            Kind::Discover { version } => common.merge(
                sorted,
                true,
                |_, result| Introduction::discovered(result),
                |parts, is_whole| introduction::discover(&common.naming, parts, version, is_whole),
            ),
            Kind::Listing { listed, was_private } => common.merge(
                sorted,
                false,
                |member, result| listed.page(&common.naming, member, result),
                |pages, is_whole| listed.merge(&common.naming, common.lifecycle, pages, was_private, is_whole),
            ),
        }
    }
}

impl Common {
    fn sort(&self, outcomes: Vec<(usize, MemberOutcome)>) -> Sorted {
        let mut sorted = Sorted::default();
        for (member, outcome) in outcomes {
            match outcome {
                MemberOutcome::Answer { status, .. } if !is_answer(status) => {
                    sorted.failed.push((member, FailureReason::Refused))
                }
                MemberOutcome::Answer { status, session, mut reply } => {
                    // An error without an id answers the request that it came back for.
                    reply.id = reply.id.or_else(|| self.id.clone());
                    match reply {
                        reply if reply.id != self.id => sorted.failed.push((member, FailureReason::Unreadable)),
                        Reply { outcome: json_rpc::Outcome::Result(result), .. } => {
                            sorted.results.push((member, result, session));
                        }
                        Reply { outcome: json_rpc::Outcome::OtherResult(_), .. } => {
                            sorted.failed.push((member, FailureReason::Unreadable));
                        }
                        reply => sorted.errors.push((member, status, reply)),
                    }
                }
                MemberOutcome::Accepted if self.id.is_none() => sorted.is_accepted = true,
                MemberOutcome::Accepted => sorted.failed.push((member, FailureReason::Unreadable)),
                MemberOutcome::Failed(reason) => sorted.failed.push((member, reason)),
                // Handled before; here it would be a failure.
                MemberOutcome::SessionLost => sorted.failed.push((member, FailureReason::Refused)),
            }
        }
        sorted
    }

    fn accepted(&self, sorted: Sorted) -> MergedAnswer {
        if sorted.is_accepted { MergedAnswer::Accepted } else { self.nobody(sorted.errors, &sorted.failed) }
    }

    /// `is_introduction`: a member must answer to take part, and may begin a session with it. Elsewhere a member that does
    /// not know the method has nothing to contribute, and is not missed.
    fn merge<P>(
        &self,
        sorted: Sorted,
        is_introduction: bool,
        read: impl Fn(usize, &Object) -> Option<P>,
        build: impl FnOnce(Vec<(usize, P)>, bool) -> Object,
    ) -> MergedAnswer {
        let Sorted { results, errors, mut failed, .. } = sorted;
        let (mut parts, mut begun) = (Vec::new(), Vec::new());
        for (member, result, session) in results {
            match read(member, &result) {
                Some(part) => {
                    parts.push((member, part));
                    begun.push((member, session));
                }
                None => failed.push((member, FailureReason::Unreadable)),
            }
        }
        let is_absent = |(_, _, reply): &(usize, u16, Reply)| !is_introduction && error_code(reply) == METHOD_NOT_FOUND;
        let is_missed = !self.missing.is_empty() || !failed.is_empty();
        if parts.is_empty() && !(is_missed && !errors.is_empty() && errors.iter().all(is_absent)) {
            return self.nobody(errors, &failed);
        }
        failed.extend(
            errors.iter().filter(|error| !is_absent(error)).map(|(member, ..)| (*member, FailureReason::Refused)),
        );
        failed.extend(&self.missing);
        let mut result = build(parts, failed.is_empty());
        if let Some(meta) = self.meta(&failed) {
            result.set_raw("_meta", meta.to_raw());
        }
        let sessions = (is_introduction && self.lifecycle == Lifecycle::Session)
            .then(|| MemberSessions::begun(&self.naming, begun))
            .flatten();
        match &self.id {
            Some(id) => MergedAnswer::Answer { status: 200, reply: Reply::result(id.clone(), result), sessions },
            None => MergedAnswer::Accepted,
        }
    }

    /// What a server of an older version says: clients that speak several go on in another.
    fn method_not_found(&self) -> MergedAnswer {
        let reply = Reply::error::<()>(self.id.clone(), code::METHOD_NOT_FOUND, "Method not found", None);
        MergedAnswer::Answer { status: 404, reply, sessions: None }
    }

    /// No member has anything: the error that says most, if there is one.
    pub(crate) fn nobody(
        &self,
        mut errors: Vec<(usize, u16, Reply)>,
        failed: &[(usize, FailureReason)],
    ) -> MergedAnswer {
        let unprefixed = self.naming.unprefixed();
        errors.sort_by_key(|(member, _, reply)| {
            (error_code(reply) == METHOD_NOT_FOUND, Some(*member) != unprefixed, *member)
        });
        let supported = commonly_supported(&errors);
        match errors.into_iter().next() {
            Some((_, status, mut reply)) => {
                if let (Some(supported), json_rpc::Outcome::Error(error)) = (supported, &mut reply.outcome) {
                    set_supported(error, &supported);
                }
                MergedAnswer::Answer { status, reply, sessions: None }
            }
            None => {
                let mut members: Vec<_> = failed.iter().chain(&self.missing).copied().collect();
                members.sort_by_key(|(member, _)| *member);
                let label = |(member, reason)| (self.naming.label(member).to_owned(), reason);
                MergedAnswer::Failed { members: members.into_iter().map(label).collect() }
            }
        }
    }

    /// Who answers (MCP 2026-07-28, "Per-response protocol fields"), and who does not.
    fn meta(&self, unavailable: &[(usize, FailureReason)]) -> Option<Object> {
        let mut meta = Object::new();
        if self.lifecycle == Lifecycle::Stateless {
            meta.set("io.modelcontextprotocol/serverInfo", &introduction::server_info(&self.name));
        }
        if !unavailable.is_empty() {
            meta.set(UNAVAILABLE, &unavailable::list(&self.naming, unavailable));
        }
        (!meta.is_empty()).then_some(meta)
    }
}

pub(crate) const METHOD_NOT_FOUND: i64 = code::METHOD_NOT_FOUND as i64;
const UNSUPPORTED_VERSION: i64 = code::UNSUPPORTED_VERSION as i64;

/// Whether a server answers with this status as MCP says. With another one it does not answer the client but us, who are
/// nobody to it (401, 403), too many (429), or too much (5xx); the client must not take that for our own.
pub(crate) fn is_answer(status: u16) -> bool {
    matches!(status, 200 | 400 | 404)
}

/// 0, which is no code of anything, for a result.
pub(crate) fn error_code(reply: &Reply) -> i64 {
    match &reply.outcome {
        json_rpc::Outcome::Error(error) => error.code,
        json_rpc::Outcome::Result(_) | json_rpc::Outcome::OtherResult(_) => 0,
    }
}

/// What all members support, where all say that a version is not. The client will speak it to all of them.
fn commonly_supported(errors: &[(usize, u16, Reply)]) -> Option<Vec<String>> {
    let lists = errors.iter().map(|(_, _, reply)| match &reply.outcome {
        json_rpc::Outcome::Error(error) if error.code == UNSUPPORTED_VERSION => {
            let data = Object::of(error.data.as_deref()?)?;
            serde_json::from_str(data.get("supported")?.get()).ok()
        }
        _ => None,
    });
    introduction::common(&lists.collect::<Option<Vec<Vec<String>>>>()?)
}

fn set_supported(error: &mut ErrorObject, supported: &[String]) {
    if let Some(mut data) = error.data.as_deref().and_then(Object::of) {
        data.set("supported", supported);
        error.data = Some(data.to_raw());
    }
}

#[cfg(test)]
mod tests;
