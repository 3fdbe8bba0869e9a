//! Randomness of the operating system.

use anyhow::{Error, Result};
use gatehouse_protocol::Entropy;

/// The operating system's random bytes. A key that was made while they failed must not be used.
#[derive(Default)]
pub(crate) struct SystemEntropy {
    failure: Option<getrandom::Error>,
}

impl SystemEntropy {
    /// Whether all that was asked for is random.
    ///
    /// # Errors
    /// Where the system failed once: nothing that was made with these bytes may be used.
    pub(crate) fn into_result(self) -> Result<()> {
        match self.failure {
            Some(failure) => Err(Error::new(failure).context("the system gives no random bytes")),
            None => Ok(()),
        }
    }
}

impl Entropy for SystemEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            self.failure = Some(error);
        }
    }
}
