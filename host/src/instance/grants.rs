//! What a component was granted.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::key_value::KeyValueStore;
use crate::log::LogSink;
use crate::manifest::VariableFile;
use crate::outbound::AllowedOutboundHosts;
use crate::telemetry::Measuring;

/// What the instances of one component may use.
pub(crate) struct Grants {
    /// The component's id in the manifest.
    pub(crate) component: String,
    /// Its variables, with their values. Every request reads some, and none keeps a copy.
    pub(crate) variables: BTreeMap<String, Arc<str>>,
    /// Those of them that are files' contents, which may change.
    pub(crate) files: BTreeMap<String, VariableFile>,
    /// The stores that it may open, by their labels.
    pub(crate) key_value_stores: BTreeMap<String, KeyValueStore>,
    /// Where its requests may go.
    pub(crate) allowed_outbound_hosts: AllowedOutboundHosts,
    /// Where its lines go.
    pub(crate) log: Arc<dyn LogSink>,
    /// What measures, if something does.
    pub(crate) measuring: Option<Measuring>,
}
