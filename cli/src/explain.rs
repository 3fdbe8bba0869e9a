//! `gatehouse explain`.

use std::borrow::Cow;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Error, Result, anyhow, bail};
use clap::Args;
use gatehouse_configuration::{Configuration, NetworkRefusal, Route, Unauthenticated};
use gatehouse_mcp_wire::json_rpc::{is_notification, is_request, requests};
use gatehouse_policy::{Action, Caller, Explanation, Target, explain};
use gatehouse_protocol::{Claims, ClientId, Scope, Scopes, Subject, UnixTime};
use serde_json::Value;

use crate::{identity_headers, ways_in};

#[derive(Args)]
pub(crate) struct Explain {
    /// The configuration document, TOML or JSON
    #[arg(value_name = "CONFIG")]
    configuration: PathBuf,
    /// The path of the route; needed where there are several
    #[arg(long, value_name = "PATH")]
    route: Option<String>,
    /// Who, as the log names them: PROVIDER:ID, client:ID for a machine, or `nobody` [default: somebody of the one provider]
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// The caller with the API key that has this label, or with that of the session pool of this name
    #[arg(long, value_name = "LABEL", conflicts_with_all = ["subject", "client", "scopes", "groups", "roles", "tenant"])]
    key: Option<String>,
    /// Through which OAuth client, as the log names it: ISSUER:ID for one of another issuer
    #[arg(long, value_name = "CLIENT_ID", default_value = "some-client")]
    client: String,
    /// A scope of the token; again for each [default: those that the route needs]
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A group of the user, as the provider names it (ids in lower case); again for each
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// A role of the user; again for each
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// The user's tenant
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// What is done, such as resources/subscribe [default: what is usually done to the tool, resource or prompt]
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// The tool that is called, by its name as clients see it
    #[arg(long, value_name = "NAME", conflicts_with_all = ["resource", "prompt"])]
    tool: Option<String>,
    /// The resource that is read, by its URI as clients see it
    #[arg(long, value_name = "URI", conflicts_with = "prompt")]
    resource: Option<String>,
    /// The prompt that is got, by its name as clients see it
    #[arg(long, value_name = "NAME")]
    prompt: Option<String>,
    /// From which address; says whether the route's networks let it come
    #[arg(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints whether it is allowed, by which rule, and what the other rules say. The exit status is 0 for allowed, 1 for denied
/// and 2 where the question is wrong.
pub(crate) fn run(explain: &Explain) -> Result<ExitCode> {
    let (text, is_allowed) = explain.answer()?;
    print!("{text}");
    Ok(if is_allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Explain {
    fn answer(&self) -> Result<(String, bool)> {
        let file = self.configuration.display();
        let text = fs::read_to_string(&self.configuration).with_context(|| format!("cannot read {file}"))?;
        let configuration = Configuration::parse(&text).with_context(|| file.to_string())?;
        let route = self.route(&configuration)?;
        if let Some(label) = &self.key {
            return self.answer_about_key(route, label);
        }
        let subject = self.subject(&configuration)?;
        let way = (!subject.is_nobody()).then(|| ways_in::missing(&configuration, route, &subject, &self.client));
        if let Some(reason) = way.flatten() {
            return Ok((self.without_a_way(&reason), false));
        }
        let claims = Claims::new(self.tenant.clone(), self.groups.clone(), self.roles.clone());
        let claims = claims.map_err(|error| anyhow!("no user can have {error}"))?;
        let given = self.scopes.iter().map(|scope| Scope::parse(scope)).collect::<Result<Scopes, _>>();
        let given = given.context("a --scope cannot be one")?;
        let scopes =
            if given.is_empty() && !subject.is_nobody() { route.scopes.iter().cloned().collect() } else { given };
        let client_id = ClientId::parse(&self.client).context("the --client cannot be one")?;
        if let Some(reason) = kept_out(route, &subject, &client_id) {
            return Ok((self.without_a_way(&reason), false));
        }
        let caller = Caller { subject: &subject, client_id: &client_id, scopes: &scopes, claims: &claims };
        Ok(self.answer_about(&explain(route, &caller, &self.action()?), route))
    }

    /// The answer about somebody whom the route knows: the rules' answer, and that of the networks.
    fn answer_about(&self, explanation: &Explanation<'_>, route: &Route) -> (String, bool) {
        let network = self.network(route);
        let is_allowed = explanation.is_allowed() && network.as_ref().is_none_or(Result::is_ok);
        (self.written(explanation, route, network), is_allowed)
    }

    /// The answer about somebody whom the route lets in by no way.
    fn without_a_way(&self, reason: &str) -> String {
        match self.json {
            true => format!("{:#}\n", serde_json::json!({ "decision": "denied", "reason": reason })),
            false => format!("denied: {reason}\n"),
        }
    }

    /// Of the caller with a key of the route.
    fn answer_about_key(&self, route: &Route, label: &str) -> Result<(String, bool)> {
        let keys = route.api_keys.as_ref().with_context(|| format!("{} takes no API keys", route.path))?;
        let configured = keys.keys.iter().find(|key| key.label == label);
        let is_pool = keys.session_pool.as_ref().is_some_and(|pool| pool.name == label);
        let scopes = match configured {
            Some(key) => &key.scopes,
            None if is_pool => &keys.scopes,
            None => {
                bail!("{} has no API key {label}; its keys are {}", route.path, ways_in::key_labels(route).join(", "))
            }
        };
        let subject = Subject::of_key(label)?;
        let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
        if configured.and_then(|key| key.expires).is_some_and(|expires| expires <= UnixTime::from_seconds(now)) {
            return Ok((self.without_a_way(&format!("the API key {label} has expired")), false));
        }
        let (client_id, claims) = (ClientId::parse(subject.as_str())?, Claims::default());
        if let Some(reason) = kept_out(route, &subject, &client_id) {
            return Ok((self.without_a_way(&reason), false));
        }
        let caller = Caller { subject: &subject, client_id: &client_id, scopes, claims: &claims };
        Ok(self.answer_about(&explain(route, &caller, &self.action()?), route))
    }

    /// What the answer leaves out of account.
    fn notes(&self) -> String {
        let mut notes = String::new();
        if self.scopes.is_empty() {
            notes.push_str("No --scope is given: those that the route needs are assumed.\n");
        }
        if let Some(method) = self.method.as_deref().filter(|method| !is_known(method)) {
            notes.push_str(&format!("No version of MCP has a method {method}; a server may have it.\n"));
        }
        notes
    }

    /// What the route's networks say of the address; `None` where none is asked about.
    fn network(&self, route: &Route) -> Option<Result<(), NetworkRefusal>> {
        self.address.map(|address| route.networks.judge(Some(address)))
    }

    fn written(
        &self,
        explanation: &Explanation<'_>,
        route: &Route,
        network: Option<Result<(), NetworkRefusal>>,
    ) -> String {
        let told = route.upstreams().filter_map(|upstream| Some((&upstream.url, identity_headers::told(upstream)?)));
        if self.json {
            let mut json = explanation.to_json();
            let told: Vec<_> =
                told.map(|(url, told)| serde_json::json!({ "server": url.to_string(), "told": told })).collect();
            if let (Value::Object(members), false) = (&mut json, told.is_empty()) {
                members.insert("servers_told".to_owned(), told.into());
            }
            if let (Value::Object(members), Some(network)) = (&mut json, network) {
                if network.is_err() {
                    members.insert("decision".to_owned(), "denied".into());
                }
                let said = network.map_or_else(|refusal| format!("refused: {refusal}"), |()| "allowed".to_owned());
                members.insert("network".to_owned(), said.into());
            }
            return format!("{json:#}\n");
        }
        let network = match (self.address, network) {
            (Some(address), Some(Ok(()))) => format!("From {address}: may come to the route\n"),
            (Some(address), Some(Err(refusal))) => {
                format!("From {address}: refused before anything else: {refusal}\n")
            }
            _ => String::new(),
        };
        let told: String =
            told.map(|(url, told)| format!("The server {url} is told of the caller: {told}\n")).collect();
        format!("{}{network}{explanation}{told}", self.notes())
    }

    fn route<'c>(&self, configuration: &'c Configuration) -> Result<&'c Route> {
        let paths = || configuration.routes.iter().map(|route| route.path.as_str()).collect::<Vec<_>>().join(", ");
        match (&self.route, configuration.routes.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => bail!("--route is missing; the routes are {}", paths()),
            (Some(path), routes) => {
                let found = routes.iter().find(|route| route.path.as_str() == path);
                found.ok_or_else(|| anyhow!("there is no route {path}; the routes are {}", paths()))
            }
        }
    }

    fn subject(&self, configuration: &Configuration) -> Result<Subject> {
        let names = || configuration.authorization_server.subject_providers().into_iter().collect::<Vec<_>>();
        let wrong = |subject: &str| {
            let names = names().join(", ");
            anyhow!(
                "--subject {subject} is not PROVIDER:ID; the providers are {names}, client for machines and workload for workloads"
            )
        };
        match (&self.subject, names().as_slice()) {
            (Some(text), _) if text == Subject::NOBODY => Ok(Subject::nobody()),
            (Some(text), _) => {
                let subject = Subject::parse(text).map_err(|_| wrong(text))?;
                let workloads = &configuration.authorization_server.workloads;
                let is_workload = |name: &str| workloads.iter().any(|workload| workload.name == name);
                let is_known = match text.split_once(':') {
                    Some((Subject::WORKLOADS, name)) if !is_workload(name) => {
                        bail!("--subject {text} names no workload of the configuration")
                    }
                    Some((Subject::MACHINES | Subject::WORKLOADS, _)) => true,
                    _ => configuration.authorization_server.subject_providers().contains(subject.provider()),
                };
                if is_known { Ok(subject) } else { Err(wrong(text)) }
            }
            (None, [only]) => Subject::new(only, "somebody").map_err(Error::from),
            (None, names) => {
                bail!("--subject is missing; it says at which provider the user signs in: {}:…", names.join(":… or "))
            }
        }
    }

    fn action(&self) -> Result<Action<'_>> {
        let target = match (&self.tool, &self.resource, &self.prompt) {
            (Some(tool), _, _) => Some((Target::Tool(tool.into()), "tools/call")),
            (_, Some(uri), _) => Some((Target::of_template(uri.into()), "resources/read")),
            (_, _, Some(prompt)) => Some((Target::Prompt(prompt.into()), "prompts/get")),
            (None, None, None) => None,
        };
        let usual = target.as_ref().map(|(_, method)| *method);
        let method = self
            .method
            .as_deref()
            .or(usual)
            .context("say what the caller does: --tool, --resource, --prompt or --method")?;
        let needs = match method {
            "tools/call" => Some("--tool"),
            "prompts/get" => Some("--prompt"),
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => Some("--resource"),
            "completion/complete" => Some("--prompt or --resource"),
            _ => None,
        };
        if needs.is_none()
            && !is_known(method)
            && let Some(nearest) = nearest(method)
        {
            bail!("MCP has no method {method}; did you mean {nearest}?");
        }
        match (needs, &target) {
            (None, Some((target, _))) if !(method == LISTEN && option_of(target) == "--resource") => {
                let option = option_of(target);
                bail!("{method} is done to nothing in particular: leave out {option}, or leave out --method");
            }
            (Some(needs), None) => bail!("{method} is done to something: {needs} is missing"),
            (Some(needs), Some((target, _))) if !needs.contains(option_of(target)) => {
                bail!("{method} is done to something else: it goes with {needs}");
            }
            _ => {}
        }
        Ok(Action { method: Cow::Borrowed(method), target: target.map(|(target, _)| target) })
    }
}

