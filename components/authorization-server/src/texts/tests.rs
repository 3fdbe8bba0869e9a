use std::collections::BTreeSet;

use super::*;

fn places(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).map(|piece| piece.split_once('}').expect("a place has an end").0).collect()
}

/// What is the same in two languages, and rightly so.
fn may_be_english(name: &str, language: Language) -> bool {
    match language {
        Language::English => true,
        Language::German => name == "time_ahead",
        Language::French => name == "sessions_browser_on" || name == "time_point",
        Language::Spanish | Language::Japanese => false,
    }
}

#[test]
fn every_text_is_there_in_every_language_and_none_is_left_english() {
    let english = Texts::of(Language::English).all();
    assert!(english.len() > 100, "{}", english.len());
    for language in Language::ALL {
        for ((name, text), (_, original)) in Texts::of(language).all().into_iter().zip(&english) {
            assert!(!text.is_empty() && text.trim() == text, "{language:?} {name}");
            let is_copied = text == *original;
            assert!(!is_copied || may_be_english(name, language), "{language:?} {name} is English: {text}");
            for typewritten in ['"', '<', '>', '&', '\n'] {
                assert!(!text.contains(typewritten), "{language:?} {name}: {text}");
            }
        }
    }
}

#[test]
fn the_places_of_a_text_are_the_same_in_every_language() {
    let english = Texts::of(Language::English).all();
    for language in Language::ALL {
        for ((name, text), (_, original)) in Texts::of(language).all().into_iter().zip(&english) {
            assert_eq!(places(text), places(original), "{language:?} {name}: {text}");
            assert_eq!(text.matches('}').count(), text.matches('{').count(), "{language:?} {name}: {text}");
            assert_eq!(text.matches('|').count(), original.matches('|').count(), "{language:?} {name}: {text}");
        }
        let texts = Texts::of(language);
        let months: BTreeSet<_> = texts.time_months.split(' ').collect();
        assert_eq!(months.len(), 12, "{language:?}");
        assert!(texts.time_units.split('|').all(|unit| places(unit) == BTreeSet::from(["count"])), "{language:?}");
    }
}

/// A sentence that ends in one language ends in all: a text is whole.
#[test]
fn a_sentence_is_a_sentence_in_every_language() {
    let ends = |text: &str| text.ends_with(['.', '。', '？', '?', '！', '!']);
    let english = Texts::of(Language::English).all();
    for language in Language::ALL {
        for ((name, text), (_, original)) in Texts::of(language).all().into_iter().zip(&english) {
            // Some titles are questions in some languages only.
            let is_title = name.ends_with("title") || name == "consent_question";
            assert!(is_title || ends(text) == ends(original), "{language:?} {name}: {text}");
        }
    }
}

/// French has a space before these signs that does not break.
#[test]
fn no_french_line_begins_with_a_sign() {
    for (name, text) in Texts::of(Language::French).all() {
        for sign in [':', ';', '?', '!', '»'] {
            assert!(!text.contains(&format!(" {sign}")), "{name}: {text}");
        }
        assert!(!text.contains("« "), "{name}: {text}");
    }
}
