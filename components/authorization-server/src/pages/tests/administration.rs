//! The administrator's page.

use gatehouse_authorization_server::administration::EntryCounts;
use gatehouse_authorization_server::administration::environments::{EnvironmentPage, ReturnedText, SandboxEnvironment};
use gatehouse_authorization_server::client::Client;
use gatehouse_protocol::Subject;

use super::*;
use crate::pages::{
    Found, FoundClient, FoundSessions, Health, Open, OpenAt, Overview, RouteEnvironments, RouteKeys, administration,
};

const EVIL: &str = "contoso:<b>more";

/// What an operator has asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Nothing,
    Sessions,
    Client,
    Answer,
}

fn open() -> Open {
    let at = OpenAt { path: "/mcp".to_owned(), streams: 3, calls: 2, rates: vec![(7, 100, 60)] };
    Open { at: vec![at], all: 5 }
}

fn keys() -> RouteKeys {
    let document = r#"
        public_url = "https://gateway.example"
        [[routes]]
        path = "/tools"
        url = "http://10.0.0.7:8080/mcp"
        own_tokens = false
        [routes.api_keys]
        session_pool = "code"
        administrators = [{ label = "operations", secret = "administrator" }]
        keys = [{ label = "robot", sha256 = "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592" }]"#;
    let whole = gatehouse_configuration::Configuration::parse(document).unwrap();
    RouteKeys::of(&whole.routes[0]).unwrap()
}

/// Those of a route whose sandbox answers, and of one whose does not.
fn environments() -> Vec<RouteEnvironments> {
    let text = |text: &str| ReturnedText::parse(text).unwrap();
    let environment = |number: u32, is_running| SandboxEnvironment {
        handle: text(&format!("5984064.{number}.abcdefghijkl")),
        name: text("abcdefghijkl"),
        subject: Subject::parse(EVIL).unwrap(),
        launched_at: UnixTime::from_seconds(NOW - 120),
        used_at: UnixTime::from_seconds(NOW - 60),
        ends_at: UnixTime::from_seconds(NOW + 240),
        runs: 12,
        is_running,
    };
    let environments = vec![environment(2, true), environment(1, false)];
    let page = EnvironmentPage { count: 77, most: 1_000, environments, next: Some(text("5984063.7")) };
    let route = |path: &str, page| RouteEnvironments { path: path.to_owned(), page };
    vec![route("/code", Some(page)), route("/other-code", None)]
}

pub(super) fn page(layout: Layout<'_>, configuration: &Configuration, shown: Shown) -> Response<Vec<u8>> {
    let found = match shown {
        Shown::Nothing => Found::nothing(),
        Shown::Sessions => {
            let newest = vec![session("first", "Notes & <b>more</b>", "https://gateway.example/mcp")];
            let listing = Listing { newest, total: 1 };
            let sessions = FoundSessions { subject: EVIL.to_owned(), listing, open: open() };
            Found::sessions(sessions).after_a_change()
        }
        Shown::Client => Found::client(FoundClient::Some(Box::new(Client::from(&configuration.clients[0])))),
        Shown::Answer => Found::answer("Denied: no rule <b>more allows it\n".to_owned()),
    };
    let overview = Overview {
        configuration,
        servers: vec![("/mcp".to_owned(), "http://10.0.0.7:8080/mcp".to_owned(), Health::Silent)],
        providers: vec![("https://login.contoso.example", Health::Answers), ("http://127.0.0.1:8081", Health::Unknown)],
        open: open(),
        counts: EntryCounts {
            used: 4,
            used_before: 3,
            unused: 2,
            with_document: 1,
            linked_accounts: 17,
            is_cut: shown == Shown::Answer,
        },
        connections: vec![("Issues <b>more", None), ("The shared one", Some(false))],
        keys: if shown == Shown::Nothing { Vec::new() } else { vec![keys()] },
        environments: if shown == Shown::Nothing { Vec::new() } else { environments() },
        text: "public_url = https://gateway.example\nclient_secret = $<b>more\n".to_owned(),
        now: UnixTime::from_seconds(NOW),
    };
    administration(layout, &overview, &found, "carol@contoso.example <b>more", "the-ticket")
}

