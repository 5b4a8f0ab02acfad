//! The queue, its consumers, and the end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::{
    collections::BTreeSet,
    net::TcpStream,
    sync::{Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use flowai::{Error, ErrorKind, webhook::EventKind};
use flowai_delivery::{Limits, Receiver};
use support::*;

fn push(receiver: &Receiver, kind: &str, thread_id: &str) -> u16 {
    ask(receiver, post(&event(kind, thread_id), "")).status
}

fn taken(receiver: &Receiver) -> String {
    receiver
        .next(Some(LONG))
        .unwrap()
        .unwrap()
        .thread_id()
        .into_owned()
}

fn kind_of<T: std::fmt::Debug>(result: flowai::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn a_full_queue_asks_to_try_again() {
    let receiver = open().queue(2).start().unwrap();
    assert_eq!(
        [push(&receiver, "paused", "a"), push(&receiver, "paused", "b")],
        [200; 2]
    );
    let answer = ask(&receiver, post(&event("paused", "c"), ""));
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    assert_eq!(taken(&receiver), "a");
    // Two events need two places: none of them is taken alone.
    let two = format!("[{},{}]", event("paused", "x"), event("paused", "y"));
    assert_eq!(ask(&receiver, post(&two, "")).status, 503);
    assert_eq!(push(&receiver, "paused", "c"), 200);
    assert_eq!([taken(&receiver), taken(&receiver)], ["b", "c"]);
    assert_eq!(ask(&receiver, post(&two, "")).status, 200);
    // More than ever fit: trying again would never help.
    let three = format!("[{0},{0},{0}]", event("paused", "z"));
    assert_eq!(ask(&receiver, post(&three, "")).status, 413);
    let stats = receiver.stats().unwrap();
    assert_eq!((stats.accepted, stats.queued), (5, 2));
    assert_eq!(stats.rejected, [(413, 1), (503, 2)].into());
}

#[test]
fn queued_bodies_are_bounded_in_bytes() {
    let mut limits = Limits::default();
    limits.queued_bytes = 3000;
    let receiver = open().limits(limits).start().unwrap();
    let large = |bytes| format!("{}{}", " ".repeat(bytes), event("paused", "a"));
    assert_eq!(ask(&receiver, post(&large(5000), "")).status, 200);
    assert_eq!(push(&receiver, "paused", "b"), 503);
    taken(&receiver);
    let statuses = [(); 4].map(|()| ask(&receiver, post(&large(900), "")).status);
    assert_eq!(statuses, [200, 200, 200, 503]);
}

#[test]
fn bodies_in_flight_are_bounded_in_bytes() {
    let mut limits = Limits::default();
    limits.unread_bytes = 1000;
    let receiver = open().limits(limits).start().unwrap();
    let mut first = Client::new(&receiver);
    first
        .send("POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n")
        .send(" ".repeat(900));
    // The second is refused once the first has arrived; until then it may be alone.
    let long = format!("{}{}", " ".repeat(500), event("paused", "b"));
    let began = Instant::now();
    while ask(&receiver, post(&long, "")).status != 503 {
        assert!(began.elapsed() < LONG);
    }
    first.send(format!("{}{}", " ".repeat(1100 - REPLY.len()), REPLY));
    let status = first.answer().status;
    assert_eq!(status, 200, "the one that is alone goes on");
    assert_eq!(
        ask(&receiver, post(&long, "")).status,
        200,
        "and its bytes are given back"
    );
}

#[test]
fn next_waits_no_longer_than_it_should_and_ticks() {
    let receiver = open().start().unwrap();
    let began = Instant::now();
    let mut ticks = 0;
    let none = receiver.next_with(Some(Duration::from_millis(300)), &mut || {
        ticks += 1;
        Ok(())
    });
    assert!(none.unwrap().is_none());
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert!(ticks >= 2, "{ticks}");
    // A tick may use the receiver, since no lock is held, and may end the wait.
    let stopped = receiver.next_with(None, &mut || {
        receiver.stats()?;
        receiver.next(Some(Duration::ZERO))?;
        Err(Error::new(ErrorKind::Cancelled, "enough"))
    });
    assert_eq!(kind_of(stopped), ErrorKind::Cancelled);
    assert!(receiver.next(Some(Duration::ZERO)).unwrap().is_none());
}

#[test]
fn wait_takes_what_it_wants_and_leaves_the_rest_in_order() {
    let receiver = open().start().unwrap();
    for (kind, thread) in [
        ("paused", "a"),
        ("resumed", "b|channel"),
        ("paused", "b|channel"),
        ("resumed", "c"),
    ] {
        assert_eq!(push(&receiver, kind, thread), 200);
    }
    let wait = |kind, thread, timeout| {
        let event = receiver
            .wait(kind, thread, Some(timeout), &mut || Ok(()))
            .unwrap();
        event.map(|event| (event.kind(), event.thread_id().into_owned()))
    };
    let now = Duration::ZERO;
    assert_eq!(
        wait(Some(EventKind::Paused), Some("b"), now),
        Some((EventKind::Paused, "b|channel".into()))
    );
    assert_eq!(wait(Some(EventKind::Paused), Some("b"), now), None);
    assert_eq!(
        wait(Some(EventKind::Resumed), None, now),
        Some((EventKind::Resumed, "b|channel".into()))
    );
    assert_eq!(wait(None, Some("c"), now), Some((EventKind::Resumed, "c".into())));
    // What comes later is found by the one that waits, also while others come.
    thread::scope(|scope| {
        let late = scope.spawn(|| wait(None, Some("late"), LONG));
        for thread in ["x", "y", "late", "z"] {
            thread::sleep(Duration::from_millis(20));
            push(&receiver, "paused", thread);
        }
        assert_eq!(late.join().unwrap(), Some((EventKind::Paused, "late".into())));
    });
    assert_eq!([(); 4].map(|()| taken(&receiver)), ["a", "x", "y", "z"]);
}

#[test]
fn consumers_share_the_events() {
    const EVENTS: usize = 400;
    let receiver = open().start().unwrap();
    let got = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    match receiver.next(None) {
                        Ok(event) => got.lock().unwrap().push(event.unwrap().thread_id().into_owned()),
                        Err(error) => return assert_eq!(error.kind(), ErrorKind::Closed),
                    }
                }
            });
        }
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                while let Ok(event) = receiver.recv().await {
                    got.lock().unwrap().push(event.thread_id().into_owned());
                }
            });
        });
        let senders: Vec<_> = (0..4)
            .map(|sender| {
                let receiver = &receiver;
                scope.spawn(move || {
                    let mut client = Client::new(receiver);
                    for n in 0..EVENTS / 4 {
                        let body = event("paused", &format!("{sender}-{n}"));
                        assert_eq!(client.send(post(&body, "")).answer().status, 200);
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.join().unwrap();
        }
        receiver.stop().unwrap();
    });
    let got = got.into_inner().unwrap();
    assert_eq!(
        (got.len(), got.iter().collect::<BTreeSet<_>>().len()),
        (EVENTS, EVENTS)
    );
}

#[test]
fn receivers_and_their_futures_move_between_threads() {
    fn assert_send_sync<T: Send + Sync>(value: T) -> T {
        value
    }
    fn assert_send<T: Send>(_: T) {}
    let receiver = assert_send_sync(open().start().unwrap());
    assert_send(receiver.recv());
}

#[test]
fn a_dropped_recv_loses_nothing() {
    let receiver = open().start().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        for n in 0..20 {
            let thread_id = n.to_string();
            let waited = tokio::time::timeout(Duration::from_millis(1), receiver.recv()).await;
            assert!(waited.is_err());
            assert_eq!(push(&receiver, "paused", &thread_id), 200);
            assert_eq!(receiver.recv().await.unwrap().thread_id(), thread_id);
        }
    });
}

