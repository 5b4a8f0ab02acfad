//! Calls that an event loop awaits which watches their connections itself: the first goes over a new connection, which is
//! made by the runtime, and the others over that one, which do without.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![cfg(target_os = "linux")]

mod common;

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::mpsc::{self, Receiver},
    task::{Context, Waker},
    thread,
    time::{Duration, Instant},
};

use common::watching::{awaited, awaited_for};
use flowai::{Client, Delivery, ErrorKind, Receipt, Result, runtime::Watcher};
use nix::poll::PollTimeout;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"status\":\"ok\"}";

/// Reads one request; nothing when the other side has closed.
fn request(stream: &mut TcpStream) -> Option<()> {
    let mut read = Vec::new();
    let mut buffer = vec![0; 65_536];
    let mut wanted = usize::MAX;
    while read.len() < wanted {
        match stream.read(&mut buffer).unwrap_or(0) {
            0 => return None,
            count => read.extend_from_slice(&buffer[..count]),
        }
        if wanted == usize::MAX
            && let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&read[..end]);
            let length = head.split("content-length: ").nth(1)?.lines().next()?;
            wanted = end + 4 + length.parse::<usize>().ok()?;
        }
    }
    Some(())
}

/// A server whose every connection answers one request, and does with the next what is given; and a client that has a
/// connection to it.
fn connected(
    watcher: &Watcher,
    next: impl Fn(TcpStream) + Clone + Send + 'static,
) -> (Client, Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/rest/v1/", listener.local_addr().unwrap());
    let (sender, accepted) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = sender.send(stream.try_clone().unwrap());
            let next = next.clone();
            thread::spawn(move || {
                if request(&mut stream).is_some() {
                    stream.write_all(ANSWER).unwrap();
                    next(stream);
                }
            });
        }
    });
    let client = Client::builder()
        .api_key("MY_MESSAGING_API_KEY")
        .base_url(url)
        .max_text_length(100_000_000)
        .max_retries(0)
        .build()
        .unwrap();
    awaited(watcher, client.send_text("t", "the first")).unwrap();
    (client, accepted)
}

/// Answers whatever comes.
fn answer_all(mut stream: TcpStream) {
    while request(&mut stream).is_some() && stream.write_all(ANSWER).is_ok() {}
}

#[test]
fn they_share_one_connection() {
    let watcher = Watcher::new().unwrap();
    let (client, accepted) = connected(&watcher, answer_all);
    let other = Watcher::new().unwrap();
    for n in 0..30 {
        let watcher = if n % 4 < 2 { &watcher } else { &other };
        awaited(watcher, client.send_text("t", format!("{n}"))).unwrap();
        // Whoever waits in another way finds nobody watching.
        if n % 5 == 0 {
            client.send_text("t", "blocking").wait().unwrap();
        }
    }
    assert_eq!(accepted.try_iter().count(), 1);
}

