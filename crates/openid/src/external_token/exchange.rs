//! Who may exchange a token for another one (RFC 8693).

use serde_json::Value;

/// What a token says of who may act for its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MayAct {
    /// It says nothing of that: whoever the operator lets exchange it.
    Anybody,
    /// One that is named so (section 4.4).
    Named {
        /// `sub` or `client_id`.
        id: String,
        /// `iss`: whose name that is, where it says so.
        issuer: Option<String>,
    },
    /// Nobody of whom we know: it says so in another way, or it is only for who proves a key (`cnf`, RFC 7800), and what we give is for
    /// any bearer.
    Nobody,
}

/// Who wants to act for the subject of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActingParty<'a> {
    /// The name.
    pub id: &'a str,
    /// Whose name that is.
    pub issuer: Option<&'a str>,
    /// Whether a `may_act` without `iss` can mean the party by this name: a client of ours, or somebody of the token's own issuer.
    pub is_known_without_issuer: bool,
}

impl MayAct {
    pub(super) fn of(may_act: Option<&Value>, key: Option<&Value>) -> Self {
        let Some(may_act) = may_act.filter(|_| key.is_none()) else {
            return if key.is_none() { Self::Anybody } else { Self::Nobody };
        };
        let Some(members) = may_act.as_object() else { return Self::Nobody };
        // What else it may ask of the party, we could not tell.
        if members.keys().any(|name| !matches!(name.as_str(), "sub" | "client_id" | "iss")) {
            return Self::Nobody;
        }
        let text = |name: &str| members.get(name).map(|value| value.as_str().map(str::to_owned));
        let id = match (text("sub"), text("client_id")) {
            (Some(Some(id)), None) | (None, Some(Some(id))) => id,
            (Some(Some(id)), Some(Some(same))) if id == same => id,
            _ => return Self::Nobody,
        };
        match text("iss") {
            None => Self::Named { id, issuer: None },
            Some(Some(issuer)) => Self::Named { id, issuer: Some(issuer) },
            Some(None) => Self::Nobody,
        }
    }

    /// Whether `party` may act for the subject.
    pub fn allows(&self, party: &ActingParty<'_>) -> bool {
        match self {
            Self::Anybody => true,
            Self::Named { id, issuer: None } => id == party.id && party.is_known_without_issuer,
            Self::Named { id, issuer: Some(issuer) } => id == party.id && party.issuer == Some(issuer),
            Self::Nobody => false,
        }
    }
}
