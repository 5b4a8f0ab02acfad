//! Handles: numbers that stand for objects.
//!
//! An id holds the type, the generation and the index of a slot. A slot counts who uses its object at the moment; an
//! object that is freed meanwhile lives until the last of them is done. Wrong numbers of any kind are noticed.
//!
//! There is no lock on purpose. A process may fork while any of its threads is anywhere in here, and the child, which
//! has none of those threads, must be able to go on: a lock that one of them held would never be released. With atomic
//! operations alone the worst that a child inherits is a slot that such a thread was using: it is never used again.

use std::{any::Any, ops::Deref, ptr};

use flowai::{Error, ErrorKind, Result};
use once_cell::race::OnceBox;

use crate::atomic::{AtomicPtr, AtomicU32, AtomicU64, FIRST_SEGMENT, Ordering, process_wide};

/// One kind of handle and the objects that it stands for.
pub(crate) trait Handle: Copy {
    type Object: Send + Sync + 'static;
    /// Another one for each kind, never 0.
    const TAG: u8;
    /// The name of the type in C.
    const NAME: &'static str;
    fn id(self) -> u64;
    fn of(id: u64) -> Self;
}

/// Says which objects a handle stands for.
macro_rules! handle {
    ($handle:ident => $object:ty, $tag:literal) => {
        impl $crate::registry::Handle for $handle {
            type Object = $object;
            const TAG: u8 = $tag;
            const NAME: &'static str = stringify!($handle);
            fn id(self) -> u64 {
                self.id
            }
            fn of(id: u64) -> Self {
                $handle { id }
            }
        }
    };
}
pub(crate) use handle;

// An id: 8 bits tag, 32 bits generation, 24 bits index.
const INDEX_BITS: u32 = 24;
const MAX_SLOTS: u32 = 1 << INDEX_BITS;
const TAG_SHIFT: u32 = 56;

// The state of a slot: 32 bits generation, 1 bit live, 31 bits pins.
const LIVE: u64 = 1 << 31;
const PINS: u64 = LIVE - 1;
const GENERATION_SHIFT: u32 = 32;

/// Segment `n` has `FIRST_SEGMENT << n` slots; together they have `MAX_SLOTS`, nearly.
const SEGMENTS: usize = 18;

type Object = Box<dyn Any + Send + Sync>;

#[derive(Default)]
struct Slot {
    state: AtomicU64,
    object: AtomicPtr<Object>,
    /// The next free slot, or the next one to be reclaimed, as index + 1.
    next_free: AtomicU32,
}

struct Registry {
    segments: [OnceBox<Box<[Slot]>>; SEGMENTS],
    /// How many slots were ever used.
    used: AtomicU32,
    /// The first slot that is to be reclaimed, as index + 1: see [`visit`].
    left: AtomicU32,
    /// The first free slot: index + 1 in the low half, and a count of changes, so that a slot that was taken and
    /// given back meanwhile is not mistaken for an unchanged list.
    free: AtomicU64,
}

process_wide!(REGISTRY: Registry = Registry {
    segments: [const { OnceBox::new() }; SEGMENTS],
    used: AtomicU32::new(0),
    left: AtomicU32::new(0),
    free: AtomicU64::new(0),
});

impl Registry {
    fn slot(&'static self, index: u32) -> Option<&'static Slot> {
        let (number, first) = segment_of(index);
        let segment = self.segments.get(number as usize)?.get_or_init(|| {
            let slots = (0..FIRST_SEGMENT << number).map(|_| Slot::default()).collect();
            Box::new(slots)
        });
        segment.get((index - first) as usize)
    }

    /// A slot that was used before. Nothing is allocated.
    fn known_slot(&'static self, index: u32) -> Option<&'static Slot> {
        let (number, first) = segment_of(index);
        let segment = self.segments.get(number as usize)?.get()?;
        segment.get((index - first) as usize)
    }

    /// Leaves a slot to be reclaimed by whoever makes the next handle.
    fn leave(&self, index: u32, slot: &Slot) {
        let mut first = self.left.load(Ordering::Acquire);
        loop {
            slot.next_free.store(first, Ordering::Relaxed);
            match self
                .left
                .compare_exchange_weak(first, index + 1, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return,
                Err(other) => first = other,
            }
        }
    }

    fn reclaim_what_was_left(&'static self) {
        if self.left.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut next = self.left.swap(0, Ordering::AcqRel);
        while let Some(index) = next.checked_sub(1) {
            let Some(slot) = self.known_slot(index) else {
                return;
            };
            next = slot.next_free.load(Ordering::Relaxed);
            let generation = (slot.state.load(Ordering::Acquire) >> GENERATION_SHIFT) as u32;
            slot.reclaim(index, generation);
        }
    }

    fn take_slot(&'static self) -> Option<(u32, &'static Slot)> {
        self.reclaim_what_was_left();
        let mut head = self.free.load(Ordering::Acquire);
        while let Some(index) = (head as u32).checked_sub(1) {
            let slot = self.slot(index)?;
            let next = changed(head, slot.next_free.load(Ordering::Relaxed));
            match self
                .free
                .compare_exchange_weak(head, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Some((index, slot)),
                Err(other) => head = other,
            }
        }
        let fresh = self
            .used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
                (used < MAX_SLOTS - FIRST_SEGMENT).then_some(used + 1)
            });
        let index = fresh.ok()?;
        Some((index, self.slot(index)?))
    }

