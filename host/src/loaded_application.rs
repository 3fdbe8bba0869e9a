//! Loading an application: reading its manifest, giving its variables their values, compiling its components.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::StartError;
use crate::instance::{Grants, LoadedComponent, SharedEngine, shared_engine};
use crate::key_value_stores::KeyValueStores;
use crate::limits::Limits;
use crate::log::{Level, LogRecord, LogSink};
use crate::manifest::{ComponentManifest, Manifest, Route, Template, VariableFile, check_components, most_specific};
use crate::options::Options;
use crate::outbound::{AllowedOutboundHosts, Outbound};
use crate::server_tls::ServerTls;
use crate::telemetry::Measuring;

/// An application with all that its hosts share.
pub(crate) struct LoadedApplication {
    pub(crate) engine: &'static SharedEngine,
    pub(crate) log: Arc<dyn LogSink>,
    /// What measures, if something does.
    pub(crate) measuring: Option<Measuring>,
    pub(crate) outbound: Outbound,
    pub(crate) limits: Limits,
    pub(crate) probe_paths: Vec<String>,
    pub(crate) loopback_only: bool,
    /// How clients' connections are protected, if the host does that.
    pub(crate) tls: Option<Arc<ServerTls>>,
    manifest_path: PathBuf,
    pub(crate) name: String,
    pub(crate) routes: Vec<(Route, Arc<LoadedComponent>)>,
    /// All that something leads to, by their ids.
    components: BTreeMap<String, Arc<LoadedComponent>>,
    pub(crate) key_value: KeyValueStores,
}

impl LoadedApplication {
    /// Loads the application of `manifest`. Blocks: compiling takes seconds, and the disk may be slow.
    pub(crate) fn load(manifest: &Path, options: &Options, measuring: Option<Measuring>) -> Result<Self, StartError> {
        let manifest = Manifest::read(manifest)?;
        let values = options.variables.resolve(&manifest.variables, &manifest.path)?;
        let engine = shared_engine()?;
        let tls = options.tls.clone().map(|files| ServerTls::load(files, &*options.log)).transpose()?.map(Arc::new);
        let outbound = Outbound::new(options.ca_file.as_deref(), &*options.log)?;
        let labels = manifest.components.values().flat_map(|component| &component.key_value_stores);
        let key_value = KeyValueStores::open(labels, options, outbound.tls())?;

        let load = |id: &str| {
            let failed = |message| StartError::Component { component: id.to_owned(), message };
            let Some(declared) = manifest.components.get(id) else {
                return Err(failed("it is not in the manifest".to_owned()));
            };
            let variables = resolve_all(&declared.variables, &values).map_err(failed)?;
            if let Some(check) = options.check_variables {
                check(&variables).map_err(StartError::Variable)?;
            }
            if let (Some(measuring), Some(telemetry)) = (&measuring, &options.telemetry)
                && let Some(names) = (telemetry.names)(&variables)
            {
                measuring.know(names);
            }
            let grants = Grants {
                component: id.to_owned(),
                files: files(&declared.variables, &variables, options),
                variables,
                key_value_stores: key_value.of(&declared.key_value_stores),
                allowed_outbound_hosts: allowed_outbound_hosts(declared, &manifest, &values).map_err(failed)?,
                log: Arc::clone(&options.log),
                measuring: measuring.clone(),
            };
            LoadedComponent::load(engine, declared, grants, options).map(Arc::new).map_err(failed)
        };
        let mut components = BTreeMap::new();
        for id in manifest.routes.iter().map(|(_, id)| id).chain(&manifest.private) {
            if !components.contains_key(id) {
                components.insert(id.clone(), load(id)?);
            }
        }
        let routes = manifest.routes.iter();
        let routes = routes.filter_map(|(route, id)| Some((route.clone(), Arc::clone(components.get(id)?)))).collect();
        if !engine.pooled {
            let message = "too little address space for a pool of instances; each is made on its own, which is slower";
            options.log.record(&LogRecord::host(Level::Warn, None, message));
        }
        Ok(Self {
            engine,
            log: Arc::clone(&options.log),
            measuring,
            outbound,
            limits: options.limits,
            probe_paths: options.probe_paths.clone(),
            loopback_only: manifest.loopback_only,
            tls,
            manifest_path: manifest.path,
            name: manifest.name,
            routes,
            components,
            key_value,
        })
    }

    pub(crate) fn manifest_path(&self) -> &Path {
        &self.manifest_path
    }

    pub(crate) fn route(&self, path: &str) -> Option<&(Route, Arc<LoadedComponent>)> {
        most_specific(&self.routes, path)
    }

    /// The scheme of the URLs by which clients reach the host itself.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The component with this id, for another one that calls it.
    pub(crate) fn component(&self, id: &str) -> Option<&Arc<LoadedComponent>> {
        self.components.get(id)
    }

    /// How much of the pool the largest instance takes that runs for a client.
    pub(crate) fn largest_guest(&self) -> u32 {
        self.routes.iter().map(|(_, component)| component.permits).max().unwrap_or(1)
    }

    /// The same of those that run for other components; `None`: no component may call another.
    pub(crate) fn largest_callee(&self) -> Option<u32> {
        let may_be_called =
            |id: &str| self.components.values().any(|caller| caller.grants.allowed_outbound_hosts.allow_component(id));
        self.components.iter().filter(|(id, _)| may_be_called(id)).map(|(_, callee)| callee.permits).max()
    }
}

fn resolve_all(
    templates: &BTreeMap<String, Template>,
    values: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Arc<str>>, String> {
    let mut resolved = BTreeMap::new();
    for (name, template) in templates {
        let value = template.resolve(values).map_err(|unknown| unknown.to_string())?;
        resolved.insert(name.clone(), value.into());
    }
    Ok(resolved)
}

/// The variables whose files are read again.
fn files(
    templates: &BTreeMap<String, Template>,
    values: &BTreeMap<String, Arc<str>>,
    options: &Options,
) -> BTreeMap<String, VariableFile> {
    let mut files = BTreeMap::new();
    for (name, template) in templates {
        if let (Some(path), Some(value)) = (options.variables.file_of(template), values.get(name)) {
            files.insert(name.clone(), VariableFile::new(path.clone(), Arc::clone(value)));
        }
    }
    files
}

fn allowed_outbound_hosts(
    declared: &ComponentManifest,
    manifest: &Manifest,
    values: &BTreeMap<String, String>,
) -> Result<AllowedOutboundHosts, String> {
    let (mut resolved, reachable) = (Vec::new(), manifest.reachable());
    for (text, template) in &declared.allowed_outbound_hosts {
        let entry = template.resolve(values).map_err(|unknown| unknown.to_string())?;
        let allowed = AllowedOutboundHosts::parse([&entry]).map_err(|problem| problem.to_string());
        allowed.and_then(|allowed| check_components(&allowed, &reachable)).map_err(|problem| {
            let secret = template.variables().any(|name| manifest.variables.get(name).is_none_or(|v| v.secret));
            let problem = if secret { "its value is not an allowed outbound host".to_owned() } else { problem };
            format!("allowed_outbound_hosts entry \"{text}\": {problem}")
        })?;
        resolved.push(entry);
    }
    AllowedOutboundHosts::parse(resolved).map_err(|error| error.to_string())
}
