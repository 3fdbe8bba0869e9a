//! The answers that an attacker gets.

use gatehouse_tests::{Answer, RawAnswer};

/// The user is told, the browser goes nowhere, and the page can be neither framed nor kept nor made to run anything.
pub(crate) fn assert_shown(answer: &Answer, status: u16, what: &str) {
    assert_eq!(answer.status, status, "{what}: {answer:?}");
    assert_eq!(answer.header("location"), "", "{what}: {answer:?}");
    assert_page(answer, what);
}

/// A page of ours, whatever it says.
pub(crate) fn assert_page(answer: &Answer, what: &str) {
    assert!(answer.body.starts_with("<!doctype html>"), "{what}: {answer:?}");
    assert!(!answer.body.to_ascii_lowercase().contains("<script"), "{what}: {answer:?}");
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.header(name), value, "{what}: {name}");
    }
    // With `no-referrer`, browsers would send `Origin: null` with our own forms.
    assert!(["same-origin", "no-referrer"].contains(&answer.header("referrer-policy")), "{what}: {answer:?}");
    let policy = answer.header("content-security-policy");
    for directive in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"] {
        assert!(policy.split(';').any(|part| part.trim() == directive), "{what}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{what}: {policy}");
}

/// Where the links of a page lead.
pub(crate) fn links(page: &Answer) -> Vec<&str> {
    page.body.split("<a href=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default()).collect()
}

/// An OAuth error in JSON (RFC 6749, section 5.2).
pub(crate) fn assert_error(answer: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!((answer.status, answer.error().as_str()), (status, code), "{what}: {answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    assert_eq!(answer.header("location"), "", "{what}");
}

/// Nobody was let in, by a server that saw one request.
pub(crate) fn assert_kept_out(answer: &RawAnswer, what: &str) {
    assert!(answer.count() <= 1, "{what}: {}", answer.text);
    let status = answer.status.unwrap_or(400);
    assert!((400..500).contains(&status), "{what}: {}", answer.text);
    assert!(answer.headers("location").is_empty(), "{what}: {}", answer.text);
}

/// Whether an entry is another party's document: it is kept whoever asks, and grants nothing.
pub(crate) fn is_document(name: &str) -> bool {
    ["provider-", "document", "jwks", "keys"].iter().any(|prefix| name.starts_with(prefix))
}
