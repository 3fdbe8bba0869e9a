//! The environments of a sandbox, as its interface for administrators tells them (docs/sandboxes.md, "Administrators").
//!
//! What comes from there is read whole or not at all: whoever answers may be another program than the operator thinks.

use gatehouse_protocol::{SecretString, Subject, UnixTime};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use serde::Deserialize;

/// Bytes of an answer: more than those of the longest page.
pub const LARGEST_ANSWER: usize = 256 << 10;
/// In which an administrator proves itself.
const ADMINISTRATION: HeaderName = HeaderName::from_static("x-sandbox-administration");
/// Environments of a page.
const MOST: usize = 200;

/// A text that a sandbox gave, and is given back in a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnedText(String);

/// A page of the environments that there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentPage {
    /// How many count in all.
    pub count: u64,
    /// How many there may be.
    pub most: u64,
    /// Those of this page.
    pub environments: Vec<SandboxEnvironment>,
    /// Where the next page begins, if there is one.
    pub next: Option<ReturnedText>,
}

/// An environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxEnvironment {
    /// What it is called where it is ended.
    pub handle: ReturnedText,
    /// Its name in the sandbox's log.
    pub name: ReturnedText,
    /// Whose it is.
    pub subject: Subject,
    /// When it was launched.
    pub launched_at: UnixTime,
    /// When it was used last.
    pub used_at: UnixTime,
    /// When it ends by itself.
    pub ends_at: UnixTime,
    /// How many runs there were.
    pub runs: u64,
    /// Whether one is under way.
    pub is_running: bool,
}

#[derive(Deserialize)]
struct WirePage {
    count: u64,
    most: u64,
    environments: Vec<WireEnvironment>,
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEnvironment {
    handle: String,
    name: String,
    subject: String,
    launched_at: u64,
    used_at: u64,
    ends_at: u64,
    runs: u64,
    is_running: bool,
}

#[derive(Deserialize)]
struct WireEnded {
    subject: String,
}

impl ReturnedText {
    /// Reads the text. `None` for what would not stay as it is in a URL.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_one = (1..=100).contains(&text.len()) && text.bytes().all(is_plain) && !matches!(text, "." | "..");
        is_one.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Asks the sandbox at `url` for its environments; for those from `from` on, where that is given. `None` where the secret cannot be
/// sent.
pub fn list_request(url: &Uri, secret: &SecretString, from: Option<&ReturnedText>) -> Option<Request<Vec<u8>>> {
    let query = from.map(|from| format!("?from={}", from.as_str()));
    request(Method::GET, format!("{url}{}", query.unwrap_or_default()), secret)
}

/// Asks it to end one.
pub fn end_request(url: &Uri, secret: &SecretString, handle: &ReturnedText) -> Option<Request<Vec<u8>>> {
    request(Method::DELETE, format!("{url}/{}", handle.as_str()), secret)
}

fn request(method: Method, url: String, secret: &SecretString) -> Option<Request<Vec<u8>>> {
    let mut secret = HeaderValue::try_from(secret.expose()).ok()?;
    secret.set_sensitive(true);
    Request::builder().method(method).uri(url).header(ADMINISTRATION, secret).body(Vec::new()).ok()
}

/// The page that the sandbox answers with.
///
/// # Errors
/// Where it is no such page. The text is for the log.
pub fn read_page(response: &Response<Vec<u8>>) -> Result<EnvironmentPage, String> {
    if response.status() != StatusCode::OK {
        return Err(answers_with(response.status()));
    }
    let page: WirePage = serde_json::from_slice(response.body()).map_err(|_| unreadable())?;
    if page.environments.len() > MOST {
        return Err(unreadable());
    }
    let environments = page.environments.iter().map(WireEnvironment::read).collect::<Option<_>>();
    let next = page.next.as_deref().map(|next| ReturnedText::parse(next).ok_or_else(unreadable)).transpose()?;
    let environments = environments.ok_or_else(unreadable)?;
    Ok(EnvironmentPage { count: page.count, most: page.most, environments, next })
}

/// Whose environment the sandbox has ended; `None` where there was none.
///
/// # Errors
/// Where it does not say that it has. The text is for the log.
pub fn read_ended(response: &Response<Vec<u8>>) -> Result<Option<Subject>, String> {
    match response.status() {
        StatusCode::NOT_FOUND => Ok(None),
        StatusCode::OK => {
            let ended: WireEnded = serde_json::from_slice(response.body()).map_err(|_| unreadable())?;
            Subject::parse(&ended.subject).map(Some).map_err(|_| unreadable())
        }
        status => Err(answers_with(status)),
    }
}

impl WireEnvironment {
    fn read(&self) -> Option<SandboxEnvironment> {
        Some(SandboxEnvironment {
            handle: ReturnedText::parse(&self.handle)?,
            name: ReturnedText::parse(&self.name)?,
            subject: Subject::parse(&self.subject).ok()?,
            launched_at: UnixTime::from_seconds(self.launched_at),
            used_at: UnixTime::from_seconds(self.used_at),
            ends_at: UnixTime::from_seconds(self.ends_at),
            runs: self.runs,
            is_running: self.is_running,
        })
    }
}

fn answers_with(status: StatusCode) -> String {
    format!("the sandbox answers {}", status.as_u16())
}

fn unreadable() -> String {
    "what the sandbox answers cannot be read".to_owned()
}

#[cfg(test)]
mod tests;
