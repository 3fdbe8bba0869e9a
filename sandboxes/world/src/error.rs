//! `wasi:io/error`, and what failures of the tree are called in `wasi:filesystem`.

use crate::World;
use crate::bindings::exports::wasi::filesystem::types::ErrorCode;
use crate::bindings::exports::wasi::io::error::{Guest, GuestError};
use crate::tree::Failure;

/// Why a stream failed.
pub struct IoError(pub ErrorCode);

impl GuestError for IoError {
    fn to_debug_string(&self) -> String {
        format!("{:?}", self.0)
    }
}

impl Guest for World {
    type Error = IoError;
}

impl From<Failure> for ErrorCode {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Absent => Self::NoEntry,
            Failure::Exists => Self::Exist,
            Failure::IsFolder => Self::IsDirectory,
            Failure::NotFolder => Self::NotDirectory,
            Failure::NotEmpty => Self::NotEmpty,
            Failure::NotPermitted => Self::NotPermitted,
            Failure::ReadOnly => Self::ReadOnly,
            Failure::TooLong => Self::NameTooLong,
            Failure::NoRoom => Self::InsufficientSpace,
            Failure::OtherPlace => Self::CrossDevice,
            Failure::Invalid => Self::Invalid,
        }
    }
}