#[test]
fn stopping_answers_what_is_in_flight() {
    let receiver = open().start().unwrap();
    let mut silent = Client::new(&receiver);
    let mut idle = Client::new(&receiver);
    assert_eq!(
        idle.send(post(&event("paused", "first"), "")).answer().status,
        200
    );
    let mut half = Client::new(&receiver);
    let request = post(&event("paused", "second"), "");
    let (start, rest) = request.split_at(request.len() - 10);
    half.send(start);
    // Only a request that has been read is in flight; the answer to a later one shows that this one has.
    assert_eq!(
        ask(&receiver, "GET /hook HTTP/1.1\r\nHost: a\r\n\r\n").status,
        200
    );
    thread::sleep(Duration::from_millis(100));

    thread::scope(|scope| {
        let (done, stopped) = mpsc::channel();
        let receiver = &receiver;
        scope.spawn(move || done.send(receiver.stop()));
        idle.assert_closed();
        silent.assert_closed();
        assert!(
            TcpStream::connect(receiver.local_addr()).is_err(),
            "nothing more is accepted"
        );
        assert!(stopped.try_recv().is_err(), "a request is still in flight");
        let answer = half.send(rest).answer();
        assert_eq!((answer.status, answer.closes()), (200, true));
        stopped.recv_timeout(LONG).unwrap().unwrap();
    });
    // What was acknowledged can still be taken.
    assert_eq!([taken(&receiver), taken(&receiver)], ["first", "second"]);
    assert_eq!(kind_of(receiver.next(None)), ErrorKind::Closed);
    assert_eq!(
        kind_of(receiver.wait(None, Some("x"), None, &mut || Ok(()))),
        ErrorKind::Closed
    );
    receiver.stop().unwrap();
    receiver.close().unwrap();
}

