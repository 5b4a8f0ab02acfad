//! Other processes that put messages into the outbox.

use std::{
    path::Path,
    process::{Child, Command},
    time::Duration,
};

use flowai::{ErrorKind, Upload};
use flowai_delivery::{KeepFile, Outbox, OutboxFilter, Outcome};
use flowai_sandbox::Sandbox;

use crate::support::*;

const FILE: &str = "FLOWAI_TEST_OUTBOX";
const NAME: &str = "FLOWAI_TEST_OUTBOX_NAME";

/// Not a test: the other process.
#[test]
#[ignore = "run by other tests, in a process of its own"]
fn put_from_another_process() {
    let Some(file) = std::env::var_os(FILE) else {
        return;
    };
    let name = std::env::var(NAME).unwrap();
    let outbox = Outbox::attach(file, client("http://127.0.0.1:1/", "k")).unwrap();
    for n in 0..40 {
        outbox.send_text(&name, format!("{n}")).wait().unwrap();
    }
    let bytes = Upload::from_bytes("from elsewhere", "a.txt").unwrap();
    outbox.upload_media(&name, bytes, KeepFile::Copy).wait().unwrap();
}

fn start(file: &Path, name: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "processes::put_from_another_process",
        "--ignored",
        "-q",
    ]);
    command.env(FILE, file).env(NAME, name).spawn().unwrap()
}

#[test]
fn what_others_put_in_before_goes_before_what_the_owner_puts_in() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    // There is a file before there is a guest.
    open(&directory, client_of(&sandbox)).close().unwrap();
    let guest = Outbox::attach(directory.file(), client_of(&sandbox)).unwrap();
    for n in 0..5 {
        guest.send_text("t", n.to_string()).wait().unwrap();
    }
    let owner = open(&directory, client_of(&sandbox));
    owner.send_text("t", "5").wait().unwrap();
    reports(&owner, 6);
    let texts: Vec<_> = arrived(&sandbox).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["0", "1", "2", "3", "4", "5"]);
}

#[test]
fn other_processes_put_messages_in_and_the_owner_sends_them() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    let outbox = open(&directory, client_of(&sandbox));
    let children = ["a", "b", "c"].map(|name| start(outbox.path(), name));
    let told = reports(&outbox, 3 * 41);
    assert!(told.iter().all(|report| report.outcome == Outcome::Sent));
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    for name in ["a", "b", "c"] {
        let mine = arrived(&sandbox).into_iter().filter(|(thread, _)| thread == name);
        let texts: Vec<_> = mine.map(|(_, text)| text).collect();
        let mut expected: Vec<_> = (0..40).map(|n| n.to_string()).collect();
        expected.push(String::new());
        assert_eq!(texts, expected);
    }
    eventually(|| directory.beside(".spool").is_empty() && directory.beside(".files").is_empty());
}

#[test]
fn messages_are_kept_until_there_is_an_owner() {
    let (directory, sandbox) = (Directory::new(), Sandbox::builder().start().unwrap());
    let nobody = Outbox::attach(directory.file(), client_of(&sandbox)).unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::Storage);
    drop(open(&directory, client_of(&sandbox)));
    assert!(start(&directory.file(), "a").wait().unwrap().success());
    let outbox = open(&directory, client_of(&sandbox));
    assert_eq!(outbox.flush(Some(LONG)).unwrap(), 0);
    assert_eq!(arrived(&sandbox).len(), 41);
    assert_eq!(outbox.stats().unwrap().arriving, 0);
}

#[test]
fn a_guest_looks_and_mends_and_the_owner_sends_and_reports() {
    let directory = Directory::new();
    let nowhere = client(&format!("http://127.0.0.1:{}/", free_port()), "k");
    let mut options = quick();
    (options.retry_min, options.retry_max) = (LONG * 60, LONG * 60);
    let outbox = Outbox::open_with(directory.file(), nowhere.clone(), options).unwrap();
    let first = outbox.send_text("t", "1").wait().unwrap();
    let second = outbox.send_text("t", "2").wait().unwrap();
    eventually(|| outbox.stats().unwrap().error.is_some());
    let guest = Outbox::attach(directory.file(), nowhere).unwrap();
    assert_eq!(guest.list(&OutboxFilter::default()).unwrap().len(), 2);
    assert_eq!(guest.stats().unwrap().waiting, 2);
    for refused in [guest.next_report(None).map(|_| ()), guest.flush(None).map(|_| ())] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
    // The owner notices, and tries the next one of the thread.
    assert!(guest.discard(first.id).unwrap());
    eventually(|| {
        outbox.flush(Some(Duration::ZERO)).is_ok() && outbox.show(second.id).unwrap().unwrap().attempts > 0
    });
    guest.close().unwrap();
    assert_eq!(guest.stats().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_guest_is_refused_when_too_much_is_on_its_way() {
    let directory = Directory::new();
    let nowhere = client(&format!("http://127.0.0.1:{}/", free_port()), "k");
    drop(open(&directory, nowhere.clone()));
    let mut options = quick();
    options.max_messages = 2;
    let guest = Outbox::attach_with(directory.file(), nowhere, options).unwrap();
    guest.send_text("t", "1").wait().unwrap();
    guest.send_text("t", "2").wait().unwrap();
    assert_eq!(guest.stats().unwrap().arriving, 2);
    let error = guest.send_text("t", "3").wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QueueFull);
}
