//! Why an application could not be started, as one line for the operator.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A start-up error. Its display form is one line that says what is wrong and where, and its source, where it has one, says
/// why; neither ever holds a variable's value that was declared secret.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The manifest could not be read.
    #[error("cannot read the manifest {}", path.display())]
    ManifestUnreadable {
        /// The manifest's path.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The manifest is wrong at a known place.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Manifest {
        /// The manifest's path.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// Column in characters, counted from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// The runtime configuration cannot be used.
    #[error("{}: {message}", path.display())]
    RuntimeConfig {
        /// Its path, with line and column where the place is known.
        path: PathBuf,
        /// What is wrong. It holds no value of the file: one may be a password.
        message: String,
    },
    /// A component's WebAssembly file is missing or not a component that this host can run.
    #[error("component `{component}`: {message}")]
    Component {
        /// The component's id in the manifest.
        component: String,
        /// What is wrong.
        message: String,
    },
    /// A variable is missing, undeclared or unusable.
    #[error("{0}")]
    Variable(String),
    /// The state directory or the key-value database in it cannot be used.
    #[error("state directory {}: {message}", path.display())]
    State {
        /// The directory or the file in it.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// TLS could not be set up, because of the extra CA file, the certificate or its key.
    #[error("{0}")]
    Tls(String),
    /// The WebAssembly engine could not be started.
    #[error("cannot start the WebAssembly engine: {0}")]
    Engine(String),
    /// The address could not be listened on.
    #[error("cannot listen on {address}: {message}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What is wrong and what to do.
        message: String,
    },
}

/// `text` on one line: line breaks and indentation become single spaces.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
