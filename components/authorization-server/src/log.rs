//! One line for each decision.

use serde::Serialize;

/// A decision, as it stands in the log. There is no field for a token, a code, a secret, a cookie or a name.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Decision<'a> {
    /// The endpoint.
    pub(crate) event: &'static str,
    /// `begun`, `allowed`, `denied` or `failed`.
    pub(crate) outcome: &'static str,
    /// Why, in our own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<&'a str>,
}

impl Decision<'_> {
    /// Writes the line to standard error, where hosts collect it.
    pub(crate) fn write(&self) {
        if let Ok(line) = serde_json::to_string(self) {
            eprintln!("{line}");
        }
    }
}

/// Notes that something is about to be done, in whose name and for whom: whatever becomes of this instance, the log says
/// so.
pub(crate) fn begun(event: &'static str, client_id: Option<&str>, subject: Option<&str>) {
    Decision { event, outcome: "begun", client_id, subject, ..Decision::default() }.write();
}

/// Notes that `event` was denied.
pub(crate) fn denied(event: &'static str, client_id: Option<&str>, reason: impl ToString) {
    Decision { event, outcome: "denied", reason: Some(reason.to_string()), client_id, ..Decision::default() }.write();
}

/// Notes that `event` failed by no fault of the client.
pub(crate) fn failed(event: &'static str, reason: impl ToString) {
    Decision { event, outcome: "failed", reason: Some(reason.to_string()), ..Decision::default() }.write();
}
