//! The tools: their definitions, their arguments, and how their results look.
//!
//! Names, arguments and answers are those of the platform-managed MCP server that docs/sandboxes.md names, with the sources.

use gatehouse_mcp_wire::json_rpc::Object;
use sandbox_environments::{Language, Settings};
use sandbox_run::{Limit, Limits};
use serde_json::{Value, json};

use crate::revision::Revision;
use crate::run::{End, Order, Ran, Reason};

/// Launches an environment.
pub const LAUNCH: &str = "launchShell";
/// Runs a command of the shell.
pub const SHELL: &str = "runShellCommandInRemoteEnvironment";
/// Runs Python.
pub const PYTHON: &str = "runPythonCodeInRemoteEnvironment";
/// Whether it never was there, has cooled down, or was ended: the owner is told the same.
const NOT_FOUND: &str = "Environment not found: there is none of yours with this environmentId; it may have cooled down. Launch one with launchShell.";

/// What a call asks for.
pub enum Asked {
    /// An environment.
    Launch,
    /// A run.
    Run(Order),
}

/// Why a call asks for nothing.
pub enum Wrong {
    /// There is no such tool.
    Tool,
    /// The arguments do not fit; in which way.
    Arguments(String),
}

/// The tool that runs code of a language.
pub const fn tool(language: Language) -> &'static str {
    match language {
        Language::Shell => SHELL,
        Language::Python => PYTHON,
    }
}

/// The definitions, without what a revision does not have.
pub fn definitions(revision: Revision, settings: &Settings) -> Vec<Value> {
    let mut tools = all(settings);
    for tool in &mut tools {
        let Some(tool) = tool.as_object_mut() else { continue };
        if !revision.has_output_schemas() {
            tool.remove("outputSchema");
            tool.remove("title");
        }
        if !revision.has_annotations() {
            tool.remove("annotations");
        }
    }
    tools
}

fn all(settings: &Settings) -> Vec<Value> {
    let (cool_down, seconds) = (settings.cool_down_seconds, settings.run.seconds);
    let id = json!({ "type": "string", "description": "The environmentId that launchShell gave" });
    let (network, is_open) = (network(settings), !settings.egress.hosts.is_empty());
    let about = format!(
        "Files are in /work, which is the working directory, and are shared by both languages. They and what the language keeps are there for the next call, until {cool_down} seconds after the last one. A run takes at most {seconds} seconds. {network} There are no other programs."
    );
    let runs =
        json!({ "readOnlyHint": false, "destructiveHint": true, "idempotentHint": false, "openWorldHint": is_open });
    vec![
        json!({
            "name": LAUNCH,
            "title": "Launch an environment",
            "description": format!("Launches an environment in which shell commands and Python code can be run, and gives its environmentId. {about}"),
            "inputSchema": { "type": "object", "properties": {}, "additionalProperties": false },
            "outputSchema": {
                "type": "object",
                "properties": { "environmentId": { "type": "string", "description": "What the other tools are to be given" } },
                "required": ["environmentId"],
            },
            "annotations": { "readOnlyHint": false, "destructiveHint": false, "idempotentHint": false, "openWorldHint": false },
        }),
        json!({
            "name": SHELL,
            "title": "Run a shell command",
            "description": format!("Runs a shell command in an environment: bash with its usual commands. Variables, functions and the working directory are there for the next command. {about}"),
            "inputSchema": {
                "type": "object",
                "properties": {
                    "environmentId": id,
                    "shellCommand": { "type": "string", "description": "The command, as it is typed. Either this or execCommandAndArgs" },
                    "execCommandAndArgs": {
                        "type": "array",
                        "items": { "type": "string" },
                        "minItems": 1,
                        "description": "A command and its arguments, none of which the shell interprets. Either this or shellCommand",
                    },
                },
                "required": ["environmentId"],
                "additionalProperties": false,
            },
            "outputSchema": output_schema(),
            "annotations": runs,
        }),
        json!({
            "name": PYTHON,
            "title": "Run Python code",
            "description": format!("Runs Python code in an environment: CPython with its standard library. Variables, functions and classes are there for the next call. {about}"),
            "inputSchema": {
                "type": "object",
                "properties": {
                    "environmentId": id,
                    "pythonCode": { "type": "string", "description": "The code. What it prints is the result" },
                },
                "required": ["environmentId", "pythonCode"],
                "additionalProperties": false,
            },
            "outputSchema": output_schema(),
            "annotations": runs,
        }),
    ]
}

/// What there is of the network, for models.
fn network(settings: &Settings) -> String {
    let hosts: Vec<String> = settings.egress.hosts.iter().map(ToString::to_string).collect();
    if hosts.is_empty() {
        return "There is no network.".to_owned();
    }
    format!(
        "There is no network but HTTP, by curl and wget in the shell and by urllib.request in Python, to these origins: {}.",
        hosts.join(", ")
    )
}

