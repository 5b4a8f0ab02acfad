//! Many messages at a time, in Rust: the same engine that the other languages use.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::{
    cell::Cell,
    thread,
    time::{Duration, Instant},
};

use common::vectors_dir;
use flowai::{Client, Delivery, Error, ErrorKind, Many, Receipt};
use flowai_testkit::TestServer;

fn client(server: &TestServer, behaviour: &str) -> Client {
    Client::builder()
        .api_key("MY_MESSAGING_API_KEY")
        .base_url(format!("{}/fault/{behaviour}/rest/v1/", server.http()))
        .max_retries(0)
        .build()
        .unwrap()
}

fn messages(count: usize) -> impl Iterator<Item = (String, String)> {
    (0..count).map(|n| (format!("t{}", n % 100), n.to_string()))
}

fn is_own_answer(receipt: &Receipt) -> bool {
    receipt.request_id.as_deref() == receipt.trace_id.map(|id| id.to_string()).as_deref()
}

#[test]
fn one_result_for_each_message_in_their_order() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let client = client(&server, "ok/many");
    let results = client.send_many(messages(1000)).wait().unwrap();
    let iterated = client.send_many(messages(1000)).start().unwrap();
    for results in [results, iterated.collect()] {
        assert_eq!(results.len(), 1000);
        for (n, result) in results.into_iter().enumerate() {
            let receipt = result.unwrap();
            assert!(is_own_answer(&receipt), "{receipt:?}");
            assert_eq!(receipt.thread_id, format!("t{}", n % 100));
        }
    }
    let counts = server.counts("many");
    assert_eq!((counts.requests_read, counts.distinct), (2000, 2000));
    assert!(counts.connections <= 64, "{} connections", counts.connections);
}

#[test]
fn awaited_in_a_runtime_of_another() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let client = client(&server, "ok/manyawaited");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let count = runtime.block_on(async {
        let mut sending = client.send_many(messages(500)).start().unwrap();
        let mut count = 0;
        while let Some(result) = sending.next_awaited().await.unwrap() {
            assert!(is_own_answer(&result.unwrap()));
            count += 1;
        }
        let refused = client.send_many(messages(1)).wait().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
        count
    });
    assert_eq!(count, 500);
}

#[test]
fn the_messages_are_read_as_they_are_needed() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let client = client(&server, "ok/manyread");
    let read = Cell::new(0_u64);
    let endless = (0_u64..).map(|n| {
        read.set(n + 1);
        (n.to_string(), "x")
    });
    let options = Many::new().concurrency(2);
    let mut sending = client.send_many(endless).options(options).start().unwrap();
    for taken in 1..200 {
        assert!(sending.next().unwrap().is_ok());
        assert!(
            read.get() <= taken + 2 * 2 * 16,
            "{} read, {taken} taken",
            read.get()
        );
    }
}

#[test]
fn an_error_of_the_tick_ends_it_and_a_stop_says_what_became_of_each() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let client = client(&server, "stall/manystop");
    let stop = || Err(Error::new(ErrorKind::Cancelled, "enough"));
    let began = Instant::now();
    let stopped = client.send_many(messages(10)).wait_with(stop).unwrap_err();
    assert_eq!(stopped.message(), "enough");

    let options = Many::new().concurrency(4);
    let mut sending = client.send_many(messages(50)).options(options).start().unwrap();
    assert_eq!(sending.next_with(stop).unwrap_err().message(), "enough");
    while server.counts("manystop").requests_read < 10 + 4 {
        thread::sleep(Duration::from_millis(5));
    }
    sending.stop();
    let deliveries: Vec<_> = sending.map(|result| result.unwrap_err().delivery()).collect();
    let maybe_sent = deliveries
        .iter()
        .filter(|delivery| **delivery == Some(Delivery::MaybeSent))
        .count();
    assert_eq!((deliveries.len(), maybe_sent), (50, 4), "{deliveries:?}");
    assert!(began.elapsed() < Duration::from_secs(10));
    // The client goes on.
    let late = client
        .send_text("t", "x")
        .timeout(Duration::from_millis(200))
        .wait();
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Timeout);
}

#[test]
fn a_slow_iterator_holds_up_nothing_that_is_under_way() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let client = client(&server, "ok/manyslow");
    let mut behind = Vec::new();
    let slow = (0_u64..6).map(|n| {
        if n > 0 {
            thread::sleep(Duration::from_millis(150));
        }
        behind.push(n.saturating_sub(server.counts("manyslow").requests_read));
        (n.to_string(), "x")
    });
    assert_eq!(client.send_many(slow).wait().unwrap().len(), 6);
    // One may be late until it is known that the iterator is slow.
    assert!(behind.iter().all(|late| *late <= 1), "{behind:?}");
}

#[test]
fn what_follows_a_failure_can_be_left_out() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let client = client(&server, "status-500/manyskip");
    let three = || ["a", "a", "b"].map(|thread| (thread, "x"));
    let deliveries = |skip| {
        let sending = client
            .send_many(three())
            .options(Many::new().skip_after_failure(skip));
        let results = sending.wait().unwrap();
        results
            .into_iter()
            .map(|result| result.unwrap_err().delivery())
            .collect::<Vec<_>>()
    };
    use Delivery::{MaybeSent, NotSent};
    assert_eq!(deliveries(false), [Some(MaybeSent); 3]);
    assert_eq!(
        deliveries(true),
        [Some(MaybeSent), Some(NotSent), Some(MaybeSent)]
    );
    assert_eq!(server.counts("manyskip").requests_read, 5);
}