    fn give_slot_back(&self, index: u32, slot: &Slot) {
        let mut head = self.free.load(Ordering::Acquire);
        loop {
            slot.next_free.store(head as u32, Ordering::Relaxed);
            match self.free.compare_exchange_weak(
                head,
                changed(head, index + 1),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return,
                Err(other) => head = other,
            }
        }
    }
}

/// The segment that a slot is in, and the first slot of that.
fn segment_of(index: u32) -> (u32, u32) {
    let number = (index / FIRST_SEGMENT + 1).ilog2();
    (number, FIRST_SEGMENT * ((1 << number) - 1))
}

fn changed(head: u64, first: u32) -> u64 {
    (head >> 32).wrapping_add(1) << 32 | u64::from(first)
}

impl Slot {
    /// Changes the state of a live slot of this generation; false when it is not.
    fn change(&self, generation: u32, change: impl Fn(u64) -> u64) -> bool {
        self.state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
                let same = (state >> GENERATION_SHIFT) as u32 == generation;
                (same && state & LIVE != 0 && state & PINS < PINS).then(|| change(state))
            })
            .is_ok()
    }

    /// Called by whoever made the slot neither live nor pinned, once.
    fn reclaim(&self, index: u32, generation: u32) {
        let object = self.object.swap(ptr::null_mut(), Ordering::AcqRel);
        if !object.is_null() {
            // SAFETY: the pointer comes from Box::into_raw in `put`. It was swapped out, so nobody else frees it, and
            // no pin is left through which anybody could look at it.
            drop(unsafe { Box::from_raw(object) });
        }
        // A slot whose generations are used up is retired: numbers never come back.
        if let Some(next) = generation.checked_add(1) {
            self.state
                .store(u64::from(next) << GENERATION_SHIFT, Ordering::Release);
            REGISTRY.give_slot_back(index, self);
        }
    }

    fn is_done(state: u64) -> bool {
        state & (LIVE | PINS) == 0
    }
}

/// What keeps an object from being dropped while somebody uses it.
struct Pin {
    slot: &'static Slot,
    index: u32,
    generation: u32,
}

impl Drop for Pin {
    fn drop(&mut self) {
        let before = self.slot.state.fetch_sub(1, Ordering::AcqRel);
        if Slot::is_done(before.wrapping_sub(1)) {
            self.slot.reclaim(self.index, self.generation);
        }
    }
}

/// An object that somebody uses at the moment; it is not dropped before this is.
pub(crate) struct Held<T: 'static> {
    pin: Pin,
    value: &'static T,
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value
    }
}

/// Makes a handle for an object.
pub(crate) fn insert<H: Handle>(object: H::Object) -> Result<H> {
    put(Box::new(Box::new(object)), H::TAG).map(H::of)
}

/// As [`insert`]. What does not depend on the type is not generic: a device would hold it once for each.
fn put(object: Box<Object>, tag: u8) -> Result<u64> {
    let (index, slot) = REGISTRY
        .take_slot()
        .ok_or_else(|| Error::new(ErrorKind::Internal, "too many handles exist at the same time"))?;
    let generation = (slot.state.load(Ordering::Acquire) >> GENERATION_SHIFT) as u32;
    slot.object.store(Box::into_raw(object), Ordering::Release);
    slot.state.store(
        u64::from(generation) << GENERATION_SHIFT | LIVE,
        Ordering::Release,
    );
    Ok(u64::from(tag) << TAG_SHIFT | u64::from(generation) << INDEX_BITS | u64::from(index))
}

