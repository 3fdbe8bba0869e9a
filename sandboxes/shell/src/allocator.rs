//! The allocator, which notes when it is at work. A run that is ended in the middle of it must not ask it for memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

static IS_AT_WORK: AtomicBool = AtomicBool::new(false);

#[global_allocator]
static NOTED: Noted = Noted;

/// Whether memory is being given or taken back just now.
pub fn is_at_work() -> bool {
    IS_AT_WORK.load(Ordering::Relaxed)
}

struct Noted;

impl Noted {
    fn noted<T>(work: impl FnOnce() -> T) -> T {
        IS_AT_WORK.store(true, Ordering::Relaxed);
        let result = work();
        IS_AT_WORK.store(false, Ordering::Relaxed);
        result
    }
}

#[allow(unsafe_code, reason = "each function hands on to that of the system, with what it was promised itself")]
unsafe impl GlobalAlloc for Noted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as promised by our caller.
        Self::noted(|| unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as promised by our caller.
        Self::noted(|| unsafe { System.dealloc(pointer, layout) });
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as promised by our caller.
        Self::noted(|| unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as promised by our caller.
        Self::noted(|| unsafe { System.realloc(pointer, layout, size) })
    }
}
