//! The environments of a sandbox behind a route.

use http::Uri;

use crate::SecretName;

/// Where a sandbox tells administrators its environments and ends them, and what it takes to be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxEnvironments {
    /// The address of the list: without a query, and without a slash at its end.
    pub url: Uri,
    /// The setting that holds the sandbox's secret of administrators.
    pub secret: SecretName,
}
