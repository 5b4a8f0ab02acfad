//! Inbox and receiver, awaited.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::{
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use flowai::{Error, ErrorKind, EventKind, Result, runtime};
use flowai_delivery::{Delivery, EventState, Filter, Inbox, InboxOptions};
use support::*;
use tokio::sync::Notify;

fn options(change: impl FnOnce(&mut InboxOptions)) -> InboxOptions {
    let mut options = InboxOptions::default();
    options.retry_min = Duration::from_millis(10);
    change(&mut options);
    options
}

/// Runs a future on this thread; no test waits for ever.
fn run<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let late = || Error::new(ErrorKind::Timeout, "the test takes too long");
    runtime::block_on(async {
        tokio::time::timeout(LONG, future)
            .await
            .unwrap_or_else(|_| Err(late()))
    })?
}

async fn never() {
    std::future::pending().await
}

fn in_state(inbox: &Inbox, state: EventState) -> usize {
    let mut filter = Filter::default();
    filter.state = Some(state);
    inbox.list(&filter).unwrap().len()
}

#[test]
fn an_event_is_awaited_and_settled() {
    let place = Place::new();
    let inbox = Inbox::open(place.file()).unwrap();
    assert!(run(inbox.next_async(Some(Duration::ZERO))).unwrap().is_none());
    assert!(
        run(inbox.next_async(Some(Duration::from_millis(30))))
            .unwrap()
            .is_none()
    );
    let later = inbox.clone();
    let putting = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        later.put(reply("t|web", "m1")).unwrap();
    });
    let delivery = run(inbox.next_async(None)).unwrap().unwrap();
    putting.join().unwrap();
    assert_eq!(delivery.attempt(), 1);
    run(delivery.retry_async(Some(Duration::ZERO))).unwrap();
    let said_twice = run(delivery.ack_async()).unwrap_err();
    assert_eq!(said_twice.kind(), ErrorKind::InvalidArgument);
    let delivery = run(inbox.next_async(None)).unwrap().unwrap();
    run(delivery.fail_async("not now")).unwrap();
    let delivery = run(inbox.next_async(None)).unwrap().unwrap();
    assert_eq!(delivery.attempt(), 3);
    run(delivery.dead_async("never")).unwrap();
    assert_eq!(in_state(&inbox, EventState::Dead), 1);
    inbox.put(reply("t|web", "m2")).unwrap();
    let delivery = run(inbox.next_async(None)).unwrap().unwrap();
    run(delivery.ack_async()).unwrap();
    assert_eq!(in_state(&inbox, EventState::Handled), 1);
    let guest = Inbox::attach(place.file()).unwrap();
    let refused = run(guest.next_async(None)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    let waiting = inbox.next_async(None);
    inbox.close().unwrap();
    assert_eq!(run(waiting).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn an_event_whose_future_is_dropped_comes_again_and_no_attempt_counts() {
    let place = Place::new();
    // A lease that ended by itself would come too late.
    let inbox = Inbox::open_with(place.file(), options(|o| o.lease_time = Duration::from_secs(600))).unwrap();
    inbox.put(reply("t", "m1")).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    for round in 0..50_u64 {
        let mut next = Box::pin(inbox.next_async(None));
        if let Poll::Ready(taken) = next.as_mut().poll(&mut context) {
            let delivery = taken.unwrap().unwrap();
            assert_eq!(delivery.attempt(), 1);
            run(delivery.ack_async()).unwrap();
            inbox.put(reply("t", &format!("again{round}"))).unwrap();
        }
        // It is dropped before, while and after the event is taken.
        thread::sleep(Duration::from_micros(100 * (round % 20)));
        drop(next);
    }
    let delivery = run(inbox.next_async(None)).unwrap().unwrap();
    assert_eq!(delivery.attempt(), 1);
    assert_eq!(in_state(&inbox, EventState::Waiting), 1);
}

#[test]
fn handlers_are_awaited_in_the_order_of_the_threads() {
    let place = Place::new();
    let inbox = Inbox::open_with(place.file(), options(|_| {})).unwrap();
    for number in 0..40 {
        inbox
            .put(reply(&format!("t{}", number % 4), &format!("m{number}")))
            .unwrap();
    }
    let (handled, running, most) = (
        Arc::new(Mutex::new(Vec::new())),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
    );
    let done = Arc::new(Notify::new());
    let handler = {
        let (handled, running, most, done) = (handled.clone(), running.clone(), most.clone(), done.clone());
        move |delivery: Arc<Delivery>| {
            let (handled, running, most, done) =
                (handled.clone(), running.clone(), most.clone(), done.clone());
            async move {
                let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                runtime::sleep(Duration::from_millis(5)).await?;
                running.fetch_sub(1, Ordering::SeqCst);
                if delivery.id() % 7 == 0 && delivery.attempt() == 1 {
                    return Err(Error::new(ErrorKind::Connection, "at first it fails"));
                }
                let mut handled = handled.lock().unwrap();
                handled.push((delivery.event().thread_id().into_owned(), delivery.id()));
                if handled.len() == 40 {
                    done.notify_one();
                }
                Ok(())
            }
        }
    };
    let stop = async move { done.notified().await };
    run(inbox.handle_async(4, handler, stop)).unwrap();
    assert!((2..=4).contains(&most.load(Ordering::SeqCst)));
    let handled = handled.lock().unwrap();
    for thread in 0..4 {
        let name = format!("t{thread}");
        let ids: Vec<i64> = handled
            .iter()
            .filter(|(id, _)| *id == name)
            .map(|(_, id)| *id)
            .collect();
        assert_eq!(ids.len(), 10);
        assert!(ids.is_sorted());
    }
    assert_eq!(in_state(&inbox, EventState::Handled), 40);
}

#[test]
fn a_handler_that_fails_or_panics_or_takes_long() {
    let place = Place::new();
    let inbox = Inbox::open_with(
        place.file(),
        options(|o| {
            o.max_attempts = 2;
            o.lease_time = Duration::from_millis(1500);
        }),
    )
    .unwrap();
    for name in ["panics", "fails", "long", "says"] {
        inbox.put(reply(name, name)).unwrap();
    }
    let watched = inbox.clone();
    let handler = |delivery: Arc<Delivery>| async move {
        match &*delivery.event().thread_id() {
            "panics" => panic!("on purpose"),
            "fails" => return Err(Error::new(ErrorKind::Connection, "no network")),
            "long" => runtime::sleep(Duration::from_millis(3500)).await?,
            _ => delivery.dead_async("said by itself").await?,
        }
        Ok(())
    };
    let stop = async move {
        while watched.stats().unwrap().waiting > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    run(inbox.handle_async(4, handler, stop)).unwrap();
    let mut filter = Filter::default();
    filter.limit = 10;
    let mut errors: Vec<(String, u32, Option<String>)> = inbox
        .list(&filter)
        .unwrap()
        .into_iter()
        .map(|entry| (entry.thread_id, entry.attempts, entry.error))
        .collect();
    errors.sort();
    let told = |thread: &str, attempts, error: Option<&str>| {
        (thread.to_owned(), attempts, error.map(ToOwned::to_owned))
    };
    assert_eq!(
        errors,
        [
            told("fails", 2, Some("no network (attempt 2, the last)")),
            told("long", 1, None),
            told(
                "panics",
                2,
                Some("the handler panicked: on purpose (attempt 2, the last)")
            ),
            told("says", 1, Some("said by itself")),
        ]
    );
    let refused = run(inbox.handle_async(0, |_| async { Ok::<_, Error>(()) }, never())).unwrap_err();
    assert_eq!(refused.argument_name(), Some("workers"));
    // Closing ends it too.
    let handling = inbox.handle_async(2, |_| async { Ok::<_, Error>(()) }, never());
    let closing = inbox.clone();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        closing.close().unwrap();
    });
    run(handling).unwrap();
}

#[test]
fn a_receiver_is_awaited() {
    let receiver = open().start().unwrap();
    let wait = |kind, thread_id, time| run(receiver.wait_async(kind, thread_id, time));
    assert_eq!(wait(None, None, Some(Duration::ZERO)).unwrap(), None);
    assert_eq!(wait(None, None, Some(Duration::from_millis(20))).unwrap(), None);
    let mut wanted = pin!(receiver.wait_async(Some(EventKind::Paused), Some("b"), None));
    let mut context = Context::from_waker(Waker::noop());
    assert!(wanted.as_mut().poll(&mut context).is_pending());
    let body = [
        event("control.resume", "b"),
        event("control.pause", "a"),
        event("control.pause", "b"),
    ];
    let answer = ask(
        &receiver,
        post(&format!("[{}]", body.join(",")), "Connection: close\r\n"),
    );
    assert_eq!(answer.status, 200);
    let found = run(wanted).unwrap().unwrap();
    assert_eq!((found.kind(), &*found.thread_id()), (EventKind::Paused, "b"));
    let first = wait(None, None, None).unwrap().unwrap();
    assert_eq!(first.kind(), EventKind::Resumed);
    receiver.stop().unwrap();
    assert!(wait(None, None, None).unwrap().is_some());
    assert_eq!(wait(None, None, None).unwrap_err().kind(), ErrorKind::Closed);
}
