//! Giving calls up from another thread.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::{
    thread,
    time::{Duration, Instant},
};

use common::vectors_dir;
use flowai::{Cancel, Client, Delivery, ErrorKind, Options};
use flowai_testkit::TestServer;

/// Room for a machine that has something else to do.
const SOON: Duration = Duration::from_secs(2);

fn client(server: &TestServer, behaviour: &str) -> Client {
    Client::builder()
        .api_key("MY_MESSAGING_API_KEY")
        .base_url(format!("{}/fault/{behaviour}/cancel/rest/v1/", server.http()))
        .build()
        .unwrap()
}

fn trigger_soon(cancel: &Cancel) -> thread::JoinHandle<Instant> {
    let cancel = cancel.clone();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        let at = Instant::now();
        cancel.trigger();
        at
    })
}

#[test]
fn a_call_ends_when_it_is_given_up_and_says_what_became_of_the_message() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let (cancel, client) = (Cancel::new(), client(&server, "stall"));
    let error = thread::scope(|scope| {
        let at = scope.spawn(|| {
            while server.counts("cancel").requests_read == 0 {
                thread::sleep(Duration::from_millis(5));
            }
            let at = Instant::now();
            cancel.trigger();
            at
        });
        let error = client.send_text("t", "Hello").cancel(&cancel).wait().unwrap_err();
        assert!(at.join().unwrap().elapsed() < SOON);
        error
    });
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Cancelled, Some(Delivery::MaybeSent))
    );
    assert_eq!(error.operation(), Some("send_text"));
    assert!(error.trace_id().is_some() && !error.is_retryable());
    // From now on nothing is sent.
    let error = client.send_text("t", "Hello").cancel(&cancel).wait().unwrap_err();
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Cancelled, Some(Delivery::NotSent))
    );
}

#[test]
fn every_call_of_a_client_can_be_given_up_and_each_by_itself_too() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let (all, one) = (Cancel::new(), Cancel::new());
    let client = client(&server, "stall")
        .with_options(Options::new().cancel(&all))
        .unwrap();
    for cancel in [&one, &all] {
        let at = trigger_soon(cancel);
        let error = client.bot_status("t").cancel(&one).wait().unwrap_err();
        assert!(at.join().unwrap().elapsed() < SOON);
        assert_eq!((error.kind(), error.delivery()), (ErrorKind::Cancelled, None));
        one.reset();
    }
    assert!(all.is_triggered() && all.check().is_err());
    assert_eq!(
        client.iter_history("t", None).next().unwrap().unwrap_err().kind(),
        ErrorKind::Cancelled
    );
}

#[test]
fn many_threads_can_wait_with_the_same_one_and_it_can_be_used_again() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let (cancel, client) = (Cancel::new(), client(&server, "stall"));
    for _ in 0..3 {
        cancel.reset();
        thread::scope(|scope| {
            let waits: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| client.send_text("t", "Hello").cancel(&cancel).wait().unwrap_err()))
                .collect();
            let at = trigger_soon(&cancel);
            for wait in waits {
                assert_eq!(wait.join().unwrap().kind(), ErrorKind::Cancelled);
            }
            assert!(at.join().unwrap().elapsed() < SOON);
        });
    }
}

#[test]
fn a_call_that_nobody_gives_up_is_not_disturbed() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let (cancel, client) = (Cancel::new(), client(&server, "ok"));
    for _ in 0..20 {
        client.send_text("t", "Hello").cancel(&cancel).wait().unwrap();
    }
}

/// Waits until the server has read as many requests of a run.
async fn read(server: &TestServer, run: &str, count: u64) {
    let until = Instant::now() + SOON;
    while server.counts(run).requests_read < count {
        assert!(Instant::now() < until, "the request did not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_future_that_is_dropped_leaves_word_of_its_message() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let mut call = client(&server, "stall").send_text("t", "Hello");
    let fate = call.fate();
    let waiting = tokio::spawn(call.into_future());
    read(&server, "cancel", 1).await;
    waiting.abort();
    let told = fate.give_up();
    assert_eq!(told.kind(), ErrorKind::Cancelled);
    assert_eq!(told.delivery(), Some(Delivery::MaybeSent));
    assert_eq!(told.operation(), Some("send_text"));
    assert!(told.trace_id().is_some());

    // What was given up does not leave, though it is awaited.
    let mut call = client(&server, "ok").send_text("t", "Hello");
    let fate = call.fate();
    assert_eq!(fate.give_up().delivery(), Some(Delivery::NotSent));
    let error = call.await.unwrap_err();
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Cancelled, Some(Delivery::NotSent))
    );
    assert_eq!(server.counts("cancel").requests_read, 1);

    // Its answer is known when nobody took it.
    let mut call = client(&server, "ok").send_text("t", "Hello");
    let fate = call.fate();
    let done = call.await;
    assert!(done.is_ok());
    assert_eq!(fate.give_up().delivery(), Some(Delivery::Sent));

    let mut reading = client(&server, "ok").bot_status("t");
    assert_eq!(reading.fate().give_up().delivery(), None);
}
