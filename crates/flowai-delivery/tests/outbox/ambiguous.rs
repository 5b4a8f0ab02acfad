//! Messages of which nobody knows whether they were taken.

use std::{collections::HashMap, thread, time::Duration};

use flowai_delivery::{OnAmbiguous, Outbox, Outcome};
use flowai_sandbox::{Failure, Sandbox};
use flowai_testkit::TestServer;

use crate::support::*;

/// What a server can do after it has read a message, so that nobody knows whether it took it.
const DOUBTFUL: [&str; 8] = [
    "reset",
    "fin",
    "stall",
    "cut-head",
    "cut-body",
    "garbage",
    "status-500",
    "status-502",
];

fn faults() -> TestServer {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
    TestServer::start(vectors).unwrap()
}

/// For this many messages the server fails; every one is labelled, and none is repeated. `FLOWAI_OUTBOX_FAULTS` says how
/// many.
#[test]
fn no_message_is_repeated_unasked() {
    let wanted = std::env::var("FLOWAI_OUTBOX_FAULTS").ok();
    let count: usize = wanted.map_or(300, |text| text.parse().unwrap());
    let server = faults();
    thread::scope(|scope| {
        for word in DOUBTFUL {
            let server = &server;
            scope.spawn(move || fail(server, word, count.div_ceil(DOUBTFUL.len())));
        }
    });
}

fn fail(server: &TestServer, word: &str, count: usize) {
    let directory = Directory::new();
    let base = format!("{}/fault/{word}/{word}/rest/v1/", server.http());
    let hurried =
        flowai::Options::new().timeout(Duration::from_millis(if word == "stall" { 150 } else { 10_000 }));
    let client = client(&base, "MY_MESSAGING_API_KEY")
        .with_options(hurried)
        .unwrap();
    let mut options = quick();
    (options.retry_min, options.retry_max) = (Duration::ZERO, Duration::ZERO);
    let outbox = Outbox::open_with(directory.file(), client, options).unwrap();
    let mut trace_ids = HashMap::new();
    for n in 0..count {
        let receipt = outbox
            .send_text(&format!("t{}", n % 7), format!("{n}"))
            .wait()
            .unwrap();
        trace_ids.insert(receipt.trace_id.unwrap(), receipt.id);
    }
    for report in reports(&outbox, count) {
        assert_eq!(report.outcome, Outcome::MaybeSent, "{word}: {report:?}");
        assert_eq!(report.ambiguous_attempts, 1, "{word}: {report:?}");
        // A busy machine may need all of the short time before anything leaves; then it is tried again.
        assert!(report.attempts == 1 || word == "stall", "{word}: {report:?}");
        assert!(report.error.is_some() && report.error_kind.is_some());
        assert_eq!(trace_ids.remove(&report.trace_id.unwrap()), Some(report.id));
    }
    assert_eq!(outbox.flush(Some(LONG)).unwrap(), 0);
    let counts = server.counts(word);
    // A connection may be lost while a request is on its way to a server that stalls: then it was not read.
    assert!(
        counts.requests_read <= count as u64,
        "{word}: {}",
        counts.requests_read
    );
    assert_eq!(counts.distinct as u64, counts.requests_read, "{word}");
    if word != "stall" {
        assert_eq!(counts.requests_read, count as u64, "{word}");
    }
}

#[test]
fn a_message_is_repeated_when_that_is_asked_for_with_the_same_trace_id() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    sandbox
        .fail_next(Failure::reset().processed(true).times(3))
        .unwrap();
    let mut options = quick();
    options.on_ambiguous = OnAmbiguous::Repeat;
    let outbox = Outbox::open_with(directory.file(), client_of(&sandbox), options).unwrap();
    let receipt = outbox.send_text("t", "1").wait().unwrap();
    outbox.send_text("t", "2").wait().unwrap();
    let told = reports(&outbox, 2);
    assert_eq!(outcomes(&told), [Outcome::Sent; 2]);
    assert_eq!(
        (told[0].id, told[0].attempts, told[0].ambiguous_attempts),
        (receipt.id, 4, 3)
    );
    let texts: Vec<_> = arrived(&sandbox).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["1", "1", "1", "1", "2"]);
    let ids: Vec<_> = sandbox
        .requests()
        .iter()
        .map(|request| {
            serde_json::from_slice::<serde_json::Value>(&request.body).unwrap()["payload"]["traceId"].as_u64()
        })
        .collect();
    assert!(ids[..4].iter().all(|id| *id == receipt.trace_id));
}

#[test]
fn repeating_has_an_end() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    sandbox.fail_next(Failure::status(500).times(3)).unwrap();
    let mut options = quick();
    options.on_ambiguous = OnAmbiguous::Repeat;
    options.max_repeats = 2;
    let outbox = Outbox::open_with(directory.file(), client_of(&sandbox), options).unwrap();
    outbox.send_text("t", "1").wait().unwrap();
    outbox.send_text("t", "2").wait().unwrap();
    let told = reports(&outbox, 2);
    assert_eq!(outcomes(&told), [Outcome::MaybeSent, Outcome::Sent]);
    assert_eq!((told[0].attempts, told[0].status), (3, Some(500)));
}

#[test]
fn an_outage_makes_a_few_messages_doubtful_and_not_all() {
    let server = faults();
    let directory = Directory::new();
    let base = format!("{}/fault/status-502/outage/rest/v1/", server.http());
    let mut options = quick();
    (options.retry_min, options.retry_max) = (Duration::from_millis(200), Duration::from_secs(60));
    let outbox = Outbox::open_with(directory.file(), client(&base, "k"), options).unwrap();
    for n in 0..500 {
        outbox.send_text(&format!("t{n}"), "x").wait().unwrap();
    }
    eventually(|| outbox.stats().unwrap().ambiguous > 0);
    thread::sleep(Duration::from_millis(500));
    let stats = outbox.stats().unwrap();
    assert!((1..50).contains(&stats.ambiguous), "{}", stats.ambiguous);
    assert_eq!(stats.waiting + stats.ambiguous, 500);
}

#[test]
fn what_is_leaving_when_the_outbox_is_closed_is_doubtful() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    sandbox.fail_next(Failure::stall()).unwrap();
    let mut options = quick();
    options.close_time = Duration::from_millis(100);
    let outbox = Outbox::open_with(directory.file(), client_of(&sandbox), options).unwrap();
    outbox.send_text("t", "1").wait().unwrap();
    outbox.send_text("t", "2").wait().unwrap();
    eventually(|| arrived(&sandbox).len() == 1);
    drop(outbox);
    let outbox = open(&directory, client_of(&sandbox));
    let told = reports(&outbox, 2);
    assert_eq!(outcomes(&told), [Outcome::MaybeSent, Outcome::Sent]);
    assert_eq!(told[0].error_kind.as_deref(), Some("cancelled"));
    assert_eq!(arrived(&sandbox).len(), 2);
}
