//! The registry of handles under a model checker: loom runs each case in every order in which threads can meet, with
//! every value that the memory model lets them see, and finds two that touch an object at the same time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    missing_docs
)]

use loom::{cell::UnsafeCell, sync::Arc, sync::atomic::AtomicUsize, thread};

/// What crates/flowai-c/src/atomic.rs has for the library.
mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

    pub(crate) const FIRST_SEGMENT: u32 = 2;

    macro_rules! process_wide {
        ($name:ident: $type:ty = $value:expr) => {
            loom::lazy_static! { static ref $name: $type = $value; }
        };
    }
    pub(crate) use process_wide;
}

#[path = "../src/registry.rs"]
mod registry;

use atomic::Ordering;
use registry::{get, handle, insert, remove, remove_all, visit};

/// An object that notices when it is looked at while it is dropped.
struct Object {
    value: UnsafeCell<u32>,
    drops: Arc<AtomicUsize>,
}

unsafe impl Send for Object {}
unsafe impl Sync for Object {}

impl Drop for Object {
    fn drop(&mut self) {
        self.value.with_mut(|value| unsafe { *value = 0 });
        self.drops.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Clone, Copy)]
struct Number {
    id: u64,
}
handle!(Number => Object, 200);

fn object(value: u32, drops: &Arc<AtomicUsize>) -> Number {
    insert(Object {
        value: UnsafeCell::new(value),
        drops: drops.clone(),
    })
    .unwrap()
}

/// What a handle stands for, if it stands for anything.
fn value(handle: Number) -> Option<u32> {
    let held = get(handle).ok()?;
    Some(held.value.with(|value| unsafe { *value }))
}

fn check(case: impl Fn(&Arc<AtomicUsize>) + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || case(&Arc::new(AtomicUsize::new(0))));
}

#[test]
fn an_object_that_is_freed_while_it_is_used_is_dropped_once_and_afterwards() {
    check(|drops| {
        let handle = object(7, drops);
        let user = thread::spawn(move || value(handle));
        let other = thread::spawn(move || remove(handle));
        remove(handle);
        assert!(value(handle).is_none());
        assert!(matches!(user.join().unwrap(), None | Some(7)));
        other.join().unwrap();
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_stale_handle_never_stands_for_the_next_object() {
    check(|drops| {
        let stale = object(7, drops);
        let more = drops.clone();
        let user = thread::spawn(move || value(stale));
        let maker = thread::spawn(move || {
            remove(stale);
            let next = object(8, &more);
            assert_ne!(next.id, stale.id);
            assert_eq!(value(next), Some(8));
            next
        });
        assert!(matches!(user.join().unwrap(), None | Some(7)));
        let next = maker.join().unwrap();
        assert!(value(stale).is_none());
        assert_eq!(value(next), Some(8));
        remove(next);
        assert_eq!(drops.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn threads_that_make_and_free_never_get_the_same_place() {
    check(|drops| {
        // Two places that are free, so that both threads take from the list, and one gives back meanwhile.
        let (first, second) = (object(1, drops), object(2, drops));
        remove(first);
        remove(second);
        let more = drops.clone();
        let other = thread::spawn(move || {
            let one = object(3, &more);
            remove(one);
            object(4, &more)
        });
        let mine = object(5, drops);
        let other = other.join().unwrap();
        assert_ne!(mine.id, other.id);
        assert_eq!((value(mine), value(other)), (Some(5), Some(4)));
        remove(mine);
        remove(other);
        assert_eq!(drops.load(Ordering::SeqCst), 5);
    });
}

#[test]
fn freeing_everything_leaves_who_is_at_work_to_its_end() {
    check(|drops| {
        let (first, second) = (object(1, drops), object(2, drops));
        let user = thread::spawn(move || (value(first), value(second)));
        remove_all();
        let (one, two) = user.join().unwrap();
        assert!(matches!(one, None | Some(1)) && matches!(two, None | Some(2)));
        assert!(value(first).is_none() && value(second).is_none());
        assert_eq!(drops.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn an_object_that_is_freed_while_a_signal_handler_looks_is_dropped_by_whoever_makes_the_next_one() {
    check(|drops| {
        let handle = object(7, drops);
        let look = move || {
            let mut seen = None;
            visit(handle, |object| {
                seen = Some(object.value.with(|value| unsafe { *value }))
            });
            seen
        };
        let handler = thread::spawn(look);
        let more = drops.clone();
        let maker = thread::spawn(move || {
            remove(handle);
            object(8, &more)
        });
        assert!(matches!(look(), None | Some(7)));
        assert!(matches!(handler.join().unwrap(), None | Some(7)));
        let next = maker.join().unwrap();
        let another = object(9, drops);
        assert_eq!(drops.load(Ordering::SeqCst), 1);
        assert_eq!((value(next), value(another)), (Some(8), Some(9)));
        remove(next);
        remove(another);
        assert_eq!(drops.load(Ordering::SeqCst), 3);
    });
}
