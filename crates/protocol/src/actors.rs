//! Who acts for a subject, and through whom (RFC 8693, section 4.1).

use core::fmt;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

use crate::ClientId;

/// Bytes of the longest name of an actor: that of a client.
const LONGEST: usize = 2_048;
/// The same of who gave it the name.
const LONGEST_ISSUER: usize = 255;

/// One who acts, or has acted, for a subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "ActorText")]
pub struct Actor {
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
}

/// An actor as it is written, which may be no actor.
#[derive(Deserialize)]
struct ActorText {
    sub: String,
    iss: Option<String>,
}

/// Nobody can be named so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an actor has a name of 1 to 2048 visible ASCII characters, and an issuer of 1 to 255 or none")]
pub struct InvalidActor;

/// More than are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("more than {} parties act one through the other", Actors::MOST)]
pub struct TooManyActors;

/// All who act for a subject, each through the one behind it: the first is who acts now. There is none where nobody but the client does,
/// and a sign-in let it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actors(Vec<Actor>);

impl Actor {
    /// The party with the name `sub`, which is `iss`'s to give; without one, ours.
    ///
    /// # Errors
    /// Where it could not stand in a line of the log or in a header.
    pub fn new(sub: &str, iss: Option<&str>) -> Result<Self, InvalidActor> {
        let is_name = (1..=LONGEST).contains(&sub.len()) && sub.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
        let is_issuer =
            |text: &str| (1..=LONGEST_ISSUER).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_name && iss.is_none_or(is_issuer) {
            Ok(Self { sub: sub.to_owned(), iss: iss.map(str::to_owned) })
        } else {
            Err(InvalidActor)
        }
    }

    /// A client of ours.
    pub fn client(client_id: &ClientId) -> Self {
        Self { sub: client_id.as_str().to_owned(), iss: None }
    }

    /// The name.
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// Whose name that is; ours where it is `None`.
    pub fn iss(&self) -> Option<&str> {
        self.iss.as_deref()
    }
}

impl TryFrom<ActorText> for Actor {
    type Error = InvalidActor;

    fn try_from(text: ActorText) -> Result<Self, InvalidActor> {
        Self::new(&text.sub, text.iss.as_deref())
    }
}

/// As it stands in the log: the name, and behind a space its issuer where that is another one.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sub)?;
        self.iss.as_ref().map_or(Ok(()), |iss| write!(f, " {iss}"))
    }
}

impl Actors {
    /// How many may act one through the other.
    pub const MOST: usize = 5;

    /// Those in this order; the first acts now.
    ///
    /// # Errors
    /// Where they are more than are kept: none is left out.
    pub fn new(actors: Vec<Actor>) -> Result<Self, TooManyActors> {
        if actors.len() > Self::MOST { Err(TooManyActors) } else { Ok(Self(actors)) }
    }

    /// This one alone.
    pub fn of(actor: Actor) -> Self {
        Self(vec![actor])
    }

    /// The same, where `actor` now acts through all of them.
    ///
    /// # Errors
    /// Where they are more than are kept.
    pub fn behind(&self, actor: Actor) -> Result<Self, TooManyActors> {
        Self::new(core::iter::once(actor).chain(self.0.iter().cloned()).collect())
    }

    /// Whether nobody is known to act for the subject.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each, beginning with who acts now.
    pub fn iter(&self) -> impl Iterator<Item = &Actor> {
        self.0.iter()
    }

    /// Writes them as the claim `act`: each holds the one behind it. It must not be called without any, for whom there is no claim.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn as_claim<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Claim(&self.0).serialize(serializer)
    }
}

struct Claim<'a>(&'a [Actor]);

impl Serialize for Claim<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some((actor, behind)) = self.0.split_first() {
            map.serialize_entry("sub", &actor.sub)?;
            if let Some(iss) = &actor.iss {
                map.serialize_entry("iss", iss)?;
            }
            if !behind.is_empty() {
                map.serialize_entry("act", &Claim(behind))?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn actor(sub: &str, iss: Option<&str>) -> Actor {
        Actor::new(sub, iss).unwrap()
    }

    #[test]
    fn each_actor_holds_the_one_behind_it_and_the_first_acts_now() {
        let first = Actors::default().behind(actor("app", Some("https://op.example"))).unwrap();
        let actors = first.behind(actor("agent", None)).unwrap();
        let claim = actors.as_claim(serde_json::value::Serializer).unwrap();
        assert_eq!(claim, json!({ "sub": "agent", "act": { "sub": "app", "iss": "https://op.example" } }));
        let shown: Vec<_> = actors.iter().map(Actor::to_string).collect();
        assert_eq!(shown, ["agent", "app https://op.example"]);
        let kept = serde_json::to_string(&actors).unwrap();
        assert_eq!(serde_json::from_str::<Actors>(&kept).unwrap(), actors);
    }

    #[test]
    fn as_many_as_are_kept_are_kept_and_nobody_is_left_out() {
        let all = |count| Actors::new(vec![actor("a", None); count]);
        let most = all(Actors::MOST).unwrap();
        assert_eq!(most.iter().count(), 5);
        assert_eq!(most.behind(actor("b", None)), Err(TooManyActors));
        assert_eq!(all(Actors::MOST + 1), Err(TooManyActors));
    }

    #[test]
    fn who_could_split_a_line_is_nobody() {
        for (sub, iss) in [("", None), ("a", Some("")), ("a\n", None), ("\u{e9}", None), ("a", Some("x y"))] {
            assert_eq!(Actor::new(sub, iss), Err(InvalidActor), "{sub:?} {iss:?}");
        }
        assert!(Actor::new(&"a".repeat(2_048), None).is_ok() && Actor::new(&"a".repeat(2_049), None).is_err());
        let client = Actor::client(&ClientId::parse("a client").unwrap());
        assert_eq!(serde_json::from_value::<Actor>(json!({ "sub": "a client" })).unwrap(), client);
        assert!(serde_json::from_value::<Actor>(json!({ "sub": "a\n" })).is_err());
    }
}
