//! Who calls. The gateway in front has signed the user in; this is all that is left to do behind it.

use gatehouse_protocol::{SecretString, is_loopback_host};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Response, StatusCode};
use url::Url;

use crate::answers;
use crate::settings::Settings;

/// The header in which Gatehouse names the signed-in user (`subject_header`).
const SUBJECT: &str = "x-gatehouse-subject";
/// The header in which Gatehouse proves itself (`secret_headers`); the name that Azure Functions uses.
const API_KEY: &str = "x-functions-key";
/// Bytes of a subject.
const LONGEST_SUBJECT: usize = 512;

/// The signed-in user in whose name the request comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(String);

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It does not come from the gateway.
    WrongKey,
    /// It does not say who calls, or says it twice.
    NoSubject,
    /// Without a key: it names another host than this machine.
    AnotherHost,
    /// Without a key: it comes from a web site.
    AnotherOrigin,
}

impl Refusal {
    /// The refusal on the wire.
    pub fn to_response(self) -> Response<Vec<u8>> {
        let (status, message) = match self {
            Self::WrongKey => (
                StatusCode::UNAUTHORIZED,
                "Unauthorized: this server answers to its gateway only (x-functions-key is missing or wrong)",
            ),
            Self::NoSubject => (
                StatusCode::UNAUTHORIZED,
                "Unauthorized: this server must stand behind Gatehouse, which says who calls (x-gatehouse-subject)",
            ),
            Self::AnotherHost => (
                StatusCode::MISDIRECTED_REQUEST,
                "Misdirected: without the setting api_key this server answers on loopback addresses only",
            ),
            Self::AnotherOrigin => (StatusCode::FORBIDDEN, "Forbidden: requests of other web sites are not accepted"),
        };
        answers::refused(status, message)
    }
}

impl Caller {
    /// Reads the caller from a request's headers.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn from_headers(headers: &HeaderMap, settings: &Settings) -> Result<Self, Refusal> {
        match &settings.api_key {
            Some(key) => {
                let presented = only(headers, API_KEY).map(|key| SecretString::new(key.to_owned()));
                if presented.as_ref() != Some(key) {
                    return Err(Refusal::WrongKey);
                }
            }
            // Without a key, a web site could make the developer's own browser call: directly, or by pointing
            // its name at 127.0.0.1 (MCP, Streamable HTTP, security warning). The key is what a site does not have.
            None => from_this_machine(headers)?,
        }
        match only(headers, SUBJECT) {
            Some(subject) if !subject.is_empty() && subject.len() <= LONGEST_SUBJECT => Ok(Self(subject.to_owned())),
            _ => Err(Refusal::NoSubject),
        }
    }

    /// The user's id.
    pub fn subject(&self) -> &str {
        &self.0
    }
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn from_this_machine(headers: &HeaderMap) -> Result<(), Refusal> {
    let is_loopback =
        |url: &str| Url::parse(url).is_ok_and(|url| url.host().is_some_and(|host| is_loopback_host(&host)));
    if !only(headers, HOST.as_str()).is_some_and(|host| is_loopback(&format!("http://{host}"))) {
        return Err(Refusal::AnotherHost);
    }
    if headers.contains_key(ORIGIN) && !only(headers, ORIGIN.as_str()).is_some_and(is_loopback) {
        return Err(Refusal::AnotherOrigin);
    }
    Ok(())
}
