//! The members by which a gateway decides, and the keys that other readers take for them.

/// In JavaScript, a copy of an object (`Object.assign`) has all members of the object under this key.
const PROTOTYPE: &str = "__proto__";

/// The members that are known of one object in a message, and those of the objects within it.
pub(crate) struct KnownMembers {
    known: &'static [&'static str],
    inner: &'static [(&'static str, &'static KnownMembers)],
}

/// Where every key means itself: arguments, schemas, contents.
pub(crate) static ANYWHERE: KnownMembers = KnownMembers { known: &[], inner: &[] };

/// A message. A batch is an array of them.
pub(crate) static ENVELOPE: KnownMembers = KnownMembers {
    known: &["jsonrpc", "id", "method", "params", "result", "error"],
    inner: &[("params", &PARAMS), ("result", &RESULT), ("error", &ERROR)],
};

static PARAMS: KnownMembers = KnownMembers {
    known: &[
        "_meta",
        "argument",
        "arguments",
        "capabilities",
        "clientInfo",
        "context",
        "cursor",
        "inputResponses",
        "level",
        "name",
        "notifications",
        "progressToken",
        "protocolVersion",
        "ref",
        "requestId",
        "requestState",
        "task",
        "taskId",
        "uri",
    ],
    inner: &[("_meta", &META), ("ref", &REFERENCE), ("notifications", &FILTER)],
};

static META: KnownMembers = KnownMembers {
    known: &[
        "progressToken",
        "io.modelcontextprotocol/clientCapabilities",
        "io.modelcontextprotocol/clientInfo",
        "io.modelcontextprotocol/logLevel",
        "io.modelcontextprotocol/protocolVersion",
        "io.modelcontextprotocol/subscriptionId",
    ],
    inner: &[],
};

/// What is to be completed.
static REFERENCE: KnownMembers = KnownMembers { known: &["name", "type", "uri"], inner: &[] };

/// What a `subscriptions/listen` is about.
static FILTER: KnownMembers = KnownMembers {
    known: &["promptsListChanged", "resourceSubscriptions", "resourcesListChanged", "toolsListChanged"],
    inner: &[],
};

/// Listings: whoever filters them must find all that a client finds.
static RESULT: KnownMembers = KnownMembers {
    known: &["prompts", "resources", "resourceTemplates", "tools"],
    inner: &[("prompts", &LISTED), ("resources", &LISTED), ("resourceTemplates", &LISTED), ("tools", &LISTED)],
};

/// An item of a listing.
pub(crate) static LISTED: KnownMembers = KnownMembers { known: &["name", "uri", "uriTemplate"], inner: &[] };

static ERROR: KnownMembers = KnownMembers { known: &["code", "data", "message"], inner: &[] };

impl KnownMembers {
    /// The place of what stands under `key`.
    pub(crate) fn within(&self, key: &str) -> &'static KnownMembers {
        self.inner.iter().find(|(name, _)| *name == key).map_or(&ANYWHERE, |(_, place)| *place)
    }

    /// Whether some reader takes `key` for a known member that it is not, or finds known members within it.
    pub(crate) fn confuses(&self, key: &str) -> bool {
        let is_prototype = key == PROTOTYPE && !self.known.is_empty();
        is_prototype || !self.known.contains(&key) && self.known.iter().any(|known| folded(known).eq(folded(key)))
    }
}

/// What is left of a key when a reader is at its most forgiving. Go's `encoding/json` folds case, and so long s and the
/// Kelvin sign into ASCII; Java's `equalsIgnoreCase` folds the dotted and the dotless i; Go's version 2 can ignore
/// dashes and underscores, and the Python SDK's models take `resource_subscriptions` for `resourceSubscriptions`.
fn folded(key: &str) -> impl Iterator<Item = char> {
    key.chars().filter(|character| !matches!(character, '_' | '-')).map(|character| match character {
        '\u{17F}' => 's',
        '\u{212A}' => 'k',
        '\u{130}' | '\u{131}' => 'i',
        other => other.to_ascii_lowercase(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every place of a message, once.
    fn places() -> Vec<&'static KnownMembers> {
        let mut places = vec![&ENVELOPE];
        let mut next = 0;
        while let Some(place) = places.get(next) {
            places.extend(place.inner.iter().map(|(_, inner)| *inner));
            next += 1;
        }
        places
    }

    #[test]
    fn no_place_confuses_its_own_members() {
        for place in places() {
            for key in place.known {
                assert!(!place.confuses(key), "{key}");
                assert_eq!(place.known.iter().filter(|other| folded(other).eq(folded(key))).count(), 1, "{key}");
            }
        }
    }

    #[test]
    fn a_place_is_within_a_member_that_is_known() {
        for place in places() {
            for (key, _) in place.inner {
                assert!(place.known.contains(key), "{key}");
            }
        }
    }
}
