//! TLS towards clients, where the host ends it itself: certificate and key from files, read again when these change.

mod acceptor;
mod files;
mod seen;
mod validity;

pub(crate) use self::acceptor::{ServerTls, keep_reloaded, speaks_http2};
pub use self::files::TlsFiles;
