//! What a message would do.

use core::fmt;
use std::borrow::Cow;

use gatehouse_mcp_wire::json_rpc::{Call, Message, Object};
use thiserror::Error;

/// The most resources that one `subscriptions/listen` may name: each is held against every rule.
pub const MOST_RESOURCES: usize = 1000;

/// One thing that somebody wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action<'a> {
    /// The method of MCP.
    pub method: Cow<'a, str>,
    /// What it is done to, where the method has something of the kind.
    pub target: Option<Target<'a>>,
}

/// What something is done to, as the client names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A tool, by its name.
    Tool(Cow<'a, str>),
    /// A resource, by its URI.
    Resource(Cow<'a, str>),
    /// Resources, by their template (RFC 6570): all of them at once.
    ResourceTemplate(Cow<'a, str>),
    /// A prompt, by its name.
    Prompt(Cow<'a, str>),
}

/// The message does not say what it would do. The text is for the client (-32602).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// `tools/call` or `prompts/get`.
    #[error("params.name must be a string")]
    Name,
    /// A method of resources.
    #[error("params.uri must be a string")]
    Uri,
    /// `completion/complete`.
    #[error("params.ref must be a prompt (ref/prompt, name) or a resource (ref/resource, uri)")]
    Reference,
    /// `subscriptions/listen`.
    #[error("params.notifications.resourceSubscriptions must be a list of strings")]
    Subscriptions,
    /// `subscriptions/listen`.
    #[error("params.notifications.resourceSubscriptions must not have more than {MOST_RESOURCES} items")]
    TooManySubscriptions,
}

/// What a message would do: nothing where it is an answer, several things where it asks for several resources. Whether it
/// wants an answer makes no difference: a server may well do what a notification says.
///
/// # Errors
/// Where it does not say what it would be done to.
pub fn actions(message: &Message) -> Result<Vec<Action<'_>>, Malformed> {
    let Some(call) = message.call() else { return Ok(Vec::new()) };
    let method = call.method.as_str();
    let on = |target| vec![Action { method: Cow::Borrowed(method), target }];
    Ok(match method {
        "tools/call" => on(Some(Target::Tool(text(call, "name").ok_or(Malformed::Name)?))),
        "prompts/get" => on(Some(Target::Prompt(text(call, "name").ok_or(Malformed::Name)?))),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
            on(Some(Target::Resource(text(call, "uri").ok_or(Malformed::Uri)?)))
        }
        "completion/complete" => on(Some(reference(call).ok_or(Malformed::Reference)?)),
        "subscriptions/listen" => {
            let resources = subscriptions(call)?.into_iter().map(|uri| Target::Resource(Cow::Owned(uri)));
            let resources = resources.map(|target| Action { method: Cow::Borrowed(method), target: Some(target) });
            on(None).into_iter().chain(resources).collect()
        }
        _ => on(None),
    })
}

fn text(call: &Call, name: &str) -> Option<Cow<'static, str>> {
    call.param(name).map(Cow::Owned)
}

/// What is to be completed (`PromptReference`, `ResourceTemplateReference`): a resource is named by its template, or by its
/// URI where nothing of it is open.
fn reference(call: &Call) -> Option<Target<'static>> {
    let reference = call.params.as_ref()?.object("ref")?;
    let text = |name| reference.str(name).map(Cow::Owned);
    match reference.str("type")?.as_str() {
        "ref/prompt" => text("name").map(Target::Prompt),
        "ref/resource" => text("uri").map(Target::of_template),
        _ => None,
    }
}

/// The resources whose changes are to be told.
fn subscriptions(call: &Call) -> Result<Vec<String>, Malformed> {
    let filter = match call.params.as_ref().and_then(|params| params.get("notifications")) {
        Some(filter) => Object::of(filter).ok_or(Malformed::Subscriptions)?,
        None => return Ok(Vec::new()),
    };
    match filter.get("resourceSubscriptions") {
        None => Ok(Vec::new()),
        Some(list) => {
            let uris: Vec<String> = serde_json::from_str(list.get()).map_err(|_| Malformed::Subscriptions)?;
            if uris.len() > MOST_RESOURCES { Err(Malformed::TooManySubscriptions) } else { Ok(uris) }
        }
    }
}

impl<'a> Action<'a> {
    /// Something that is done to nothing in particular.
    pub fn of(method: &'a str) -> Self {
        Self { method: Cow::Borrowed(method), target: None }
    }

    /// A call of a tool.
    pub fn call(tool: &'a str) -> Self {
        Self { method: Cow::Borrowed("tools/call"), target: Some(Target::Tool(Cow::Borrowed(tool))) }
    }

    /// Reading a resource.
    pub fn read(uri: &'a str) -> Self {
        Self { method: Cow::Borrowed("resources/read"), target: Some(Target::Resource(Cow::Borrowed(uri))) }
    }

    /// Getting a prompt.
    pub fn get(prompt: &'a str) -> Self {
        Self { method: Cow::Borrowed("prompts/get"), target: Some(Target::Prompt(Cow::Borrowed(prompt))) }
    }
}

impl<'a> Target<'a> {
    /// The resources that a template stands for: one where nothing of it is open.
    pub fn of_template(template: Cow<'a, str>) -> Self {
        if template.contains('{') { Self::ResourceTemplate(template) } else { Self::Resource(template) }
    }

    /// The name, the URI or the template.
    pub fn name(&self) -> &str {
        match self {
            Self::Tool(name) | Self::Resource(name) | Self::ResourceTemplate(name) | Self::Prompt(name) => name,
        }
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Tool(_) => "tool",
            Self::Resource(_) => "resource",
            Self::ResourceTemplate(_) => "resource template",
            Self::Prompt(_) => "prompt",
        };
        write!(f, "{kind} {}", self.name())
    }
}

#[cfg(test)]
mod tests;
