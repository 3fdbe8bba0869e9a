//! Who may do what at a route: decides, filters listings, and explains.
//!
//! The configuration says it in rules ([`gatehouse_configuration::Policy`]); [`actions`] reads out of a message what it would
//! do, from its body and never from a header; [`decide`] holds each of that against the rules.
//!
//! * Without rules everything is allowed. With rules: what one denies is denied; else what one allows is allowed; else it is
//!   denied. Their order means nothing.
//! * What the protocol itself needs is allowed without a rule, and a rule that denies its method denies it: `initialize`,
//!   `ping`, `server/discover`, the listings, `logging/setLevel`, `subscriptions/listen` (but not the resources that it is
//!   about), and notifications.
//! * Everything else needs a rule that allows it: tools, prompts, resources, completions for them, and every method that is
//!   not known here.
//! * What allows compares names as they are, byte by byte; what denies compares them in any case. What a server might read as
//!   another name than is written here is denied ([`Unclear`]): tools with other names than MCP's alphabet has need a rule
//!   that allows exactly them.
//!
//! Names are those that clients see: a federated route's with their prefixes.

mod action;
mod decide;
mod explain;
mod filter;
mod fragile;
mod rule;
mod unclear;

use gatehouse_protocol::{Claims, ClientId, Scopes, Subject};

pub use action::{Action, MOST_RESOURCES, Malformed, Target, actions};
pub use decide::{Decision, decide};
pub use explain::{Explanation, explain};
pub use filter::{Filtered, filter};
pub use fragile::{Fragile, fragile};
pub use rule::Mismatch;
pub use unclear::Unclear;

/// Who wants to do something.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The user or machine.
    pub subject: &'a Subject,
    /// The OAuth client that it acts through.
    pub client_id: &'a ClientId,
    /// Those of its token.
    pub scopes: &'a Scopes,
    /// What the identity provider said of the user.
    pub claims: &'a Claims,
}

#[cfg(test)]
mod example;
