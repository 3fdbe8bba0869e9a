use crate::client::{Client, ClientUnknown};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::RedirectUri;

use gatehouse_storage::Key;

use super::*;
use crate::example::{LOOPBACK_URI, START, World, client_id, configuration_with, with_each_character_changed};

/// Seconds: a day.
const UNUSED_FOR: u64 = 86_400;
/// Seconds: 45 days.
const PERIOD: u64 = 3_888_000;

fn find(client_id: &ClientId, world: &World, now: UnixTime) -> Result<Client, ClientUnknown> {
    world.store.set_now(now);
    Client::find(client_id, &world.configuration, &world.keys, &world.store, now)
}

/// The key of the record of a client that nobody has used.
fn key(id: &ClientId) -> Key {
    let id = RegisteredId::parse(id).unwrap();
    id.record(id.unused_until).key().unwrap()
}

/// Replaces the record of the client with this id by `record`.
fn overwrite(id: &ClientId, record: &[u8], world: &World) {
    world.store.put(&key(id), record).unwrap();
}

fn record(id: &ClientId, world: &World) -> Vec<u8> {
    world.store.get(&key(id)).unwrap().unwrap()
}

/// Seals `text` as the record of the client with this id.
fn seal(id: &ClientId, text: &str, world: &mut World) -> Vec<u8> {
    let records = RegisteredId::parse(id).unwrap().records;
    records.seal_record(&key(id).to_string(), text.as_bytes(), &mut world.entropy).unwrap()
}

#[test]
fn a_client_that_nobody_uses_is_known_for_a_day() {
    let mut world = World::new();
    let id = world.register();
    let before = world.store.snapshot();
    for (seconds, known) in [(0, true), (UNUSED_FOR - 1, true), (UNUSED_FOR, false), (UNUSED_FOR + 1, false)] {
        let found = find(&id, &world, START.plus(seconds));
        assert_eq!(found.is_ok(), known, "{seconds}");
        if let Err(error) = found {
            assert_eq!(error, ClientUnknown::NotRegistered);
        }
    }
    let client = find(&id, &world, START).unwrap();
    assert_eq!((&client.client_id, client.client_name.as_str()), (&id, "Example client"));
    let uris: Vec<_> = client.redirect_uris.iter().map(RedirectUri::as_str).collect();
    assert_eq!(uris, [LOOPBACK_URI, "https://client.example/registered"]);
    assert!(client.may(GrantType::RefreshToken) && !client.is_configured);
    assert_eq!(world.store.snapshot(), before, "to look is not to change");
}

/// Its clock may be behind ours, and what has expired is swept only later.
#[test]
fn an_expired_registration_that_the_store_still_has_is_none() {
    let mut world = World::new();
    let id = world.register();
    let expired = Client::find(&id, &world.configuration, &world.keys, &world.store, START.plus(UNUSED_FOR));
    assert!(matches!(expired, Err(ClientUnknown::NotRegistered)), "{expired:?}");
}

/// The expiry stands in the id, and in the name of the record: who changes it finds nothing.
#[test]
fn an_id_that_was_never_given_out_is_nobodys() {
    let mut world = World::new();
    let id = world.register();
    let (expires_at, secret) = id.as_str().split_once('-').unwrap();
    assert_eq!(expires_at.parse(), Ok(START.plus(UNUSED_FOR).seconds()));
    let before = world.store.snapshot();
    let later = START.plus(2 * UNUSED_FOR);
    let mut forged = vec![
        "nobody".to_owned(),
        "-".to_owned(),
        expires_at.to_owned(),
        format!("-{secret}"),
        format!("{expires_at}-"),
        format!("{expires_at}_{secret}"),
        format!("{later}-{secret}"),
        format!("{}-{secret}", u64::MAX),
        format!("99999999999999999999-{secret}"),
        format!("{expires_at}-{secret}="),
        format!("{expires_at}-{secret}A"),
        format!("{expires_at}-{}", &secret[1..]),
        format!("{expires_at}-{}", URL_SAFE_NO_PAD.encode([0; 32])),
        format!("{id} "),
        "a".repeat(2048),
    ];
    forged.extend(with_each_character_changed(id.as_str()));
    for text in forged {
        let found = find(&client_id(&text), &world, START);
        assert!(matches!(found, Err(ClientUnknown::NotRegistered)), "{text}");
    }
    assert_eq!(world.store.snapshot(), before);
}

/// An id with two spellings would be two clients to whoever keeps a list, and one here.
#[test]
fn an_id_has_one_spelling() {
    let mut world = World::new();
    let id = world.register();
    for alias in [format!("+{id}"), format!("0{id}"), format!("000{id}")] {
        let found = find(&client_id(&alias), &world, START);
        assert!(matches!(found, Err(ClientUnknown::NotRegistered)), "{alias} is taken for {id}");
    }
}

#[test]
fn a_record_that_was_tampered_with_is_no_registration() {
    let mut world = World::new();
    let (mine, other) = (world.register(), world.register());
    let genuine = record(&mine, &world);
    let mut flipped = genuine.clone();
    let last = flipped.last_mut().unwrap();
    *last ^= 1;
    let moved = record(&other, &world);
    for tampered in
        [flipped, genuine[1..].to_vec(), genuine[..genuine.len() - 1].to_vec(), moved, Vec::new(), b"{}".to_vec()]
    {
        overwrite(&mine, &tampered, &world);
        assert!(matches!(find(&mine, &world, START), Err(ClientUnknown::NotRegistered)), "{tampered:?}");
    }
    overwrite(&mine, &genuine, &world);
    assert!(find(&mine, &world, START).is_ok());
    assert!(find(&other, &world, START).is_ok());
}

