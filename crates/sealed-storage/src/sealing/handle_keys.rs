//! The keys that seal upstreams' handles for one owner.

use gatehouse_protocol::{Entropy, ResourceUri, SecretString, Subject};

use crate::sealing::{KeyRing, KeyRingError, Purpose, Unopenable};

const BOUND_HANDLE: Purpose = "bound-handle";

/// What seals handles that an upstream gave out, so that they open for the same subject at the same resource and for nobody
/// else (MCP 2025-11-25, security best practices, "Session Hijacking"). Nothing is stored.
///
/// The client is not part of it: a user who signs in again, with a client that registered anew, may go on with the session.
#[derive(Clone, Debug)]
pub struct HandleKeys(KeyRing);

impl HandleKeys {
    /// Those of `subject` at `resource`.
    pub fn derive(server_keys: &KeyRing, subject: &Subject, resource: &ResourceUri) -> Self {
        Self(server_keys.of_owner(BOUND_HANDLE, &[subject.as_str(), resource.as_str()]))
    }

    /// Those that [`HandleKeys::expose`] gave.
    ///
    /// # Errors
    /// Where they are something else.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        KeyRing::parse(text).map(Self)
    }

    /// The keys as text, for the component that uses them.
    pub fn expose(&self) -> SecretString {
        self.0.expose()
    }

    /// Seals a handle. The result holds base64url characters only.
    ///
    /// # Errors
    /// Where the cipher refuses, which it does only for texts of many gigabytes.
    pub fn seal(&self, handle: &str, entropy: &mut impl Entropy) -> Result<String, Unopenable> {
        self.0.seal(BOUND_HANDLE, &[], handle.as_bytes(), entropy)
    }

    /// Opens what [`HandleKeys::seal`] made.
    ///
    /// # Errors
    /// Where it is not one of this owner's.
    pub fn open(&self, bound: &str) -> Result<SecretString, Unopenable> {
        let handle = self.0.open(BOUND_HANDLE, &[], bound)?;
        String::from_utf8(handle.to_vec()).map(SecretString::new).map_err(|_| Unopenable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Entropy for Fixed {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(9);
        }
    }

    fn keys(subject: &str, resource: &str) -> HandleKeys {
        let server_keys = KeyRing::parse("a:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE").unwrap();
        HandleKeys::derive(&server_keys, &Subject::parse(subject).unwrap(), &ResourceUri::parse(resource).unwrap())
    }

    #[test]
    fn a_bound_handle_opens_for_its_subject_at_its_resource_only() {
        const MCP: &str = "https://g.example/mcp";
        let bound = keys("demo:alice", MCP).seal("session-1", &mut Fixed).unwrap();
        assert!(!bound.contains("session-1"));
        let again = HandleKeys::parse(keys("demo:alice", MCP).expose().expose()).unwrap();
        assert_eq!(again.open(&bound).unwrap().expose(), "session-1");
        for (other, text) in [
            (keys("demo:bob", MCP), bound.as_str()),
            (keys("demo:alice", "https://g.example/other"), &bound),
            (keys("demo:alice", MCP), "session-1"),
            (keys("demo:alice", MCP), ""),
        ] {
            assert!(other.open(text).is_err());
        }
        assert!(HandleKeys::parse("").is_err());
    }
}
