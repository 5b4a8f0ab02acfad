//! How much may wait, and for how long.

use std::time::Duration;

use flowai::{Client, ErrorKind};
use flowai_delivery::{Outbox, OutboxFilter, OutboxOptions, Outcome};
use flowai_sandbox::{Failure, Sandbox};

use crate::support::*;

fn nowhere() -> Client {
    client(&format!("http://127.0.0.1:{}/", free_port()), "k")
}

fn stuck(directory: &Directory, change: impl FnOnce(&mut OutboxOptions)) -> Outbox {
    let mut options = quick();
    change(&mut options);
    Outbox::open_with(directory.file(), nowhere(), options).unwrap()
}

#[test]
fn a_full_outbox_refuses() {
    let directory = Directory::new();
    let outbox = stuck(&directory, |options| options.max_messages = 3);
    for _ in 0..3 {
        outbox.send_text("t", "x").wait().unwrap();
    }
    let error = outbox.send_text("t", "x").wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QueueFull);
    let first = outbox.list(&OutboxFilter::default()).unwrap()[0].id;
    // It may just be tried; then it cannot be removed.
    eventually(|| outbox.discard(first).is_ok_and(|done| done));
    assert!(!outbox.discard(first).unwrap());
    outbox.send_text("t", "x").wait().unwrap();
}

#[test]
fn bytes_are_limited_too() {
    let directory = Directory::new();
    let outbox = stuck(&directory, |options| options.max_bytes = 1000);
    let mut put = 0;
    let error = loop {
        match outbox.send_text("t", "x".repeat(100)).wait() {
            Ok(_) => put += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::QueueFull);
    assert!((3..9).contains(&put), "{put}");
    let stats = outbox.stats().unwrap();
    assert!(stats.bytes <= 1000 && stats.waiting == put);
}

#[test]
fn reports_of_failures_that_nobody_reads_count() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    sandbox.fail_next(Failure::status(400).times(3)).unwrap();
    let mut options = quick();
    options.max_messages = 3;
    let outbox = Outbox::open_with(directory.file(), client_of(&sandbox), options).unwrap();
    for _ in 0..3 {
        outbox.send_text("t", "x").wait().unwrap();
    }
    assert_eq!(outbox.flush(Some(LONG)).unwrap(), 0);
    let error = outbox.send_text("t", "x").wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QueueFull);
    assert!(error.message().contains("reports"), "{error}");
    assert_eq!(outcomes(&reports(&outbox, 3)), [Outcome::Failed; 3]);
    outbox.send_text("t", "x").wait().unwrap();
}

#[test]
fn what_has_waited_for_too_long_fails() {
    let directory = Directory::new();
    let outbox = stuck(&directory, |options| {
        options.max_age = Some(Duration::from_secs(3600))
    });
    let brief = Duration::from_millis(200);
    let late = outbox.send_text("t", "1").expires_in(brief).wait().unwrap();
    outbox.send_text("t", "2").wait().unwrap();
    let behind = outbox.send_text("t", "3").expires_in(brief).wait().unwrap();
    let told = reports(&outbox, 2);
    assert_eq!((told[0].id, told[1].id), (late.id, behind.id));
    for report in told {
        assert_eq!(report.outcome, Outcome::Failed);
        assert_eq!(report.error_kind.as_deref(), Some("expired"));
        assert!(report.settled_at_ms - report.enqueued_at_ms >= 200);
    }
    let left = outbox.list(&OutboxFilter::default()).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].expires_at_ms, Some(left[0].enqueued_at_ms + 3_600_000));
}

#[test]
fn messages_are_listed_page_by_page() {
    let directory = Directory::new();
    let outbox = stuck(&directory, |_| ());
    for n in 0..10 {
        outbox
            .send_text(if n % 2 == 0 { "a" } else { "b" }, format!("{n}"))
            .wait()
            .unwrap();
    }
    let mut filter = OutboxFilter::default();
    filter.limit = 4;
    let mut texts = Vec::new();
    loop {
        let page = outbox.list(&filter).unwrap();
        let Some(last) = page.last() else { break };
        filter.after = last.position;
        texts.extend(
            page.iter()
                .map(|entry| entry.message.as_object()["speech"].as_str().unwrap().to_owned()),
        );
    }
    assert_eq!(texts, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    filter.after = 0;
    filter.limit = 100;
    filter.thread_id = Some("b".into());
    let of_b = outbox.list(&filter).unwrap();
    assert_eq!(of_b.len(), 5);
    assert!(of_b[0].next_attempt_at_ms.is_some() || of_b[0].state.name() == "sending");
    assert!(of_b[1..].iter().all(|entry| entry.next_attempt_at_ms.is_none()));
    assert_eq!(outbox.show(of_b[2].id).unwrap().unwrap(), of_b[2]);
    assert_eq!(outbox.show(1).unwrap(), None);
}

#[test]
fn settings_are_checked() {
    let directory = Directory::new();
    let mut options = quick();
    options.concurrency = 0;
    let error = Outbox::open_with(directory.file(), nowhere(), options).unwrap_err();
    assert_eq!(error.argument_name(), Some("options"));
}
