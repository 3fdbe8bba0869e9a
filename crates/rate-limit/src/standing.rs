//! How a caller stands with the limits, in words that clients understand.

use http::{HeaderName, HeaderValue};

/// What a caller is told of the limits that were looked at: the `RateLimit-Policy` and `RateLimit` header fields of
/// draft-ietf-httpapi-ratelimit-headers-10.
///
/// A policy is named after what is counted together: `subject`, `client`, `route`, `tool` or `address`. Where a route has several
/// rates of a kind, the seconds of each are part of its name: `subject-60`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing(Vec<Item>);

/// One policy, and what is left of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) policy: String,
    pub(crate) quota: u64,
    /// Seconds.
    pub(crate) window: u64,
    pub(crate) remaining: u64,
    /// Seconds until more remains.
    pub(crate) reset: u64,
}

impl Standing {
    const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
    const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

    /// The header fields; none where no limit was looked at.
    pub fn fields(&self) -> Vec<(HeaderName, HeaderValue)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let policy = |item: &Item| format!(r#""{}";q={};w={}"#, item.policy, item.quota, item.window);
        let limit = |item: &Item| format!(r#""{}";r={};t={}"#, item.policy, item.remaining, item.reset);
        [(Self::POLICY, self.list(policy)), (Self::LIMIT, self.list(limit))]
            .into_iter()
            .filter_map(|(name, value)| Some((name, HeaderValue::try_from(value).ok()?)))
            .collect()
    }

    /// How many requests of how many in how many seconds have been made, by each policy.
    pub fn used(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        self.0.iter().map(|item| (item.quota.saturating_sub(item.remaining), item.quota, item.window))
    }

    /// What both tell.
    #[must_use]
    pub(crate) fn and(mut self, other: Self) -> Self {
        other.0.into_iter().for_each(|item| self.add(item));
        self
    }

    /// Adds an item. Of two with one name the one is told that leaves less: two tools of one batch.
    pub(crate) fn add(&mut self, item: Item) {
        match self.0.iter_mut().find(|known| known.policy == item.policy) {
            Some(known) if item.remaining < known.remaining => *known = item,
            Some(_) => {}
            None => self.0.push(item),
        }
    }

    /// A List of Items (RFC 9651, section 3.1).
    fn list(&self, item: impl Fn(&Item) -> String) -> String {
        self.0.iter().map(item).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(policy: &str, remaining: u64) -> Item {
        Item { policy: policy.to_owned(), quota: 600, window: 60, remaining, reset: 30 }
    }

    fn texts(standing: &Standing) -> Vec<String> {
        let text = |(name, value): (HeaderName, HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
        standing.fields().into_iter().map(text).collect()
    }

    #[test]
    fn the_fields_are_lists_of_the_policies_and_of_what_remains() {
        let mut standing = Standing::default();
        assert!(texts(&standing).is_empty());
        standing.add(item("subject", 599));
        assert_eq!(
            texts(&standing),
            [r#"ratelimit-policy: "subject";q=600;w=60"#, r#"ratelimit: "subject";r=599;t=30"#]
        );
        let both = standing.and(Standing(vec![item("tool", 1), item("tool", 0), item("tool", 2)]));
        let expected = [
            r#"ratelimit-policy: "subject";q=600;w=60, "tool";q=600;w=60"#,
            r#"ratelimit: "subject";r=599;t=30, "tool";r=0;t=30"#,
        ];
        assert_eq!(texts(&both), expected);
    }
}
