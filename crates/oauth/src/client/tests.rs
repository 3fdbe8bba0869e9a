use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::example::{
    CONFIGURED, CONFIGURED_URI, LOOPBACK_URI, START, World, client_id, configuration_with, with_each_character_changed,
};

/// Seconds: 90 days.
const REGISTERED_FOR: u64 = 7_776_000;

fn find(client_id: &ClientId, world: &World, now: UnixTime) -> Result<Client, ClientUnknown> {
    world.store.set_now(now);
    Client::find(client_id, &world.configuration, &world.store, now)
}

/// Replaces the record of the client with this id by `record`.
fn overwrite(id: &ClientId, record: &[u8], world: &World) {
    world.store.put(&RegisteredId::parse(id).unwrap().key().unwrap(), record).unwrap();
}

fn record(id: &ClientId, world: &World) -> Vec<u8> {
    world.store.get(&RegisteredId::parse(id).unwrap().key().unwrap()).unwrap().unwrap()
}

/// Seals `text` as the record of the client with this id.
fn seal(id: &ClientId, text: &str, world: &mut World) -> Vec<u8> {
    let handle = RegisteredId::parse(id).unwrap();
    let name = handle.key().unwrap().to_string();
    handle.secret.seal_record(&name, text.as_bytes(), &mut world.entropy).unwrap()
}

#[test]
fn a_client_of_the_configuration_is_known_for_ever_and_without_the_store() {
    let world = World::new();
    world.store.go_down();
    let client = find(&client_id(CONFIGURED), &world, START.plus(100 * 365 * 86_400)).unwrap();
    assert_eq!(client.client_name.as_str(), "Conformance runner");
    assert_eq!(client.redirect_uris.iter().map(RedirectUri::as_str).collect::<Vec<_>>(), [CONFIGURED_URI]);
    assert!(client.refreshable && client.is_configured);
}

#[test]
fn a_registered_client_is_known_until_the_second_in_which_its_registration_expires() {
    let mut world = World::new();
    let id = world.register();
    let before = world.store.snapshot();
    for (seconds, known) in
        [(0, true), (REGISTERED_FOR - 1, true), (REGISTERED_FOR, false), (REGISTERED_FOR + 1, false)]
    {
        let found = find(&id, &world, START.plus(seconds));
        assert_eq!(found.is_ok(), known, "{seconds}");
        if let Err(error) = found {
            assert_eq!(error, ClientUnknown::NotRegistered);
        }
    }
    let client = find(&id, &world, START).unwrap();
    assert_eq!((client.client_id, client.client_name.as_str()), (id, "Example client"));
    let uris: Vec<_> = client.redirect_uris.iter().map(RedirectUri::as_str).collect();
    assert_eq!(uris, [LOOPBACK_URI, "https://client.example/registered"]);
    assert!(client.refreshable && !client.is_configured);
    assert_eq!(world.store.snapshot(), before, "to look is not to change");
}

/// Its clock may be behind ours, and what has expired is swept only later.
#[test]
fn an_expired_registration_that_the_store_still_has_is_none() {
    let mut world = World::new();
    let id = world.register();
    let expired = Client::find(&id, &world.configuration, &world.store, START.plus(REGISTERED_FOR));
    assert!(matches!(expired, Err(ClientUnknown::NotRegistered)), "{expired:?}");
}

/// The expiry stands in the id, and in the name of the record: who changes it finds nothing.
#[test]
fn an_id_that_was_never_given_out_is_nobodys() {
    let mut world = World::new();
    let id = world.register();
    let (expires_at, secret) = id.as_str().split_once('-').unwrap();
    assert_eq!(expires_at.parse(), Ok(START.plus(REGISTERED_FOR).seconds()));
    let before = world.store.snapshot();
    let later = START.plus(2 * REGISTERED_FOR);
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
    for text in ["", "{}", r#"{"client_name":"","redirect_uris":[],"refreshable":true}"#] {
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
        "https://client.example/","https://gateway.example/callback"],"refreshable":false}"#;
    let sealed = seal(&id, stored, &mut world);
    overwrite(&id, &sealed, &world);
    let client = find(&id, &world, START).unwrap();
    assert_eq!(client.redirect_uris.iter().map(RedirectUri::as_str).collect::<Vec<_>>(), ["https://client.example/"]);
    assert!(!client.refreshable);
}

/// The gateway was given another name, and a client has its callback there.
#[test]
fn a_redirect_uri_that_has_become_our_own_callback_is_not_one_of_the_clients() {
    let mut world = World::new();
    let body = br#"{"redirect_uris":["https://new.example/callback","https://client.example/cb"]}"#;
    let (configuration, store) = (&world.configuration, &world.store);
    let registered = crate::registration::register(body, configuration, store, START, &mut world.entropy).unwrap();
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
