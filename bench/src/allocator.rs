//! Counts bytes that are allocated, once it is told to: a process that times things never tells it.
#![expect(
    unsafe_code,
    reason = "an allocator is unsafe to implement; all calls are passed on to the system's"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

#[global_allocator]
static ALLOCATOR: Counting = Counting { counts: AtomicBool::new(false), live: AtomicUsize::new(0) };

/// Counts from now on, to the end of the process.
pub(crate) fn count() {
    ALLOCATOR.counts.store(true, Relaxed);
}

/// Bytes that were asked for since, less those given back. What the system rounds them up to is not in it.
pub(crate) fn live() -> usize {
    ALLOCATOR.live.load(Relaxed)
}

struct Counting {
    counts: AtomicBool,
    live: AtomicUsize,
}

impl Counting {
    /// Wraps around while more is given back than was asked for, which evens out.
    #[inline]
    fn change(&self, more: usize, less: usize) {
        if self.counts.load(Relaxed) {
            self.live.fetch_add(more.wrapping_sub(less), Relaxed);
        }
    }
}

// SAFETY: The system's allocator does everything.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.change(layout.size(), 0);
        // SAFETY: The caller promises what it asks for.
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.change(layout.size(), 0);
        // SAFETY: As above.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.change(0, layout.size());
        // SAFETY: As above.
        unsafe { System.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.change(size, layout.size());
        // SAFETY: As above.
        unsafe { System.realloc(block, layout, size) }
    }
}
