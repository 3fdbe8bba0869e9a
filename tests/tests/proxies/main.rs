//! Gatehouse behind nginx, haproxy and caddy, as `docs/proxies.md` configures them, and as they come: what the guide is for.
//!
//! The configurations are the files in `examples/proxies`. Only what a test cannot have is replaced: the port, the name and
//! the certificate. `cargo xtask test` brings Debian's proxies; one that is not there is skipped with a word.

mod client_address;
mod front;
mod haproxy;
mod nginx;
mod scene;
mod upstream;

use crate::front::Proxy;
use crate::scene::Scene;

/// What works behind a proxy as the guide configures it: all of it.
async fn everything_passes(proxy: Proxy) {
    let Some(scene) = Scene::start(proxy).await else { return };
    let user = scene.sign_in("alice").await;
    scene.headers_of_a_sign_in_are_short().await;
    scene.events_come_at_once(&user).await;
    scene.bodies_of_4_mib_pass(&user).await;
    scene.a_body_that_is_too_large_is_refused_by_gatehouse(&user).await;
    scene.parameter_headers_pass(&user).await;
    scene.a_long_authorization_request_is_answered_by_gatehouse().await;
    scene.the_log_finds_a_request_and_holds_no_code(proxy).await;
    scene.what_proxies_add_is_believed_by_nobody(&user).await;
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_passes_through_nginx_as_the_guide_configures_it() {
    everything_passes(Proxy::Nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_passes_through_haproxy_as_the_guide_configures_it() {
    everything_passes(Proxy::Haproxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_passes_through_caddy_as_the_guide_configures_it() {
    everything_passes(Proxy::Caddy).await;
}
