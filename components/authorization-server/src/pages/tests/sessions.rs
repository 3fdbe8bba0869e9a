//! The page of somebody's sessions.

use super::*;

#[test]
fn the_sessions_page_tells_sessions_apart_and_who_is_signed_in() {
    let pages = every_page(Language::English, &configuration());
    let page = |wanted| pages.iter().find(|(name, _)| *name == wanted).map(|(_, page)| text(page)).unwrap();
    let two = page("sessions-two");
    for word in [
        "signed in with Contoso as <strong>alice@contoso.example &#60;b&#62;more</strong>",
        "2 sessions let applications act in your name",
        "just now</time> <span class=\"utc\">21 November 2026, 05:00 UTC",
        "2 hours ago</time> <span class=\"utc\">21 November 2026, 03:00 UTC",
        "in 22 hours</time> <span class=\"utc\">22 November 2026, 03:00 UTC",
        "uses Snippet server",
        "uses https://gateway.example/gone",
        "<dd>Firefox on Windows</dd>",
        "<dd>Read your snippets</dd>",
        "name=\"end_session\" value=\"first\"",
        "name=\"end_session\" value=\"second\"",
        "name=\"forget_consent\" value=\"the-consent\"",
        "Read your snippets; Write and delete snippets in your name",
        "name=\"sign_out\" value=\"everywhere\"",
        "name=\"sign_out\" value=\"here\"",
    ] {
        assert!(two.contains(word), "{word}: {two}");
    }
    let (first, second) = two.split_once("value=\"first\"").unwrap();
    assert!(first.contains("this browser</span>") && !second.contains("this browser"), "{two}");
    assert!(!two.contains("class=\"primary\""), "nothing here is what most people want to do");
    assert!(page("sessions-one").contains("One application can act in your name"));
    let many = page("sessions-many");
    for word in ["205 sessions let applications", "Here are the newest 200 of 205", "ends the others as well"] {
        assert!(many.contains(word), "{word}");
    }
    assert!(!two.contains("Here are the newest"));
    // Where there is none, a sign-in can be under way that is to end, too.
    let none = page("sessions-none");
    for word in ["No application can act in your name", "value=\"here\"", "value=\"everywhere\""] {
        assert!(none.contains(word) && !none.contains("end_session"), "{word}: {none}");
    }
    assert!(page("confirm-sign-out").contains("name=\"sign_out\" value=\"all\""));
}

/// A session from before browsers were noted, or one that an organisation allowed, has none.
#[test]
fn a_browser_that_is_not_known_is_not_made_up() {
    let configuration = configuration();
    let mut listed =
        [session("a", "A", "https://gateway.example/mcp"), session("b", "B", "https://gateway.example/mcp")];
    listed[0].browser = None;
    listed[1].browser = Some(SessionBrowser { digest: "x".to_owned(), device: Device::default() });
    let listing = Listing { newest: listed.to_vec(), total: 2 };
    let view = SessionsView {
        configuration: &configuration,
        provider: &configuration.identity_providers[0],
        user: "alice",
        browser: "the-browser",
        listing: &listing,
        consents: &[],
        is_administrator: false,
        has_connections: false,
        is_operator: false,
        ticket: "t",
        now: UnixTime::from_seconds(NOW),
    };
    let page = text(&sessions(english(&configuration), &view));
    assert_eq!(page.matches("Allowed in").count(), 1, "{page}");
    assert!(page.contains("<dd>an unknown browser</dd>") && !page.contains("this browser"), "{page}");
}

/// The page's forms lead to the servers of connections whose links may be changed, and Chromium wants to know of those on this machine.
#[test]
fn linked_accounts_have_buttons_for_whoever_may_change_them_and_name_nobody_to_others() {
    let configuration = configuration();
    let page = connections_page(english(&configuration), &configuration, true);
    let shown = text(&page);
    assert_eq!((shown.matches("name=\"link\"").count(), shown.matches("name=\"remove\"").count()), (2, 1));
    assert!(shown.contains("aria-label=\"Link again: The API &#60;b&#62;more\""), "{shown}");
    assert_eq!(shown.matches("Linked by").count(), 1, "only who may change it learns who linked it: {shown}");
    assert_eq!(form_action(&page), "'self' http://127.0.0.1:9000 https:");
    let none = connections_page(english(&configuration), &configuration, false);
    assert_eq!(form_action(&none), "'none'");
}
