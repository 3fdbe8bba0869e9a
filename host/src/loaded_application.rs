//! Loading an application: reading its manifest, giving its variables their values, compiling its components.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::StartError;
use crate::instance::{Grants, LoadedComponent, SharedEngine, shared_engine};
use crate::key_value_stores::KeyValueStores;
use crate::limits::Limits;
use crate::log::{Level, LogRecord, LogSink};
use crate::manifest::{ComponentManifest, Manifest, Route, Template, VariableFile, most_specific};
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

        let mut components: HashMap<&str, Arc<LoadedComponent>> = HashMap::new();
        let mut routes = Vec::new();
        for (route, id) in &manifest.routes {
            let component = match components.get(id.as_str()) {
                Some(component) => Arc::clone(component),
                None => {
                    let failed = |message| StartError::Component { component: id.clone(), message };
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
                        component: id.clone(),
                        files: files(&declared.variables, &variables, options),
                        variables,
                        key_value_stores: key_value.of(&declared.key_value_stores),
                        allowed_outbound_hosts: allowed_outbound_hosts(declared, &manifest, &values).map_err(failed)?,
                        log: Arc::clone(&options.log),
                        measuring: measuring.clone(),
                    };
                    let component = LoadedComponent::load(engine, declared, grants, options).map_err(failed)?;
                    let component = Arc::new(component);
                    components.insert(id, Arc::clone(&component));
                    component
                }
            };
            routes.push((route.clone(), component));
        }
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

    /// How much of the pool the largest component's instance takes.
    pub(crate) fn largest_guest(&self) -> u32 {
        self.routes.iter().map(|(_, component)| component.permits).max().unwrap_or(1)
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
    let mut resolved = Vec::new();
    for (text, template) in &declared.allowed_outbound_hosts {
        let entry = template.resolve(values).map_err(|unknown| unknown.to_string())?;
        AllowedOutboundHosts::parse([&entry]).map_err(|problem| {
            let secret = template.variables().any(|name| manifest.variables.get(name).is_none_or(|v| v.secret));
            let problem =
                if secret { "its value is not an allowed outbound host".to_owned() } else { problem.to_string() };
            format!("allowed_outbound_hosts entry \"{text}\": {problem}")
        })?;
        resolved.push(entry);
    }
    AllowedOutboundHosts::parse(resolved).map_err(|error| error.to_string())
}