/// Why the caller does not come as far as the rules.
fn kept_out(route: &Route, subject: &Subject, client_id: &ClientId) -> Option<String> {
    if subject.is_nobody() && route.unauthenticated != Unauthenticated::Allow {
        return Some(format!("{} lets nobody in who shows nothing (unauthenticated)", route.path));
    }
    let is_listed = route.allowed_clients.is_empty() || route.allowed_clients.contains(client_id);
    (!is_listed).then(|| format!("the client {client_id} is none of allowed_clients of {}", route.path))
}

/// It is done to nothing, and to each resource whose changes are to be told.
const LISTEN: &str = "subscriptions/listen";

fn is_known(method: &str) -> bool {
    is_request(method) || is_notification(method)
}

/// The method that was meant, where one is near: others may be of a server's own.
fn nearest(method: &str) -> Option<&'static str> {
    let folded = method.trim().trim_matches('/').to_lowercase();
    let distances = requests().map(|known| (strsim::osa_distance(&folded, &known.to_lowercase()), known));
    distances.min().filter(|(distance, known)| distance.saturating_mul(3) <= known.len()).map(|(_, known)| known)
}

fn option_of(target: &Target<'_>) -> &'static str {
    match target {
        Target::Tool(_) => "--tool",
        Target::Resource(_) | Target::ResourceTemplate(_) => "--resource",
        Target::Prompt(_) => "--prompt",
    }
}

#[cfg(test)]
mod tests;
