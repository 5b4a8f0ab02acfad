//! Servers that send without end what is not yet an answer: the deadline holds, and so does the wish to stop.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

use flowai::{Call, Client, Delivery, Error, ErrorKind, Receipt, Result};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"status\":\"ok\"}";

/// Answers so many requests as it should, then floods.
fn serve(mut stream: TcpStream, good: usize, start: &[u8], again: &[u8]) {
    let mut buffer = [0; 8192];
    for _ in 0..good {
        if stream.read(&mut buffer).unwrap_or(0) == 0 {
            return;
        }
        stream.write_all(ANSWER).unwrap();
    }
    if stream.read(&mut buffer).unwrap_or(0) == 0 {
        return;
    }
    let flood = again.repeat(65_536 / again.len());
    let _ = stream.write_all(start);
    while stream.write_all(&flood).is_ok() {}
}

type Wait = fn(Call<Receipt>) -> Result<Receipt>;

fn with_a_deadline(call: Call<Receipt>) -> Result<Receipt> {
    call.timeout(Duration::from_millis(300)).wait()
}

fn with_a_wish_to_stop(call: Call<Receipt>) -> Result<Receipt> {
    call.wait_with(|| Err(Error::new(ErrorKind::Cancelled, "enough")))
}

#[cfg(target_os = "linux")]
fn on_an_event_loop(call: Call<Receipt>) -> Result<Receipt> {
    let watcher = flowai::runtime::Watcher::new().unwrap();
    common::watching::awaited(&watcher, call.timeout(Duration::from_millis(300)))
}

/// Sends `good` messages that are answered, and gives how one ends that is flooded.
fn flooded(good: usize, start: &'static [u8], again: &'static [u8], wait: Wait) -> Error {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/rest/v1/", listener.local_addr().unwrap());
    thread::spawn(move || serve(listener.accept().unwrap().0, good, start, again));
    let client = Client::builder()
        .api_key("MY_MESSAGING_API_KEY")
        .base_url(url)
        .build()
        .unwrap();
    for _ in 0..good {
        client.send_text("t", "Hello").wait().unwrap();
    }
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || {
        let done = wait(client.send_text("t", "Hello"));
        let _ = sender.send(done.unwrap_err());
    });
    ended
        .recv_timeout(Duration::from_secs(8))
        .expect("the call goes on for ever")
}

const INTERIM: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn the_deadline_holds_while_bytes_come_faster_than_they_are_read() {
    // Over a new connection, which is made by the runtime, and over an idle one, which does without.
    for good in [0, 1] {
        for (start, again) in [(INTERIM, INTERIM), (CHUNKED, b"0".as_slice())] {
            let error = flooded(good, start, again, with_a_deadline);
            assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
            assert_eq!(error.delivery(), Some(Delivery::MaybeSent));
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_deadline_holds_on_an_event_loop() {
    for good in [0, 1] {
        for (start, again) in [(INTERIM, INTERIM), (CHUNKED, b"0".as_slice())] {
            let error = flooded(good, start, again, on_an_event_loop);
            assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
            assert_eq!(error.delivery(), Some(Delivery::MaybeSent));
        }
    }
}

#[test]
fn a_caller_who_wants_to_stop_is_heard_while_bytes_come() {
    for good in [0, 1] {
        let error = flooded(good, INTERIM, INTERIM, with_a_wish_to_stop);
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
        assert_eq!(error.delivery(), Some(Delivery::MaybeSent));
    }
}
