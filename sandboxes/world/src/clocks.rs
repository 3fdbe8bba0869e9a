//! Clocks and random numbers: the host's.

use crate::World;
use crate::bindings::exports::wasi::clocks::{monotonic_clock, wall_clock};
use crate::bindings::exports::wasi::io::poll::Pollable;
use crate::bindings::exports::wasi::random::random;
use crate::bindings::wasi;
use crate::run;
use crate::streams::Moment;

impl monotonic_clock::Guest for World {
    fn now() -> u64 {
        run::check_time();
        wasi::clocks::monotonic_clock::now()
    }

    fn resolution() -> u64 {
        wasi::clocks::monotonic_clock::resolution()
    }

    fn subscribe_instant(when: u64) -> Pollable {
        Pollable::new(Moment::At(when))
    }

    fn subscribe_duration(when: u64) -> Pollable {
        Pollable::new(Moment::At(wasi::clocks::monotonic_clock::now().saturating_add(when)))
    }
}

impl wall_clock::Guest for World {
    /// The fuel that xtask builds into the interpreter asks for the time now and then (xtask/src/build/fuel.rs), so that a program that
    /// only computes ends in time, too.
    fn now() -> wall_clock::Datetime {
        run::check_time();
        let now = wasi::clocks::wall_clock::now();
        wall_clock::Datetime { seconds: now.seconds, nanoseconds: now.nanoseconds }
    }

    fn resolution() -> wall_clock::Datetime {
        let resolution = wasi::clocks::wall_clock::resolution();
        wall_clock::Datetime { seconds: resolution.seconds, nanoseconds: resolution.nanoseconds }
    }
}

impl random::Guest for World {
    fn get_random_bytes(len: u64) -> Vec<u8> {
        wasi::random::random::get_random_bytes(len)
    }

    fn get_random_u64() -> u64 {
        wasi::random::random::get_random_u64()
    }
}
