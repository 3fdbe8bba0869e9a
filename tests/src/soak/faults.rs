//! What breaks during a soak, one after the other, with quiet times in between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::store::{SoakStore, StoreFault};
use super::upstream::Upstream;
use super::users::Crowd;
use crate::scripted_provider::Failure;
use crate::{AttackWorld, Endpoint};

/// How long something is broken, and how long all is well before it.
const BROKEN: Duration = Duration::from_secs(4);
const QUIET: Duration = Duration::from_secs(11);

/// What can break.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Store(StoreFault),
    ProviderDown,
    ServerDown,
    InstanceKilled,
}

/// Breaks one thing after the other until it is time; the second instance as it is then.
pub(super) async fn come_and_go(
    crowd: &Arc<Crowd>,
    upstream: &Upstream,
    store: SoakStore,
    world: &AttackWorld,
    mut second: AttackWorld,
    until: Instant,
) -> AttackWorld {
    let of_store = store.faults().map(Fault::Store);
    let all = of_store.into_iter().chain([Fault::ProviderDown, Fault::ServerDown, Fault::InstanceKilled]);
    let provider = world.provider();
    for fault in all.cycle() {
        if Instant::now() + QUIET + BROKEN + QUIET > until {
            break;
        }
        tokio::time::sleep(QUIET).await;
        eprintln!("    {fault:?}");
        crowd.windows.open();
        match fault {
            Fault::Store(fault) => fault.lasts(world, BROKEN).await,
            Fault::ProviderDown => {
                provider.script(|script| drop(script.failures.insert(Endpoint::Token, Failure::Cut)));
                tokio::time::sleep(BROKEN).await;
                provider.script(|script| script.failures.clear());
            }
            Fault::ServerDown => {
                upstream.is_down(true);
                tokio::time::sleep(BROKEN).await;
                upstream.is_down(false);
            }
            Fault::InstanceKilled => {
                let next = world.process_beside().await;
                second.gatehouse.kill().await;
                tokio::time::sleep(BROKEN).await;
                let mut instances = crowd.instances.lock().expect("no panic");
                instances[1].clone_from(&next.gatehouse.url);
                drop(instances);
                second = next;
            }
        }
        crowd.windows.close();
    }
    second
}
