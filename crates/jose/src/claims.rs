//! The types of claims (RFC 7519, sections 2 and 4.1).

use gatehouse_protocol::UnixTime;
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

/// Seconds since the epoch; a fraction is allowed (RFC 7519, section 2) and cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "f64")]
pub struct NumericDate(UnixTime);

impl NumericDate {
    /// The point in time.
    pub const fn time(self) -> UnixTime {
        self.0
    }
}

impl TryFrom<f64> for NumericDate {
    type Error = &'static str;

    fn try_from(seconds: f64) -> Result<Self, Self::Error> {
        /// 2^53: beyond it, a float is no longer exact.
        const LATEST: f64 = 9_007_199_254_740_992.0;
        if !(0.0..=LATEST).contains(&seconds) {
            return Err("not a time");
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was checked")]
        Ok(Self(UnixTime::from_seconds(seconds as u64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audience(json: &str) -> Option<Audience> {
        serde_json::from_str(json).ok()
    }

    fn seconds(json: &str) -> Option<u64> {
        serde_json::from_str::<NumericDate>(json).ok().map(|date| date.time().seconds())
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

    #[test]
    fn a_time_is_a_number_of_seconds_that_is_exact() {
        for (json, expected) in [
            ("0", Some(0)),
            ("1795219200", Some(1_795_219_200)),
            ("1795219200.9", Some(1_795_219_200)),
            ("1.7952192e9", Some(1_795_219_200)),
            ("9007199254740992", Some(1 << 53)),
            ("9007199254740994", None),
            ("-1", None),
            ("-0.1", None),
            ("1e300", None),
            (r#""1795219200""#, None),
            ("true", None),
            ("[1]", None),
        ] {
            assert_eq!(seconds(json), expected, "{json}");
        }
    }
}
