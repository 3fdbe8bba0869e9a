//! The permit of a request to last.

use gatehouse_audit_log::Event;
use gatehouse_gateway::answer::Permit;
use gatehouse_gateway::{LongRequest, Refusal, Renewed};
use gatehouse_storage::StoreUnavailable;
use shell_store::HostStore;

use crate::caller::Caller;
use crate::clock::HostClock;
use crate::context::RequestContext;
use crate::log;

/// The permit of a request to last. It is given back when this is dropped.
pub(crate) struct RequestPermit<'a>(LongRequest<'a>);

impl<'a> RequestPermit<'a> {
    /// Acquires one for a stream.
    ///
    /// # Errors
    /// Where none is left, or nothing can be counted.
    pub(crate) fn of_stream(context: &'a RequestContext<'_>, caller: &'a Caller) -> Result<Self, Refusal> {
        LongRequest::stream(&HostStore, &HostClock, &context.endpoint, &caller.identity).map(Self)
    }

    /// That of a request that may last; it acquires none before it does.
    pub(crate) fn of_call(context: &'a RequestContext<'_>, caller: &'a Caller) -> Self {
        Self(LongRequest::call(&HostClock, &context.endpoint, &caller.identity))
    }
}

impl Permit for RequestPermit<'_> {
    fn renew(&mut self) -> Result<(), Refusal> {
        if let Renewed::NotCounted(error) = self.0.renew(&HostStore, &HostClock)? {
            not_counted(&error);
        }
        Ok(())
    }

    fn is_for_stream(&self) -> bool {
        self.0.is_stream()
    }
}

impl Drop for RequestPermit<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.release(&HostStore, &HostClock) {
            not_counted(&error);
        }
    }
}

fn not_counted(error: &StoreUnavailable) {
    log::event(Event::NotCounted, None, &error.to_string());
}
