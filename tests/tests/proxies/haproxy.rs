//! What the guide's lines for haproxy are for.

use std::time::Duration;

use crate::front::Proxy;
use crate::scene::Scene;

/// What Debian's own file has, and the least that leads to Gatehouse.
fn as_it_comes(port: u16, gatehouse: &str) -> String {
    format!(
        "defaults\n mode http\n timeout connect 5000\n timeout client 50000\n timeout server 50000\n\
         listen gatehouse\n bind 127.0.0.1:{port}\n server gatehouse {gatehouse}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn as_it_comes_haproxy_holds_each_event_back() {
    let Some(scene) = Scene::start_as(Proxy::Haproxy, as_it_comes).await else { return };
    let user = scene.sign_in("alice").await;
    let delay = scene.delay_of_events(&user).await;
    assert!(
        delay > Duration::from_millis(150),
        "the fastest event took {delay:?}: the guide's http-no-delay is for nothing"
    );
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_lives_on_behind_haproxy_and_is_cut_where_the_time_is_short() {
    let Some(scene) = Scene::start(Proxy::Haproxy).await else { return };
    let user = scene.sign_in("alice").await;
    let shortened = |guided: String| guided.replace("timeout server 1h", "timeout server 1s");
    scene.a_silent_stream_outlives_one_whose_time_is_short(&user, Proxy::Haproxy, shortened).await;
    scene.stop().await;
}
