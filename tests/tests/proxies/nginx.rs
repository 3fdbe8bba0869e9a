//! What the guide's lines for nginx are for: each failure here is one of them left out.

use crate::front::Proxy;
use crate::scene::Scene;

/// The least that leads to Gatehouse.
fn as_it_comes(port: u16, gatehouse: &str) -> String {
    format!("server {{\n listen 127.0.0.1:{port};\n location / {{ proxy_pass http://{gatehouse}; }}\n}}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn as_it_comes_nginx_refuses_large_bodies_and_long_heads_and_drops_parameter_headers() {
    let Some(scene) = Scene::start_as(Proxy::Nginx, as_it_comes).await else { return };
    // What we do ourselves: a sign-in, and events, work as they are.
    let user = scene.sign_in("alice").await;
    scene.headers_of_a_sign_in_are_short().await;
    scene.events_come_at_once(&user).await;

    let too_large = user.call_of(1024 * 1024 + 1).await;
    assert_eq!((too_large.status, too_large.header("x-request-id")), (413, ""), "Gatehouse answered");
    assert!(too_large.body.contains("nginx"), "{too_large:?}");
    assert_eq!(user.call_of(1024 * 1024).await.status, 200);

    // A server of 2026-07-28 must refuse this call: the headers do not say what the arguments say.
    assert_eq!(user.call_with_parameters().await.status, 200);
    let calls = scene.upstream.calls();
    let names: Vec<_> = calls.last().expect("a call").headers.keys().map(|name| name.as_str()).collect();
    assert!(!names.iter().any(|name| name.starts_with("mcp-param-")), "{names:?}");

    let long = scene.long_authorization_request().await;
    assert_eq!((long.status, long.header("x-request-id")), (414, ""), "Gatehouse answered");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_lives_on_behind_nginx_and_is_cut_where_the_time_is_short() {
    let Some(scene) = Scene::start(Proxy::Nginx).await else { return };
    let user = scene.sign_in("alice").await;
    let shortened = |guided: String| guided.replace("proxy_read_timeout 1h;", "proxy_read_timeout 1s;");
    scene.a_silent_stream_outlives_one_whose_time_is_short(&user, Proxy::Nginx, shortened).await;
    scene.stop().await;
}