/// What the second request comes to that has 300 ms, after one that had a minute and was given up.
fn in_time(next: impl Fn(TcpStream) + Clone + Send + 'static) {
    let watcher = Watcher::new().unwrap();
    let (client, accepted) = connected(&watcher, next);
    let minute = client.send_text("t", "x").timeout(Duration::from_secs(60));
    assert!(awaited_for(&watcher, minute, PollTimeout::ZERO).is_none());
    awaited(&watcher, client.send_text("t", "over a new connection")).unwrap();
    let began = Instant::now();
    let call = client.send_text("t", "x").timeout(Duration::from_millis(300));
    let error = awaited(&watcher, call).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(error.delivery(), Some(Delivery::MaybeSent));
    assert!(
        (300..8_000).contains(&began.elapsed().as_millis()),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(accepted.try_iter().count(), 2);
}

#[test]
fn the_deadline_holds_while_nothing_comes() {
    in_time(|mut stream| while request(&mut stream).is_some() {});
}

#[test]
fn the_deadline_holds_while_an_answer_trickles() {
    in_time(|mut stream| {
        request(&mut stream);
        while stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
}

#[test]
fn a_long_request_goes_on_when_there_is_room() {
    let watcher = Watcher::new().unwrap();
    let (client, accepted) = connected(&watcher, |stream| {
        thread::sleep(Duration::from_millis(200));
        answer_all(stream);
    });
    let text = "long ".repeat(4_000_000);
    awaited(&watcher, client.send_text("t", &text)).unwrap();
    awaited(&watcher, client.send_text("t", "short")).unwrap();
    assert_eq!(accepted.try_iter().count(), 1);
}

/// What comes of an answer that is written in these pieces, the last of them with the end of the connection.
fn answered(pieces: &'static [&'static str]) -> Result<Receipt> {
    let watcher = Watcher::new().unwrap();
    let (client, _accepted) = connected(&watcher, move |mut stream| {
        request(&mut stream);
        for (n, piece) in pieces.iter().enumerate() {
            thread::sleep(Duration::from_millis(if n > 0 { 30 } else { 0 }));
            stream.write_all(piece.as_bytes()).unwrap();
        }
        stream.shutdown(Shutdown::Both).unwrap();
    });
    awaited(&watcher, client.send_text("t", "x"))
}

#[test]
fn an_answer_may_end_with_its_connection() {
    answered(&["HTTP/1.1 200 OK\r\n\r\n{\"status\":", "\"ok\"}"]).unwrap();
    answered(&["HTTP/1.1 200 OK\r\n\r\n{\"status\":\"ok\"}"]).unwrap();
    let error = answered(&["HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"sta"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert_eq!(error.delivery(), Some(Delivery::MaybeSent));
}

#[test]
fn an_end_that_came_with_the_answer_is_not_missed() {
    let watcher = Watcher::new().unwrap();
    let (ended, heard) = mpsc::channel();
    let (client, _accepted) = connected(&watcher, move |mut stream| {
        request(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"status\":\"ok\"}")
            .unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
        ended.send(()).unwrap();
    });
    let mut call = Box::pin(client.send_text("t", "x").into_future());
    let mut nobody = Context::from_waker(Waker::noop());
    assert!(watcher.poll(call.as_mut(), &mut nobody).is_pending());
    heard.recv().unwrap();
    awaited(&watcher, call).unwrap();
}

#[test]
fn one_that_is_dropped_closes_its_connection() {
    let watcher = Watcher::new().unwrap();
    let (gone, heard) = mpsc::channel();
    let (client, _accepted) = connected(&watcher, move |mut stream| {
        while request(&mut stream).is_some() {}
        gone.send(()).unwrap();
    });
    let mut call = client.send_text("t", "x");
    let fate = call.fate();
    assert!(awaited_for(&watcher, call, PollTimeout::from(100u8)).is_none());
    assert_eq!(fate.give_up().delivery(), Some(Delivery::MaybeSent));
    heard.recv_timeout(Duration::from_secs(10)).unwrap();
}

#[test]
fn requests_that_are_held_back_go_out_together() {
    let watcher = Watcher::new().unwrap();
    let (came, heard) = mpsc::channel();
    let (client, _accepted) = connected(&watcher, move |mut stream| {
        while request(&mut stream).is_some() {
            came.send(()).unwrap();
            stream.write_all(ANSWER).unwrap();
        }
    });
    watcher.hold_back();
    let mut call = client.send_text("t", "x");
    let fate = call.fate();
    let mut call = Box::pin(call.into_future());
    let mut nobody = Context::from_waker(Waker::noop());
    assert!(watcher.poll(call.as_mut(), &mut nobody).is_pending());
    assert_eq!(watcher.held_back(), 1);
    heard.recv_timeout(Duration::from_millis(200)).unwrap_err();
    assert!(watcher.let_out());
    awaited(&watcher, call).unwrap();
    heard.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(fate.give_up().delivery(), Some(Delivery::Sent));

    watcher.hold_back();
    let mut given_up = client.send_text("t", "never");
    let fate = given_up.fate();
    assert!(awaited_for(&watcher, given_up, PollTimeout::ZERO).is_none());
    assert_eq!(fate.give_up().delivery(), Some(Delivery::NotSent));
    watcher.let_out();
    heard.recv_timeout(Duration::from_millis(200)).unwrap_err();
}

#[test]
fn no_thread_is_needed() {
    let watcher = Watcher::new().unwrap();
    let (client, _accepted) = connected(&watcher, answer_all);
    let switches = || -> u64 {
        let tasks = fs::read_dir("/proc/self/task").unwrap();
        let statuses = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("status")).ok());
        let ours =
            statuses.filter(|status| status.lines().next().is_some_and(|name| name == "Name:\tflowai"));
        ours.flat_map(|status| {
            let line = status
                .lines()
                .find(|line| line.starts_with("voluntary"))
                .map(str::to_owned);
            line.and_then(|line| line.split_whitespace().last()?.parse::<u64>().ok())
        })
        .sum()
    };
    // The one that made the connection falls asleep, unless another test has work for it.
    let undisturbed = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(60));
        let before = switches();
        for n in 0..20 {
            awaited(&watcher, client.send_text("t", format!("{n}"))).unwrap();
        }
        before == switches()
    });
    assert!(undisturbed);
}
