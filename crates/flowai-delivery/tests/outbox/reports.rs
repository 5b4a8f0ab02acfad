//! What became of messages is known until somebody has read it.

use std::{
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use flowai::parse_event;
use flowai_delivery::{OnAmbiguous, Outbox, Outcome};
use flowai_sandbox::{Failure, Sandbox};

use crate::support::*;

fn delivered(thread: &str, trace_id: Option<u64>) -> flowai::Event {
    let id = trace_id.unwrap();
    parse_event(format!(
        r#"{{"type":"message.delivered","threadId":"{thread}","traceId":{id}}}"#
    ))
    .unwrap()
}

#[test]
fn a_report_that_nobody_acknowledged_comes_again_after_the_outbox_was_opened_anew() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    let outbox = open(&directory, client_of(&sandbox));
    for n in 0..3 {
        outbox.send_text("t", format!("{n}")).wait().unwrap();
    }
    let mut iterator = outbox.reports(Some(LONG));
    let first = iterator.next().unwrap().unwrap();
    let second = iterator.next().unwrap().unwrap();
    let third = outbox.next_report(Some(LONG)).unwrap().unwrap();
    // The same outbox hands out each one once.
    assert_eq!(outbox.next_report(Some(Duration::from_millis(50))).unwrap(), None);
    drop((iterator, outbox));
    let outbox = open(&directory, client_of(&sandbox));
    assert_eq!(outbox.stats().unwrap().reports, 2);
    assert_eq!(reports(&outbox, 2), [second, third]);
    assert!(!outbox.acknowledge(first.number).unwrap());
    drop(outbox);
    assert_eq!(open(&directory, client_of(&sandbox)).stats().unwrap().reports, 0);
}

#[test]
fn reports_are_awaited_and_none_is_lost_when_a_future_is_dropped() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    let outbox = open(&directory, client_of(&sandbox));
    let run = flowai::runtime::block_on::<std::pin::Pin<Box<dyn Future<Output = _>>>>;
    let next = |time| run(Box::pin(outbox.next_report_async(time))).unwrap();
    assert_eq!(next(Some(Duration::from_millis(20))).unwrap(), None);
    for n in 0..20 {
        outbox.send_text("t", format!("{n}")).wait().unwrap();
    }
    assert_eq!(
        flowai::runtime::block_on(outbox.flush_async(Some(LONG)))
            .unwrap()
            .unwrap(),
        0
    );
    let mut context = Context::from_waker(Waker::noop());
    let mut numbers = Vec::new();
    for round in 0..20_u64 {
        // Dropped before, while and after a report is taken.
        for delay in 0..4 {
            let mut waiting = Box::pin(outbox.next_report_async(None));
            if let Poll::Ready(report) = waiting.as_mut().poll(&mut context) {
                numbers.push(report.unwrap().unwrap().number);
            }
            thread::sleep(Duration::from_micros(50 * ((round + delay) % 8)));
        }
        numbers.extend(next(Some(LONG)).unwrap().map(|report| report.number));
        if numbers.len() == 20 {
            break;
        }
    }
    // One that a dropped future still held comes late, so the order may differ; none is missing, and none comes twice.
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=20).collect::<Vec<i64>>());
    assert_eq!(next(Some(Duration::from_millis(20))).unwrap(), None);
    let mut iterator = outbox.reports(Some(Duration::ZERO));
    assert_eq!(
        flowai::runtime::block_on(iterator.next_async()).unwrap().unwrap(),
        None
    );
    assert_eq!(outbox.stats().unwrap().reports, 20);
}

#[test]
fn only_so_many_reports_of_sent_messages_are_kept() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    let mut options = quick();
    options.keep_sent = 5;
    let outbox = Outbox::open_with(directory.file(), client_of(&sandbox), options).unwrap();
    for n in 0..20 {
        outbox.send_text("t", format!("{n}")).wait().unwrap();
    }
    assert_eq!(outbox.flush(Some(LONG)).unwrap(), 0);
    let kept = reports(&outbox, 5);
    assert_eq!(kept[0].message.as_object()["speech"], "15");
    assert_eq!(outbox.stats().unwrap().reports, 0);
}

#[test]
fn a_delivery_event_settles_what_was_doubtful() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    sandbox
        .fail_next(Failure::reset().processed(true).times(2))
        .unwrap();
    let mut options = quick();
    options.concurrency = 1;
    let outbox = Outbox::open_with(directory.file(), client_of(&sandbox), options).unwrap();
    let read = outbox.send_text("a", "1").wait().unwrap();
    let unread = outbox.send_text("b", "2").wait().unwrap();
    let first = report(&outbox);
    assert_eq!((first.outcome, first.id), (Outcome::MaybeSent, read.id));
    eventually(|| outbox.stats().unwrap().reports == 1);
    assert_eq!(outbox.stats().unwrap().ambiguous, 2);

    assert!(!outbox.confirm(&delivered("other", read.trace_id)).unwrap());
    assert!(!outbox.confirm(&delivered("a", Some(1))).unwrap());
    let reply = r#"{"type":"message.reply","threadId":"a","messages":[]}"#;
    assert!(!outbox.confirm(&parse_event(reply).unwrap()).unwrap());
    // The service adds a channel to the thread id.
    assert!(outbox.confirm(&delivered("a|channel", read.trace_id)).unwrap());
    assert!(outbox.confirm(&delivered("b", unread.trace_id)).unwrap());
    assert_eq!(outbox.stats().unwrap().ambiguous, 0);
    let settled = reports(&outbox, 2);
    assert_eq!(outcomes(&settled), [Outcome::Sent; 2]);
    assert_eq!((settled[0].id, settled[1].id), (read.id, unread.id));
    assert!(settled.iter().all(|report| report.confirmed_at_ms.is_some()));
    assert!(settled.iter().all(|report| report.ambiguous_attempts == 1));
    assert_eq!(arrived(&sandbox).len(), 2);
}

#[test]
fn a_message_that_arrived_is_not_repeated() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    sandbox.fail_next(Failure::reset().processed(true)).unwrap();
    let mut options = quick();
    options.on_ambiguous = OnAmbiguous::Repeat;
    options.retry_min = Duration::from_secs(24 * 3600);
    options.retry_max = options.retry_min;
    let outbox = Outbox::open_with(directory.file(), client_of(&sandbox), options).unwrap();
    let receipt = outbox.send_text("t", "1").wait().unwrap();
    eventually(|| outbox.stats().unwrap().ambiguous == 1);
    assert!(outbox.confirm(&delivered("t", receipt.trace_id)).unwrap());
    let report = report(&outbox);
    assert_eq!((report.outcome, report.attempts), (Outcome::Sent, 1));
    assert!(report.confirmed_at_ms.is_some());
    assert_eq!(outbox.flush(Some(LONG)).unwrap(), 0);
    assert_eq!(arrived(&sandbox).len(), 1);
}

#[test]
fn a_message_that_arrives_while_its_answer_is_lost_is_sent() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    sandbox.fail_next(Failure::stall().processed(true)).unwrap();
    let patient = flowai::Options::new().timeout(Duration::from_secs(2));
    let client = client_of(&sandbox).with_options(patient).unwrap();
    let outbox = open(&directory, client);
    let receipt = outbox.send_text("t", "1").wait().unwrap();
    eventually(|| outbox.stats().unwrap().sending == 1 && !arrived(&sandbox).is_empty());
    assert!(outbox.confirm(&delivered("t", receipt.trace_id)).unwrap());
    let report = report(&outbox);
    assert_eq!((report.outcome, report.ambiguous_attempts), (Outcome::Sent, 1));
}
