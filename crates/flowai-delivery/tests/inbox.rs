//! The inbox as its users see it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use flowai::{Error, ErrorKind, Result};
use flowai_delivery::{Delivery, EventState, Filter, Inbox, InboxOptions};
use support::*;

fn options(change: impl FnOnce(&mut InboxOptions)) -> InboxOptions {
    let mut options = InboxOptions::default();
    options.retry_min = Duration::from_millis(10);
    change(&mut options);
    options
}

fn taken(inbox: &Inbox) -> Delivery {
    inbox.next(Some(LONG)).unwrap().unwrap()
}

fn kind_of<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

/// The numbers of the dead letters, with their errors.
fn dead_letters(inbox: &Inbox) -> BTreeMap<i64, String> {
    let mut filter = Filter::default();
    filter.state = Some(EventState::Dead);
    let entries = inbox.list(&filter).unwrap();
    entries
        .into_iter()
        .map(|entry| (entry.id, entry.error.unwrap()))
        .collect()
}

#[test]
fn an_event_is_handed_out_until_it_is_acknowledged() {
    let place = Place::new();
    let inbox = Inbox::open(place.file()).unwrap();
    assert!(inbox.try_next().unwrap().is_none());
    let stored = inbox.put(reply("t|web", "m1")).unwrap();
    let delivery = taken(&inbox);
    assert_eq!((delivery.id(), delivery.attempt()), (stored[0].id, 1));
    assert_eq!(
        (&*delivery.event().thread_id(), delivery.event().text()),
        ("t|web", "hi".into())
    );
    assert!(!delivery.replayed() && !delivery.maybe_duplicate());
    assert!(delivery.received_at_ms() > 1_700_000_000_000);
    delivery.retry(Some(Duration::ZERO)).unwrap();
    assert_eq!(kind_of(delivery.ack()), ErrorKind::InvalidArgument, "said twice");
    let delivery = taken(&inbox);
    assert_eq!(delivery.attempt(), 2);
    delivery.ack().unwrap();
    assert!(inbox.try_next().unwrap().is_none());
    // The same message again is not stored again, even by another process.
    assert!(inbox.put(reply("t|web", "m1")).unwrap()[0].duplicate);
    inbox.close().unwrap();
    let inbox = Inbox::open(place.file()).unwrap();
    assert!(inbox.put(reply("t|web", "m1")).unwrap()[0].duplicate);
    assert!(inbox.try_next().unwrap().is_none());
}

#[test]
fn arrays_are_several_events_and_what_cannot_be_read_is_kept() {
    let place = Place::new();
    let inbox = Inbox::open(place.file()).unwrap();
    let (one, two) = (event("paused", "a"), event("resumed", "b"));
    let stored = inbox.put(format!("[{one}, {two}]")).unwrap();
    let (first, second) = (taken(&inbox), taken(&inbox));
    assert_eq!([first.id(), second.id()], [stored[0].id, stored[1].id]);
    assert_eq!(
        (&first.event().raw()[..], &second.event().raw()[..]),
        (one.as_bytes(), two.as_bytes())
    );
    assert!(inbox.put("[]").unwrap().is_empty());

    let bad = inbox.put(&b"{\"a\": \xff}"[..]).unwrap()[0];
    assert!(bad.dead);
    assert!(dead_letters(&inbox)[&bad.id].contains("not an event"));
    let (entry, body) = inbox.show(bad.id).unwrap().unwrap();
    assert_eq!(
        (entry.state, &body[..]),
        (EventState::Dead, &b"{\"a\": \xff}"[..])
    );
    assert_eq!(kind_of(inbox.replay(bad.id)), ErrorKind::WebhookParse);
    assert!(inbox.discard(bad.id).unwrap() && !inbox.discard(bad.id).unwrap());
}

#[test]
fn a_replay_has_the_same_bytes() {
    let place = Place::new();
    let inbox = Inbox::open(place.file()).unwrap();
    let body = format!("  {}\n", reply("t", "m"));
    let id = inbox.put(body.clone()).unwrap()[0].id;
    taken(&inbox).ack().unwrap();
    let copies = inbox.replay(id).unwrap();
    let copy = taken(&inbox);
    assert!(copy.replayed() && copies == [copy.id()] && copy.id() != id);
    assert_eq!(copy.event().raw(), body.as_bytes());
    copy.dead("never again").unwrap();
    let again = inbox.replay(copies[0]).unwrap();
    assert!(dead_letters(&inbox).is_empty());
    assert_eq!(taken(&inbox).id(), again[0]);
    assert!(inbox.replay(12345).unwrap().is_empty());
}

