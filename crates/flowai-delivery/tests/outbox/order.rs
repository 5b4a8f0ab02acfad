//! Messages leave in the order of their threads, and are durable before.

use std::{collections::HashMap, future::IntoFuture};

use flowai::{ErrorKind, Message};
use flowai_delivery::{Outbox, OutboxFilter, OutboxState, Outcome};
use flowai_sandbox::{Failure, Sandbox};

use crate::support::*;

#[test]
fn a_message_is_sent_and_reported() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    let outbox = open(&directory, client_of(&sandbox));
    let receipt = outbox.send_text("a|b", "Hello").wait().unwrap();
    assert_eq!(receipt.thread_id, "a|b");
    let report = report(&outbox);
    assert_eq!(
        (report.outcome, report.id, report.trace_id, report.attempts),
        (Outcome::Sent, receipt.id, receipt.trace_id, 1)
    );
    assert_eq!(report.message.as_object()["speech"], "Hello");
    assert_eq!(report.error, None);
    assert!(report.enqueued_at_ms <= report.settled_at_ms);
    assert_eq!(arrived(&sandbox), [("a%7Cb".into(), "Hello".into())]);
    assert_eq!(outbox.stats().unwrap().waiting, 0);
}

#[test]
fn every_kind_of_message_goes() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    let outbox = open(&directory, client_of(&sandbox));
    outbox.send_event("t", "MY_EVENT").wait().unwrap();
    outbox.send_location("t", 1.5, "2").wait().unwrap();
    outbox
        .send_media("t", "https://example.com/a.png", "image")
        .wait()
        .unwrap();
    outbox
        .send("t", Message::text("x").lang("nl").trace_id(7))
        .wait()
        .unwrap();
    let sent = reports(&outbox, 4);
    assert_eq!(outcomes(&sent), [Outcome::Sent; 4]);
    assert_eq!(sent[3].trace_id, Some(7));
    let kinds: Vec<_> = sent
        .iter()
        .map(|report| report.message.as_object()["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["event", "location", "media", "text"]);
}

#[test]
fn what_is_wrong_is_refused_at_once() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    let outbox = open(&directory, client_of(&sandbox));
    for (refused, argument) in [
        (outbox.send_text("..", "x"), "thread_id"),
        (outbox.send_text("t", ""), "text"),
        (outbox.send_text("t", "x".repeat(256)), "text"),
    ] {
        let error = refused.wait().unwrap_err();
        assert_eq!(error.argument_name(), Some(argument));
    }
    assert_eq!(outbox.stats().unwrap().waiting, 0);
}

#[test]
fn the_order_of_each_thread_is_kept_whatever_fails() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    for n in 0..20 {
        let failure = match n % 2 {
            0 => Failure::status(429).retry_after("0"),
            _ => Failure::status(503).retry_after("0"),
        };
        sandbox.fail_next(failure).unwrap();
    }
    let outbox = open(&directory, client_of(&sandbox));
    for n in 0..20 {
        for thread in ["a", "b", "c", "d", "e"] {
            outbox.send_text(thread, format!("{n}")).wait().unwrap();
        }
    }
    let sent = reports(&outbox, 100);
    assert_eq!(outcomes(&sent), vec![Outcome::Sent; 100]);
    assert_eq!(sent.iter().map(|report| report.attempts).sum::<u32>(), 120);
    let mut threads: HashMap<String, Vec<u32>> = HashMap::new();
    for (thread, text) in arrived(&sandbox) {
        let texts = threads.entry(thread).or_default();
        // A message that was refused comes again before the next one.
        if texts.last() != Some(&text.parse().unwrap()) {
            texts.push(text.parse().unwrap());
        }
    }
    assert_eq!(threads.len(), 5);
    for texts in threads.into_values() {
        assert_eq!(texts, (0..20).collect::<Vec<_>>());
    }
}

#[test]
fn a_thread_that_waits_does_not_hold_the_others() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    sandbox.fail_next(Failure::stall()).unwrap();
    let outbox = open(&directory, client_of(&sandbox));
    outbox.send_text("stalled", "1").wait().unwrap();
    eventually(|| arrived(&sandbox).len() == 1);
    outbox.send_text("stalled", "2").wait().unwrap();
    let leaving = &outbox.list(&OutboxFilter::default()).unwrap()[0];
    assert_eq!((leaving.state, leaving.attempts), (OutboxState::Sending, 1));
    assert_eq!(outbox.stats().unwrap().sending, 1);
    for n in 0..5 {
        outbox.send_text(&format!("free-{n}"), "x").wait().unwrap();
    }
    assert_eq!(outcomes(&reports(&outbox, 5)), [Outcome::Sent; 5]);
    assert_eq!(outbox.stats().unwrap().waiting, 2);
}

#[test]
fn what_waits_is_still_there_after_the_outbox_was_closed() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    let nowhere = client(&format!("http://127.0.0.1:{}/", free_port()), "k");
    let outbox = open(&directory, nowhere);
    for n in 0..50 {
        outbox.send_text("t", format!("{n}")).wait().unwrap();
    }
    outbox.close().unwrap();
    for error in [
        outbox.send_text("t", "late").wait().map(|_| ()).unwrap_err(),
        outbox.next_report(None).map(|_| ()).unwrap_err(),
        outbox.stats().map(|_| ()).unwrap_err(),
        outbox.flush(None).map(|_| ()).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Closed);
    }
    let outbox = open(&directory, client_of(&sandbox));
    assert_eq!(outbox.flush(Some(LONG)).unwrap(), 0);
    let texts: Vec<_> = arrived(&sandbox).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, (0..50).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn messages_can_be_awaited_and_come_from_many_threads() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    let outbox = open(&directory, client_of(&sandbox));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let outbox = &outbox;
            scope.spawn(move || {
                for n in 0..25 {
                    let put = outbox.send_text(&format!("t{thread}"), format!("{n}"));
                    match n % 2 {
                        0 => put.wait().unwrap(),
                        _ => flowai::runtime::block_on(put.into_future()).unwrap().unwrap(),
                    };
                }
            });
        }
    });
    assert_eq!(outbox.flush(Some(LONG)).unwrap(), 0);
    for thread in 0..8 {
        let mine = arrived(&sandbox)
            .into_iter()
            .filter(|(t, _)| *t == format!("t{thread}"));
        let texts: Vec<_> = mine.map(|(_, text)| text.parse::<u32>().unwrap()).collect();
        assert_eq!(texts, (0..25).collect::<Vec<_>>());
    }
}

#[test]
fn only_one_can_own_the_file() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    let outbox = open(&directory, client_of(&sandbox));
    let error = Outbox::open(directory.file(), client_of(&sandbox)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("already open"), "{error}");
    drop(outbox);
    Outbox::open(directory.file(), client_of(&sandbox)).unwrap();
}
