//! What breaks during a soak, one after the other, with quiet times in between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::upstream::Upstream;
use super::users::Crowd;
use crate::scripted_provider::Failure;
use crate::{AttackWorld, Endpoint, StoreFaults};

/// How long something is broken, and how long all is well before it.
const BROKEN: Duration = Duration::from_secs(4);
const QUIET: Duration = Duration::from_secs(11);

/// What can break.
#[derive(Clone, Copy, Debug)]
enum Fault {
    StoreLocked,
    StoreFails,
    ProviderDown,
    ServerDown,
    InstanceKilled,
}

const ALL: [Fault; 5] =
    [Fault::StoreLocked, Fault::StoreFails, Fault::ProviderDown, Fault::ServerDown, Fault::InstanceKilled];

/// Breaks one thing after the other until it is time; the second instance as it is then.
pub(super) async fn come_and_go(
    crowd: &Arc<Crowd>,
    upstream: &Upstream,
    first: &AttackWorld,
    mut second: AttackWorld,
    until: Instant,
) -> AttackWorld {
    let store = StoreFaults::at(&first.gatehouse.state_directory());
    let provider = first.provider();
    for fault in ALL.into_iter().cycle() {
        if Instant::now() + QUIET + BROKEN + QUIET > until {
            break;
        }
        tokio::time::sleep(QUIET).await;
        eprintln!("    {fault:?}");
        crowd.windows.open();
        match fault {
            Fault::StoreLocked => {
                store.lock();
                tokio::time::sleep(BROKEN).await;
                store.unlock();
            }
            Fault::StoreFails => {
                store.fail_after(0);
                tokio::time::sleep(BROKEN).await;
                store.mend();
            }
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
                let next = first.process_beside().await;
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
