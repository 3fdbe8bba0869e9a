//! Why an environment cannot be used.

use gatehouse_storage::{InvalidKey, StoreUnavailable};
use thiserror::Error;

/// Why an environment cannot be used, though it may be there. The texts are for the log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EnvironmentError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreUnavailable),
    /// An entry of it is gone or was altered; what is missing.
    #[error("an environment is damaged: {0}")]
    Damaged(&'static str),
    /// It was there when the run began, and is not there any more: an administrator has ended it, or its root was lost.
    #[error("the environment is not there any more")]
    Gone,
    /// Somebody else has changed it meanwhile, or the run has lasted longer than it may keep the environment: nothing was
    /// kept of it.
    #[error("a run ended too late to keep anything")]
    TooLate,
}

impl From<InvalidKey> for EnvironmentError {
    fn from(error: InvalidKey) -> Self {
        Self::Store(error.into())
    }
}
