//! `gatehouse explain`.

use std::borrow::Cow;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::ways_in;
use anyhow::{Context as _, Error, Result, anyhow, bail};
use clap::Args;
use gatehouse_configuration::{Configuration, NetworkRefusal, Route};
use gatehouse_mcp_wire::json_rpc::{is_notification, is_request, requests};
use gatehouse_policy::{Action, Caller, Explanation, Target, explain};
use gatehouse_protocol::{Claims, ClientId, Scope, Scopes, Subject};
use serde_json::Value;

use crate::identity_headers;

#[derive(Args)]
pub(crate) struct Explain {
    /// The configuration document, TOML or JSON
    #[arg(value_name = "CONFIG")]
    configuration: PathBuf,
    /// The path of the route; needed where there are several
    #[arg(long, value_name = "PATH")]
    route: Option<String>,
    /// Who, as the log names them: PROVIDER:ID, or client:ID for a machine [default: somebody of the one provider]
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// Through which OAuth client
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
        let subject = self.subject(&configuration)?;
        if let Some(reason) = ways_in::missing(&configuration, route, &subject) {
            return Ok((self.without_a_way(&reason), false));
        }
        let claims = Claims::new(self.tenant.clone(), self.groups.clone(), self.roles.clone());
        let claims = claims.map_err(|error| anyhow!("no user can have {error}"))?;
        let given = self.scopes.iter().map(|scope| Scope::parse(scope)).collect::<Result<Scopes, _>>();
        let given = given.context("a --scope cannot be one")?;
        let scopes = if given.is_empty() { route.scopes.iter().cloned().collect() } else { given };
        let client_id = ClientId::parse(&self.client).context("the --client cannot be one")?;
        let caller = Caller { subject: &subject, client_id: &client_id, scopes: &scopes, claims: &claims };
        let explanation = explain(route, &caller, &self.action()?);
        let network = self.network(route);
        let is_allowed = explanation.is_allowed() && network.as_ref().is_none_or(Result::is_ok);
        Ok((self.written(&explanation, route, network), is_allowed))
    }

    /// The answer about somebody whom the route lets in by no way.
    fn without_a_way(&self, reason: &str) -> String {
        match self.json {
            true => format!("{:#}\n", serde_json::json!({ "decision": "denied", "reason": reason })),
            false => format!("denied: {reason}\n"),
        }
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
            if let Some(network) = network {
                json["network"] = match network {
                    Ok(()) => "allowed".into(),
                    Err(refusal) => format!("refused: {refusal}").into(),
                };
                if network.is_err() {
                    json["decision"] = "denied".into();
                }
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
            (Some(text), names) => {
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
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

    use std::path::Path;

    use clap::Parser;

    use super::*;

    const DOCUMENT: &str = r#"
        public_url = "https://gateway.example"

        [identity_provider]
        name = "main"
        issuer = "https://login.example"
        client_id = "gatehouse"

        [[routes]]
        path = "/files"
        url = "http://10.0.0.7:8080/mcp"
        policy = [
            { name = "readers", groups = ["engineering"], tools = ["read_*"], resources = ["file:///public/*"] },
            { name = "writers", groups = ["engineering"], scopes = ["files:write"], tools = ["write_*"] },
            { name = "no-machines", effect = "deny", providers = ["client"] },
        ]
    "#;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        explain: Explain,
    }

    fn answer(document: &str, options: &[&str]) -> Result<(String, bool), String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gatehouse.toml");
        fs::write(&file, document).unwrap();
        let line = ["explain", file.to_str().unwrap()].into_iter().chain(options.iter().copied());
        Line::try_parse_from(line)
            .map_err(|error| error.to_string())?
            .explain
            .answer()
            .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_question_is_answered_in_lines() {
        let (text, is_allowed) =
            answer(DOCUMENT, &["--subject", "main:alice", "--group", "engineering", "--tool", "write_file"]).unwrap();
        assert!(!is_allowed);
        assert_eq!(
            text,
            "\
No --scope is given: those that the route needs are assumed.
Who: main:alice through the client some-client
  scopes mcp
  tenant none; groups engineering; roles none
What: tools/call, tool write_file, at /files
Denied: no rule allows it
  It would be allowed with the scope files:write: the client is told to ask for it
Rule readers (allow) does not: it is about tools read_*; resources file:///public/*
Rule writers (allow) does not: the token lacks the scope files:write
Rule no-machines (deny) does not: it is for users of client
"
        );
    }

    #[test]
    fn every_option_counts() {
        const ENGINEER: [&str; 2] = ["--group", "engineering"];
        for (options, expected) in [
            (["--tool", "read_a"].as_slice(), true),
            (&["--tool", "read_a", "--method", "tools/call", "--route", "/files"], true),
            (&["--tool", "write_a", "--scope", "mcp", "--scope", "files:write"], true),
            (&["--tool", "write_a", "--scope", "files:write"], false),
            (&["--resource", "file:///public/a"], true),
            (&["--resource", "file:///public/{a}", "--method", "completion/complete"], true),
            (&["--resource", "file:///{a}", "--method", "completion/complete"], false),
            (&["--resource", "file:///public/a", "--method", "resources/subscribe"], true),
            (&["--prompt", "greet"], false),
            (&["--method", "ping"], true),
            (&["--method", "ping", "--subject", "client:robot"], false),
            (&["--method", "tasks/get", "--client", "a", "--role", "b", "--tenant", "c"], false),
        ] {
            let options: Vec<_> = ENGINEER.into_iter().chain(options.iter().copied()).collect();
            assert_eq!(answer(DOCUMENT, &options).unwrap().1, expected, "{options:?}");
        }
    }

    #[test]
    fn programs_get_json() {
        let (text, _) =
            answer(DOCUMENT, &["--json", "--role", "r", "--tenant", "t", "--client", "c", "--prompt", "p"]).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&json["decision"], &json["target"]), (&"denied".into(), &"prompt p".into()));
        assert_eq!(
            (&json["subject"], &json["client"], &json["tenant"]),
            (&"main:somebody".into(), &"c".into(), &"t".into())
        );
        assert_eq!(json["rules"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn what_the_server_is_told_of_the_caller_is_explained_too() {
        let headers = "url = \"http://10.0.0.7:8080/mcp\"\nsubject_header = \"x-who\"\n\
                       identity_headers = { claims = { x-groups = \"groups\" } }";
        let document = DOCUMENT.replace("url = \"http://10.0.0.7:8080/mcp\"", headers);
        let (text, _) = answer(&document, &["--tool", "a"]).unwrap();
        let told = "The server http://10.0.0.7:8080/mcp is told of the caller: subject in x-who, groups in x-groups\n";
        assert!(text.ends_with(told), "{text}");
        let (json, _) = answer(&document, &["--tool", "a", "--json"]).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["servers_told"][0]["told"], "subject in x-who, groups in x-groups");
        let (json, _) = answer(DOCUMENT, &["--tool", "a", "--json"]).unwrap();
        assert!(!json.contains("servers_told"));
    }

    #[test]
    fn an_address_that_may_not_come_is_refused_whatever_the_rules_say() {
        let document = DOCUMENT
            .replace("policy = [", "networks = { allow = [\"192.0.2.0/24\"], deny = [\"192.0.2.9\"] }\npolicy = [");
        let ask = |address: &str, more: &[&str]| {
            let options = [&["--group", "engineering", "--tool", "read_a", "--address", address], more].concat();
            answer(&document, &options).unwrap()
        };
        let (text, is_allowed) = ask("192.0.2.1", &[]);
        assert!(is_allowed && text.contains("From 192.0.2.1: may come to the route\n"), "{text}");
        for (address, said) in [
            ("192.0.2.9", "the client's address is in 192.0.2.9/32, which networks deny"),
            ("::ffff:192.0.2.9", "the client's address is in 192.0.2.9/32, which networks deny"),
            ("2001:db8::1", "the client's address is in none of the ranges that networks allow"),
        ] {
            let (text, is_allowed) = ask(address, &[]);
            assert!(
                !is_allowed && text.contains(&format!("From {address}: refused before anything else: {said}\n")),
                "{text}"
            );
            let (text, _) = ask(address, &["--json"]);
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!((&json["decision"], &json["network"]), (&"denied".into(), &format!("refused: {said}").into()));
        }
        assert!(answer(&document, &["--tool", "read_a", "--address", "10.0.0.0/8"]).is_err());
    }

    #[test]
    fn a_wrong_question_is_told_in_one_line() {
        let two = format!("{DOCUMENT}\n[[routes]]\npath = \"/b\"\nurl = \"http://10.0.0.8/\"");
        for (document, options, said) in [
            (DOCUMENT, ["--method", "tools/call"].as_slice(), "tools/call is done to something: --tool is missing"),
            (
                DOCUMENT,
                &["--method", "tools/call", "--prompt", "a"],
                "tools/call is done to something else: it goes with --tool",
            ),
            (DOCUMENT, &[], "say what the caller does: --tool, --resource, --prompt or --method"),
            (DOCUMENT, &["--route", "/c", "--tool", "a"], "there is no route /c; the routes are /files"),
            (&two, &["--tool", "a"], "--route is missing; the routes are /files, /b"),
            (
                DOCUMENT,
                &["--subject", "alice", "--tool", "a"],
                "--subject alice is not PROVIDER:ID; the providers are main",
            ),
            (
                DOCUMENT,
                &["--subject", "other:a", "--tool", "a"],
                "--subject other:a is not PROVIDER:ID; the providers are main",
            ),
            (DOCUMENT, &["--tool", "a", "--prompt", "b"], "cannot be used with"),
            (
                "public_url = 1",
                &["--tool", "a"],
                "gatehouse.toml: the configuration key `public_url` must be text in quotes",
            ),
        ] {
            let error = answer(document, options).unwrap_err();
            assert!(error.contains(said), "{options:?}: {error}");
        }
        let providers = DOCUMENT.replace("[identity_provider]", "[[identity_providers]]").replace(
            "[[routes]]",
            "[[identity_providers]]\nname = \"b\"\nissuer = \"https://b.example\"\nclient_id = \"b\"\n[[routes]]",
        );
        let providers = providers.replace("groups =", "providers = [\"main\"], groups =");
        let error = answer(&providers, &["--tool", "a"]).unwrap_err();
        assert_eq!(error, "--subject is missing; it says at which provider the user signs in: main:… or b:…");
        let missing = Line::try_parse_from(["explain", "no/such/file", "--tool", "a"]).unwrap().explain;
        assert!(format!("{:#}", missing.answer().unwrap_err()).starts_with("cannot read no/such/file: "));
    }

    /// docs/cases.md, O8.
    #[test]
    fn a_question_about_a_method_that_there_is_not_or_that_has_no_such_thing_is_refused() {
        for (options, said) in [
            (["--method", "tools/cal", "--tool", "x"], "MCP has no method tools/cal; did you mean tools/call?"),
            (["--method", "Tools/Call", "--tool", "x"], "MCP has no method Tools/Call; did you mean tools/call?"),
            (["--method", "resource/read", "--resource", "x:y"], "did you mean resources/read?"),
            (
                ["--method", "tools/list", "--tool", "x"],
                "tools/list is done to nothing in particular: leave out --tool, or leave out --method",
            ),
            (["--method", "ping", "--prompt", "x"], "ping is done to nothing in particular: leave out --prompt"),
            (["--method", "acme/run", "--tool", "x"], "acme/run is done to nothing in particular: leave out --tool"),
            (["--method", "subscriptions/listen", "--tool", "x"], "leave out --tool"),
        ] {
            let error = answer(DOCUMENT, &options).unwrap_err();
            assert!(error.contains(said), "{options:?}: {error}");
        }
        assert!(answer(DOCUMENT, &["--method", "tools/lisst"]).unwrap_err().contains("did you mean tools/list?"));
        let (text, _) = answer(DOCUMENT, &["--method", "acme/run"]).unwrap();
        assert!(text.contains("No version of MCP has a method acme/run; a server may have it."), "{text}");
        for right in ["tools/list", "ping", "notifications/progress", "subscriptions/listen"] {
            assert!(!answer(DOCUMENT, &["--method", right]).unwrap().0.contains("No version"), "{right}");
        }
        assert!(answer(DOCUMENT, &["--method", "subscriptions/listen", "--resource", "file:///a"]).is_ok());
    }

    #[test]
    fn the_checked_in_example_allows_everything() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/gatehouse.toml");
        let (text, is_allowed) = answer(&fs::read_to_string(example).unwrap(), &["--tool", "a"]).unwrap();
        assert!(is_allowed && text.contains("Allowed: there are no rules at /mcp"), "{text}");
    }
}
