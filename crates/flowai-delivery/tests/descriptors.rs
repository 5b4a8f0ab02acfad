//! The process runs out of descriptors, and gets some back. Alone in its file: the limit is one of the process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::{fs::File, net::TcpStream, thread, time::Duration};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use support::*;

#[test]
fn a_receiver_survives_a_lack_of_descriptors() {
    let receiver = open().start().unwrap();
    assert_eq!(ask(&receiver, post(REPLY, "")).status, 200);

    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 64, hard).unwrap();
    // Again and again, since the connection above may not be closed yet.
    let mut hoard = Vec::new();
    for _ in 0..10 {
        hoard.extend(std::iter::from_fn(|| File::open("/dev/null").ok()));
        thread::sleep(Duration::from_millis(20));
    }
    assert!(!hoard.is_empty());
    // One descriptor for the client, none for the receiver's end: the connection stays in the backlog.
    drop(hoard.pop());
    let client = TcpStream::connect(receiver.local_addr()).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut client = Client::over(client);
    client.send(post(REPLY, ""));
    assert!(client.try_answer().is_err(), "there was a descriptor left");
    drop(hoard);
    client.stream.set_read_timeout(Some(LONG)).unwrap();
    assert_eq!(client.answer().status, 200);
    assert_eq!(ask(&receiver, post(REPLY, "")).status, 200);
}
