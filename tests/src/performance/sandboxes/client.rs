//! Who calls the tools of the sandboxes, with the header fields that prove who it is.

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

use super::super::load::Target;
use super::super::servers::VERSION;
use crate::http;

/// A caller.
pub(super) struct Client {
    origin: String,
    path: &'static str,
    fields: Vec<(&'static str, String)>,
    http: reqwest::Client,
}

impl Client {
    pub(super) fn new(origin: String, path: &'static str, fields: Vec<(&'static str, String)>) -> Self {
        Self { origin, path, fields, http: http() }
    }

    /// Calls a tool; its `structuredContent`.
    ///
    /// # Errors
    /// What came instead: nobody answers yet, or the tool failed.
    pub(super) async fn call(&self, tool: &str, arguments: &Value) -> Result<Value, String> {
        let url = format!("{}{}", self.origin, self.path);
        let request = self.http.post(url).header(CONTENT_TYPE, "application/json").header(VERSION.0, VERSION.1);
        let request = request.header(ACCEPT, "application/json, text/event-stream");
        let request = self.fields.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let answer = request.body(message(tool, arguments)).send().await.map_err(|error| error.to_string())?;
        let text = answer.text().await.map_err(|error| error.to_string())?;
        let result = serde_json::from_str::<Value>(&text).ok().map(|answer| answer["result"].clone());
        match result {
            Some(result) if result["isError"] != true && result["structuredContent"].is_object() => {
                Ok(result["structuredContent"].clone())
            }
            _ => Err(text),
        }
    }

    /// Launches an environment; its id.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub(super) async fn launch(&self) -> Result<String, String> {
        let content = self.call("launchShell", &json!({})).await?;
        content["environmentId"].as_str().map(str::to_owned).ok_or_else(|| content.to_string())
    }

    /// Runs something that must succeed; what it has written to standard output.
    pub(super) async fn output(&self, (tool, arguments): (&str, Value)) -> String {
        let content = self.call(tool, &arguments).await.unwrap_or_else(|answer| panic!("{tool}: {answer}"));
        assert_eq!(content["exitCode"], 0, "{content}");
        content["stdout"].as_str().expect("a text").to_owned()
    }

    /// A call whose answer holds this, for who measures.
    pub(super) fn target(&self, (tool, arguments): (&str, Value), holds: &'static str) -> Target {
        let mut fields = vec![VERSION];
        fields.extend(self.fields.iter().map(|(name, value)| (*name, value.as_str())));
        Target { holds, ..Target::post(&self.origin, self.path, &fields, &message(tool, &arguments)) }
    }
}

fn message(tool: &str, arguments: &Value) -> String {
    let parameters = json!({ "name": tool, "arguments": arguments });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": parameters }).to_string()
}

/// The tool that runs this command, with its arguments.
pub(super) fn shell(environment: &str, command: &str) -> (&'static str, Value) {
    ("runShellCommandInRemoteEnvironment", json!({ "environmentId": environment, "shellCommand": command }))
}

/// The tool that runs this Python, with its arguments.
pub(super) fn python(environment: &str, code: &str) -> (&'static str, Value) {
    ("runPythonCodeInRemoteEnvironment", json!({ "environmentId": environment, "pythonCode": code }))
}
