//! What becomes of messages when the process is killed at each step. With the feature `failpoints`.
#![cfg(feature = "failpoints")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

#[path = "outbox/support.rs"]
mod outbox_support;

use std::{
    collections::HashMap,
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
};

use flowai::Upload;
use flowai_delivery::{KeepFile, OnAmbiguous, Outbox, Outcome};
use flowai_sandbox::Sandbox;
use outbox_support::*;

const FILE: &str = "FLOWAI_TEST_OUTBOX";
const BASE: &str = "FLOWAI_TEST_BASE_URL";
const MESSAGES: usize = 6;

/// Every step at which the process dies, and for which time it gets there.
const STEPS: [(&str, &[u32]); 15] = [
    ("storage.begin", &[1, 4, 9]),
    ("storage.commit", &[1, 2, 3, 4, 5, 6, 9, 12]),
    ("storage.committed", &[1, 2, 3, 4, 5, 6, 9, 12]),
    ("outbox.copying", &[1]),
    ("outbox.copied", &[1, 2]),
    ("outbox.enqueued", &[1, 2]),
    ("outbox.sending", &[1, 2, 5]),
    ("outbox.answered", &[1, 2, 5]),
    ("outbox.settled", &[1, 2, 5]),
    ("outbox.spooling", &[1, 3]),
    ("outbox.spooled", &[1, 3]),
    ("outbox.imported", &[1, 2]),
    ("outbox.removed", &[1, 2]),
    // A step that is never reached: the control.
    ("outbox.nowhere", &[1]),
    ("outbox.sending", &[100]),
];

/// Not a test: the process that dies. It prints the number of each message once that is durable.
#[test]
#[ignore = "run by other tests, in a process of its own"]
fn put_and_die() {
    let Some(file) = std::env::var_os(FILE) else {
        return;
    };
    let client = client(&std::env::var(BASE).unwrap(), "MY_MESSAGING_API_KEY");
    let outbox = Outbox::open_with(&file, client.clone(), quick()).unwrap();
    let guest = Outbox::attach(&file, client).unwrap();
    for n in 0..MESSAGES {
        let outbox = if n % 2 == 0 { &outbox } else { &guest };
        let put = match n % 3 {
            2 => {
                let bytes = Upload::from_bytes(vec![b'x'; 1000], "a.bin").unwrap();
                let named = bytes.message(|message| message.trace_id(n as u64 + 1));
                outbox.upload_media(&format!("t{n}"), named, KeepFile::Copy)
            }
            _ => outbox.send(
                &format!("t{n}"),
                flowai::Message::text("x").trace_id(n as u64 + 1),
            ),
        };
        println!("put {}", put.wait().unwrap().trace_id.unwrap());
    }
    outbox.flush(Some(LONG)).unwrap();
}

struct Run {
    /// The messages whose enqueue had returned.
    put: Vec<u64>,
    died: bool,
}

fn run(directory: &Directory, sandbox: &Sandbox, failpoint: &str) -> Run {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "put_and_die", "--ignored", "--nocapture", "-q"])
        .env(FILE, directory.file())
        .env(BASE, sandbox.base_url())
        .env("FLOWAI_FAILPOINTS", failpoint)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let died = output.status.signal() == Some(9);
    assert!(died || output.status.success(), "{failpoint}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let put = text
        .lines()
        .filter_map(|line| line.split_once("put ")?.1.trim().parse().ok());
    Run {
        put: put.collect(),
        died,
    }
}

/// How often each message arrived, by its trace id.
fn arrivals(sandbox: &Sandbox) -> HashMap<u64, usize> {
    let mut arrivals = HashMap::new();
    for (thread, _) in arrived(sandbox) {
        *arrivals
            .entry(thread[1..].parse::<u64>().unwrap() + 1)
            .or_default() += 1;
    }
    arrivals
}

fn crash_everywhere(policy: OnAmbiguous) {
    let mut deaths = 0;
    for (step, times) in STEPS {
        for time in times {
            let name = format!("{step}=kill@{time}");
            let builder = Sandbox::builder().api_key("MY_MESSAGING_API_KEY");
            let (directory, sandbox) = (Directory::new(), builder.start().unwrap());
            let crashed = run(&directory, &sandbox, &name);
            deaths += usize::from(crashed.died);
            let mut options = quick();
            options.on_ambiguous = policy;
            let outbox = Outbox::open_with(directory.file(), client_of(&sandbox), options).unwrap();
            assert_eq!(outbox.flush(Some(LONG)).unwrap(), 0, "{name}");
            let told = usize::try_from(outbox.stats().unwrap().reports).unwrap();
            let told = if told == 0 {
                Vec::new()
            } else {
                reports(&outbox, told)
            };
            let arrivals = arrivals(&sandbox);
            for id in &crashed.put {
                let of_it: Vec<_> = told
                    .iter()
                    .filter(|report| report.trace_id == Some(*id))
                    .collect();
                assert_eq!(of_it.len(), 1, "{name}: message {id} of {:?}", crashed.put);
            }
            for report in &told {
                let times = arrivals
                    .get(&report.trace_id.unwrap())
                    .copied()
                    .unwrap_or_default();
                match (policy, report.outcome) {
                    (OnAmbiguous::Surface, Outcome::Sent) => assert_eq!(times, 1, "{name}: {report:?}"),
                    (OnAmbiguous::Surface, Outcome::MaybeSent) => assert!(times <= 1, "{name}: {report:?}"),
                    (OnAmbiguous::Repeat, Outcome::Sent) => {
                        let most = 1 + report.ambiguous_attempts as usize;
                        assert!((1..=most).contains(&times), "{name}: {times} {report:?}");
                    }
                    _ => panic!("{name}: {report:?}"),
                }
            }
            let doubtful = told
                .iter()
                .filter(|report| report.outcome == Outcome::MaybeSent)
                .count();
            // Eight at a time are on their way at most.
            assert!(crashed.died || doubtful == 0, "{name}: {doubtful}");
            if !crashed.died {
                assert_eq!((crashed.put.len(), told.len()), (MESSAGES, MESSAGES), "{name}");
            }
            drop(outbox);
            assert_eq!(directory.beside(".spool").len(), 0, "{name}");
            assert_eq!(directory.beside(".files").len(), 0, "{name}");
        }
    }
    assert!(deaths >= 30, "only {deaths} of them died");
}

#[test]
fn nothing_is_lost_and_nothing_is_repeated_unasked() {
    crash_everywhere(OnAmbiguous::Surface);
}

#[test]
fn what_is_repeated_arrives() {
    crash_everywhere(OnAmbiguous::Repeat);
}