#[test]
fn what_keeps_failing_becomes_a_dead_letter_and_its_thread_goes_on() {
    let place = Place::new();
    let inbox = Inbox::open_with(
        place.file(),
        options(|o| (o.max_attempts, o.retry_min) = (3, Duration::from_millis(400))),
    )
    .unwrap();
    let ids: Vec<_> = (0..4)
        .map(|n| inbox.put(event("paused", &format!("t{}", n / 3))).unwrap()[0].id)
        .collect();
    // Failed, dropped, and failed again; the other thread is served in between.
    taken(&inbox).fail("first").unwrap();
    let other = taken(&inbox);
    assert_eq!(other.id(), ids[3]);
    other.ack().unwrap();
    drop(taken(&inbox));
    let last = taken(&inbox);
    assert_eq!((last.id(), last.attempt()), (ids[0], 3));
    let entry = inbox.show(ids[0]).unwrap().unwrap().0;
    assert!(entry.error.unwrap().contains("dropped"));
    last.fail("the database of the handler is down").unwrap();
    assert_eq!(
        dead_letters(&inbox)[&ids[0]],
        "the database of the handler is down (attempt 3, the last)"
    );
    let next = taken(&inbox);
    assert_eq!(next.id(), ids[1]);
    assert!(
        next.maybe_duplicate(),
        "three events with equal bodies are three events"
    );
    next.dead("at once").unwrap();
    assert_eq!(dead_letters(&inbox)[&ids[1]], "at once");
    taken(&inbox).ack().unwrap();
    let stats = inbox.stats().unwrap();
    assert_eq!((stats.waiting, stats.leased, stats.dead), (0, 0, 2));
}

#[test]
fn a_lease_ends_without_heartbeats() {
    let place = Place::new();
    let short = options(|o| o.lease_time = Duration::from_secs(2));
    let inbox = Inbox::open_with(place.file(), short).unwrap();
    inbox.put(event("paused", "a")).unwrap();
    let held = taken(&inbox);
    for _ in 0..5 {
        thread::sleep(Duration::from_millis(500));
        held.heartbeat().unwrap();
        assert!(inbox.try_next().unwrap().is_none());
    }
    // Whoever waits is woken by the end of the lease.
    let again = taken(&inbox);
    assert_eq!((again.id(), again.attempt()), (held.id(), 2));
    assert_eq!(kind_of(held.heartbeat()), ErrorKind::Closed);
    assert_eq!(kind_of(held.ack()), ErrorKind::Closed);
    again.ack().unwrap();
}

#[test]
fn an_event_that_is_never_settled_does_not_come_for_ever() {
    let place = Place::new();
    let short = options(|o| (o.lease_time, o.max_attempts) = (Duration::from_millis(50), 3));
    let inbox = Inbox::open_with(place.file(), short).unwrap();
    let id = inbox.put(event("paused", "a")).unwrap()[0].id;
    let held = [(); 3].map(|()| taken(&inbox));
    assert!(inbox.next(Some(Duration::from_millis(500))).unwrap().is_none());
    assert!(dead_letters(&inbox)[&id].contains("without an outcome"));
    assert_eq!(held.map(|delivery| delivery.attempt()), [1, 2, 3]);
}

#[test]
fn whoever_waits_is_woken_and_ticks() {
    let place = Place::new();
    let inbox = Inbox::open(place.file()).unwrap();
    let mut ticks = 0;
    let began = Instant::now();
    let none = inbox.next_with(Some(Duration::from_millis(300)), &mut || {
        ticks += 1;
        Ok(())
    });
    assert!(none.unwrap().is_none() && began.elapsed() >= Duration::from_millis(300) && ticks >= 2);
    let stopped = inbox.next_with(None, &mut || {
        inbox.stats()?;
        Err(Error::new(ErrorKind::Cancelled, "enough"))
    });
    assert_eq!(kind_of(stopped), ErrorKind::Cancelled);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| taken(&inbox).ack());
        thread::sleep(Duration::from_millis(100));
        inbox.put(event("paused", "a")).unwrap();
        waiting.join().unwrap().unwrap();
        let waiting = scope.spawn(|| kind_of(inbox.next(None)));
        thread::sleep(Duration::from_millis(100));
        inbox.close().unwrap();
        assert_eq!(waiting.join().unwrap(), ErrorKind::Closed);
    });
    assert_eq!(kind_of(inbox.put(event("paused", "a"))), ErrorKind::Closed);
    assert_eq!(kind_of(inbox.stats()), ErrorKind::Closed);
    // Closed means that the file is free, though this handle is still there.
    Inbox::open(place.file()).unwrap();
}