/// Whether a handle is `{0}`, which stands for none.
pub(crate) fn is_none<H: Handle>(handle: H) -> bool {
    handle.id() == 0
}

/// Pins the object with this id, of whatever type it is. The reference is good until the pin is dropped.
fn pinned(id: u64, tag: u8) -> Option<(Pin, &'static Object)> {
    let index = id as u32 & (MAX_SLOTS - 1);
    let generation = (id >> INDEX_BITS) as u32;
    let known = (id >> TAG_SHIFT) as u8 == tag && index < REGISTRY.used.load(Ordering::Acquire);
    let slot = known.then(|| REGISTRY.slot(index)).flatten()?;
    if !slot.change(generation, |state| state + 1) {
        return None;
    }
    let pin = Pin {
        slot,
        index,
        generation,
    };
    let object = slot.object.load(Ordering::Acquire);
    // SAFETY: the slot is pinned since `change`, so the object that `put` put here is there until the pin is given back
    // by `Pin::drop`; the reference is handed out by `Held` alone, bounded by its own life, which is that of the pin.
    Some((pin, unsafe { object.as_ref() }?))
}

#[cold]
fn bad(name: &str) -> Error {
    Error::new(
        ErrorKind::BadHandle,
        format!("this {name} was freed, or never was one"),
    )
}

/// The object of a handle.
///
/// # Errors
/// `BadHandle` when it never was one of this kind, or was freed.
pub(crate) fn get<H: Handle>(handle: H) -> Result<Held<H::Object>> {
    // The type in the id may be forged; then the pin is given back.
    pinned(handle.id(), H::TAG)
        .and_then(|(pin, object)| {
            let value = object.downcast_ref::<H::Object>()?;
            Some(Held { pin, value })
        })
        .ok_or_else(|| bad(H::NAME))
}

/// Shows the object of a handle; false when there is none. Async-signal-safe: nothing is allocated or freed, and no lock
/// is taken. When the handle is freed meanwhile, its object is dropped by whoever makes the next handle.
pub(crate) fn visit<H: Handle>(handle: H, look: impl FnOnce(&H::Object)) -> bool {
    let id = handle.id();
    let (index, generation) = (id as u32 & (MAX_SLOTS - 1), (id >> INDEX_BITS) as u32);
    let known = (id >> TAG_SHIFT) as u8 == H::TAG && index < REGISTRY.used.load(Ordering::Acquire);
    let Some(slot) = known.then(|| REGISTRY.known_slot(index)).flatten() else {
        return false;
    };
    if !slot.change(generation, |state| state + 1) {
        return false;
    }
    let object = slot.object.load(Ordering::Acquire);
    // SAFETY: the slot is pinned since `change`, so the object that `put` put here is there until the pin is given
    // back below.
    let value = unsafe { object.as_ref() }.and_then(|object| object.downcast_ref::<H::Object>());
    let found = value.map(look).is_some();
    let before = slot.state.fetch_sub(1, Ordering::AcqRel);
    if Slot::is_done(before.wrapping_sub(1)) {
        REGISTRY.leave(index, slot);
    }
    found
}

/// The object of a handle that may be `{0}`.
pub(crate) fn get_optional<H: Handle>(handle: H) -> Result<Option<Held<H::Object>>> {
    if is_none(handle) {
        return Ok(None);
    }
    get(handle).map(Some)
}

/// Frees a handle. `{0}` and handles that are not valid are left alone.
pub(crate) fn remove<H: Handle>(handle: H) {
    // Holding it proves the type, and leaves dropping the object to one place.
    if let Ok(held) = get(handle) {
        held.pin.slot.change(held.pin.generation, |state| state & !LIVE);
    }
}

/// Frees every handle that there is.
pub(crate) fn remove_all() {
    for index in 0..REGISTRY.used.load(Ordering::Acquire) {
        let Some(slot) = REGISTRY.slot(index) else { return };
        let generation = (slot.state.load(Ordering::Acquire) >> GENERATION_SHIFT) as u32;
        if slot.change(generation, |state| state + 1) {
            slot.change(generation, |state| state & !LIVE);
            drop(Pin {
                slot,
                index,
                generation,
            });
        }
    }
}
