//! Headers that say of themselves where a request comes from, at each number of proxies.
//!
//! `127.0.0.20` to `127.0.0.23` are proxies; they add to a client's headers what they see, as real ones do (`tests/tests/proxies` has
//! those). `127.0.0.30` is an attacker, whom nobody lets in; `127.0.0.40` is who may come in.

use gatehouse_tests::{AttackSettings, AttackWorld};
use serde_json::json;

use crate::from::{line_of, ping, token};

const ATTACKER: &str = "127.0.0.30";
const FRIEND: &str = "127.0.0.40";
const PROXIES: [&str; 2] = ["127.0.0.20", "127.0.0.21"];

async fn world(trusted: &str) -> AttackWorld {
    let settings = AttackSettings {
        mcp_lines: format!("networks = {{ allow = [\"{FRIEND}\", \"2001:db8::/32\"] }}"),
        tables: if trusted.is_empty() { String::new() } else { format!("[trusted_proxies]\n{trusted}\n") },
        ..AttackSettings::default()
    };
    AttackWorld::start_with(settings).await
}

/// What an attacker writes to be taken for a friend.
fn forged() -> Vec<String> {
    let mut forged: Vec<_> = [
        FRIEND,
        "127.0.0.40, 127.0.0.40, 127.0.0.40",
        "127.0.0.40, 127.0.0.20",
        "127.0.0.40, 127.0.0.20, 127.0.0.21",
        "127.0.0.20",
        "127.0.0.40,",
        ", 127.0.0.40",
        "127.0.0.40:80",
        "[2001:db8::1]:443",
        "2001:db8::1%eth0",
        "::ffff:127.0.0.40",
        "::FFFF:7f00:28",
        "0:0:0:0:0:ffff:7f00:28",
        "0177.0.0.050",
        "2130706472",
        "0x7f000028",
        "127.40",
        "unknown",
        "_hidden",
        "\"127.0.0.40\"",
        "\"127.0.0.40",
        "127.0.0.40\\",
        "127.0.0.40;127.0.0.40",
        "127.0.0.40 127.0.0.40",
        "for=127.0.0.40",
        "",
    ]
    .map(str::to_owned)
    .into();
    forged.push(format!("127.0.0.40{}", ", 127.0.0.20".repeat(400)));
    forged.push(format!("{}127.0.0.40", "127.0.0.40, ".repeat(400)));
    forged
}

/// The attacker's header as it reaches Gatehouse behind so many proxies, and who connects.
fn behind(proxies: usize, written: &str) -> (Vec<String>, &'static str) {
    let chain = [ATTACKER, PROXIES[0], PROXIES[1]];
    let added = chain[..proxies].join(", ");
    match proxies {
        0 => (vec![written.to_owned()], chain[0]),
        // Some proxies go on with the client's field (nginx), some add one of their own (haproxy): the one here does each in turn.
        _ if written.len().is_multiple_of(2) => (vec![written.to_owned(), added], chain[proxies]),
        _ => (vec![format!("{written}, {added}")], chain[proxies]),
    }
}

/// What no proxy in front has written is believed by nobody: the attacker is kept out, and the log says where he is.
#[tokio::test(flavor = "multi_thread")]
async fn no_header_lets_an_attacker_in_at_any_number_of_proxies() {
    for (proxies, trusted) in [
        (0, ""),
        (0, "ranges = [\"127.0.0.20/30\"]"),
        (0, "ranges = [\"127.0.0.20/30\"]\nhops = 1"),
        (1, "ranges = [\"127.0.0.20/30\"]"),
        (1, "hops = 1"),
        (1, "ranges = [\"127.0.0.20/30\"]\nhops = 1"),
        (2, "ranges = [\"127.0.0.20/30\"]"),
        (2, "hops = 2"),
    ] {
        let world = world(trusted).await;
        let token = token(&world).await;
        let (before, calls) = (world.store().await, world.upstream.requests().len());
        for written in forged() {
            let (fields, peer) = behind(proxies, &written);
            let headers: Vec<_> = fields.iter().map(|field| ("x-forwarded-for", field.as_str())).collect();
            let answer = ping(&world, peer, &token, &headers).await;
            let what = format!("{proxies} proxies, {trusted:?}: {}", written.get(..60).unwrap_or(&written));
            assert_eq!(answer.status, 403, "{what}: {answer:?}");
            assert_eq!(line_of(&world, &answer, "refused")["client_address"], json!(ATTACKER), "{what}");
        }
        world.assert_unchanged(&before, trusted).await;
        assert_eq!(world.upstream.requests().len(), calls);
        // Who is a friend comes in by the same way, whatever he writes.
        for written in ["", "127.0.0.30, ", "garbage, "] {
            let chain = [FRIEND, PROXIES[0], PROXIES[1]];
            let header = format!("{written}{}", chain[..proxies].join(", "));
            let answer = ping(&world, chain[proxies], &token, &[("x-forwarded-for", &header)]).await;
            assert_eq!(answer.status, 200, "{proxies} proxies, {trusted:?}, {header}: {answer:?}");
        }
        world.gatehouse.stop().await;
    }
}