fn output_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "stdout": { "type": "string", "description": "What was written to standard output" },
            "stderr": { "type": "string", "description": "What was written to standard error" },
            "exitCode": { "type": "integer", "description": "0 where it succeeded" },
            "executionTimeInMilliseconds": { "type": "integer", "description": "How long it took" },
            "limit": { "type": "string", "enum": ["time", "compute", "memory", "output", "files", "state"], "description": "The limit that stopped it" },
            "notes": { "type": "array", "items": { "type": "string" }, "description": "What could not be kept for the next call" },
        },
        "required": ["stdout", "stderr", "exitCode"],
    })
}

/// Reads a call.
///
/// # Errors
/// See [`Wrong`].
pub fn read(tool: &str, arguments: &Object) -> Result<Asked, Wrong> {
    let (known, language): (&[&str], _) = match tool {
        LAUNCH => (&[], None),
        SHELL => (&["environmentId", "shellCommand", "execCommandAndArgs"], Some(Language::Shell)),
        PYTHON => (&["environmentId", "pythonCode"], Some(Language::Python)),
        _ => return Err(Wrong::Tool),
    };
    if let Some((unknown, _)) = arguments.iter().find(|(name, _)| !known.contains(name)) {
        let unknown: String = unknown.chars().take(64).collect();
        return Err(wrong(&format!("{unknown} is not an argument of {tool}")));
    }
    let Some(language) = language else { return Ok(Asked::Launch) };
    let text = |name: &str| arguments.str(name).ok_or_else(|| wrong(&format!("{name} must be a string")));
    let environment = text("environmentId")?;
    let code = match language {
        Language::Python => text("pythonCode")?,
        Language::Shell => match (arguments.contains("shellCommand"), arguments.get("execCommandAndArgs")) {
            (true, None) => text("shellCommand")?,
            (false, Some(words)) => quoted(&serde_json::from_str::<Vec<String>>(words.get()).unwrap_or_default())
                .ok_or_else(|| wrong("execCommandAndArgs must be an array of strings, and not empty"))?,
            (true, Some(_)) | (false, None) => {
                return Err(wrong("there must be either shellCommand or execCommandAndArgs"));
            }
        },
    };
    Ok(Asked::Run(Order { environment, language, code }))
}

/// A command of the shell that calls a program with exactly these words (POSIX, 2.2.2: nothing is special between single quotes).
fn quoted(words: &[String]) -> Option<String> {
    let quoted = |word: &String| format!("'{}'", word.replace('\'', r"'\''"));
    (!words.is_empty()).then(|| words.iter().map(quoted).collect::<Vec<_>>().join(" "))
}

fn wrong(text: &str) -> Wrong {
    Wrong::Arguments(format!("Invalid arguments: {text}."))
}

/// The result of a launch.
pub fn launched(id: &str) -> Object {
    with_content(&json!({ "environmentId": id }), None)
}

/// A result that says what went wrong, and nothing else.
pub fn error(text: &str) -> Object {
    let mut result = Object::new();
    result.set("content", &json!([{ "type": "text", "text": text }]));
    result.set("isError", &true);
    result
}

/// The result of a run.
pub fn ended(end: &End, settings: &Settings) -> Object {
    match end {
        End::Unknown => error(NOT_FOUND),
        End::Busy => error("The environment is busy: another run is under way in it. Try again when that has ended."),
        End::TooMany => {
            let most = settings.runs_per_subject;
            error(&format!(
                "You have {most} runs under way, and may not have more at once. Try again when one has ended."
            ))
        }
        End::Damaged => {
            error("What was kept of this environment cannot be read any more. Launch another one with launchShell.")
        }
        End::Failed(text) => error(&format!("{text} Try again later.")),
        End::Ran(ran) => ran_result(ran, &settings.limits()),
    }
}

fn ran_result(ran: &Ran, limits: &Limits) -> Object {
    let mut content = json!({
        "stdout": ran.stdout(),
        "stderr": ran.stderr(),
        "exitCode": ran.exit_code,
        "executionTimeInMilliseconds": ran.milliseconds,
    });
    if let Some(content) = content.as_object_mut() {
        if let Some(Reason::Limit(limit)) = ran.stopped {
            content.insert("limit".to_owned(), json!(name(limit)));
        }
        if !ran.notes.is_empty() {
            content.insert("notes".to_owned(), json!(ran.notes));
        }
    }
    let problem = match (ran.stopped, ran.is_gone) {
        (None, false) => None,
        (None, true) => Some(NOT_FOUND.to_owned()),
        (Some(reason), true) => Some(format!("{} {NOT_FOUND}", sentence(reason, limits))),
        (Some(reason), false) => Some(format!("{} The environment is as it was before.", sentence(reason, limits))),
    };
    with_content(&content, problem.as_deref())
}

