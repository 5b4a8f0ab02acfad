//! What a forked child must not inherit: runtimes, sockets and locks that threads of the parent may hold.
//!
//! The child's handler only counts. Values are tagged with the count at which they were made, and a value of another
//! count is leaked, never dropped: dropping would close descriptors and join threads that the parent still uses.
#![allow(unsafe_code)]

use std::{
    convert::Infallible,
    marker::PhantomData,
    ops::Deref,
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
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

/// A value that each process makes for itself on first use, and that can be taken away when nobody uses it.
pub(crate) struct Shared<T> {
    value: PerProcess<T>,
    /// How many use it now.
    users: PerProcess<AtomicUsize>,
    /// The generation in which it is being taken away, plus one. While that lasts nobody begins to use it.
    closing: AtomicU64,
}

/// A value in use; it is not taken away before this is dropped.
pub(crate) struct Used<T: 'static> {
    value: &'static T,
    users: &'static AtomicUsize,
}

impl<T> Deref for Used<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value
    }
}

impl<T> Drop for Used<T> {
    fn drop(&mut self) {
        self.users.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<T: Send + Sync> Shared<T> {
    pub(crate) const fn new() -> Shared<T> {
        Shared {
            value: PerProcess::new(),
            users: PerProcess::new(),
            closing: AtomicU64::new(0),
        }
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst) == generation().wrapping_add(1)
    }

    fn users(&'static self) -> &'static AtomicUsize {
        let made: Result<&AtomicUsize, Infallible> = self.users.get_or_try_init(|| Ok(AtomicUsize::new(0)));
        match made {
            Ok(users) => users,
        }
    }

    /// The value of this process.
    pub(crate) fn get_or_try_init<E>(
        &'static self,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Used<T>, E> {
        let users = self.users();
        loop {
            users.fetch_add(1, Ordering::SeqCst);
            if !self.is_closing() {
                break;
            }
            users.fetch_sub(1, Ordering::SeqCst);
            thread::sleep(Duration::from_micros(100));
        }
        let used = self
            .value
            .get_or_try_init(make)
            .map(|value| Used { value, users });
        if used.is_err() {
            users.fetch_sub(1, Ordering::SeqCst);
        }
        used
    }

    /// The value of this process, if it has made one.
    pub(crate) fn get(&'static self) -> Option<Used<T>> {
        self.get_or_try_init(|| Err(())).ok()
    }

    /// Takes the value away, once nobody uses it; `None` when there is none, or somebody still uses it after this time.
    pub(crate) fn take(&'static self, time: Duration) -> Option<T> {
        let generation = generation();
        let before = self.closing.load(Ordering::SeqCst);
        let mark = generation.wrapping_add(1);
        if before == mark
            || self
                .closing
                .compare_exchange(before, mark, Ordering::SeqCst, Ordering::SeqCst)
                .is_err()
        {
            return None;
        }
        let until = Instant::now() + time;
        let users = self.users();
        while users.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        let mut taken = None;
        if users.load(Ordering::SeqCst) == 0 {
            let found = self.value.slot.load(Ordering::Acquire);
            // SAFETY: see `PerProcess::get_or_try_init`; nobody else takes it, since `closing` is ours.
            let is_ours = unsafe { found.as_ref() }.is_some_and(|slot| slot.generation == generation);
            if is_ours {
                self.value.slot.store(ptr::null_mut(), Ordering::Release);
                // SAFETY: the pointer comes from Box::into_raw. References to the value are handed out by `Used` alone,
                // and none is left: there are no users, and whoever begins now finds `closing` and steps back.
                taken = Some(unsafe { Box::from_raw(found) }.value);
            }
        }
        self.closing.store(0, Ordering::SeqCst);
        taken
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