#[test]
fn an_awaited_put_is_safe_when_it_returns() {
    let place = Place::new();
    let inbox = Inbox::open(place.file()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let stored = runtime.block_on(inbox.put_async(event("paused", "a"))).unwrap();
    assert_eq!(taken(&inbox).id(), stored[0].id);
}

#[test]
fn workers_keep_the_order_of_each_thread() {
    const THREADS: usize = 20;
    const EVENTS: usize = 15;
    let place = Place::new();
    let inbox = Inbox::open_with(place.file(), options(|_| {})).unwrap();
    let (seen, busy, failures) = (
        Mutex::new(BTreeMap::<String, Vec<String>>::new()),
        Mutex::new(BTreeSet::new()),
        AtomicUsize::new(0),
    );
    let most = AtomicUsize::new(0);
    let handler = |delivery: &Arc<Delivery>| {
        let thread_id = delivery.event().thread_id().into_owned();
        {
            let mut busy = busy.lock().unwrap();
            assert!(busy.insert(thread_id.clone()), "two events of one thread");
            most.fetch_max(busy.len(), Ordering::SeqCst);
        }
        thread::sleep(Duration::from_millis(1));
        assert!(busy.lock().unwrap().remove(&thread_id));
        if delivery.attempt() == 1 && delivery.id() % 7 == 0 {
            failures.fetch_add(1, Ordering::SeqCst);
            if delivery.id() % 2 == 0 {
                panic!("on purpose");
            }
            return Err("on purpose");
        }
        let body = String::from_utf8(delivery.event().raw().to_vec()).unwrap();
        seen.lock().unwrap().entry(thread_id).or_default().push(body);
        Ok(())
    };
    thread::scope(|scope| {
        for part in 0..2 {
            let inbox = &inbox;
            scope.spawn(move || {
                for n in 0..EVENTS {
                    for t in (part..THREADS).step_by(2) {
                        inbox.put(reply(&format!("t{t}"), &n.to_string())).unwrap();
                    }
                }
            });
        }
        let owner = &inbox;
        scope.spawn(move || owner.handle(8, handler).unwrap());
        eventually(|| seen.lock().unwrap().values().map(Vec::len).sum::<usize>() == THREADS * EVENTS);
        eventually(|| inbox.stats().unwrap().waiting == 0);
        inbox.close().unwrap();
    });
    let seen = seen.into_inner().unwrap();
    for (thread_id, bodies) in &seen {
        let expected: Vec<_> = (0..EVENTS).map(|n| reply(thread_id, &n.to_string())).collect();
        assert_eq!(bodies, &expected);
    }
    assert!(failures.into_inner() > 20 && most.into_inner() > 1);
}

#[test]
fn handlers_fail_by_error_and_by_panic() {
    let place = Place::new();
    let inbox = Inbox::open_with(place.file(), options(|o| o.max_attempts = 2)).unwrap();
    let ids: Vec<_> = ["error", "panic", "dead", "ok"]
        .map(|thread_id| inbox.put(event("paused", thread_id)).unwrap()[0].id)
        .into();
    let handled = AtomicUsize::new(0);
    let handler = |delivery: &Arc<Delivery>| -> Result<(), String> {
        handled.fetch_add(1, Ordering::SeqCst);
        match &*delivery.event().thread_id() {
            "error" => Err("the answer is no".into()),
            "panic" => panic!("out of {}", "luck"),
            "dead" => delivery.dead("said by the handler").map_err(|e| e.to_string()),
            _ => Ok(()),
        }
    };
    // It ends when the tick says so, once the running handlers are done.
    let ended = inbox.handle_with(2, handler, &mut || {
        if inbox.stats()?.waiting == 0 {
            return Err(Error::new(ErrorKind::Cancelled, "all done"));
        }
        Ok(())
    });
    assert_eq!(kind_of(ended), ErrorKind::Cancelled);
    assert_eq!(handled.into_inner(), 6);
    let dead = dead_letters(&inbox);
    assert_eq!(dead[&ids[0]], "the answer is no (attempt 2, the last)");
    assert!(dead[&ids[1]].starts_with("the handler panicked: out of luck"));
    assert_eq!(dead[&ids[2]], "said by the handler");
    assert_eq!(inbox.show(ids[3]).unwrap().unwrap().0.state, EventState::Handled);
    assert_eq!(
        kind_of(inbox.handle(0, |_| Ok::<_, String>(()))),
        ErrorKind::InvalidArgument
    );
}

#[test]
fn a_slow_handler_keeps_its_event() {
    let place = Place::new();
    let short = options(|o| o.lease_time = Duration::from_millis(1500));
    let inbox = Inbox::open_with(place.file(), short).unwrap();
    inbox.put(event("paused", "a")).unwrap();
    let handled = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            inbox.handle(3, |_| {
                handled.fetch_add(1, Ordering::SeqCst);
                thread::sleep(Duration::from_secs(4));
                Ok::<_, String>(())
            })
        });
        eventually(|| inbox.stats().unwrap().waiting == 0);
        inbox.close().unwrap();
    });
    assert_eq!(handled.into_inner(), 1);
}

