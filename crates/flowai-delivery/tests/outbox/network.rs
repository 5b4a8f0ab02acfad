//! What happens while nothing can be sent, and when something can again.

use std::time::{Duration, Instant};

use flowai_delivery::{Outbox, OutboxFilter, Outcome};
use flowai_sandbox::{Failure, Sandbox};

use crate::support::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn sandbox_at(port: u16) -> Sandbox {
    let builder = Sandbox::builder().listen(format!("127.0.0.1:{port}"));
    builder.api_key("MY_MESSAGING_API_KEY").start().unwrap()
}

#[test]
fn without_a_network_messages_wait_and_go_when_it_returns() {
    let (directory, port) = (Directory::new(), free_port());
    let base = format!("http://127.0.0.1:{port}/rest/v1/");
    let outbox = open(&directory, client(&base, "MY_MESSAGING_API_KEY"));
    for n in 0..30 {
        outbox
            .send_text(&format!("t{}", n % 10), format!("{n}"))
            .wait()
            .unwrap();
    }
    eventually(|| outbox.stats().unwrap().error.is_some());
    let stats = outbox.stats().unwrap();
    assert_eq!((stats.waiting, stats.sending, stats.reports), (30, 0, 0));
    assert_eq!(stats.error_kind.as_deref(), Some("connection"));
    assert!(stats.next_attempt_at_ms.is_some() && stats.oldest.is_some());
    let sandbox = sandbox_at(port);
    let sent = reports(&outbox, 30);
    assert_eq!(outcomes(&sent), [Outcome::Sent; 30]);
    assert_eq!(arrived(&sandbox).len(), 30);
    assert!(sent.iter().any(|report| report.attempts > 1));
}

#[test]
fn while_nothing_gets_through_one_message_is_tried_at_a_time() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    let mut options = quick();
    options.retry_min = Duration::from_millis(200);
    options.retry_max = Duration::from_millis(200);
    let outbox = Outbox::open_with(
        directory.file(),
        client(sandbox.base_url(), "another-key"),
        options,
    )
    .unwrap();
    for n in 0..200 {
        outbox.send_text(&format!("t{n}"), "x").wait().unwrap();
    }
    let began = Instant::now();
    eventually(|| began.elapsed() > Duration::from_secs(1));
    // Not 200 of them, five times: those that were leaving when the first answer came, then one after each wait.
    let asked = sandbox.requests().len();
    assert!((2..100).contains(&asked), "{asked}");
    assert_eq!(outbox.stats().unwrap().waiting, 200);
}

#[test]
fn a_refused_key_fails_no_message() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    let outbox = open(&directory, client(sandbox.base_url(), "another-key"));
    outbox.send_text("a", "1").wait().unwrap();
    outbox.send_text("b", "2").wait().unwrap();
    eventually(|| outbox.stats().unwrap().error_kind.as_deref() == Some("authentication"));
    assert_eq!(
        outbox.next_report(Some(Duration::from_millis(300))).unwrap(),
        None
    );
    drop(outbox);
    let outbox = open(&directory, client_of(&sandbox));
    let sent = reports(&outbox, 2);
    assert_eq!(outcomes(&sent), [Outcome::Sent; 2]);
}

#[test]
fn a_message_that_is_refused_for_good_is_reported_and_its_thread_goes_on() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    sandbox.fail_next(Failure::status(400)).unwrap();
    let outbox = open(&directory, client_of(&sandbox));
    outbox.send_text("t", "1").wait().unwrap();
    outbox.send_text("t", "2").wait().unwrap();
    let told = reports(&outbox, 2);
    assert_eq!(outcomes(&told), [Outcome::Failed, Outcome::Sent]);
    assert_eq!((told[0].status, told[0].attempts), (Some(400), 1));
    assert_eq!(told[0].error_kind.as_deref(), Some("bad_request"));
    assert!(told[0].error.is_some());
    assert_eq!(told[0].message.as_object()["speech"], "1");
}

#[test]
fn the_service_says_when_to_come_again() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    sandbox.fail_next(Failure::status(503).retry_after("1")).unwrap();
    let outbox = open(&directory, client_of(&sandbox));
    let began = Instant::now();
    outbox.send_text("t", "1").wait().unwrap();
    assert_eq!(report(&outbox).attempts, 2);
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_success_wakes_those_that_wait_for_the_network() {
    let (directory, port) = (Directory::new(), free_port());
    let base = format!("http://127.0.0.1:{port}/rest/v1/");
    let mut options = quick();
    // Waits are a random part of this: for each of them to be short would be a miracle.
    (options.retry_min, options.retry_max) = (DAY, DAY);
    let outbox = Outbox::open_with(directory.file(), client(&base, "MY_MESSAGING_API_KEY"), options).unwrap();
    for n in 0..8 {
        outbox.send_text(&format!("t{n}"), "x").wait().unwrap();
    }
    eventually(|| outbox.stats().unwrap().error.is_some());
    let waits = |outbox: &Outbox| {
        let entries = outbox.list(&OutboxFilter::default()).unwrap();
        entries.iter().filter(|entry| entry.error.is_some()).count()
    };
    assert!(waits(&outbox) >= 1);
    let sandbox = sandbox_at(port);
    assert_eq!(outbox.flush(Some(LONG)).unwrap(), 0);
    assert_eq!(arrived(&sandbox).len(), 8);
}

#[test]
fn flush_gives_up_in_time_and_tells_what_is_left() {
    let directory = Directory::new();
    let nowhere = client(&format!("http://127.0.0.1:{}/", free_port()), "k");
    let outbox = open(&directory, nowhere);
    outbox.send_text("t", "1").wait().unwrap();
    outbox.send_text("t", "2").wait().unwrap();
    assert_eq!(outbox.flush(Some(Duration::from_millis(300))).unwrap(), 2);
    let mut ticks = 0;
    let stopped = outbox.flush_with(None, &mut || {
        ticks += 1;
        match ticks {
            5 => Err(flowai::Error::new(flowai::ErrorKind::Cancelled, "enough")),
            _ => Ok(()),
        }
    });
    assert_eq!(stopped.unwrap_err().kind(), flowai::ErrorKind::Cancelled);
}
