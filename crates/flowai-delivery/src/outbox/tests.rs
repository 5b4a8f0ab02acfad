//! What cannot be seen from outside: clocks, what is stored, and what a crash between two steps leaves behind.

use std::{collections::HashSet, time::Duration};

use flowai::{Client, Message, parse_event};
use rusqlite::Connection;

use super::{
    OnAmbiguous, Outbox, OutboxFilter, OutboxOptions, Outcome,
    letter::Letter,
    spool::Spool,
    store::{self, Inserted, Limits, Policy, Problem, SCHEMA, Verdict},
};
use crate::{storage::Clock, testing::Directory};

const NOW: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;

fn database() -> Connection {
    let db = Connection::open_in_memory().unwrap();
    for sql in SCHEMA.migrations {
        db.execute_batch(sql).unwrap();
    }
    db
}

fn limits() -> Limits {
    Limits::of(&OutboxOptions::default())
}

fn policy(on_ambiguous: OnAmbiguous) -> Policy {
    let options = OutboxOptions {
        on_ambiguous,
        ..OutboxOptions::default()
    };
    Policy::of(&options)
}

const SURFACE: OnAmbiguous = OnAmbiguous::Surface;

fn letter(thread: &str) -> Letter {
    let mut letter = Letter::new(thread, &Message::text("x").trace_id(5), None).unwrap();
    letter.enqueued_at = NOW;
    letter
}

/// Puts a message in and gives its number.
fn put(db: &Connection, thread: &str) -> i64 {
    let letter = letter(thread);
    assert_eq!(store::insert(db, &letter, &limits(), NOW).unwrap(), Inserted::Yes);
    letter.id
}

fn due(db: &Connection, now: i64) -> Vec<i64> {
    let due = store::due(db, &HashSet::new(), 100, now).unwrap();
    due.jobs.iter().map(|job| job.id).collect()
}

fn again(due_at: i64, shared: bool) -> Verdict {
    Verdict::Again {
        due_at,
        shared,
        problem: Problem::default(),
    }
}

fn ambiguous() -> Verdict {
    Verdict::Ambiguous {
        due_at: NOW,
        problem: Problem::default(),
    }
}

fn settle(db: &Connection, id: i64, verdict: &Verdict) {
    store::settle(db, id, 1, verdict, &policy(SURFACE), NOW).unwrap();
}

fn totals(db: &Connection) -> (i64, i64, i64) {
    db.query_row("SELECT messages, bytes, troubles FROM total", [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })
    .unwrap()
}

#[test]
fn only_the_first_message_of_a_thread_is_due() {
    let db = database();
    let (a1, b1, a2) = (put(&db, "a"), put(&db, "b"), put(&db, "a"));
    assert_eq!(due(&db, NOW), [a1, b1]);
    let busy = HashSet::from([a1]);
    let jobs = store::due(&db, &busy, 1, NOW).unwrap().jobs;
    assert_eq!(jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [b1]);
    settle(&db, a1, &Verdict::Sent { request_id: None });
    assert_eq!(due(&db, NOW), [b1, a2]);
    assert_eq!(store::discard(&db, a2).unwrap(), (Some(true), None));
    assert_eq!(store::discard(&db, a2).unwrap(), (None, None));
    assert!(store::begin_attempt(&db, b1, 1, NOW).unwrap());
    assert_eq!(store::discard(&db, b1).unwrap(), (Some(false), None));
    assert!(due(&db, NOW).is_empty());
    assert!(!store::begin_attempt(&db, a2, 1, NOW).unwrap());
}

#[test]
fn a_success_ends_the_waits_for_the_network_and_no_others() {
    let db = database();
    let (network, busy) = (put(&db, "a"), put(&db, "b"));
    settle(&db, network, &again(NOW + HOUR, true));
    settle(&db, busy, &again(NOW + HOUR, false));
    assert!(due(&db, NOW).is_empty());
    let next = store::due(&db, &HashSet::new(), 1, NOW).unwrap().next_at;
    assert_eq!(next, Some(NOW + HOUR));
    store::wake(&db, false, NOW).unwrap();
    assert_eq!(due(&db, NOW), [network]);
    store::wake(&db, true, NOW).unwrap();
    assert_eq!(due(&db, NOW), [network, busy]);
}

#[test]
fn what_was_leaving_when_the_process_ended_is_doubtful() {
    let db = database();
    let (leaving, waiting) = (put(&db, "a"), put(&db, "b"));
    store::begin_attempt(&db, leaving, 1, NOW).unwrap();
    store::recover(&db, &policy(SURFACE), NOW + HOUR, NOW).unwrap();
    let report = store::next_report(&db, 0).unwrap().unwrap();
    assert_eq!(
        (report.id, report.outcome, report.attempts),
        (leaving, Outcome::MaybeSent, 1)
    );
    assert_eq!(due(&db, NOW), [waiting]);

    store::begin_attempt(&db, waiting, 1, NOW).unwrap();
    store::recover(&db, &policy(OnAmbiguous::Repeat), NOW + HOUR, NOW).unwrap();
    assert_eq!(due(&db, NOW), [waiting]);
    assert_eq!(store::show(&db, waiting).unwrap().unwrap().ambiguous_attempts, 1);
}

#[test]
fn times_that_a_wrong_clock_put_far_ahead_are_brought_near() {
    let db = database();
    let (near, far) = (put(&db, "a"), put(&db, "b"));
    settle(&db, near, &again(NOW + HOUR, false));
    settle(&db, far, &again(NOW + 10_000 * HOUR, false));
    store::recover(&db, &policy(SURFACE), NOW + HOUR, NOW).unwrap();
    assert_eq!(due(&db, NOW), [far]);
}

