//! What is asked of every page, whoever reads it, on whatever, and with whatever hands.

use crate::chromium::{Chromium, DESK, Focus, Key, Look, Page};

/// WCAG 2.2, 1.4.3: what text of normal size must have at least.
const READABLE: f64 = 4.5;
/// WCAG 2.2, 1.4.11: what shows the focus.
const SEEN: f64 = 3.0;
/// WCAG 2.2, 2.5.8: what a finger finds, in CSS pixels.
const TOUCHED: f64 = 24.0;

/// The languages of our pages.
pub const LANGUAGES: [&str; 5] = ["en", "de", "fr", "es", "ja"];

/// Looks at the page that is open in every way, leaves screenshots called `name`, and walks it with the keyboard. In another
/// language than English, the `names` are there and none of the English `words`, and the keyboard's way is the same.
pub async fn inspect(chromium: &mut Chromium, language: &str, name: &str, names: &[&str], words: &[&str]) {
    let name = &(if language == "en" { name.to_owned() } else { format!("{language}/{name}") });
    for look in Look::ALL {
        let page = chromium.look(look).await;
        assert_readable(name, language, &page);
        page.assert_says(names);
        for word in words {
            assert_eq!(page.html.contains(word), language == "en", "{name}: {word:?}: {}", page.html);
        }
        chromium.screenshot(&format!("{name}-{}", look.name())).await;
        if look.phone == look.dark {
            assert_eq!(chromium.barriers().await, [""; 0], "{name}");
        }
    }
    if language != "en" {
        chromium.look(DESK).await;
        return;
    }
    for look in Look::ALL {
        chromium.look(look).await;
        assert_operable(name, chromium).await;
    }
    chromium.look(DESK).await;
    if chromium.press(Key::Tab).await.is_some() {
        chromium.screenshot(&format!("{name}-focus")).await;
    }
}

fn assert_readable(name: &str, language: &str, page: &Page) {
    assert!(!page.html.contains("<script") && !page.html.contains(" onclick"), "{name} has a script");
    assert!(page.html.contains("name=\"viewport\""), "{name} does not care for phones");
    assert_eq!((page.headings, page.lang.as_str()), (1, language), "{name}");
    assert!(!page.title.is_empty(), "{name} has no title");
    assert_eq!(page.overflow, 0, "{name} is wider than its window");
    assert!(page.contrast >= READABLE, "{name}: contrast {}", page.contrast);
}

/// The focus comes to everything, in the order in which it is read, is seen there, and leaves the page again.
async fn assert_operable(name: &str, chromium: &mut Chromium) {
    let forward = chromium.walk(Key::Tab).await;
    let mut backward = chromium.walk(Key::ShiftTab).await;
    backward.reverse();
    let identities = |walk: &[Focus]| walk.iter().map(|focus| format!("{:?}", focus.identity())).collect::<Vec<_>>();
    assert_eq!(identities(&forward), identities(&backward), "{name}: there and back");
    for focus in forward.iter().chain(&backward) {
        let what = format!("{name}: {focus:?}");
        assert!(focus.outline >= 2.0 && focus.contrast >= SEEN, "{what}: the focus is not seen");
        assert!(focus.is_in_view, "{what}: the focus is out of sight");
        assert!(focus.width >= TOUCHED && focus.height >= TOUCHED, "{what} is too small");
    }
    for pair in forward.windows(2) {
        let [first, second] = pair else { unreachable!("two") };
        let is_below = second.top >= first.top + first.height;
        let is_beside = second.left >= first.left + first.width && second.top + second.height > first.top;
        assert!(is_below || is_beside, "{name}: {second:?} is read before {first:?}");
    }
    let operable = chromium.operable().await;
    assert_eq!(operable.len(), forward.len(), "{name}: {operable:?} and {forward:?}");
    for (place, (focus, heard)) in forward.iter().zip(&operable).enumerate() {
        assert!(["button", "checkbox", "textbox", "link"].contains(&heard.role.as_str()), "{name}: {heard:?}");
        // WCAG 2.2, 2.5.3: who speaks to the browser says what they see.
        assert!(!heard.name.is_empty() && heard.name.contains(&focus.text), "{name}: {heard:?} is {focus:?}");
        let is_told_apart = operable[place + 1..].iter().all(|other| other.name != heard.name);
        assert!(is_told_apart, "{name}: two are called {:?}", heard.name);
    }
}
