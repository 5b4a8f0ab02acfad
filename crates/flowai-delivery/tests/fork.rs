//! A receiver in a forked child, and a child that inherits the sockets. Alone in its file: it forks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

#[path = "support/children.rs"]
mod children;
mod support;

use std::{
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use children::{end, in_child, result_of};
use flowai::{ErrorKind, Result};
use flowai_delivery::{Inbox, Receiver};
use support::*;

fn is_forked<T>(result: Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::Forked)
}

/// Uses the receiver as a child would; 0 when every call was refused as it should be.
fn misuse(receiver: &Receiver) -> i32 {
    let refused = [
        is_forked(receiver.next(None)),
        is_forked(receiver.wait(None, Some("x"), None, &mut || Ok(()))),
        is_forked(receiver.stats()),
        is_forked(receiver.stop()),
        is_forked(receiver.close()),
    ];
    i32::from(refused.contains(&false))
}

#[test]
fn children_cannot_use_and_do_not_disturb_a_receiver() {
    let mut receiver = open().start().unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        // Children are made while a thread of the parent may hold any lock of the receiver.
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                receiver.stats().unwrap();
                receiver.next(Some(Duration::ZERO)).unwrap();
            }
        });
        for _ in 0..50 {
            assert_eq!(result_of(in_child(|| misuse(&receiver))), Some(0));
        }
        over.store(true, Ordering::Relaxed);
    });

    // A child that drops what it inherited leaves the parent's alone.
    let inherited = &mut receiver;
    let child = in_child(move || {
        drop(std::mem::replace(inherited, open().start().unwrap()));
        // It may start one of its own.
        i32::from(
            ask(inherited, post(REPLY, "")).status != 200 || inherited.next(Some(LONG)).unwrap().is_none(),
        )
    });
    assert_eq!(result_of(child), Some(0));
    assert_eq!(ask(&receiver, post(REPLY, "")).status, 200);
    assert_eq!(receiver.next(Some(LONG)).unwrap().unwrap().thread_id(), "t1");

    // A child that lives on keeps copies of all sockets; the parent's end is the end all the same.
    let mut idle = Client::new(&receiver);
    assert_eq!(idle.send(post(REPLY, "")).answer().status, 200);
    let mut stuck = Client::new(&receiver);
    stuck.send("POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n1");
    thread::sleep(Duration::from_millis(100));
    let child = in_child(|| {
        thread::sleep(LONG * 3);
        0
    });
    receiver.close().unwrap();
    idle.assert_closed();
    stuck.assert_closed();
    assert!(TcpStream::connect(receiver.local_addr()).is_err());
    end(child);
}

#[test]
fn children_cannot_use_an_inbox_and_do_not_disturb_it() {
    let place = Place::new();
    let inbox = Inbox::open(place.file()).unwrap();
    inbox.put(event("paused", "a")).unwrap();
    let delivery = inbox.try_next().unwrap().unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        // Children are made while threads of the parent may hold any lock of the inbox.
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                inbox.put(event("paused", "b")).unwrap();
                inbox.stats().unwrap();
            }
        });
        for _ in 0..30 {
            let misuse = || {
                let refused = [
                    is_forked(inbox.next(None)),
                    is_forked(inbox.put(event("paused", "c"))),
                    is_forked(inbox.stats()),
                    is_forked(inbox.handle(1, |_| Ok::<_, String>(()))),
                    is_forked(inbox.close()),
                    is_forked(delivery.ack()),
                    is_forked(delivery.heartbeat()),
                ];
                i32::from(refused.contains(&false))
            };
            assert_eq!(result_of(in_child(misuse)), Some(0));
        }
        over.store(true, Ordering::Relaxed);
    });
    delivery.ack().unwrap();
    drop(delivery);

    // A child that drops what it inherited leaves the parent's alone.
    let mut kept = Some(inbox);
    let inherited = &mut kept;
    let file = place.file();
    let child = in_child(move || {
        let other = Place::new();
        let refused = is_forked(Inbox::open(&file)) && is_forked(Inbox::open(other.file()));
        *inherited = None;
        i32::from(!refused)
    });
    assert_eq!(result_of(child), Some(0));
    let inbox = kept.unwrap();
    inbox.put(event("paused", "d")).unwrap();

    // A child that lives on holds copies of the locks; the parent's end is the end all the same.
    let child = in_child(|| {
        thread::sleep(LONG * 3);
        0
    });
    inbox.close().unwrap();
    Inbox::open(place.file())
        .unwrap()
        .put(event("paused", "e"))
        .unwrap();
    end(child);
}