/// The same in RFC 7239's words, with texts in quotes that begin in one element and would swallow the next.
#[tokio::test(flavor = "multi_thread")]
async fn no_forwarded_header_lets_an_attacker_in() {
    let world = world("ranges = [\"127.0.0.20/30\"]\nheader = \"forwarded\"").await;
    let token = token(&world).await;
    let before = world.store().await;
    for written in [
        "for=127.0.0.40",
        "for=127.0.0.40;by=127.0.0.20",
        "for=\"127.0.0.40:80\"",
        "for=127.0.0.40;for=127.0.0.40",
        "for=unknown",
        "for=_x",
        "for=127.0.0.40;x=\"",
        "for=127.0.0.40;x=\"\\",
        "\"",
        "for=\"",
        "for=\"[2001:db8::1]\"",
        "proto=https",
        "for=127.0.0.20",
        "for=127.0.0.40, for=127.0.0.20",
        "for=\"[::ffff:127.0.0.40]\"",
        "FOR=127.0.0.40",
        "for =127.0.0.40",
        "",
    ] {
        for added in [format!("for={ATTACKER}"), format!("for=\"{ATTACKER}:5000\";proto=https;by=\"_edge\"")] {
            for fields in [vec![format!("{written}, {added}")], vec![written.to_owned(), added.clone()]] {
                let headers: Vec<_> = fields.iter().map(|field| ("forwarded", field.as_str())).collect();
                // The other header is not read, whatever it says.
                let headers = [headers, vec![("x-forwarded-for", FRIEND)]].concat();
                let answer = ping(&world, PROXIES[0], &token, &headers).await;
                assert_eq!(answer.status, 403, "{fields:?}: {answer:?}");
                let line = line_of(&world, &answer, "refused");
                let is_his = line["client_address"] == ATTACKER;
                assert!(
                    is_his || line["reason"].as_str().unwrap().ends_with("the header of trusted_proxies is malformed"),
                    "{line}"
                );
            }
        }
    }
    world.assert_unchanged(&before, "forged Forwarded").await;
    let answer = ping(&world, PROXIES[0], &token, &[("forwarded", "for=127.0.0.30, for=127.0.0.40;proto=https")]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    world.gatehouse.stop().await;
}

/// Where a trusted proxy says nothing that can be read, nobody comes in: neither by a list of those who may, nor past one of those who may
/// not.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_be_read_is_let_in_nowhere() {
    let settings = AttackSettings {
        mcp_lines: format!("networks = {{ deny = [\"{ATTACKER}\"] }}"),
        tables: "[trusted_proxies]\nranges = [\"127.0.0.20/30\"]\n".to_owned(),
        ..AttackSettings::default()
    };
    let world = AttackWorld::start_with(settings).await;
    let token = token(&world).await;
    let before = world.store().await;
    for (written, why) in [
        (None, "the proxy has sent no address"),
        (Some("unknown"), "the header of trusted_proxies is malformed"),
        (Some("127.0.0.40,"), "the header of trusted_proxies is malformed"),
        (Some("127.0.0.040"), "the header of trusted_proxies is malformed"),
        (Some("fe80::1%eth0"), "the header of trusted_proxies is malformed"),
    ] {
        let headers: Vec<_> = written.iter().map(|written| ("x-forwarded-for", *written)).collect();
        let answer = ping(&world, PROXIES[0], &token, &headers).await;
        assert_eq!(answer.status, 403, "{written:?}: {answer:?}");
        let line = line_of(&world, &answer, "refused");
        assert_eq!(line["reason"], format!("networks are set, and the client's address is not known: {why}"));
        assert_eq!(line["client_address"], json!(null));
    }
    world.assert_unchanged(&before, "unknown addresses").await;
    assert_eq!(ping(&world, PROXIES[0], &token, &[("x-forwarded-for", "203.0.113.9:50000")]).await.status, 200);
    world.gatehouse.stop().await;
}
