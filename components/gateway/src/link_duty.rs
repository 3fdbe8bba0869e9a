//! What becomes of a request where an account must be linked first.

use std::cell::RefCell;

use gatehouse_gateway::{LinkTold, NeededLink, PostedMessages, acts_for_the_user};

/// What becomes of a request where an account must be linked first.
#[derive(Default)]
pub(crate) struct LinkDuty {
    /// Whether it goes no further then.
    pub(crate) is_call: bool,
    pub(crate) told: LinkTold,
    /// The link without which, or with which, a server was asked.
    pub(crate) asked_with: RefCell<Option<NeededLink>>,
}

impl LinkDuty {
    /// That of messages.
    pub(crate) fn of(posted: &PostedMessages) -> Self {
        Self { is_call: acts_for_the_user(posted), told: LinkTold::of(posted), asked_with: RefCell::default() }
    }
}