#[test]
fn what_counts_is_counted() {
    let db = database();
    let ids = [put(&db, "a"), put(&db, "b"), put(&db, "c")];
    let size = letter("a").size;
    assert_eq!(totals(&db), (3, 3 * size, 0));
    settle(&db, ids[0], &Verdict::Sent { request_id: None });
    settle(&db, ids[1], &Verdict::Failed(Problem::default()));
    settle(&db, ids[2], &ambiguous());
    assert_eq!(totals(&db), (0, 0, 2));
    let numbers = [1, 2, 3].map(|after| store::next_report(&db, after - 1).unwrap().unwrap().number);
    for number in numbers {
        assert!(store::acknowledge(&db, number, NOW).unwrap());
        assert!(!store::acknowledge(&db, number, NOW).unwrap());
    }
    assert_eq!(totals(&db), (0, 0, 0));
}

#[test]
fn a_doubtful_message_can_be_confirmed_for_a_day() {
    let db = database();
    let delivered = parse_event(r#"{"type":"message.delivered","threadId":"a","traceId":5}"#).unwrap();
    let confirm = || {
        store::confirm(&db, &delivered, &policy(SURFACE), NOW)
            .unwrap()
            .known
    };
    for (age, known) in [(23 * HOUR, true), (24 * HOUR, false)] {
        let id = put(&db, "a");
        assert!(!confirm(), "it has not left yet");
        settle(&db, id, &ambiguous());
        let report = store::next_report(&db, 0).unwrap().unwrap();
        store::acknowledge(&db, report.number, NOW - age).unwrap();
        store::upkeep(&db, NOW).unwrap();
        assert_eq!(confirm(), known);
        if known {
            let report = store::next_report(&db, 0).unwrap().unwrap();
            assert_eq!((report.id, report.outcome), (id, Outcome::Sent));
            store::acknowledge(&db, report.number, NOW).unwrap();
        }
    }
}

#[test]
fn a_file_that_comes_again_after_a_crash_is_taken_in_once() {
    let directory = Directory::new();
    let spool = Spool::beside(&directory.file()).unwrap();
    let db = database();
    for thread in ["a", "b", "c"] {
        spool.put(&letter(thread)).unwrap();
    }
    let letters = spool.next(2).unwrap();
    let names = store::import(&db, &letters, &limits(), NOW).unwrap();
    assert_eq!((names.len(), totals(&db).0), (2, 2));
    // The crash comes before the files are removed, and the messages are sent and forgotten meanwhile.
    for id in due(&db, NOW) {
        settle(&db, id, &Verdict::Sent { request_id: None });
    }
    let letters = spool.next(100).unwrap();
    store::keep_imported(&db, &spool.names().unwrap()).unwrap();
    let names = store::import(&db, &letters, &limits(), NOW).unwrap();
    assert_eq!((names.len(), totals(&db).0), (3, 1));
    spool.remove(&names).unwrap();
    assert_eq!(spool.waiting().unwrap(), (0, 0));
    store::keep_imported(&db, &spool.names().unwrap()).unwrap();
    let known: i64 = db
        .query_row("SELECT count(*) FROM imported", [], |row| row.get(0))
        .unwrap();
    assert_eq!(known, 0);
}

#[test]
fn files_are_taken_in_in_their_order_and_as_long_as_there_is_room() {
    let directory = Directory::new();
    let spool = Spool::beside(&directory.file()).unwrap();
    let ids: Vec<i64> = (0..50)
        .map(|n| {
            let letter = letter(&format!("t{n}"));
            spool.put(&letter).unwrap();
            letter.id
        })
        .collect();
    let foreign = directory.path().join("a.db.spool/1-1-1-1.letter");
    std::fs::write(&foreign, "not a message").unwrap();
    let db = database();
    let mut narrow = limits();
    narrow.messages = 20;
    let letters = spool.next(100).unwrap();
    let names = store::import(&db, &letters, &narrow, NOW).unwrap();
    assert_eq!(names.len(), 20);
    assert_eq!(due(&db, NOW), ids[..20]);
    assert!(!foreign.exists());
    assert_eq!(spool.waiting().unwrap().0, 50);
}

#[test]
fn clocks_that_people_set_expire_nothing() {
    let directory = Directory::new();
    let clock = Clock::manual();
    let client = Client::builder()
        .api_key("k")
        .base_url("http://127.0.0.1:1/")
        .build()
        .unwrap();
    let options = OutboxOptions {
        retry_max: Duration::from_secs(60),
        ..OutboxOptions::default()
    };
    let outbox = Outbox::open_at(&directory.file(), client, options, clock.clone()).unwrap();
    let hour = Duration::from_secs(3600);
    let late = outbox.send_text("a", "x").expires_in(hour).wait().unwrap();
    outbox.send_text("b", "x").expires_in(hour * 3).wait().unwrap();
    clock.jump(48 * HOUR);
    let _ = outbox.flush(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(outbox.list(&OutboxFilter::default()).unwrap().len(), 2);
    clock.jump(-96 * HOUR);
    let _ = outbox.flush(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(outbox.list(&OutboxFilter::default()).unwrap().len(), 2);
    clock.advance(hour * 2);
    let _ = outbox.flush(Some(Duration::from_millis(100))).unwrap();
    let report = outbox
        .next_report(Some(Duration::from_secs(60)))
        .unwrap()
        .unwrap();
    assert_eq!(
        (report.id, report.error_kind.as_deref()),
        (late.id, Some("expired"))
    );
    assert_eq!(outbox.list(&OutboxFilter::default()).unwrap().len(), 1);
}
