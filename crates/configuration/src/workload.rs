//! Machines that come in with a token of their own platform.

use gatehouse_protocol::Scopes;

use crate::{Pattern, RoutePath};

/// A machine that shows a token of its platform (Kubernetes, GitHub Actions, SPIFFE), and that has no credentials of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// A short id; its subject is `workload:NAME`.
    pub name: String,
    /// The name of the [`TokenIssuer`](crate::TokenIssuer), which signs its tokens.
    pub issuer: String,
    /// For whom its tokens must be, and for nobody else (`aud`).
    pub audience: String,
    /// What its tokens must say; at least one rule, not all of which mean anything.
    pub claims: Vec<ClaimRule>,
    /// What it may have; at least one.
    pub scopes: Scopes,
    /// The routes that it may have tokens for; at least one.
    pub routes: Vec<RoutePath>,
    /// Seconds that a token of it may live at most.
    pub longest_lifetime: u64,
}

/// A claim that a token must have, with a text that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRule {
    /// Its name, or a JSON Pointer that begins with `/`.
    pub name: String,
    /// What its value must be, case and all.
    pub pattern: Pattern<'static>,
}
