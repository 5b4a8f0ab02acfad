//! The program that the tests of durability kill, cut off and confuse. It says on its standard output what its user may
//! rely on, as soon as they may.
//!
//! ```text
//! serve FILE WORKERS            a receiver with the inbox FILE; at PORT, seen ID KEY, handled ID KEY
//! handle FILE                   handles what waits in the inbox; seen ID KEY, handled ID KEY
//! put FILE URL POLICY FIRST N   messages into an outbox that sends them; put N, refused N, flushed
//! drain FILE URL POLICY         sends what is left, then tells the reports
//! events FILE                   every event of an inbox
//! fight FILE LEASE_MS           two consumers that stall for longer than their leases; acked ID, late ID
//! ```
//!
//! `serve` and `put` end when their standard input does. What cannot be opened is `failed KIND: why`, with exit code 3.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::{
    env, io,
    process::ExitCode,
    str::FromStr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use flowai::{Client, ErrorKind, Message, Result, Upload, parse_event};
use flowai_delivery::{
    Delivery, Filter, Inbox, InboxOptions, KeepFile, OnAmbiguous, Outbox, OutboxOptions, Receiver,
};
use ring::digest::{SHA256, digest};
use serde_json::json;

/// Every so many messages are put by another handle, as other processes do, and every so many have a file.
const BY_GUEST: u64 = 3;
const WITH_FILE: u64 = 5;

/// How long anything may take that is waited for.
const LONG: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["serve", file, workers] => serve(file, number(workers)),
        ["handle", file] => handle_all(file),
        ["put", file, url, policy, first, count] => put(file, url, policy, number(first), number(count)),
        ["drain", file, url, policy] => drain(file, url, policy),
        ["events", file] => events(file),
        ["fight", file, lease] => fight(file, Duration::from_millis(number(lease))),
        _ => panic!("what is {words:?}?"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed {}: {error}", error.kind().name());
            ExitCode::from(3)
        }
    }
}

fn number<T: FromStr>(text: &str) -> T {
    text.parse()
        .unwrap_or_else(|_| panic!("{text:?} is not a number"))
}

fn wait_for_end_of_input() {
    io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
}

fn serve(file: &str, workers: usize) -> Result<()> {
    let inbox = Inbox::open_with(file, patient())?;
    let receiver = Receiver::builder()
        .without_verifier()
        .path("/hook")
        .inbox(inbox.clone())
        .listen("127.0.0.1:0")
        .start()?;
    println!("at {}", receiver.local_addr().port());
    thread::scope(|scope| {
        let handling = (workers > 0).then(|| scope.spawn(|| inbox.handle(workers, handle)));
        wait_for_end_of_input();
        receiver.stop()?;
        inbox.close()?;
        handling.map_or(Ok(()), |handling| handling.join().unwrap())
    })
}

fn handle_all(file: &str) -> Result<()> {
    let inbox = Inbox::open_with(file, patient())?;
    let mut until_none_waits = || match inbox.stats() {
        Ok(stats) if stats.waiting == 0 => inbox.close(),
        Err(error) if error.kind() != ErrorKind::Closed => Err(error),
        _ => Ok(()),
    };
    inbox.handle_with(4, handle, &mut until_none_waits)
}

/// Failures of the storage count as attempts too: they shall not make dead letters.
fn patient() -> InboxOptions {
    let mut options = InboxOptions::default();
    options.max_attempts = 10_000;
    (options.retry_min, options.retry_max) = (Duration::from_millis(1), Duration::from_millis(20));
    options
}

fn handle(delivery: &Arc<Delivery>) -> Result<()> {
    let name = format!("{} {}", delivery.id(), delivery.event().text());
    println!("seen {name}");
    delivery.ack()?;
    println!("handled {name}");
    Ok(())
}