/// Written by another version, say: it is genuine, so the client is not told to register again.
#[test]
fn a_genuine_record_that_cannot_be_read_is_a_failure_of_ours() {
    let mut world = World::new();
    let id = world.register();
    for text in [
        "",
        "{}",
        r#"{"client_name":"","redirect_uris":[],"refreshable":true,"authentication":"none"}"#,
        r#"{"client_name":"a","redirect_uris":[],"refreshable":true}"#,
    ] {
        let sealed = seal(&id, text, &mut world);
        overwrite(&id, &sealed, &world);
        assert!(matches!(find(&id, &world, START), Err(ClientUnknown::Unavailable(_))), "{text}");
    }
}

#[test]
fn a_stored_redirect_uri_that_would_be_refused_today_is_not_one_of_the_clients() {
    let mut world = World::new();
    let id = world.register();
    let stored = r#"{"client_name":"a","redirect_uris":["http://client.example/","https://client.example/#x",
        "https://client.example/","https://gateway.example/callback","https://gateway.example/authorize"],"refreshable":false,"authentication":"none"}"#;
    let sealed = seal(&id, stored, &mut world);
    overwrite(&id, &sealed, &world);
    let client = find(&id, &world, START).unwrap();
    assert_eq!(client.redirect_uris.iter().map(RedirectUri::as_str).collect::<Vec<_>>(), ["https://client.example/"]);
    assert!(!client.may(GrantType::RefreshToken));
}

/// The gateway was given another name, at which a client had its own.
#[test]
fn a_redirect_uri_that_has_become_our_own_is_not_one_of_the_clients() {
    let mut world = World::new();
    let body = br#"{"redirect_uris":["https://new.example/callback","https://client.example/cb",
        "https://NEW.example.:443/authorize?client_id=victim"]}"#;
    let registered = world.register_body(body).unwrap();
    world.configuration = configuration_with("https://gateway.example", "https://new.example");
    let client = find(&client_id(registered.client_id()), &world, START).unwrap();
    assert_eq!(client.redirect_uris.iter().map(RedirectUri::as_str).collect::<Vec<_>>(), ["https://client.example/cb"]);
}

#[test]
fn a_store_that_is_down_is_not_a_client_that_is_gone() {
    let mut world = World::new();
    let id = world.register();
    world.store.go_down();
    assert!(matches!(find(&id, &world, START), Err(ClientUnknown::Unavailable(_))));
}

/// Issue 3: unused clients expire, used ones do not.
#[test]
fn a_client_that_is_used_is_known_for_45_to_90_days_after_its_last_use() {
    let period_start = START.seconds() / PERIOD * PERIOD;
    for used in [UnixTime::from_seconds(period_start), UnixTime::from_seconds(period_start + PERIOD - 1)] {
        let mut world = World::new();
        let id = store_registered(&text(), &world.store, used, &mut world.entropy).unwrap();
        find(&id, &world, used).unwrap().note_use(&world.keys, &world.store, used, &mut world.entropy).unwrap();
        let end = UnixTime::from_seconds(period_start + 2 * PERIOD);
        assert!(
            (PERIOD..=2 * PERIOD).contains(&(used.seconds_until(end) - 1)) || used.seconds_until(end) == PERIOD + 1
        );
        for (now, known) in [(used.plus(UNUSED_FOR), true), (used.plus(PERIOD), true), (end, false)] {
            assert_eq!(find(&id, &world, now).is_ok(), known, "{now}");
        }
        let last = UnixTime::from_seconds(end.seconds() - 1);
        let client = find(&id, &world, last).unwrap();
        client.note_use(&world.keys, &world.store, last, &mut world.entropy).unwrap();
        assert!(find(&id, &world, last.plus(PERIOD)).is_ok(), "used again in its last second");
    }
}

#[test]
fn a_use_is_noted_with_one_write_in_a_period() {
    let mut world = World::new();
    let id = world.register();
    let unused = world.store.snapshot();
    find(&id, &world, START).unwrap().note_use(&world.keys, &world.store, START, &mut world.entropy).unwrap();
    let used = world.store.snapshot();
    assert_ne!(unused, used);
    for later in [0, 1, UNUSED_FOR] {
        let now = START.plus(later);
        find(&id, &world, now).unwrap().note_use(&world.keys, &world.store, now, &mut world.entropy).unwrap();
        assert_eq!(world.store.snapshot(), used, "{later}");
    }
    let next = START.plus(PERIOD);
    find(&id, &world, next).unwrap().note_use(&world.keys, &world.store, next, &mut world.entropy).unwrap();
    assert_ne!(world.store.snapshot(), used);
}

/// The record of a period is found by the whole id: with another number in front it would be another client's.
#[test]
fn a_client_in_use_still_has_one_id() {
    let mut world = World::new();
    let id = world.register();
    find(&id, &world, START).unwrap().note_use(&world.keys, &world.store, START, &mut world.entropy).unwrap();
    let (number, secret) = id.as_str().split_once('-').unwrap();
    let number: u64 = number.parse().unwrap();
    for other in [number + 1, number - 1, 0, u64::MAX] {
        let found = find(&client_id(&format!("{other}-{secret}")), &world, START);
        assert!(matches!(found, Err(ClientUnknown::NotRegistered)), "{other}");
    }
    for forged in with_each_character_changed(id.as_str()) {
        assert!(find(&client_id(&forged), &world, START).is_err(), "{forged}");
    }
}

fn text() -> RegisteredText {
    RegisteredText {
        client_name: "A client".to_owned(),
        redirect_uris: vec![LOOPBACK_URI.to_owned()],
        refreshable: true,
        authentication: AuthenticationText::None,
    }
}
