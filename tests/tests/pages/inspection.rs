//! What is asked of every page, whoever reads it, on whatever, and with whatever hands.

use crate::chromium::{Chromium, DESK, Focus, Key, Look, Page};

/// WCAG 2.2, 1.4.3: what text of normal size must have at least.
const READABLE: f64 = 4.5;
/// WCAG 2.2, 1.4.11: what shows the focus.
const SEEN: f64 = 3.0;
/// WCAG 2.2, 2.5.8: what a finger finds, in CSS pixels.
const TOUCHED: f64 = 24.0;

/// Looks at the page that is open in every way, leaves screenshots called `name`, and walks it with the keyboard.
pub async fn inspect(chromium: &mut Chromium, name: &str, words: &[&str]) {
    for look in Look::ALL {
        let page = chromium.look(look).await;
        assert_readable(name, &page, words);
        chromium.screenshot(&format!("{name}-{}", look.name())).await;
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

fn assert_readable(name: &str, page: &Page, words: &[&str]) {
    page.assert_says(words);
    assert!(!page.html.contains("<script") && !page.html.contains(" onclick"), "{name} has a script");
    assert!(page.html.contains("name=\"viewport\""), "{name} does not care for phones");
    assert_eq!((page.headings, page.lang.as_str()), (1, "en"), "{name}");
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
        assert!(["button", "checkbox", "textbox"].contains(&heard.role.as_str()), "{name}: {heard:?}");
        // WCAG 2.2, 2.5.3: who speaks to the browser says what they see.
        assert!(!heard.name.is_empty() && heard.name.contains(&focus.text), "{name}: {heard:?} is {focus:?}");
        let is_told_apart = operable[place + 1..].iter().all(|other| other.name != heard.name);
        assert!(is_told_apart, "{name}: two are called {:?}", heard.name);
    }
}
