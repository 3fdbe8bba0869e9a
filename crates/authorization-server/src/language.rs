//! The language of a page: of those that there are, the one that the reader's browser asks for (RFC 9110, section 12.5.4).

/// A language in which every page can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English: for everybody who asks for nothing that there is.
    #[default]
    English,
    /// German.
    German,
    /// French.
    French,
    /// Spanish.
    Spanish,
    /// Japanese.
    Japanese,
}

/// The weight of a range that says none, in thousandths.
const FULL: u16 = 1_000;
/// So many ranges of a header are looked at. Browsers send a handful.
const LOOKED_AT: usize = 32;

impl Language {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::English, Self::German, Self::French, Self::Spanish, Self::Japanese];

    /// Its tag (BCP 47).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Spanish => "es",
            Self::Japanese => "ja",
        }
    }

    /// The language that the lines of `Accept-Language` ask for: the one of the greatest weight, and of several the one that is
    /// named first. A range with a region, such as `de-AT`, asks for its language (lookup, RFC 4647, section 3.4). What cannot
    /// be read asks for nothing.
    ///
    /// ```
    /// use gatehouse_authorization_server::language::Language;
    ///
    /// assert_eq!(Language::accepted(["nl, de-AT;q=0.8, en;q=0.7"]), Language::German);
    /// assert_eq!(Language::accepted([]), Language::English);
    /// ```
    pub fn accepted<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let ranges = lines.into_iter().flat_map(|line| line.split(',')).take(LOOKED_AT).filter_map(range);
        let ranges: Vec<(&str, u16)> = ranges.collect();
        let is_refused = |language: Self| {
            ranges.iter().any(|(range, weight)| *weight == 0 && range.eq_ignore_ascii_case(language.tag()))
        };
        let mut best = (0, Self::English);
        for (range, weight) in &ranges {
            let primary = range.split('-').next().unwrap_or_default();
            let asked = Self::ALL.into_iter().find(|language| {
                let is_named = primary.eq_ignore_ascii_case(language.tag());
                (is_named || *range == "*") && !is_refused(*language)
            });
            if let Some(language) = asked
                && *weight > best.0
            {
                best = (*weight, language);
            }
        }
        best.1
    }
}

/// A language range and its weight in thousandths; `None` where it is malformed.
fn range(text: &str) -> Option<(&str, u16)> {
    let (range, parameter) = text.split_once(';').map_or((text, None), |(range, rest)| (range, Some(rest)));
    let range = range.trim();
    let weight = match parameter {
        None => FULL,
        Some(parameter) => {
            let (name, value) = parameter.split_once('=')?;
            weight(value.trim()).filter(|_| name.trim().eq_ignore_ascii_case("q"))?
        }
    };
    let is_range = !range.is_empty() && range.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-*".contains(&byte));
    is_range.then_some((range, weight))
}

/// A weight (RFC 9110, section 12.4.2), in thousandths.
fn weight(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_fraction = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let mut thousandths = if fraction.is_empty() { 0 } else { fraction.parse::<u16>().ok().filter(|_| is_fraction)? };
    for _ in fraction.len()..3 {
        thousandths = thousandths.saturating_mul(10);
    }
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(FULL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_language_with_the_greatest_weight_is_taken_whatever_its_region() {
        for (header, expected) in [
            ("de", "de"),
            ("DE", "de"),
            ("de-AT", "de"),
            ("de-CH-1996", "de"),
            ("fr-CA, fr;q=0.9, en;q=0.8", "fr"),
            ("en;q=0.8, ja", "ja"),
            ("en;q=0.8,es;q=0.801", "es"),
            ("es ; q=0.5 , fr ; Q=0.4", "es"),
            ("de, fr", "de"),
            ("fr, de", "fr"),
            ("nl, zh-Hans, es-419;q=0.1", "es"),
            ("ja;q=1.000, de;q=0.999", "ja"),
        ] {
            assert_eq!(Language::accepted([header]).tag(), expected, "{header}");
        }
        assert_eq!(Language::accepted(["nl", "de;q=0.5", "fr;q=0.6"]), Language::French, "several lines");
    }

    #[test]
    fn who_asks_for_nothing_that_there_is_reads_english() {
        for header in ["", "*", "nl", "nl, pl;q=0.3", "deu", "germany", "d", "*;q=0", "de;q=0", "en;q=0", "*, de;q=0.5"]
        {
            assert_eq!(Language::accepted([header]), Language::English, "{header}");
        }
        assert_eq!(Language::accepted([]), Language::English);
    }

    #[test]
    fn what_is_refused_is_not_taken_while_there_is_something_else() {
        assert_eq!(Language::accepted(["en;q=0, *"]), Language::German);
        assert_eq!(Language::accepted(["en;q=0, de;q=0.0, *;q=0.1"]), Language::French);
        assert_eq!(Language::accepted(["de-AT;q=0, de"]), Language::German, "another German will do");
    }

    #[test]
    fn a_range_that_cannot_be_read_asks_for_nothing() {
        for bad in [
            "de;q=2",
            "de;q=1.1",
            "de;q=0.1234",
            "de;q=-1",
            "de;q=",
            "de;q=x",
            "de;level=1",
            "de;q",
            "d e",
            "de;q=0.+1",
        ] {
            let header = format!("{bad}, fr;q=0.1");
            assert_eq!(Language::accepted([header.as_str()]), Language::French, "{bad}");
        }
        let many = format!("{}de", "nl,".repeat(LOOKED_AT));
        assert_eq!(Language::accepted([many.as_str()]), Language::English);
    }

    proptest! {
        #[test]
        fn any_header_has_a_language(header in "[a-zA-Z0-9*;,=. -]{0,80}|.{0,40}") {
            let _ = Language::accepted([header.as_str()]);
        }
    }
}
