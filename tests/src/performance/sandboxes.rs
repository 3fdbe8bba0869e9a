//! What the shells and the Python of `sandboxes/` cost: calls through the gateway, programs that compute, starts, and sizes.

mod calls;
mod client;
mod programs;
mod scene;
mod sizes;
mod starts;

use serde_json::{Value, json};

use super::setup::Setup;

/// Measures all of it.
pub(super) async fn run(setup: &Setup) -> Value {
    let (starts, compiled) = starts::run(setup).await;
    let running = scene::Application::start(&setup.now, compiled.path()).await;
    let calls = calls::run(setup, &running).await;
    let (native, programs) = programs::run(setup, &running).await;
    running.stop().await;
    json!({
        "calls": calls,
        "native": native,
        "programs": programs,
        "starts": starts,
        "artefacts": sizes::of(compiled.path()),
    })
}