/// The result in both of its forms: for programs, and for models, with a sentence in front where something is wrong.
fn with_content(content: &Value, problem: Option<&str>) -> Object {
    let text = |text: &str| json!({ "type": "text", "text": text });
    let texts: Vec<Value> = problem.map(text).into_iter().chain([text(&content.to_string())]).collect();
    let mut result = Object::new();
    result.set("content", &texts);
    result.set("structuredContent", content);
    result.set("isError", &problem.is_some());
    result
}

/// The name of a limit in results and in the log.
pub const fn name(limit: Limit) -> &'static str {
    match limit {
        Limit::Time => "time",
        Limit::Compute => "compute",
        Limit::Memory => "memory",
        Limit::Output => "output",
        Limit::Files => "files",
        Limit::State => "state",
    }
}

fn sentence(reason: Reason, limits: &Limits) -> String {
    let Limits { seconds, output_bytes, file_bytes, files, state_bytes } = limits;
    match reason {
        Reason::Limit(Limit::Time) => format!("The run was stopped: it took longer than {seconds} seconds."),
        Reason::Limit(Limit::Compute) => "The run was stopped: it computed for longer than a run may.".to_owned(),
        Reason::Limit(Limit::Memory) => "The run was stopped: it took more memory than a run may.".to_owned(),
        Reason::Limit(Limit::Output) => format!("The run was stopped: it wrote more than {output_bytes} bytes."),
        Reason::Limit(Limit::Files) => {
            format!("The run left more than {files} files, or more than {file_bytes} bytes in them.")
        }
        Reason::Limit(Limit::State) => {
            format!("The run left variables and functions of more than {state_bytes} bytes.")
        }
        Reason::Ended => "The run was stopped: it computed for longer, or took more memory, than a run may.".to_owned(),
        Reason::Unusable => "What the run left behind cannot be kept.".to_owned(),
        Reason::NotKept => "The run has ended, and then what it left behind could not be kept.".to_owned(),
        Reason::ClientGone => "The run was stopped: nobody waits for it any more.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(tool: &str, arguments: Value) -> Result<String, String> {
        let arguments = Object::parse(&arguments.to_string()).unwrap();
        match read(tool, &arguments) {
            Ok(Asked::Launch) => Ok("launch".to_owned()),
            Ok(Asked::Run(order)) => Ok(format!("{:?} {} {}", order.language, order.environment, order.code)),
            Err(Wrong::Tool) => Err("no such tool".to_owned()),
            Err(Wrong::Arguments(text)) => Err(text),
        }
    }

    #[test]
    fn each_tool_takes_its_arguments() {
        for (tool, arguments, read) in [
            (LAUNCH, json!({}), "launch"),
            (SHELL, json!({ "environmentId": "e", "shellCommand": "echo $A | wc" }), "Shell e echo $A | wc"),
            (
                SHELL,
                json!({ "environmentId": "e", "execCommandAndArgs": ["echo", "$A", "it's", ""] }),
                r"Shell e 'echo' '$A' 'it'\''s' ''",
            ),
            (PYTHON, json!({ "environmentId": "e", "pythonCode": "print(1)" }), "Python e print(1)"),
        ] {
            assert_eq!(code(tool, arguments.clone()).as_deref(), Ok(read), "{tool} {arguments}");
        }
    }

    #[test]
    fn arguments_that_do_not_fit_are_named() {
        for (tool, arguments, said) in [
            ("launchshell", json!({}), "no such tool"),
            (LAUNCH, json!({ "identifier": "a" }), "identifier is not an argument of launchShell"),
            (SHELL, json!({ "shellCommand": "ls" }), "environmentId must be a string"),
            (SHELL, json!({ "environmentId": 1, "shellCommand": "ls" }), "environmentId must be a string"),
            (SHELL, json!({ "environmentId": "e" }), "either shellCommand or execCommandAndArgs"),
            (SHELL, json!({ "environmentId": "e", "shellCommand": "ls", "execCommandAndArgs": ["ls"] }), "either"),
            (SHELL, json!({ "environmentId": "e", "shellCommand": ["ls"] }), "shellCommand must be a string"),
            (SHELL, json!({ "environmentId": "e", "execCommandAndArgs": [] }), "not empty"),
            (SHELL, json!({ "environmentId": "e", "execCommandAndArgs": ["ls", 1] }), "an array of strings"),
            (SHELL, json!({ "environmentId": "e", "execCommandAndArgs": "ls" }), "an array of strings"),
            (PYTHON, json!({ "environmentId": "e" }), "pythonCode must be a string"),
            (PYTHON, json!({ "environmentId": "e", "shellCommand": "ls" }), "shellCommand is not an argument"),
        ] {
            let error = code(tool, arguments.clone()).unwrap_err();
            assert!(error.contains(said), "{tool} {arguments}: {error}");
        }
    }
}
