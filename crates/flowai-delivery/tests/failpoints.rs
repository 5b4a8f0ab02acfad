//! The process dies, or a step fails, at every named step of storing and handling. Needs the feature `failpoints`.
//!
//! This program runs itself as the process that dies: the variable `FLOWAI_TEST_FILE` says that it is that one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::{
    env,
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

use flowai_delivery::{Filter, Inbox};
use support::*;

const EVENTS: usize = 20;

/// Stores events and handles each at once; says what it may rely on, as soon as it may.
#[test]
fn the_process_that_dies() {
    let Ok(file) = env::var("FLOWAI_TEST_FILE") else {
        return;
    };
    let Ok(inbox) = Inbox::open(file) else {
        println!("\nfailed open");
        return;
    };
    for n in 0..EVENTS {
        match inbox.put(reply("t", &n.to_string())) {
            Ok(_) => println!("\nstored {n}"),
            Err(_) => println!("\nfailed {n}"),
        }
        let Ok(Some(delivery)) = inbox.try_next() else {
            println!("\nnothing {n}");
            continue;
        };
        let body = String::from_utf8(delivery.event().raw().to_vec()).unwrap();
        if delivery.ack().is_ok() {
            println!("\nhandled {body}");
        }
    }
    println!("\ndone");
}

fn run(file: &Path, failpoints: &str) -> (Vec<String>, ExitStatus) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "the_process_that_dies", "--nocapture"])
        .env("FLOWAI_TEST_FILE", file)
        .env("FLOWAI_FAILPOINTS", failpoints)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines = lines.map(Result::unwrap).collect();
    (lines, child.wait().unwrap())
}

fn said<'a>(lines: &'a [String], what: &str) -> Vec<&'a str> {
    lines.iter().filter_map(|line| line.strip_prefix(what)).collect()
}

/// Whatever was called stored is there, to be handled once; nothing that was called handled comes again.
fn check(file: &Path, lines: &[String]) {
    let inbox = Inbox::open(file).unwrap();
    let mut all = Filter::default();
    all.limit = 10_000;
    let mut kept: Vec<String> = Vec::new();
    for entry in inbox.list(&all).unwrap() {
        let (_, body) = inbox.show(entry.id).unwrap().unwrap();
        kept.push(String::from_utf8(body.to_vec()).unwrap());
    }
    for n in said(lines, "stored ") {
        let copies = kept.iter().filter(|body| **body == reply("t", n)).count();
        assert_eq!(copies, 1, "event {n}");
    }
    let handled = said(lines, "handled ");
    let mut waiting = kept.iter().filter(|body| !handled.contains(&body.as_str()));
    while let Some(delivery) = inbox.try_next().unwrap() {
        let body = String::from_utf8(delivery.event().raw().to_vec()).unwrap();
        assert!(
            !handled.contains(&body.as_str()),
            "an acknowledged event came again"
        );
        // One that was handled without its process having heard of it is skipped.
        assert!(waiting.any(|expected| *expected == body), "out of order");
        delivery.ack().unwrap();
    }
    assert_eq!(inbox.stats().unwrap().waiting, 0);
}

#[test]
fn nothing_is_lost_wherever_the_process_dies() {
    let points = [
        "storage.begin",
        "storage.commit",
        "storage.committed",
        "inbox.put",
        "inbox.lease",
        "inbox.settle",
    ];
    for point in points {
        for n in [1, 2, 3, 5, 8] {
            let place = Place::new();
            let (lines, status) = run(&place.file(), &format!("{point}=kill@{n}"));
            assert_eq!(status.signal(), Some(9), "{point} is never reached the time {n}");
            assert!(said(&lines, "done").is_empty());
            check(&place.file(), &lines);
        }
    }
}

#[test]
fn a_step_that_fails_is_an_error_and_the_next_one_works() {
    for point in [
        "storage.begin",
        "storage.commit",
        "inbox.put",
        "inbox.lease",
        "inbox.settle",
    ] {
        let place = Place::new();
        // Not the first ones, which belong to opening.
        let (lines, status) = run(&place.file(), &format!("{point}=fail@4"));
        assert!(status.success() && lines.contains(&"done".to_owned()), "{point}");
        assert!(said(&lines, "stored ").len() >= EVENTS - 1, "{point}");
        check(&place.file(), &lines);
    }
    let place = Place::new();
    let (lines, _) = run(&place.file(), "inbox.put=fail@*");
    assert_eq!(said(&lines, "failed ").len(), EVENTS);
    check(&place.file(), &lines);
}
