//! Who can sign in: everyone.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

/// The people that the login page offers: what to type, and the full name.
pub const SAMPLES: [(&str, &str); 3] = [("alice", "Alice Archer"), ("bob", "Bob Baker"), ("carol", "Carol Carter")];

/// Characters of a typed name: enough for every name, and its `sub` stays within 255 characters.
pub const LONGEST_NAME: usize = 64;

/// Someone who has signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// `sub`: the same for the same name, however it is spelled in upper and lower case. Visible ASCII.
    pub sub: String,
    /// `name`.
    pub name: String,
}

impl Person {
    /// The person that `typed` names, `None` where it names nobody: nothing typed, too much, or control characters.
    pub fn named(typed: &str) -> Option<Self> {
        let typed = typed.trim();
        if typed.is_empty() || typed.chars().any(char::is_control) {
            return None;
        }
        let sub: String = form_urlencoded::byte_serialize(typed.to_lowercase().as_bytes()).collect();
        if typed.chars().count() > LONGEST_NAME || sub.len() > 255 {
            return None;
        }
        let name = SAMPLES.iter().find(|(login, _)| *login == sub).map_or(typed, |(_, name)| *name);
        Some(Self { name: name.to_owned(), sub })
    }

    /// The claims about this person that `scope` asks for (OpenID Connect Core, section 5.4).
    pub fn claims(&self, scope: &str) -> Map<String, Value> {
        let mut claims = Map::new();
        claims.insert("sub".to_owned(), json!(self.sub));
        let asked_for = |name: &str| scope.split(' ').any(|scope| scope == name);
        if asked_for("profile") {
            claims.insert("name".to_owned(), json!(self.name));
            claims.insert("preferred_username".to_owned(), json!(self.sub));
        }
        if asked_for("email") {
            // A domain that can never receive mail (RFC 6761, section 6.4).
            claims.insert("email".to_owned(), json!(format!("{}@people.test", self.sub)));
            claims.insert("email_verified".to_owned(), json!(true));
        }
        claims
    }
}
