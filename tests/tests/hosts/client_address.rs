//! Who connects, as each host tells it, and what a client says of it.

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, HostKind, StoreKind, http};

/// A route that everybody may reach but who is unknown, and one for another address alone.
async fn world(host: HostKind) -> AttackWorld {
    let settings = AttackSettings {
        host: Some(host),
        mcp_lines: "networks = { allow = [\"127.0.0.1\"] }".to_owned(),
        tables: "[networks]\nendpoints = { allow = [\"192.0.2.1\"] }\n".to_owned(),
        ..AttackSettings::default()
    };
    AttackWorld::start_with(settings).await
}

/// The status of a request without a token to the route, and of one to `/token`, with these headers.
async fn asked(world: &AttackWorld, headers: &[(&str, &str)]) -> [u16; 2] {
    let mut statuses = [0; 2];
    for (path, status) in ["/mcp", "/token"].into_iter().zip(&mut statuses) {
        let mut request = http().post(world.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        *status = Answer::of(request.send().await.expect("an answer")).await.status;
    }
    statuses
}

const SPOOFED: [&[(&str, &str)]; 5] = [
    &[],
    &[("spin-client-addr", "192.0.2.1:1")],
    &[("spin-client-addr", "192.0.2.1:1"), ("spin-client-addr", "192.0.2.1:2")],
    &[("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")],
    &[("spin_client_addr", "192.0.2.1:1"), ("x-client-addr", "192.0.2.1:1"), ("x-real-ip", "192.0.2.1")],
];

/// From 127.0.0.1, the route is reached (401: there is no token) and the endpoint is not, whatever the client says.
#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_host_and_spin_tell_who_connects_and_no_client_does() {
    for host in [HostKind::Embedded, HostKind::EmbeddedProcess, HostKind::Spin] {
        if !host.is_installed() {
            continue;
        }
        let world = world(host).await;
        for headers in SPOOFED {
            assert_eq!(asked(&world, headers).await, [401, 403], "{host:?} {headers:?}");
        }
        world.gatehouse.stop().await;
    }
}

/// There, nobody tells it: nothing with a list is reached, and a client that says `spin-client-addr` is not believed either.
#[tokio::test(flavor = "multi_thread")]
async fn on_wash_nobody_has_an_address_and_a_list_lets_nobody_in() {
    let host = HostKind::Wash(StoreKind::Memory);
    if !host.is_installed() {
        return;
    }
    let world = world(host).await;
    for headers in SPOOFED {
        assert_eq!(asked(&world, headers).await, [403, 403], "{headers:?}");
    }
    assert_eq!(asked(&world, &[("spin-client-addr", "127.0.0.1:1")]).await, [403, 403]);
    world.gatehouse.stop().await;
}

/// What stands in front tells it there.
#[tokio::test(flavor = "multi_thread")]
async fn on_wash_behind_a_proxy_that_is_counted_its_word_counts() {
    let host = HostKind::Wash(StoreKind::Memory);
    if !host.is_installed() {
        return;
    }
    let settings = AttackSettings {
        host: Some(host),
        mcp_lines: "networks = { allow = [\"192.0.2.1\"] }".to_owned(),
        tables: "[trusted_proxies]\nhops = 1\n".to_owned(),
        ..AttackSettings::default()
    };
    let world = AttackWorld::start_with(settings).await;
    let ask = async |header: &str| {
        let request = http().post(world.url("/mcp")).header("x-forwarded-for", header);
        request.send().await.expect("an answer").status().as_u16()
    };
    for (header, status) in
        [("192.0.2.1", 401), ("203.0.113.5, 192.0.2.1:50000", 401), ("192.0.2.1, 203.0.113.5", 403), ("", 403)]
    {
        assert_eq!(ask(header).await, status, "{header}");
    }
    world.gatehouse.stop().await;
}
