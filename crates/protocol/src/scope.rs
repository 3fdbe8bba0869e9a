//! Scopes (RFC 6749, section 3.3).

use core::fmt;

use thiserror::Error;

/// One scope token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope(String);

/// The text holds something that is not a scope token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a scope is 1 to 256 characters of visible ASCII without space, quote or backslash")]
pub struct InvalidScope;

impl Scope {
    const LONGEST: usize = 256;

    /// Parses one scope token (`NQCHAR`, RFC 6749, appendix A.4).
    ///
    /// # Errors
    /// Where it is empty, too long, or holds a character that a scope cannot.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        let allowed = |byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if text.is_empty() || text.len() > Self::LONGEST || !text.bytes().all(allowed) {
            return Err(InvalidScope);
        }
        Ok(Self(text.to_owned()))
    }

    /// The scope as it stands on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A set of scopes that remembers its order; no scope stands in it twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Parses a `scope` parameter: tokens separated by single or several spaces.
    ///
    /// # Errors
    /// Where a token is not a scope.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        text.split(' ').filter(|token| !token.is_empty()).map(Scope::parse).collect()
    }

    /// Whether every scope of `other` is in this set.
    pub fn contains_all(&self, other: &Self) -> bool {
        other.0.iter().all(|scope| self.0.contains(scope))
    }

    /// Those of these scopes that are also in `other`, in this order.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.0.iter().filter(|scope| other.0.contains(scope)).cloned().collect()
    }

    /// These scopes without those of OpenID that `known` does not have. `openid`, `offline_access` and their like are
    /// for OpenID providers; clients send them to every authorization server, and to one that is none they mean
    /// nothing.
    #[must_use]
    pub fn without_openid_but(&self, known: &Self) -> Self {
        const OF_OPENID: [&str; 4] = ["openid", "profile", "email", "offline_access"];
        self.0.iter().filter(|scope| !OF_OPENID.contains(&scope.as_str()) || known.0.contains(scope)).cloned().collect()
    }

    /// What of these scopes is granted to who asks for `requested`: that much, or all where nothing is asked for. `None`
    /// where something else is asked for; scopes of OpenID that are not among these do not count.
    pub fn granted(&self, requested: &Self) -> Option<Self> {
        let requested = requested.without_openid_but(self);
        if requested.is_empty() {
            return Some(self.clone());
        }
        self.contains_all(&requested).then_some(requested)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes in order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut unique = Vec::new();
        for scope in scopes {
            if !unique.contains(&scope) {
                unique.push(scope);
            }
        }
        Self(unique)
    }
}

impl fmt::Display for Scopes {
    /// The form on the wire: tokens joined by single spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_scope_parameter_keeps_its_order_and_loses_its_doubles() {
        let scopes = Scopes::parse("mcp  files:read mcp").unwrap();
        assert_eq!(scopes.to_string(), "mcp files:read");
        assert!(Scopes::parse("").unwrap().is_empty());
    }

    #[test]
    fn scopes_narrow_but_never_widen() {
        let granted = Scopes::parse("a b c").unwrap();
        assert!(granted.contains_all(&Scopes::parse("c a").unwrap()));
        assert!(!granted.contains_all(&Scopes::parse("a d").unwrap()));
        assert_eq!(granted.intersection(&Scopes::parse("d c a").unwrap()).to_string(), "a c");
    }

    #[test]
    fn who_asks_for_nothing_is_granted_all_and_who_asks_for_more_nothing() {
        let granted = |requested| {
            let requested = Scopes::parse(requested).unwrap();
            Scopes::parse("mcp files:read").unwrap().granted(&requested).map(|granted| granted.to_string())
        };
        assert_eq!(granted("").as_deref(), Some("mcp files:read"));
        assert_eq!(granted("openid").as_deref(), Some("mcp files:read"));
        assert_eq!(granted("files:read openid").as_deref(), Some("files:read"));
        assert_eq!(granted("mcp files:write"), None);
    }

    #[test]
    fn characters_that_would_break_a_header_or_a_list_are_refused() {
        assert!(Scope::parse(&"a".repeat(256)).is_ok());
        for bad in ["", "a b", "a\"b", "a\\b", "é", "a\r\n", "\u{7f}", &"a".repeat(257)] {
            assert_eq!(Scope::parse(bad), Err(InvalidScope), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn scopes_are_read_back_as_they_are_written(text in "[ -~]{0,60}") {
            if let Ok(scopes) = Scopes::parse(&text) {
                prop_assert_eq!(Scopes::parse(&scopes.to_string()), Ok(scopes.clone()));
                prop_assert!(scopes.contains_all(&scopes.intersection(&scopes)));
                prop_assert!(!scopes.to_string().contains(['"', '\\']));
            }
        }
    }
}