#[test]
fn another_process_can_look_and_mend() {
    let place = Place::new();
    assert_eq!(
        kind_of(Inbox::attach(place.file())),
        ErrorKind::Storage,
        "there is nothing"
    );
    let inbox = Inbox::open(place.file()).unwrap();
    let refused = Inbox::open(place.file()).unwrap_err();
    assert!(refused.kind() == ErrorKind::Storage && refused.to_string().contains("already open"));
    let beside = Inbox::attach(place.file()).unwrap();
    assert_eq!(kind_of(beside.next(None)), ErrorKind::InvalidArgument);
    assert_eq!(
        kind_of(beside.handle(1, |_| Ok::<_, String>(()))),
        ErrorKind::InvalidArgument
    );
    let id = inbox.put(event("paused", "a")).unwrap()[0].id;
    let held = taken(&inbox);
    assert_eq!(beside.list(&Filter::default()).unwrap().len(), 1);
    assert_eq!(
        kind_of(beside.discard(id)),
        ErrorKind::InvalidArgument,
        "it is being handled"
    );
    held.dead("x").unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| taken(&inbox));
        thread::sleep(Duration::from_millis(100));
        let copy = beside.replay(id).unwrap();
        let delivery = waiting.join().unwrap();
        assert_eq!([delivery.id()], copy[..]);
        delivery.ack().unwrap();
    });
    assert_eq!(beside.forget("a").unwrap(), 2);
    assert_eq!(kind_of(beside.forget("")), ErrorKind::InvalidArgument);
    assert!(inbox.list(&Filter::default()).unwrap().is_empty());
}

#[test]
fn a_full_disk_is_an_error_and_harms_nothing() {
    let place = Place::new();
    let small = options(|o| o.max_bytes = Some(200 << 10));
    let inbox = Inbox::open_with(place.file(), small).unwrap();
    let body = |n: usize| format!("{}{}", " ".repeat(3000), reply("t", &n.to_string()));
    let stored = (0..1000).take_while(|n| inbox.put(body(*n)).is_ok()).count();
    assert!(stored > 5 && stored < 100, "{stored}");
    assert_eq!(kind_of(inbox.put(body(1000))), ErrorKind::Storage);
    // What is there can be handled.
    for n in 0..stored {
        let delivery = taken(&inbox);
        assert_eq!(delivery.event().raw(), body(n).as_bytes());
        delivery.ack().unwrap();
    }
    assert!(inbox.try_next().unwrap().is_none());
    // Those that were handled make room.
    for n in 1000..1000 + stored {
        inbox.put(body(n)).unwrap();
    }
    assert_eq!(inbox.stats().unwrap().waiting, stored as u64);
}

#[test]
fn nothing_of_the_content_is_in_debug_output() {
    let place = Place::new();
    let inbox = Inbox::open(place.file()).unwrap();
    inbox.put(reply("a private thread", "m")).unwrap();
    let text = format!("{inbox:?} {:?}", taken(&inbox));
    assert!(!text.contains("private") && !text.contains("hi"), "{text}");
}