fn open_outbox(file: &str, url: &str, policy: &str) -> Result<(Outbox, Client)> {
    let client = Client::builder()
        .api_key("MY_MESSAGING_API_KEY")
        .base_url(url)
        .timeout(LONG)
        .build()?;
    let mut options = OutboxOptions::default();
    options.on_ambiguous = OnAmbiguous::by_name(policy).unwrap();
    (options.retry_min, options.retry_max) = (Duration::from_millis(5), Duration::from_millis(50));
    options.max_repeats = 1000;
    Ok((Outbox::open_with(file, client.clone(), options)?, client))
}

fn put(file: &str, url: &str, policy: &str, first: u64, count: u64) -> Result<()> {
    let (outbox, client) = open_outbox(file, url, policy)?;
    let guest = Outbox::attach(file, client)?;
    for n in first..first + count {
        let by = if n % BY_GUEST == 0 { &guest } else { &outbox };
        let thread = format!("t{}", n % 11);
        let put = if n % WITH_FILE == 0 {
            let upload = Upload::from_bytes(vec![b'x'; 3000], "a.bin")?;
            let named = upload.message(|message| message.trace_id(n));
            by.upload_media(&thread, named, KeepFile::Copy)
        } else {
            by.send(&thread, Message::text(n.to_string()).trace_id(n))
        };
        match put.wait() {
            Ok(_) => println!("put {n}"),
            Err(error) if error.kind() == ErrorKind::Storage => println!("refused {n}"),
            Err(error) => return Err(error),
        }
    }
    println!("all");
    wait_for_end_of_input();
    Ok(())
}

fn drain(file: &str, url: &str, policy: &str) -> Result<()> {
    let (outbox, _) = open_outbox(file, url, policy)?;
    let left = outbox.flush(Some(LONG))?;
    println!("left {left}");
    while let Some(report) = outbox.next_report(Some(Duration::ZERO))? {
        let line = json!({
            "message": report.trace_id,
            "outcome": report.outcome.name(),
            "ambiguous": report.ambiguous_attempts,
        });
        println!("report {line}");
    }
    Ok(())
}

fn events(file: &str) -> Result<()> {
    let inbox = Inbox::open(file)?;
    let mut page = Filter::default();
    page.limit = 1000;
    loop {
        let entries = inbox.list(&page)?;
        let Some(last) = entries.last() else { break };
        page.after = last.id;
        for entry in entries {
            let (_, body) = inbox.show(entry.id)?.unwrap();
            let line = json!({
                "id": entry.id,
                "thread": entry.thread_id,
                "state": entry.state.name(),
                "attempts": entry.attempts,
                "key": parse_event(body.clone()).map_or_else(|_| String::new(), |event| event.text()),
                "sha256": hex(&body),
            });
            println!("event {line}");
        }
    }
    inbox.close()?;
    let database = rusqlite::Connection::open(file).unwrap();
    let check: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    println!("integrity {check}");
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fight(file: &str, lease: Duration) -> Result<()> {
    let mut options = patient();
    options.lease_time = lease;
    let inbox = Inbox::open_with(file, options)?;
    thread::scope(|scope| {
        for seed in [7_u64, 11] {
            let inbox = &inbox;
            scope.spawn(move || consume(inbox, seed, lease));
        }
    });
    Ok(())
}

/// Takes events until there are none left, and stalls now and then for up to three leases.
fn consume(inbox: &Inbox, seed: u64, lease: Duration) {
    let until = Instant::now() + LONG;
    let mut taken = 0_u64;
    while Instant::now() < until && inbox.stats().unwrap().waiting > 0 {
        let Some(delivery) = inbox.next(Some(lease)).unwrap() else {
            continue;
        };
        taken += 1;
        println!("taken {}", delivery.id());
        let stall = match taken.wrapping_mul(seed) % 8 {
            0 => 3 * lease,
            1 => lease + lease / 10,
            _ => Duration::ZERO,
        };
        thread::sleep(stall);
        match delivery.ack() {
            Ok(()) => println!("acked {}", delivery.id()),
            Err(error) if error.kind() == ErrorKind::Closed => println!("late {}", delivery.id()),
            Err(error) => panic!("{error}"),
        }
    }
}
