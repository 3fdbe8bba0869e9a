//! Who calls. The gateway in front has found out; what is left to do here is to make sure that it was the gateway.

use gatehouse_protocol::{SecretString, Subject};
use http::{HeaderMap, HeaderName};

use crate::configuration::Configuration;

/// The header in which Gatehouse names the caller (`subject_header` of the route).
pub const SUBJECT: HeaderName = HeaderName::from_static("x-gatehouse-subject");
/// The header in which Gatehouse proves itself (`secret_headers` of the route).
pub const KEY: HeaderName = HeaderName::from_static("x-sandbox-key");

/// Why a request is not answered: 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It does not come from the gateway.
    WrongKey,
    /// It does not say who calls, or says it twice or in another form.
    NoSubject,
}

impl Refusal {
    /// What the wire says.
    pub const fn text(self) -> &'static str {
        match self {
            Self::WrongKey => {
                "Unauthorized: this server answers to its gateway only (x-sandbox-key is missing or wrong)"
            }
            Self::NoSubject => {
                "Unauthorized: this server must stand behind Gatehouse, which says who calls (x-gatehouse-subject)"
            }
        }
    }

    /// What the log says.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::WrongKey => "the gateway's key is missing or wrong",
            Self::NoSubject => "no subject",
        }
    }
}

/// The caller that a request's headers name.
///
/// # Errors
/// See [`Refusal`].
pub fn of(headers: &HeaderMap, configuration: &Configuration) -> Result<Subject, Refusal> {
    // Compared in constant time.
    let presented = only(headers, &KEY).map(|key| SecretString::new(key.to_owned()));
    if presented.as_ref() != Some(&configuration.gateway_secret) {
        return Err(Refusal::WrongKey);
    }
    let subject = only(headers, &SUBJECT).and_then(|subject| Subject::parse(subject).ok());
    // Whom nobody knows is not one caller but many, and would share everything.
    subject.filter(|subject| !subject.is_nobody()).ok_or(Refusal::NoSubject)
}

/// The value of a header that is there once.
pub fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}
