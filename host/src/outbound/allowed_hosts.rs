//! `allowed_outbound_hosts`: which hosts a component may connect to.

use std::net::IpAddr;

use http::Uri;
use ipnet::IpNet;

use super::component_host::{component_of, is_in_domain};
use super::public_addresses::is_public;

/// The hosts that a component may send requests to, in Spin's syntax `scheme://host[:port]`. Nothing else is allowed.
///
/// Scheme: `http`, `https` or `*`. Host: a name, `*.example.com` (any depth below, not the domain itself), an
/// address, a network in CIDR form, or `*`. Port: a number, a half-open range `8000..8100`, `*`, or none for the
/// scheme's own. `http://COMPONENT.spin.internal` is a component of the application itself, and
/// `http://*.spin.internal` any of them; no other entry leads to one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedOutboundHosts {
    hosts: Vec<AllowedHost>,
}

/// How far a request may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Nowhere.
    Denied,
    /// Only the host `*` allows it: to an address on the public internet, whatever the name resolves to.
    PublicOnly,
    /// The host is allowed by its name or address: wherever that is.
    Anywhere,
    /// To a component of the application itself, and nowhere else.
    Component,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct AllowedHost {
    scheme: Option<String>,
    host: Host,
    ports: Ports,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Any,
    /// `.example.com`
    Subdomains(String),
    Name(String),
    Network(IpNet),
    /// A component of the application; `None`: any.
    Component(Option<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Ports {
    Any,
    /// First to one before the last, as Spin reads it.
    Range(u16, u16),
    One(u16),
}

/// Why an entry of `allowed_outbound_hosts` is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowedHostError {
    /// There is nothing in it.
    #[error("an allowed outbound host is empty; {FORM}")]
    Empty,
    /// It does not say how to connect.
    #[error("allowed outbound host {entry:?} has no scheme; {FORM}")]
    NoScheme {
        /// The entry.
        entry: String,
    },
    /// A part of it is wrong.
    #[error("allowed outbound host {entry:?}: {problem}")]
    Entry {
        /// The entry.
        entry: String,
        /// What is wrong with it.
        problem: HostProblem,
    },
}

const FORM: &str = "write it as scheme://host[:port], for example \"https://idp.example.com\"";

/// What is wrong with a part of an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostProblem {
    /// The scheme is one that this host does not speak.
    #[error("this host connects by http and https only")]
    Scheme,
    /// The routes of the application itself.
    #[error(
        "requests to the application's own routes (`self`) are a Spin feature that this host does not offer; name a component, as http://COMPONENT.spin.internal"
    )]
    Itself,
    /// A component of the application, and not as components are reached.
    #[error("a component of the application is reached as http://COMPONENT.spin.internal, without TLS or a port")]
    Component,
    /// Several hosts in one entry.
    #[error("lists in braces are not supported; write one entry for each host")]
    List,
    /// A path, a query or a fragment; `0` is the entry without it.
    #[error("it has a path, and is only scheme://host[:port]; write {0:?}")]
    Path(String),
    /// A user.
    #[error("it must not have a user")]
    User,
    /// A wildcard in the middle.
    #[error("a `*` may stand only for the whole host or as the first label (`*.example.com`)")]
    Wildcard,
    /// The host is neither a name nor an address.
    #[error("its host is not a host name or an address")]
    NotAHost,
    /// The port is no number.
    #[error("{0:?} is not a port number")]
    PortNumber(String),
    /// No scheme says which port is meant.
    #[error("with the scheme `*` it needs a port (`:443` or `:*`)")]
    NoPort,
}

