//! How fast messages are put in and sent, printed; run with `--ignored --nocapture`, and `--release` for figures that count.

use std::time::Instant;

use flowai_delivery::Outbox;
use flowai_testkit::TestServer;

use crate::support::*;

const PUTTERS: usize = 64;
const EACH: usize = 300;

#[test]
#[ignore = "prints figures"]
fn figures() {
    let server = TestServer::start(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors")).unwrap();
    let directory = Directory::new();
    let nowhere = client(&format!("http://127.0.0.1:{}/", free_port()), "k");
    let outbox = open(&directory, nowhere);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for putter in 0..PUTTERS {
            let outbox = &outbox;
            scope.spawn(move || {
                for n in 0..EACH {
                    outbox
                        .send_text(&format!("t{putter}"), format!("{n}"))
                        .wait()
                        .unwrap();
                }
            });
        }
    });
    let count = (PUTTERS * EACH) as f64;
    println!(
        "put in by {PUTTERS} threads: {:.0}/s",
        count / began.elapsed().as_secs_f64()
    );
    let began = Instant::now();
    for n in 0..500 {
        outbox.send_text("one", format!("{n}")).wait().unwrap();
    }
    println!(
        "put in by one thread: {:.0}/s",
        500.0 / began.elapsed().as_secs_f64()
    );
    outbox.close().unwrap();
    for concurrency in [8, 64] {
        let base = format!("{}/fault/ok/figures{concurrency}/rest/v1/", server.http());
        let mut options = quick();
        options.concurrency = concurrency;
        let before = Instant::now();
        let outbox = Outbox::open_with(directory.file(), client(&base, "k"), options).unwrap();
        let opened = before.elapsed();
        let waiting = outbox.stats().unwrap().waiting;
        let began = Instant::now();
        let deadline = std::time::Duration::from_secs(6);
        let left = outbox.flush(Some(deadline)).unwrap();
        println!(
            "sent, {concurrency} at a time: {:.0}/s (opened in {opened:?}, {left} left)",
            (waiting - left) as f64 / began.elapsed().as_secs_f64()
        );
    }
}
