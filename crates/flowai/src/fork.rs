//! What a forked child must not inherit: runtimes, sockets and locks that threads of the parent may hold.
//!
//! The child's handler only counts. Values are tagged with the count at which they were made, and a value of another
//! count is leaked, never dropped: dropping would close descriptors and join threads that the parent still uses.
#![allow(unsafe_code)]

use std::{
    marker::PhantomData,
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering},
};

static GENERATION: AtomicU64 = AtomicU64::new(0);
static REGISTERED: AtomicBool = AtomicBool::new(false);

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::SeqCst);
}

/// A number that is different in a forked child.
pub fn generation() -> u64 {
    if !REGISTERED.load(Ordering::Acquire) {
        // SAFETY: the handler is a plain function without captures that performs one atomic addition, which is
        // async-signal-safe. Two threads may both register it; then a fork counts twice, which is as good as once.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        REGISTERED.store(true, Ordering::Release);
    }
    GENERATION.load(Ordering::Acquire)
}

struct Slot<T> {
    generation: u64,
    value: T,
}

/// A value that each process makes for itself on first use. No lock is involved, so none can be held across a fork.
#[derive(Debug)]
pub struct PerProcess<T> {
    slot: AtomicPtr<Slot<T>>,
    owns: PhantomData<T>,
}

impl<T: Send + Sync> Default for PerProcess<T> {
    fn default() -> PerProcess<T> {
        PerProcess::new()
    }
}

impl<T: Send + Sync> PerProcess<T> {
    /// Nothing yet.
    pub const fn new() -> PerProcess<T> {
        PerProcess {
            slot: AtomicPtr::new(ptr::null_mut()),
            owns: PhantomData,
        }
    }

    /// The value of this process, if it has made one. Async-signal-safe once [`generation`] was called.
    pub(crate) fn get(&self) -> Option<&T> {
        self.get_or_try_init(|| Err(())).ok()
    }

    /// The value of this process. When threads race to make it, one value wins and the others are dropped.
    ///
    /// # Errors
    /// The one of `make`; the next call tries again.
    pub fn get_or_try_init<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        let generation = generation();
        let found = self.slot.load(Ordering::Acquire);
        // SAFETY: a pointer that was ever stored comes from Box::into_raw below and is freed only in `drop`, which
        // has exclusive access; replaced values are leaked. So it is valid for as long as `self` is borrowed.
        if let Some(slot) = unsafe { found.as_ref() }
            && slot.generation == generation
        {
            return Ok(&slot.value);
        }
        let fresh = Box::into_raw(Box::new(Slot {
            generation,
            value: make()?,
        }));
        let winner = match self
            .slot
            .compare_exchange(found, fresh, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => fresh,
            Err(other) => {
                // SAFETY: `fresh` was not published, so this is the only pointer to it.
                drop(unsafe { Box::from_raw(fresh) });
                other
            }
        };
        // SAFETY: as above: published pointers stay valid while `self` is borrowed.
        Ok(unsafe { &(*winner).value })
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let found = *self.slot.get_mut();
        // SAFETY: see `get_or_try_init`; `&mut self` means that nobody borrows the value.
        let inherited = unsafe { found.as_ref() }.is_none_or(|slot| slot.generation != generation());
        if !inherited {
            // SAFETY: the pointer comes from Box::into_raw, is not null, and nobody else frees it.
            drop(unsafe { Box::from_raw(found) });
        }
    }
}