impl AllowedOutboundHosts {
    /// Parses the entries, after their templates were resolved.
    ///
    /// # Errors
    /// See [`AllowedHostError`]: what is wrong with the first wrong entry.
    pub fn parse(entries: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, AllowedHostError> {
        let hosts = entries.into_iter().map(|entry| AllowedHost::parse(entry.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { hosts })
    }

    /// The components of the application that entries name.
    pub(crate) fn components(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().filter_map(|allowed| match &allowed.host {
            Host::Component(name) => name.as_deref(),
            _ => None,
        })
    }

    /// Whether requests to this component are allowed.
    pub(crate) fn allow_component(&self, component: &str) -> bool {
        let names = |allowed: &AllowedHost| match &allowed.host {
            Host::Component(name) => name.as_deref().is_none_or(|name| name == component),
            _ => false,
        };
        self.hosts.iter().any(names)
    }

    /// How far a request to `uri` may go. One without scheme or host, or with a user in it, goes nowhere.
    #[must_use]
    pub fn permission(&self, uri: &Uri) -> Permission {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Permission::Denied };
        if authority.as_str().contains('@') {
            return Permission::Denied;
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        // A port that is there but does not parse must not count as the default one.
        let port = match (authority.port_u16(), well_known_port(scheme)) {
            (Some(port), _) => port,
            (None, Some(port)) if authority.port().is_none() && !authority.as_str().ends_with(':') => port,
            _ => return Permission::Denied,
        };
        if is_in_domain(&host) {
            let allowed = component_of(&host).is_some_and(|component| self.allow_component(component));
            return if allowed && (scheme, port) == ("http", 80) { Permission::Component } else { Permission::Denied };
        }
        let allowing = || self.hosts.iter().filter(|allowed| allowed.allows(scheme, &host, port));
        if allowing().any(|allowed| allowed.host != Host::Any) {
            return Permission::Anywhere;
        }
        // A literal address is never resolved, so it is looked at here.
        let is_elsewhere = host.parse::<IpAddr>().is_ok_and(|address| !is_public(address));
        if allowing().next().is_some() && !is_elsewhere { Permission::PublicOnly } else { Permission::Denied }
    }
}

impl AllowedHost {
    fn parse(entry: &str) -> Result<Self, AllowedHostError> {
        let text = entry.trim();
        if text.is_empty() {
            return Err(AllowedHostError::Empty);
        }
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| AllowedHostError::NoScheme { entry: text.to_owned() })?;
        let wrong = |problem| AllowedHostError::Entry { entry: text.to_owned(), problem };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if let Some(origin) = without_path(rest).filter(|origin| !origin.is_empty()) {
            return Err(wrong(HostProblem::Path(format!("{scheme}://{origin}"))));
        }
        let (host, port) = split_port(rest);
        let known_scheme = match scheme {
            "*" => None,
            "http" | "https" => Some(scheme.to_owned()),
            _ => return Err(wrong(HostProblem::Scheme)),
        };
        let host = Host::parse(host).map_err(wrong)?;
        let ports = Ports::parse(port, scheme).map_err(wrong)?;
        if matches!(host, Host::Component(_)) && (scheme, &ports) != ("http", &Ports::One(80)) {
            return Err(wrong(HostProblem::Component));
        }
        Ok(Self { scheme: known_scheme, host, ports })
    }

    fn allows(&self, scheme: &str, host: &str, port: u16) -> bool {
        self.scheme.as_deref().is_none_or(|allowed| allowed == scheme)
            && self.host.allows(host)
            && self.ports.allows(port)
    }
}

/// What is in front of a path, a query or a fragment, where there is one. A network has a slash of its own, before its length.
fn without_path(text: &str) -> Option<&str> {
    let at = text.find(['/', '?', '#'])?;
    let (before, rest) = text.split_at_checked(at)?;
    let address = before.trim_start_matches('[').trim_end_matches(']');
    let length = rest.strip_prefix('/').and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let length = length.split([':', ']']).next().unwrap_or_default();
    let is_network = address.parse::<IpAddr>().is_ok() && length.parse::<u8>().is_ok();
    if !is_network {
        return Some(before);
    }
    // What follows the network's length.
    let end = rest.get(1..)?.find(['/', '?', '#'])?.checked_add(at)?.checked_add(1)?;
    text.get(..end)
}

/// Splits `host[:port]`, also with a bracketed IPv6 address and a CIDR network.
fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    }
}

impl Host {
    fn parse(host: &str) -> Result<Self, HostProblem> {
        let host = host.trim_start_matches('[').replacen(']', "", 1).to_ascii_lowercase();
        if host == "*" {
            return Ok(Self::Any);
        }
        if host == "self" || host == "self.alt" {
            return Err(HostProblem::Itself);
        }
        if is_in_domain(&host) {
            let component = component_of(&host).ok_or(HostProblem::Component)?;
            return Ok(Self::Component((component != "*").then(|| component.to_owned())));
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        if let Ok(network) = host.parse::<IpNet>() {
            return Ok(Self::Network(network));
        }
        if host.starts_with('{') {
            return Err(HostProblem::List);
        }
        if host.contains(['/', '?', '#']) {
            return Err(HostProblem::NotAHost);
        }
        if host.contains('@') {
            return Err(HostProblem::User);
        }
        let (name, subdomains) = match host.strip_prefix("*.") {
            Some(domain) => (domain, true),
            None => (host.as_str(), false),
        };
        if name.contains('*') {
            return Err(HostProblem::Wildcard);
        }
        let is_name = !name.is_empty()
            && name.split('.').all(|label| {
                !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            });
        if !is_name {
            return Err(HostProblem::NotAHost);
        }
        Ok(if subdomains { Self::Subdomains(format!(".{name}")) } else { Self::Name(name.to_owned()) })
    }

    fn allows(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            // Looked for by its name, and never by what other entries allow.
            Self::Component(_) => false,
            Self::Name(name) => host == name,
            Self::Subdomains(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
            // Only literal addresses: a name is not looked up here, so it cannot be made to match by its DNS records.
            Self::Network(network) => host.parse::<IpAddr>().is_ok_and(|address| network.contains(&address)),
        }
    }
}

impl Ports {
    fn parse(port: Option<&str>, scheme: &str) -> Result<Self, HostProblem> {
        let number = |text: &str| text.parse::<u16>().map_err(|_| HostProblem::PortNumber(text.to_owned()));
        match port {
            None => well_known_port(scheme).map(Self::One).ok_or(HostProblem::NoPort),
            Some("*") => Ok(Self::Any),
            Some(port) => match port.split_once("..") {
                Some((first, end)) => Ok(Self::Range(number(first)?, number(end)?)),
                None => number(port).map(Self::One),
            },
        }
    }

    fn allows(&self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::One(allowed) => port == *allowed,
            Self::Range(first, end) => (*first..*end).contains(&port),
        }
    }
}

fn well_known_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
