//! What a program writes down before a message leaves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use common::vectors_dir;
use flowai::{Client, Delivery, Error, ErrorKind, Upload};
use flowai_testkit::TestServer;

fn client(base_url: String) -> Client {
    let builder = Client::builder()
        .api_key("MY_MESSAGING_API_KEY")
        .base_url(base_url);
    builder.build().unwrap()
}

#[test]
fn it_is_written_down_before_the_first_byte_leaves() {
    let server = Arc::new(TestServer::start(vectors_dir()).unwrap());
    let client = client(format!("{}/fault/ok/before/rest/v1/", server.http()));
    let calls = Arc::new(AtomicUsize::new(0));
    for n in 0..3 {
        let (server, calls) = (Arc::clone(&server), Arc::clone(&calls));
        let call = client.send_text("t", "Hello").before_sending(move || {
            assert_eq!(server.counts("before").requests_read, n);
            calls.fetch_add(1, Ordering::Relaxed);
            async { Ok(()) }
        });
        call.wait().unwrap();
    }
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    assert_eq!(server.counts("before").requests_read, 3);
}

#[test]
fn what_cannot_be_written_down_is_not_sent() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let client = client(format!("{}/fault/ok/refused/rest/v1/", server.http()));
    let full = || async { Err(Error::new(ErrorKind::Storage, "the disk is full")) };
    let upload = Upload::from_bytes(vec![1, 2, 3], "a.png").unwrap();
    for call in [
        client.send_text("t", "Hello").before_sending(full),
        client.upload_media("t", upload).before_sending(full),
    ] {
        let error = call.wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert_eq!(error.delivery(), Some(Delivery::NotSent));
    }
    assert_eq!(server.counts("refused").requests_read, 0);
}

#[test]
fn nothing_is_written_down_without_a_connection() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let client = client(format!("{}/rest/v1/", server.values()["refused"]));
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let call = client.send_text("t", "Hello").before_sending(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Ok(()) }
    });
    assert_eq!(call.wait().unwrap_err().delivery(), Some(Delivery::NotSent));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}
