//! One client in many threads, in asynchronous callers, and across a fork.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use common::vectors_dir;
use flowai::{Client, ErrorKind, Receipt};
use flowai_testkit::TestServer;

fn client(base_url: String, ca_file: &str) -> Client {
    Client::builder()
        .api_key("MY_MESSAGING_API_KEY")
        .base_url(base_url)
        .ca_file(ca_file)
        .build()
        .unwrap()
}

fn is_own_answer(receipt: &Receipt) -> bool {
    receipt.request_id.as_deref() == receipt.trace_id.map(|id| id.to_string()).as_deref()
}

fn sends_from(threads: usize, each: usize, tls: bool) {
    let server = TestServer::start(vectors_dir()).unwrap();
    let run = format!("threads{threads}{tls}");
    let host = if tls { server.https() } else { server.http() };
    let client = client(format!("{host}/fault/ok/{run}/rest/v1/"), server.ca_file());
    thread::scope(|scope| {
        for thread in 0..threads {
            let client = &client;
            scope.spawn(move || {
                for n in 0..each {
                    let receipt = client.send_text("t", format!("{thread}/{n}")).wait().unwrap();
                    assert!(is_own_answer(&receipt), "{receipt:?}");
                }
            });
        }
    });
    let counts = server.counts(&run);
    let all = threads * each;
    assert_eq!((counts.requests_read as usize, counts.distinct), (all, all));
    assert!(
        counts.connections <= threads,
        "{} connections",
        counts.connections
    );
}

#[test]
fn one_thread() {
    sends_from(1, 500, false);
    sends_from(1, 200, true);
}

#[test]
fn sixteen_threads() {
    sends_from(16, 150, false);
    sends_from(16, 50, true);
}

#[test]
fn awaited_calls_need_no_runtime_of_this_library() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let client = client(
        format!("{}/fault/ok/awaited/rest/v1/", server.http()),
        server.ca_file(),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let calls: Vec<_> = (0..64)
            .map(|n| {
                tokio::spawn(std::future::IntoFuture::into_future(
                    client.send_text("t", format!("{n}")),
                ))
            })
            .collect();
        for call in calls {
            assert!(is_own_answer(&call.await.unwrap().unwrap()));
        }
        // Waiting in here would stop this runtime: an error that says so, not a panic.
        let error = client.send_text("t", "blocking").wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    });
    // An idle connection of an awaited call serves a blocking one.
    assert!(is_own_answer(&client.send_text("t", "after").wait().unwrap()));
    assert_eq!(server.counts("awaited").distinct, 65);
}

#[test]
fn a_dropped_call_stops() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let client = client(
        format!("{}/fault/stall/dropped/rest/v1/", server.http()),
        server.ca_file(),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let began = Instant::now();
    runtime.block_on(async {
        let call = std::future::IntoFuture::into_future(client.send_text("t", "x"));
        assert!(
            tokio::time::timeout(Duration::from_millis(200), call)
                .await
                .is_err()
        );
    });
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_tick_can_stop_a_call_and_the_delivery_is_known() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let client = client(
        format!("{}/fault/stall/ticked/rest/v1/", server.http()),
        server.ca_file(),
    );
    let mut ticks = 0;
    let error = client
        .send_text("t", "x")
        .wait_with(|| {
            ticks += 1;
            if ticks < 5 {
                Ok(())
            } else {
                Err(flowai::Error::new(ErrorKind::Cancelled, "enough"))
            }
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(error.delivery(), Some(flowai::Delivery::MaybeSent));
    assert_eq!(error.operation(), Some("send_text"));
}

#[test]
fn forked_children_send_with_the_client_of_their_parent() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let base = format!("{}/fault/ok/forked/rest/v1/", server.https());
    let client = client(base, server.ca_file());
    let stop = AtomicBool::new(false);
    let sent = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    assert!(is_own_answer(&client.send_text("t", "parent").wait().unwrap()));
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let forks = 25;
        for _ in 0..forks {
            // SAFETY: the child only uses this library and leaves by _exit, without running any of the parent's exits.
            let child = unsafe { libc::fork() };
            if child == 0 {
                let good = (0..3).all(|_| {
                    client
                        .send_text("t", "child")
                        .wait()
                        .is_ok_and(|r| is_own_answer(&r))
                });
                // SAFETY: ends the child at once.
                unsafe { libc::_exit(if good { 0 } else { 1 }) };
            }
            wait_for(child);
        }
        sent.fetch_add(forks * 3, Ordering::Relaxed);
        stop.store(true, Ordering::Relaxed);
    });
    let counts = server.counts("forked");
    let all = sent.load(Ordering::Relaxed);
    assert_eq!((counts.requests_read, counts.distinct as u64), (all, all));
}

fn wait_for(child: i32) {
    let began = Instant::now();
    loop {
        let mut status = 0;
        // SAFETY: `status` is valid for writing, and the child is ours.
        let done = unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) };
        if done == child {
            assert_eq!(status, 0, "the child failed");
            return;
        }
        if began.elapsed() > Duration::from_secs(20) {
            // SAFETY: the child is ours and still running.
            unsafe { libc::kill(child, libc::SIGKILL) };
            panic!("the child hangs");
        }
        thread::sleep(Duration::from_millis(2));
    }
}
