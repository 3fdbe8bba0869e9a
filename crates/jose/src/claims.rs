//! The types of claims (RFC 7519, section 4.1).

use serde::Deserialize;

/// `aud`: for whom a token is. One string, or several in an array (RFC 7519, section 4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "AudienceText")]
pub struct Audience(Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum AudienceText {
    One(String),
    Several(Vec<String>),
}

impl From<AudienceText> for Audience {
    fn from(text: AudienceText) -> Self {
        match text {
            AudienceText::One(audience) => Self(vec![audience]),
            AudienceText::Several(audiences) => Self(audiences),
        }
    }
}

impl Audience {
    /// Whether the token is for `audience`, compared letter by letter; others may be named as well.
    pub fn contains(&self, audience: &str) -> bool {
        self.0.iter().any(|named| named == audience)
    }

    /// Whether the token is for `audience` and for nobody else.
    pub fn is_only(&self, audience: &str) -> bool {
        self.0.len() == 1 && self.contains(audience)
    }

    /// How many are named.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody is named.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audience(json: &str) -> Option<Audience> {
        serde_json::from_str(json).ok()
    }

    #[test]
    fn an_audience_is_one_or_several() {
        let one = audience(r#""a""#).unwrap();
        assert!(one.contains("a") && one.is_only("a") && one.len() == 1 && !one.contains("A") && !one.is_only("b"));
        assert_eq!(audience(r#"["a"]"#), Some(one));
        let two = audience(r#"["a","b"]"#).unwrap();
        assert!(two.contains("b") && !two.is_only("b") && two.len() == 2 && !two.contains("c"));
        assert!(!audience(r#"["a","a"]"#).unwrap().is_only("a"));
        let none = audience("[]").unwrap();
        assert!(none.is_empty() && !none.contains("") && !none.is_only(""));
        for bad in ["1", "null", "{}", r#"{"a":true}"#, r#"["a",1]"#, r#"[["a"]]"#] {
            assert_eq!(audience(bad), None, "{bad}");
        }
    }
}
