//! Several MCP servers as one: whose a name is, who is asked what, and one answer of many.
//!
//! Nothing here is stored, and nothing waits. What must be known later travels with the client: the members' sessions in
//! its session id, their cursors in its cursor, their request ids in the ids that it answers, their event ids in its own.
//! Members are counted as they stand in the configuration; people read their prefix ("" for the one that has none).
//!
//! # The order, for the component that sends the requests
//!
//! `Federation::of(route, lifecycle)` once for each request of the client. The messages of a batch are planned one by one.
//!
//! * **POST**: [`Federation::plan`] says what to do.
//!   * [`Plan::ToOne`]: send it; the member's status and answer are the client's. Each message of the answer, be it the JSON
//!     body or an event, goes through [`Stream::message`], and what comes of it goes to the client, if anything does; each
//!     event id through [`Stream::event_id`].
//!   * [`Plan::ToAll`]: send all at once, read from each its answer (the first response, in JSON or in an event) or why there
//!     is none, and give the [`MemberOutcome`]s to [`Merge::finish`]. What else a member says with it is dropped.
//!   * [`Plan::Subscribe`]: send all at once; whatever comes goes into [`Subscription`] (events to [`Subscription::message`], an answer
//!     that is no stream to [`Subscription::answer`], the rest to [`Subscription::failed`]), and what it gives goes to the client,
//!     until [`Subscription::is_over`]. After a while, those that are still [`Subscription::awaited`] have failed. Where nothing
//!     came of it, [`Subscription::refusal`] is the answer.
//!   * [`Plan::Answer`]: it is the answer. [`Plan::Accept`]: 202, for what belongs to nobody.
//! * **GET** (2025-11-25 and earlier): [`Federation::plan_get`] says whom to ask for what, and its [`Stream`] takes the
//!   messages. A member that answers 405 has no stream; if all do, so does the route. A member's 404 ends the session.
//! * **DELETE**: to all of [`Federation::sessions`].
//!
//! Policy is decided by what the client says (before the plan) and filters what the client gets (after the merge): it
//! knows names with prefixes only.

mod capabilities;
mod content;
mod cursor;
mod event_id;
#[cfg(test)]
mod example;
mod introduction;
mod listing;
mod member_request;
mod merge;
mod naming;
mod plan;
mod request_ids;
mod rule;
mod sessions;
mod stream;
mod subscription;
mod unavailable;

use gatehouse_configuration::{Route, Servers};

use naming::Naming;

pub use member_request::MemberRequest;
pub use merge::{MemberOutcome, Merge, MergedAnswer};
pub use plan::Plan;
pub use sessions::MemberSessions;
pub use stream::{Stream, StreamRequest};
pub use subscription::Subscription;
pub use unavailable::FailureReason;

/// How a request is spoken (MCP 2026-07-28, versioning, "Terminology").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// With `initialize` and sessions: 2025-11-25 and earlier.
    Session,
    /// Without: 2026-07-28.
    Stateless,
}

/// The members of a federated route, for one request of a client.
#[derive(Clone, Debug)]
pub struct Federation {
    /// What the client is told that it speaks to.
    name: String,
    naming: Naming,
    lifecycle: Lifecycle,
    discover_needs_all: bool,
}

impl Federation {
    /// `None` for a route with one server.
    pub fn of(route: &Route, lifecycle: Lifecycle) -> Option<Self> {
        match &route.servers {
            Servers::One(_) => None,
            Servers::Federated(members) => {
                let (name, naming, discover_needs_all) =
                    (route.name.clone(), Naming::of(members), route.discover_needs_all);
                Some(Self { name, naming, lifecycle, discover_needs_all })
            }
        }
    }

    /// Reads the session that a client presents, from the entries that [`Federation::entries`] gave. `None` where the
    /// route has other members by now: the client is told 404, and begins anew.
    pub fn read_sessions(&self, entries: Vec<Option<String>>) -> Option<MemberSessions> {
        MemberSessions::read(entries, &self.naming)
    }

    /// The session as it is to be sealed for the client.
    pub fn entries(&self, sessions: &MemberSessions) -> Vec<Option<String>> {
        sessions.entries(&self.naming)
    }

    /// The members' own session ids, by member.
    pub fn sessions<'a>(&self, sessions: &'a MemberSessions) -> Vec<(usize, &'a str)> {
        (0..self.naming.len()).filter_map(|member| Some((member, sessions.of(member).id()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use gatehouse_configuration::Configuration;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_members_are_those_of_the_route() {
        let document = json!({
            "public_url": "https://gateway.example",
            "identity_provider": {"name": "a", "issuer": "https://login.example", "client_id": "b"},
            "routes": [
                {"path": "/one", "name": "One", "url": "https://one.example/"},
                {"path": "/all", "name": "All", "members": [
                    {"prefix": "files", "url": "https://files.example/"},
                    {"url": "https://two.example/"},
                ]},
            ],
        });
        let configuration = Configuration::parse(&document.to_string()).unwrap();
        let federation = |route: usize| Federation::of(&configuration.routes[route], Lifecycle::Stateless);
        assert!(federation(0).is_none());
        let all = federation(1).unwrap();
        assert_eq!(all.name, "All");
        assert_eq!(all.naming, naming::naming(&["files", ""]));
    }
}
