//! How long, and for whom, the schemas of a listing may be kept.

use gatehouse_mcp_wire::json_rpc::Object;

/// Seconds. Versions before 2026-07-28 say nothing of it, and leave it to the client ("Caching").
const WITHOUT_HINT: u64 = 60;
/// Seconds. A server that says more may still change its tools tomorrow.
const LONGEST: u64 = 24 * 60 * 60;

/// For whom a listing is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaScope {
    /// Everybody.
    Shared,
    /// The subject that it was for, and nobody else.
    Subject,
}

/// How long, and for whom, what a listing says may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheDirective {
    /// For whom.
    pub scope: SchemaScope,
    /// Seconds from now. 0: it is old already.
    pub seconds: u64,
}

impl CacheDirective {
    /// What a result of `tools/list`, as the server sent it, says of itself (MCP 2026-07-28, "Caching"). Only what says that it
    /// is public is shared.
    pub fn of(listing: &Object) -> Self {
        let is_public = listing.str("cacheScope").as_deref() == Some("public");
        let milliseconds = listing.get("ttlMs").map(|value| serde_json::from_str::<f64>(value.get()).unwrap_or(0.0));
        // The cast saturates, and what is no number is 0.
        let seconds = milliseconds.map_or(WITHOUT_HINT, |milliseconds| (milliseconds / 1000.0) as u64);
        Self {
            scope: if is_public { SchemaScope::Shared } else { SchemaScope::Subject },
            seconds: seconds.min(LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_says_for_whom_and_how_long_it_may_be_kept() {
        use SchemaScope::{Shared, Subject};
        for (listing, scope, seconds) in [
            (r#"{"tools":[]}"#, Subject, 60),
            (r#"{"cacheScope":"public","ttlMs":300000}"#, Shared, 300),
            (r#"{"cacheScope":"private","ttlMs":1999}"#, Subject, 1),
            (r#"{"cacheScope":"Public","ttlMs":999}"#, Subject, 0),
            (r#"{"cacheScope":"public"}"#, Shared, 60),
            (r#"{"ttlMs":0}"#, Subject, 0),
            (r#"{"ttlMs":-5}"#, Subject, 0),
            (r#"{"ttlMs":"5000"}"#, Subject, 0),
            (r#"{"ttlMs":null}"#, Subject, 0),
            (r#"{"ttlMs":86400000}"#, Subject, 86_400),
            (r#"{"ttlMs":86401000}"#, Subject, 86_400),
            (r#"{"ttlMs":1e300}"#, Subject, 86_400),
        ] {
            assert_eq!(
                CacheDirective::of(&Object::parse(listing).unwrap()),
                CacheDirective { scope, seconds },
                "{listing}"
            );
        }
    }
}
