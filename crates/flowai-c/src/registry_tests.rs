#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::registry::{Handle, get, handle, insert, remove, visit};

#[derive(Clone, Copy)]
struct Number {
    id: u64,
}
#[derive(Clone, Copy)]
struct Counted {
    id: u64,
}
struct Count(Arc<AtomicUsize>);

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

handle!(Number => u32, 200);
handle!(Counted => Count, 201);

#[test]
fn a_handle_is_valid_from_insert_to_remove() {
    let handle: Number = insert(7).unwrap();
    assert_eq!(*get(handle).unwrap(), 7);
    remove(handle);
    remove(handle);
    assert!(get(handle).is_err());
    let other: Number = insert(8).unwrap();
    assert_ne!(handle.id, other.id);
    assert!(get(handle).is_err());
    assert_eq!(*get(other).unwrap(), 8);
    remove(other);
}

#[test]
fn wrong_types_and_made_up_numbers_are_noticed() {
    let handle: Number = insert(7).unwrap();
    assert!(get(Counted { id: handle.id }).is_err());
    // The right slot and generation under another type.
    let forged = handle.id & !(0xff << 56) | u64::from(Counted::TAG) << 56;
    assert!(get(Counted { id: forged }).is_err());
    remove(Counted { id: forged });
    for id in [
        0,
        1,
        u64::MAX,
        handle.id ^ 1 << 23,
        handle.id ^ 1 << 24,
        handle.id ^ 1 << 55,
    ] {
        assert!(get(Number { id }).is_err(), "{id:x}");
    }
    assert_eq!(*get(handle).unwrap(), 7);
    remove(handle);
}

#[test]
fn an_object_in_use_is_dropped_when_the_last_user_is_done() {
    let drops = Arc::new(AtomicUsize::new(0));
    let handle: Counted = insert(Count(drops.clone())).unwrap();
    let (first, second) = (get(handle).unwrap(), get(handle).unwrap());
    remove(handle);
    assert!(get(handle).is_err());
    drop(first);
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    drop(second);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[test]
fn an_object_that_is_freed_while_it_is_visited_is_dropped_by_who_makes_the_next_handle() {
    let drops = Arc::new(AtomicUsize::new(0));
    let handle: Counted = insert(Count(drops.clone())).unwrap();
    assert!(visit(handle, |_| remove(handle)));
    assert!(!visit(handle, |_| panic!("it was freed")));
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    let other: Number = insert(1).unwrap();
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    assert!(!visit(Counted { id: other.id }, |_| panic!("of another type")));
    assert!(visit(other, |number| assert_eq!(*number, 1)));
    remove(other);
    assert!(!visit(Number { id: 1 << 23 }, |_| panic!("never was one")));
}

#[test]
fn threads_that_use_and_free_the_same_handles_drop_each_object_once() {
    let drops = Arc::new(AtomicUsize::new(0));
    let stop = AtomicBool::new(false);
    let shared: Vec<std::sync::atomic::AtomicU64> = (0..8).map(|_| Default::default()).collect();
    let made = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for seed in 0..4usize {
            let (drops, stop, shared, made) = (&drops, &stop, &shared, &made);
            scope.spawn(move || {
                let mut turn = seed;
                while !stop.load(Ordering::Relaxed) {
                    turn = turn.wrapping_mul(31).wrapping_add(seed + 1);
                    let place = shared.get(turn % 8).unwrap();
                    if turn % 3 == 0 {
                        let handle: Counted = insert(Count(drops.clone())).unwrap();
                        made.fetch_add(1, Ordering::SeqCst);
                        remove(Counted {
                            id: place.swap(handle.id, Ordering::SeqCst),
                        });
                    } else if turn % 3 == 1 {
                        remove(Counted {
                            id: place.load(Ordering::SeqCst),
                        });
                    } else if let Ok(held) = get(Counted {
                        id: place.load(Ordering::SeqCst),
                    }) {
                        assert!(Arc::ptr_eq(&held.0, drops));
                    }
                }
            });
        }
        std::thread::sleep(std::time::Duration::from_millis(300));
        stop.store(true, Ordering::Relaxed);
    });
    for place in &shared {
        remove(Counted {
            id: place.load(Ordering::SeqCst),
        });
    }
    assert_eq!(drops.load(Ordering::SeqCst), made.load(Ordering::SeqCst));
}
