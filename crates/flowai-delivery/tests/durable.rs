//! The receiver with an inbox: what is acknowledged is stored, what cannot be stored is not acknowledged.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use flowai::ErrorKind;
use flowai_delivery::{EventState, Filter, Inbox, InboxOptions, Receiver};
use rusqlite::Connection;
use support::*;

fn with_inbox(inbox: &Inbox) -> Receiver {
    open().inbox(inbox.clone()).start().unwrap()
}

fn get(receiver: &Receiver, path: &str) -> Answer {
    ask(receiver, format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
}

fn health(receiver: &Receiver) -> (u16, serde_json::Value) {
    let answer = get(receiver, "/health");
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

#[test]
fn acknowledged_events_are_in_the_inbox() {
    let place = Place::new();
    let inbox = Inbox::open(place.file()).unwrap();
    let receiver = with_inbox(&inbox);
    let body = reply("t", "m1");
    assert_eq!(ask(&receiver, post(&body, "")).status, 200);
    let delivery = inbox.try_next().unwrap().unwrap();
    assert_eq!(delivery.event().raw(), body.as_bytes());
    delivery.ack().unwrap();
    // The call comes again, since its acknowledgement was lost: acknowledged, and not stored again.
    assert_eq!(ask(&receiver, post(&body, "")).status, 200);
    assert!(inbox.try_next().unwrap().is_none());
    // Without an identity it is another event.
    for expected in [false, true] {
        assert_eq!(ask(&receiver, post(&event("paused", "t"), "")).status, 200);
        let delivery = inbox.try_next().unwrap().unwrap();
        assert_eq!(delivery.maybe_duplicate(), expected);
        delivery.ack().unwrap();
    }
    let stats = receiver.stats().unwrap();
    assert_eq!((stats.accepted, stats.repeated, stats.queued), (3, 1, 0));
    // There is one place to take them from.
    let refused = [
        receiver.next(None).unwrap_err(),
        receiver.wait(None, Some("t"), None, &mut || Ok(())).unwrap_err(),
    ];
    assert!(
        refused
            .iter()
            .all(|error| error.kind() == ErrorKind::InvalidArgument)
    );
    // The end of the receiver is not the end of the inbox.
    receiver.stop().unwrap();
    drop(receiver);
    inbox.put(event("paused", "later")).unwrap();
}

#[test]
fn a_stopped_receiver_has_let_go_of_its_inbox() {
    let place = Place::new();
    for id in ["m1", "m2", "m3", "m4", "m5"] {
        let receiver = with_inbox(&Inbox::open(place.file()).unwrap());
        assert_eq!(ask(&receiver, post(&reply("t", id), "")).status, 200);
        receiver.stop().unwrap();
    }
    assert_eq!(Inbox::open(place.file()).unwrap().stats().unwrap().waiting, 5);
}

#[test]
fn a_verified_body_that_cannot_be_read_is_acknowledged_and_kept() {
    let place = Place::new();
    let inbox = Inbox::open(place.file()).unwrap();
    let receiver = verified().inbox(inbox.clone()).start().unwrap();
    let header = format!(
        "Authorization: Bearer {}\r\n",
        token(r#"{"alg":"HS256","typ":"JWT"}"#, "{}", SECRET)
    );
    for (headers, status) in [("", 401), (header.as_str(), 200)] {
        assert_eq!(ask(&receiver, post("{\"type\": oops", headers)).status, status);
    }
    let entries = inbox.list(&Filter::default()).unwrap();
    assert_eq!((entries.len(), entries[0].state), (1, EventState::Dead));
    let (_, body) = inbox.show(entries[0].id).unwrap().unwrap();
    assert_eq!(body, "{\"type\": oops");
}

#[test]
fn what_cannot_be_stored_is_not_acknowledged() {
    let place = Place::new();
    let mut options = InboxOptions::default();
    options.lock_time = Duration::from_millis(100);
    options.max_bytes = Some(200 << 10);
    let inbox = Inbox::open_with(place.file(), options).unwrap();
    let receiver = with_inbox(&inbox);
    let numbered = |n: usize| format!("{}{}", " ".repeat(5000), reply("t", &n.to_string()));

    // Another process has locked the database.
    let other = Connection::open(place.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = ask(&receiver, post(&numbered(0), ""));
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    assert!(
        !answer.body.contains("inbox.db") && !answer.body.contains("/tmp"),
        "{}",
        answer.body
    );
    let (status, body) = health(&receiver);
    assert_eq!((status, &body["status"]), (503, &"failing".into()));
    assert!(body["failing_seconds"].is_number());
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(ask(&receiver, post(&numbered(0), "")).status, 200);

    // There is no room left.
    let mut acknowledged = 1;
    loop {
        match ask(&receiver, post(&numbered(acknowledged), "")).status {
            200 => acknowledged += 1,
            status => break assert_eq!(status, 503),
        }
        assert!(acknowledged < 100);
    }
    assert!(acknowledged > 3);
    // Every acknowledged event is there, and nothing else; with room again all goes on.
    for n in 0..acknowledged {
        let delivery = inbox.try_next().unwrap().unwrap();
        assert_eq!(delivery.event().raw(), numbered(n).as_bytes());
        delivery.ack().unwrap();
    }
    assert!(inbox.try_next().unwrap().is_none());
    assert_eq!(ask(&receiver, post(&numbered(acknowledged), "")).status, 200);
    // The report may be a second old.
    eventually(|| health(&receiver).0 == 200);

    inbox.close().unwrap();
    assert_eq!(ask(&receiver, post(&numbered(1000), "")).status, 503);
}

#[test]
fn health_is_told_without_content() {
    let place = Place::new();
    let inbox = Inbox::open(place.file()).unwrap();
    for thread_id in ["private one", "private two"] {
        inbox.put(event("paused", thread_id)).unwrap();
    }
    inbox
        .try_next()
        .unwrap()
        .unwrap()
        .dead("a private reason")
        .unwrap();
    let receiver = verified().inbox(inbox).start().unwrap();
    let answer = get(&receiver, "/health");
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (
            200,
            r#"{"dead":1,"oldest_waiting_seconds":0,"status":"ok","waiting":1}"#
        )
    );
    assert_eq!(get(&receiver, "/hook").body, r#"{"status":"ok"}"#);
    assert_eq!(get(&receiver, "/healthy").status, 404);
    let refused = ask(
        &receiver,
        "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(
        (refused.status, refused.header("allow")),
        (405, Some("GET, HEAD"))
    );

    let elsewhere = open().health("/status").start().unwrap();
    assert_eq!(get(&elsewhere, "/status").body, r#"{"queued":0,"status":"ok"}"#);
    assert_eq!(get(&elsewhere, "/health").status, 404);
    let nowhere = open().without_health().start().unwrap();
    assert_eq!(get(&nowhere, "/health").status, 404);
    // The webhook comes first where both have the same path.
    let same = open().path("/health").start().unwrap();
    assert_eq!(get(&same, "/health").body, r#"{"status":"ok"}"#);
    let bad = open().health("no path").start().unwrap_err();
    assert_eq!(bad.argument_name(), Some("health"));
}

#[test]
fn stopping_stores_what_is_in_flight() {
    let place = Place::new();
    let inbox = Inbox::open(place.file()).unwrap();
    let receiver = with_inbox(&inbox);
    // A commit that has to wait for another process for a moment.
    let other = Connection::open(place.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut client = Client::new(&receiver);
    client.send(post(&reply("t", "m"), ""));
    thread::sleep(Duration::from_millis(200));
    thread::scope(|scope| {
        let (done, stopped) = mpsc::channel();
        let receiver = &receiver;
        scope.spawn(move || done.send(receiver.stop()));
        thread::sleep(Duration::from_millis(300));
        assert!(stopped.try_recv().is_err(), "a commit is in flight");
        other.execute_batch("ROLLBACK").unwrap();
        let answer = client.answer();
        assert_eq!((answer.status, answer.closes()), (200, true));
        stopped.recv_timeout(LONG).unwrap().unwrap();
    });
    assert!(inbox.try_next().unwrap().is_some());
}

#[test]
fn many_clients_share_the_commits() {
    const CLIENTS: usize = 32;
    const CALLS: usize = 30;
    let place = Place::new();
    let inbox = Inbox::open(place.file()).unwrap();
    let receiver = with_inbox(&inbox);
    let began = Instant::now();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let receiver = &receiver;
            scope.spawn(move || {
                let mut connection = Client::new(receiver);
                for n in 0..CALLS {
                    let body = reply(&format!("t{client}"), &n.to_string());
                    assert_eq!(connection.send(post(&body, "")).answer().status, 200);
                }
            });
        }
    });
    assert!(began.elapsed() < LONG);
    assert_eq!(inbox.stats().unwrap().waiting, (CLIENTS * CALLS) as u64);
    inbox.close().unwrap();
    let inbox = Inbox::open(place.file()).unwrap();
    assert_eq!(inbox.stats().unwrap().waiting, (CLIENTS * CALLS) as u64);
}
