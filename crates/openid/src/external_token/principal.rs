//! Who bears a token.

use core::fmt;

use gatehouse_protocol::{Actors, Claims, ClientId, Scopes, Subject, UnixTime};
use serde::{Deserialize, Serialize};

use super::MayAct;

/// Who bears a token, and what it allows.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalPrincipal {
    /// The issuer's configured name and its `sub`; of an Entra token `tid.oid`.
    pub subject: Subject,
    /// The issuer's configured name, `:`, and the application that got it; nothing behind `:` where the token does not say.
    pub client_id: ClientId,
    /// Its own scopes, and those that the route grants.
    pub scopes: Scopes,
    /// What policies judge by.
    pub claims: Claims,
    /// Who acts by it, as its issuer says; nobody where it does not say.
    pub actors: Actors,
    /// From this second on it does not count.
    pub ends_at: UnixTime,
    /// Who may exchange the token. It is not kept: whoever exchanges a token has it verified.
    pub may_act: MayAct,
}

/// Subject, client, scopes, claims, who acts.
#[derive(Serialize, Deserialize)]
struct Text(String, String, String, Claims, Actors);

impl ExternalPrincipal {
    /// The principal as it is kept, without its end.
    pub fn to_kept(&self) -> Option<Vec<u8>> {
        let Self { subject, client_id, scopes, claims, actors, .. } = self;
        let (claims, actors) = (claims.clone(), actors.clone());
        let text = Text(subject.to_string(), client_id.to_string(), scopes.to_string(), claims, actors);
        serde_json::to_vec(&text).ok()
    }

    /// What [`ExternalPrincipal::to_kept`] wrote.
    pub fn from_kept(kept: &[u8], ends_at: UnixTime) -> Option<Self> {
        let Text(subject, client_id, scopes, claims, actors) = serde_json::from_slice(kept).ok()?;
        Some(Self {
            subject: Subject::parse(&subject).ok()?,
            client_id: ClientId::parse(&client_id).ok()?,
            scopes: Scopes::parse(&scopes).ok()?,
            claims,
            actors,
            ends_at,
            may_act: MayAct::Nobody,
        })
    }
}

/// The subject and nothing else: what rules look at is personal.
impl fmt::Debug for ExternalPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalPrincipal").field("subject", &self.subject).finish_non_exhaustive()
    }
}
