//! How fast events are stored and handled, printed; run with `--ignored --nocapture`, and `--release` for figures that count.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::{
    fs::File,
    io::Write,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use flowai_delivery::Inbox;
use support::*;

const TIME: Duration = Duration::from_secs(3);

/// A reply of 1.7 KB, the size of the service's own.
fn body(thread: usize, n: usize) -> String {
    format!(
        "{}{}",
        " ".repeat(1560),
        reply(&format!("thread-{thread}|web"), &format!("{thread}-{n}"))
    )
}

/// What a call took, sorted, over all clients; and how many there were in a second.
fn measure(clients: usize, call: impl Fn(usize, usize) + Sync) -> (f64, Vec<Duration>) {
    let all = Mutex::new(Vec::new());
    let began = Instant::now();
    thread::scope(|scope| {
        for client in 0..clients {
            let (all, call) = (&all, &call);
            scope.spawn(move || {
                let mut times = Vec::new();
                while began.elapsed() < TIME {
                    let start = Instant::now();
                    call(client, times.len());
                    times.push(start.elapsed());
                }
                all.lock().unwrap().extend(times);
            });
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    let mut times = all.into_inner().unwrap();
    times.sort();
    (times.len() as f64 / seconds, times)
}

fn print(what: &str, (rate, times): (f64, Vec<Duration>)) {
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0;
    println!(
        "{what:42} {rate:9.0}/s   p50 {:7.2} ms   p99 {:7.2} ms",
        at(0.5),
        at(0.99)
    );
}

#[test]
#[ignore = "measures"]
fn rates() {
    let place = Place::new();
    let file = File::create(place.file().with_extension("raw")).unwrap();
    let synced = measure(1, |_, _| {
        (&file).write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
    });
    print("the disk alone: 4 KiB and fdatasync", synced);

    for clients in [1, 8, 64] {
        let place = Place::new();
        let inbox = Inbox::open(place.file()).unwrap();
        let stored = measure(clients, |client, n| {
            inbox.put(body(client, n)).unwrap();
        });
        print(&format!("inbox.put, {clients} at a time"), stored);
    }

    for (what, durable) in [("receiver in memory", false), ("receiver with an inbox", true)] {
        let place = Place::new();
        let inbox = durable.then(|| Inbox::open(place.file()).unwrap());
        let receiver = open()
            .inbox(inbox.clone())
            .queue(1 << 24)
            .limits(roomy())
            .start()
            .unwrap();
        let connections: Vec<_> = (0..64).map(|_| Mutex::new(Client::new(&receiver))).collect();
        let called = measure(64, |client, n| {
            let mut connection = connections[client].lock().unwrap();
            assert_eq!(connection.send(post(&body(client, n), "")).answer().status, 200);
        });
        print(&format!("{what}, 64 connections"), called);
    }
    for workers in [1, 4, 16] {
        handle_all(workers);
    }
}

fn roomy() -> flowai_delivery::Limits {
    let mut limits = flowai_delivery::Limits::default();
    limits.queued_bytes = 16 << 30;
    limits
}

fn handle_all(workers: usize) {
    const EVENTS: usize = 4000;
    let place = Place::new();
    let inbox = Inbox::open(place.file()).unwrap();
    for thread in 0..200 {
        let bodies: Vec<_> = (0..EVENTS / 200).map(|n| body(thread, n)).collect();
        inbox.put(format!("[{}]", bodies.join(","))).unwrap();
    }
    let handled = AtomicUsize::new(0);
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            inbox.handle(workers, |_| {
                handled.fetch_add(1, Ordering::Relaxed);
                Ok::<_, String>(())
            })
        });
        eventually(|| handled.load(Ordering::Relaxed) == EVENTS);
        inbox.close().unwrap();
    });
    let rate = EVENTS as f64 / began.elapsed().as_secs_f64();
    println!("{:42} {rate:9.0}/s", format!("handled, {workers} workers"));
}
