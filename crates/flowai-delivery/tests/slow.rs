//! Clients that keep the receiver waiting.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use flowai_delivery::{Limits, Receiver};
use support::*;

/// How long the receiver kept the connection after `request`, of which one byte more is sent every 50 ms.
fn trickle(receiver: &Receiver, start: &str, rest: &[u8]) -> Duration {
    let mut client = Client::new(receiver);
    client.send(start);
    let began = Instant::now();
    let mut writer = client.stream.try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            for byte in rest {
                thread::sleep(Duration::from_millis(50));
                if writer.write_all(&[*byte]).is_err() {
                    break;
                }
            }
        });
        client.assert_closed();
        // The writer notices at its next byte.
        began.elapsed()
    })
}

#[test]
fn silent_and_slow_heads_end() {
    let mut limits = short_limits();
    limits.idle_time = LONG * 2;
    let receiver = open().limits(limits).start().unwrap();
    let rest = [b'x'; 200];
    for (start, rest) in [
        ("", &rest[..0]),
        ("GET /hook HTTP/1.1\r\nX: ", &rest),
        ("", &rest),
    ] {
        let kept = trickle(&receiver, start, rest);
        assert!(
            kept >= Duration::from_millis(500),
            "{start:?} was ended too early: {kept:?}"
        );
        assert!(kept < Duration::from_secs(8), "{start:?} was kept for {kept:?}");
    }
    eventually(|| receiver.stats().unwrap().dropped == 3);
    assert_eq!(ask(&receiver, post(REPLY, "")).status, 200);
}

#[test]
fn slow_bodies_are_answered_and_end() {
    let receiver = open().limits(short_limits()).start().unwrap();
    for head in ["Content-Length: 200", "Transfer-Encoding: chunked"] {
        let mut client = Client::new(&receiver);
        client.send(format!("POST /hook HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n"));
        let mut writer = client.stream.try_clone().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || {
                for byte in "5\r\nhello\r\n".repeat(20).bytes() {
                    thread::sleep(Duration::from_millis(50));
                    if writer.write_all(&[byte]).is_err() {
                        break;
                    }
                }
            });
            let answer = client.answer();
            assert_eq!((answer.status, answer.closes()), (408, true), "{head}");
            client.assert_closed();
        });
    }
    assert_eq!(receiver.stats().unwrap().rejected, [(408, 2)].into());
}

#[test]
fn a_cut_body_is_not_an_event() {
    let receiver = open().limits(short_limits()).start().unwrap();
    let mut client = Client::new(&receiver);
    client.send(format!(
        "POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{REPLY}",
        REPLY.len() + 1
    ));
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.answer().status, 400);
    client.assert_closed();
    assert_eq!(receiver.stats().unwrap().accepted, 0);
}

#[test]
fn idle_connections_outlive_the_head_limit_but_end() {
    let mut limits = Limits::default();
    limits.head_time = Duration::from_millis(300);
    limits.idle_time = Duration::from_millis(1500);
    let receiver = open().limits(limits).start().unwrap();
    let mut client = Client::new(&receiver);
    assert_eq!(client.send(post(REPLY, "")).answer().status, 200);
    thread::sleep(Duration::from_millis(700));
    assert_eq!(client.send(post(REPLY, "")).answer().status, 200);
    let began = Instant::now();
    // No 408 that the client could take for the answer to its next request.
    client.assert_closed();
    assert!(began.elapsed() >= Duration::from_millis(1300) && began.elapsed() < Duration::from_secs(8));
    assert_eq!(
        receiver.stats().unwrap().dropped,
        0,
        "that is how connections end"
    );
}

#[test]
fn a_client_that_does_not_read_ends() {
    let mut limits = Limits::default();
    limits.write_time = Duration::from_millis(500);
    let receiver = open().limits(limits).start().unwrap();
    let mut client = Client::new(&receiver);
    let requests = "GET /hook HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
    let began = Instant::now();
    while client.stream.write_all(requests.as_bytes()).is_ok() {
        assert!(began.elapsed() < LONG);
    }
    eventually(|| receiver.stats().unwrap().dropped == 1);
}

fn is_closed(mut stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    match stream.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn silent_clients_do_not_keep_a_good_one_out() {
    let mut limits = Limits::default();
    limits.connections = 100;
    limits.connections_per_address = 80;
    limits.head_time = LONG * 3;
    limits.body_time = LONG * 3;
    let receiver = open().limits(limits).start().unwrap();
    let silent: Vec<TcpStream> = (0..200)
        .map(|n| {
            let mut stream = TcpStream::connect(receiver.local_addr()).unwrap();
            // Some say nothing, some begin, some stop within the body.
            let said = [
                "",
                "POST /ho",
                "POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n1",
            ][n % 3];
            let _ = stream.write_all(said.as_bytes());
            stream
        })
        .collect();
    let began = Instant::now();
    let served = (0..).find(|_| {
        let mut client = Client::new(&receiver);
        let _ = client.stream.write_all(post(REPLY, "").as_bytes());
        client.try_answer().is_ok_and(|answer| answer.status == 200)
    });
    assert!(
        served.is_some() && began.elapsed() < Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );
    // Those who are served and stay take the places of those who wait for longest.
    let closed = || silent.iter().filter(|stream| is_closed(stream)).count();
    let before = closed();
    let good = [(); 20].map(|()| {
        thread::sleep(Duration::from_millis(5));
        let mut client = Client::new(&receiver);
        assert_eq!(client.send(post(REPLY, "")).answer().status, 200);
        client
    });
    // One of them may have found the place that the client before left.
    eventually(|| closed() >= before + good.len() - 1);
    assert!(good.iter().all(|client| !is_closed(&client.stream)));
    assert!(receiver.stats().unwrap().dropped >= 120);
}
