//! The host's log: one line for each request, each line that a guest writes, and what the host itself has to say.
//!
//! A request's query string and headers are never part of it, since they carry codes and tokens.

mod captured;
mod event;
mod guest_fields;
mod json;
mod queue;
mod record;
mod request_id;
mod sink;
mod standard_error;
mod text;

pub use self::captured::CapturedLog;
pub use self::event::{Level, LogEvent, LogFormat};
pub use self::queue::{LogQueueSize, WhenLogIsFull};
pub use self::record::LogRecord;
pub use self::request_id::RequestId;
pub(crate) use self::request_id::X_REQUEST_ID;
pub(crate) use self::sink::Unlogged;
pub use self::sink::{LogSink, LogState};
pub use self::standard_error::{LogOptions, StandardErrorLog};
