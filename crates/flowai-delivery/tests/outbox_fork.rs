//! An outbox in forked children. Alone in its file: it forks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

#[path = "support/children.rs"]
mod children;
#[path = "outbox/support.rs"]
mod outbox_support;

use std::sync::atomic::{AtomicBool, Ordering};

use children::{in_child, result_of};
use flowai::{ErrorKind, Result, Upload};
use flowai_delivery::{Inbox, KeepFile, Outbox, OutboxFilter, Outcome};
use flowai_sandbox::Sandbox;
use outbox_support::{Directory, LONG, arrived, client_of, eventually, open, reports};

fn is_forked<T>(result: Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::Forked)
}

/// Uses the outbox as a child would; 0 when it can put messages in and nothing else.
fn use_in_child(outbox: &Outbox, thread: &str) -> i32 {
    let refused = [
        is_forked(outbox.next_report(None)),
        is_forked(outbox.flush(None)),
        is_forked(outbox.stats()),
        is_forked(outbox.list(&OutboxFilter::default())),
        is_forked(outbox.discard(1)),
        is_forked(outbox.acknowledge(1)),
        is_forked(outbox.close()),
        // No other database can be opened here either.
        is_forked(Inbox::open(outbox.path().with_extension("inbox"))),
    ];
    if refused.contains(&false) {
        return 1;
    }
    let guest = match Outbox::attach(outbox.path(), outbox_support::client("http://127.0.0.1:1/", "k")) {
        Ok(guest) => guest,
        Err(_) => return 2,
    };
    if !is_forked(guest.stats()) {
        return 3;
    }
    for (n, outbox) in [outbox, &guest, outbox].into_iter().enumerate() {
        if outbox.send_text(thread, n.to_string()).wait().is_err() {
            return 4;
        }
    }
    let upload = Upload::from_bytes("file", "a.txt").unwrap();
    i32::from(
        outbox
            .upload_media(thread, upload, KeepFile::Copy)
            .wait()
            .is_err(),
    ) * 5
}

#[test]
fn children_put_messages_in_and_the_parent_sends_them() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    let mut outbox = open(&directory, client_of(&sandbox));
    let over = AtomicBool::new(false);
    let children = 40;
    let mut own = 0;
    std::thread::scope(|scope| {
        // Children are made while a thread of the parent may hold any lock of the outbox or of SQLite.
        let busy = scope.spawn(|| {
            let mut sent = 0;
            while !over.load(Ordering::Relaxed) {
                outbox.send_text("parent", "x").wait().unwrap();
                outbox.stats().unwrap();
                sent += 1;
            }
            sent
        });
        for n in 0..children {
            let child = in_child(|| use_in_child(&outbox, &format!("child-{n}")));
            assert_eq!(result_of(child), Some(0));
        }
        over.store(true, Ordering::Relaxed);
        own = busy.join().unwrap();
    });
    let told = reports(&outbox, own + children * 4);
    assert!(told.iter().all(|report| report.outcome == Outcome::Sent));
    for n in 0..children {
        let mine = arrived(&sandbox)
            .into_iter()
            .filter(|(thread, _)| *thread == format!("child-{n}"));
        assert_eq!(
            mine.map(|(_, text)| text).collect::<Vec<_>>(),
            ["0", "1", "2", ""]
        );
    }
    eventually(|| directory.beside(".spool").is_empty() && directory.beside(".files").is_empty());

    // A child that drops what it inherited leaves the parent's alone, and does not keep the file.
    let inherited = &mut outbox;
    let child = in_child(move || {
        let guest = Outbox::attach(
            inherited.path(),
            outbox_support::client("http://127.0.0.1:1/", "k"),
        );
        drop(std::mem::replace(inherited, guest.unwrap()));
        std::thread::sleep(std::time::Duration::from_secs(1));
        0
    });
    outbox.send_text("parent", "after").wait().unwrap();
    assert_eq!(outbox.flush(Some(LONG)).unwrap(), 0);
    outbox.close().unwrap();
    drop(open(&directory, client_of(&sandbox)));
    assert_eq!(result_of(child), Some(0));
}
