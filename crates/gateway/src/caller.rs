//! Who makes a request, and how a client's references are sealed.

use gatehouse_audit_log::CredentialKind;
use gatehouse_protocol::{Actor, Actors, Claims, ClientId, Scopes, Subject};

use crate::{Refusal, SealedReference};

/// Who makes a request, as its credential says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user or machine.
    pub subject: Subject,
    /// The OAuth client that it acts through.
    pub client_id: ClientId,
    /// What was shown.
    pub credential: CredentialKind,
    /// Those of the credential.
    pub scopes: Scopes,
    /// What the identity provider said of the user.
    pub claims: Claims,
    /// Who acts for the user by an exchanged token; nobody is named where the user let the client.
    pub actors: Actors,
}

impl Caller {
    /// Somebody whom nobody knows, at a route that lets everybody in. Nothing is known of them, so they have no scope.
    ///
    /// `None` only if the name of their client were wrong.
    pub fn nobody() -> Option<Self> {
        Some(Self {
            subject: Subject::nobody(),
            client_id: ClientId::parse("gatehouse:nobody").ok()?,
            credential: CredentialKind::None,
            scopes: Scopes::default(),
            claims: Claims::default(),
            actors: Actors::default(),
        })
    }

    /// The subject, for the log and for servers; `None` where nobody knows who it is.
    pub fn known_subject(&self) -> Option<&str> {
        (!self.subject.is_nobody()).then(|| self.subject.as_str())
    }

    /// The client, in the same way.
    pub fn known_client(&self) -> Option<&str> {
        (!self.subject.is_nobody()).then(|| self.client_id.as_str())
    }

    /// Who acts, for the log.
    pub fn logged_actors(&self) -> Vec<String> {
        self.actors.iter().map(Actor::to_string).collect()
    }

    /// The caller, as a policy asks about it.
    pub fn for_policy(&self) -> gatehouse_policy::Caller<'_> {
        gatehouse_policy::Caller {
            subject: &self.subject,
            client_id: &self.client_id,
            scopes: &self.scopes,
            claims: &self.claims,
        }
    }
}

/// Seals what a client holds, so that it opens for the same subject at the same route and for nobody else.
pub trait SealReferences {
    /// Seals a reference.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] where it cannot be sealed: then it is not given out.
    fn seal(&self, reference: &SealedReference) -> Result<String, Refusal>;

    /// Opens what [`SealReferences::seal`] made; `None` for what it has never made.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] where nothing can be opened at the moment.
    fn open(&self, sealed: &str) -> Result<Option<SealedReference>, Refusal>;
}