#[test]
fn stopping_does_not_wait_for_ever() {
    let mut limits = Limits::default();
    limits.drain_time = Duration::from_millis(300);
    let receiver = open().limits(limits).start().unwrap();
    let mut stuck = Client::new(&receiver);
    stuck.send("POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n1");
    thread::sleep(Duration::from_millis(100));
    let began = Instant::now();
    let mut ticks = 0;
    receiver
        .stop_with(&mut || {
            ticks += 1;
            Ok(())
        })
        .unwrap();
    assert!(began.elapsed() < Duration::from_secs(5) && ticks >= 2);
    stuck.assert_closed();
}

#[test]
fn closing_and_dropping_end_at_once() {
    for drop_it in [false, true] {
        let receiver = open().start().unwrap();
        let address = receiver.local_addr();
        let mut stuck = Client::new(&receiver);
        stuck.send("POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n1");
        assert_eq!(push(&receiver, "paused", "a"), 200);
        if drop_it {
            drop(receiver);
        } else {
            receiver.close().unwrap();
            assert_eq!(taken(&receiver), "a");
            assert_eq!(kind_of(receiver.next(None)), ErrorKind::Closed);
        }
        stuck.assert_closed();
        let began = Instant::now();
        while TcpStream::connect(address).is_ok() {
            assert!(began.elapsed() < LONG);
        }
    }
}

#[test]
fn a_stop_wakes_everyone_who_waits() {
    let receiver = open().start().unwrap();
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| kind_of(receiver.next(None))))
            .collect();
        thread::sleep(Duration::from_millis(50));
        receiver.stop().unwrap();
        for thread in waiting {
            assert_eq!(thread.join().unwrap(), ErrorKind::Closed);
        }
    });
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let refused = |builder: flowai_delivery::ReceiverBuilder| {
        let error = builder.start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        error.argument_name().unwrap().to_owned()
    };
    assert_eq!(refused(Receiver::builder()), "verifier");
    assert!(Receiver::builder().verifier(None).start().is_ok());
    for address in ["", "nonsense", "127.0.0.1", "127.0.0.1:99999"] {
        assert_eq!(refused(open().listen(address)), "listen", "{address}");
    }
    for path in ["", "hook", "/a?b", "/a#b", "/a b", "http://a/b", "/a\r\nb"] {
        assert_eq!(refused(open().path(path)), "path", "{path}");
    }
    assert_eq!(refused(open().queue(0)), "queue");
    let mut limits = Limits::default();
    limits.body_bytes = 0;
    assert_eq!(refused(open().limits(limits)), "limits");

    let taken = open().start().unwrap();
    let error = open().listen(taken.local_addr().to_string()).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    let everywhere = open().listen("0.0.0.0:0").start().unwrap();
    assert_eq!(
        everywhere.url(),
        format!("http://127.0.0.1:{}/hook", everywhere.local_addr().port())
    );
}