fn english_page(shown: Shown) -> String {
    let configuration = configuration();
    text(&page(english(&configuration), &configuration, shown))
}

#[test]
fn the_page_says_what_is_so_and_offers_what_can_be_done() {
    let page = english_page(Shown::Sessions);
    for words in [
        "<strong>carol@contoso.example &#60;b&#62;more</strong>",
        "It is done.",
        "Sessions of <code>contoso:&#60;b&#62;more</code>: 1",
        "Notes &#38; &#60;b&#62;more",
        "value=\"end-session\"",
        "value=\"end-sessions\"",
        "Registered: 4 used in this period of 45 days, 3 in the period before, 2 not used yet. With a document: 1.",
        "Visual Studio Code",
        "<h3><code>/tools</code></h3>",
        "At all connections together, 17 accounts are linked.",
        "<h3>Issues &#60;b&#62;more</h3></li>",
        "<h3>The shared one</h3><p>One account for everybody; an administrator links it</p><p>Not linked</p>",
        "<p>robot</p>",
        "value=\"renew-key\"",
        "It gives no answer.",
        "It answers.",
        "Nobody has asked it lately.",
        "Streams: 3. Waiting calls: 2. Used of the rates: 7 / 100 / 60 s.",
        "Streams and waiting calls at all routes: 5",
        "value=\"ask-resource\"",
        "name=\"route\" value=\"/mcp\"",
        "client_secret = $&#60;b&#62;more",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("remove-client") && !page.contains("d7a8fbb3"), "{page}");
}

#[test]
fn environments_are_shown_with_whose_they_are_as_text_and_each_can_be_ended() {
    let page = english_page(Shown::Sessions);
    for words in [
        "<h2 class=\"section\">Environments of sandboxes</h2>",
        "<h3 class=\"found\"><code>/code</code></h3>\n<p>Places that are taken: 77 of 1000.</p>",
        "<h4>contoso:&#60;b&#62;more</h4>\n<p>A run is under way.</p>",
        "<dd>12</dd>",
        "<dd><code>abcdefghijkl</code></dd>",
        "<input type=\"hidden\" name=\"route\" value=\"/code\">\n<input type=\"hidden\" name=\"environment\" value=\"5984064.2.abcdefghijkl\">",
        "name=\"environment\" value=\"5984064.1.abcdefghijkl\"",
        "name=\"from\" value=\"5984063.7\"",
        "aria-label=\"Show older ones: /code\"",
        "<h3 class=\"found\"><code>/other-code</code></h3>\n<p>It gives no answer.</p>",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let count = |words: &str| page.matches(words).count();
    assert_eq!((count("value=\"end-environment\""), count("value=\"find-environments\"")), (2, 1));
    assert_eq!(count("A run is under way."), 1);
    assert!(!page.contains("<b>more"), "{page}");
}

#[test]
fn what_is_not_there_is_not_offered() {
    let nothing = english_page(Shown::Nothing);
    assert!(nothing.contains("There is nothing with this name.") && nothing.contains("No route takes API keys."));
    assert!(!nothing.contains("Environments of sandboxes"), "{nothing}");
    for act in ["end-session", "remove-client", "renew-key", "end-environment"] {
        assert!(!nothing.contains(act), "{act}: {nothing}");
    }
    let client = english_page(Shown::Client);
    assert!(client.contains("It is in the configuration.") && client.contains("https://notes.example/callback"));
    assert!(!client.contains("remove-client"), "what the configuration has, only it can remove");
    let answer = english_page(Shown::Answer);
    assert!(answer.contains("<pre lang=\"en\">Denied: no rule &#60;b&#62;more allows it"), "{answer}");
    assert!(answer.contains("At least, because the store has more entries"), "{answer}");
}
