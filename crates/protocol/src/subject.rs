//! Who is signed in.

use core::fmt;

use thiserror::Error;

use crate::ClientId;

/// A signed-in user: the identity provider's configured name and the `sub` that it issued, joined by `:`.
///
/// `sub` alone is unique only at its provider (OpenID Connect Core, section 5.7).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject(String);

/// The provider's `sub` cannot be used as a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a sub is 1 to 255 visible ASCII characters")]
pub struct InvalidSubject;

impl Subject {
    /// The first part of the subjects of machines; no identity provider may have this name.
    pub const MACHINES: &'static str = "client";
    /// The first part of the subjects of workloads; no identity provider and no issuer of tokens may have this name.
    pub const WORKLOADS: &'static str = "workload";

    /// The first part of the subjects of callers with an API key; no identity provider may have this name.
    pub const KEYS: &'static str = "key";

    /// The subject of a caller with the API key that has this label.
    ///
    /// # Errors
    /// Where the label cannot be a part of a subject.
    pub fn of_key(label: &str) -> Result<Self, InvalidSubject> {
        Self::new(Self::KEYS, label)
    }

    /// The first part of the subject of callers whom nobody knows; no identity provider may have this name.
    pub const NOBODY: &'static str = "nobody";

    /// The one subject of all callers whom nobody knows, where a route lets them in. It is in no log, and no server is told it.
    pub fn nobody() -> Self {
        Self(format!("{}:anonymous", Self::NOBODY))
    }

    /// Whether it is that of callers whom nobody knows.
    pub fn is_nobody(&self) -> bool {
        self.provider() == Self::NOBODY
    }

    /// The subject of a machine: a client that acts for itself.
    ///
    /// # Errors
    /// Where the client's id cannot be a part of a subject.
    pub fn of_machine(client_id: &ClientId) -> Result<Self, InvalidSubject> {
        Self::new(Self::MACHINES, client_id.as_str())
    }

    /// The subject of a workload with the configured name.
    ///
    /// # Errors
    /// Where the name cannot be a part of a subject.
    pub fn of_workload(name: &str) -> Result<Self, InvalidSubject> {
        Self::new(Self::WORKLOADS, name)
    }

    /// The subject `sub` at the provider with the configured name `provider`.
    ///
    /// # Errors
    /// Where `sub` is empty, longer than 255 characters or not ASCII (OpenID Connect Core, section 2), or holds
    /// a character that could not stand in a header.
    pub fn new(provider: &str, sub: &str) -> Result<Self, InvalidSubject> {
        let visible = sub.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        if sub.is_empty() || sub.len() > 255 || !visible {
            return Err(InvalidSubject);
        }
        Ok(Self(format!("{provider}:{sub}")))
    }

    /// Reads back what [`Subject::as_str`] gave.
    ///
    /// # Errors
    /// Where the text is not a provider's name and a `sub` joined by `:`.
    pub fn parse(text: &str) -> Result<Self, InvalidSubject> {
        let (provider, sub) = text.split_once(':').ok_or(InvalidSubject)?;
        Self::new(provider, sub)
    }

    /// The configured name of the provider.
    pub fn provider(&self) -> &str {
        self.0.split_once(':').map_or("", |(provider, _)| provider)
    }

    /// The `sub` at the provider.
    pub fn sub(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, sub)| sub)
    }

    /// Whether it is a machine, which acts for itself.
    pub fn is_machine(&self) -> bool {
        [Self::MACHINES, Self::WORKLOADS, Self::KEYS].contains(&self.provider())
    }

    /// The subject as it stands in the log and in the header for upstreams.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_subs_of_two_providers_are_two_subjects() {
        assert_ne!(Subject::new("a", "1"), Subject::new("b", "1"));
        let subject = Subject::new("demo", "urn:alice").unwrap();
        assert_eq!((subject.as_str(), subject.provider(), subject.sub()), ("demo:urn:alice", "demo", "urn:alice"));
        assert_eq!(Subject::parse("demo:urn:alice"), Ok(subject));
        assert_eq!(Subject::of_key("nightly-report").unwrap().provider(), Subject::KEYS);
    }

    #[test]
    fn nobody_is_a_subject_that_no_provider_can_name() {
        assert!(Subject::nobody().is_nobody() && !Subject::new("main", "nobody").unwrap().is_nobody());
        assert_eq!(Subject::parse(Subject::nobody().as_str()), Ok(Subject::nobody()));
    }

    #[test]
    fn a_machine_is_a_client_or_a_workload_and_no_user_is_one() {
        let client = ClientId::parse("nightly").unwrap();
        assert!(Subject::of_machine(&client).unwrap().is_machine());
        let workload = Subject::of_workload("deploy").unwrap();
        assert_eq!((workload.as_str(), workload.is_machine()), ("workload:deploy", true));
        assert!(!Subject::new("main", "workload:deploy").unwrap().is_machine());
    }

    #[test]
    fn a_sub_that_could_split_a_header_is_refused() {
        assert!(Subject::new("a", &"1".repeat(255)).is_ok());
        for bad in ["", "a b", "a\r\nx: y", "é", &"1".repeat(256)] {
            assert_eq!(Subject::new("a", bad), Err(InvalidSubject), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_subject_is_read_back_as_itself(provider in "[a-z0-9-]{1,12}", sub in ".{0,40}") {
            if let Ok(subject) = Subject::new(&provider, &sub) {
                prop_assert_eq!(Subject::parse(subject.as_str()), Ok(subject.clone()));
                prop_assert_eq!(subject.provider(), provider);
                prop_assert!(subject.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
