//! What is asked on the pages about a client, and where their forms lead.

use super::*;

/// Chromium stops a redirect that the policy of the page with the form does not allow.
#[test]
fn forms_lead_where_the_redirects_of_their_page_end_and_nowhere_else() {
    let configuration = configuration();
    let of_consent = |uri| form_action(&consent_page(&configuration, request(&configuration, uri)));
    for (redirect_uri, expected) in [
        (SITE, "'self' https:"),
        (LOOPBACK, "'self' http://127.0.0.1:33418 https:"),
        ("http://127.0.0.1/callback", "'self' http://127.0.0.1 https:"),
        (LOOPBACK_IPV6, "'self' http: https:"),
        (PRIVATE_USE, "'self' cursor: https:"),
    ] {
        assert_eq!(of_consent(redirect_uri), expected, "{redirect_uri}");
    }
    let providers = &configuration.identity_providers;
    let layout = english(&configuration);
    let of_choice = choose(layout, &configuration, providers, &request(&configuration, PRIVATE_USE), "t");
    assert_eq!(form_action(&of_choice), "'self' cursor: http://127.0.0.1:8081 https:");
    assert_eq!(
        form_action(&sign_in(layout, &configuration, OwnPath::Sessions, "t", 200)),
        "'self' http://127.0.0.1:8081 https:"
    );
    let pages = every_page(Language::English, &configuration);
    for name in ["sessions-two", "confirm-sign-out"] {
        let page = &pages.iter().find(|(own, _)| *own == name).unwrap().1;
        assert_eq!(form_action(page), "'self'", "{name}");
    }
}

#[test]
fn the_consent_page_says_who_asks_for_what_and_who_vouches_for_it() {
    let configuration = configuration();
    let page = |request| text(&consent_page(&configuration, request));
    let of = |uri| request(&configuration, uri);
    for (text, words) in [
        (
            page(of(SITE)),
            &["Visual Studio Code", "Snippet server", "notes.example", "Contoso", "Read your snippets"][..],
        ),
        (page(of(LOOPBACK)), &["127.0.0.1:33418", "this computer", "Write and delete snippets in your name"]),
        (page(of(PRIVATE_USE)), &["the program on this computer that opens <code>cursor://</code> links"]),
        (page(stranger(of(SITE), "1-a", "Notes")), &["nobody has checked it", "only if you trust <code>notes.example"]),
        (
            page(stranger(of(SITE), "https://app.example.com/client.json", "App")),
            &["It is described by", "<code>app.example.com</code> and <code>notes.example</code>"],
        ),
    ] {
        for word in words {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
    let configured = page(of(SITE));
    // "The registered redirect_uri where tokens will be sent" (MCP 2026-07-28, security best practices).
    assert!(
        configured.contains(SITE)
            && page(of(LOOPBACK)).contains(LOOPBACK)
            && page(of(PRIVATE_USE)).contains(PRIVATE_USE)
    );
    assert!(!configured.contains("class=\"note\"") && configured.contains("Do not ask again in this browser"));
}

#[test]
fn a_long_redirect_uri_does_not_push_the_rest_of_the_page_away() {
    let mut configuration = configuration();
    for (length, is_shortened) in [(160, false), (161, true), (2_000, true)] {
        let long = format!("{SITE}?{}", "x".repeat(length - SITE.len() - 1));
        let registered = RedirectUri::parse(&long, &configuration.redirect_rules()).unwrap();
        configuration.clients[0].redirect_uris.push(registered);
        let page = text(&consent_page(&configuration, request(&configuration, &long)));
        assert_eq!(page.contains(&long), !is_shortened, "{length}");
        assert_eq!(page.contains(&format!("{}…", &long[..160])), is_shortened, "{length}");
    }
}

#[test]
fn where_no_consent_is_remembered_nobody_is_offered_it() {
    let mut configuration = configuration();
    configuration.lifetimes.consent = 0;
    let page = text(&consent_page(&configuration, request(&configuration, SITE)));
    assert!(!page.contains("remember") && !page.contains("checkbox"), "{page}");
}

/// What the operator has written stays as it is, and so do names.
#[test]
fn texts_of_the_operator_are_in_every_language_as_they_are_configured() {
    let configuration = configuration();
    for language in Language::ALL {
        let page =
            text(&consent_page_in(layout(language, &configuration), &configuration, request(&configuration, SITE)));
        for word in ["Read your snippets", "Snippet server", "Contoso", "Visual Studio Code"] {
            assert!(page.contains(word), "{language:?} {word}");
        }
        assert!(page.contains(Texts::of(language).consent_deny), "{language:?}");
    }
}
