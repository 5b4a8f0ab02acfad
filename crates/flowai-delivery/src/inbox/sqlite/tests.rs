//! The SQLite engine does what every engine must do, and leaves no traces.

use std::{collections::HashMap, fs, iter, sync::PoisonError, time::Duration};

use bytes::Bytes;
use flowai::Result;
use rusqlite::Connection;

use super::{Keep, SCHEMA, Settings, SqliteStore, put};
use crate::{
    inbox::{
        behaviour::{Engine, behaviours},
        store::{Arrival, Discarded, Identity, InboxStore, Leased, Outcome},
    },
    storage::{Clock, Durability, Role, wait},
    testing::Directory,
};

impl Engine for Directory {
    type Store = SqliteStore;

    fn new() -> Directory {
        Directory::new()
    }

    fn open(&self, clock: &Clock, keep: Keep) -> Result<SqliteStore> {
        open(self, Role::Owner, clock, keep)
    }
}

fn open(directory: &Directory, role: Role, clock: &Clock, keep: Keep) -> Result<SqliteStore> {
    let settings = Settings {
        role,
        lock_time: Duration::from_secs(2),
        max_bytes: None,
        keep,
        recent_identities: 2,
    };
    SqliteStore::open(&directory.file(), settings, clock.clone())
}

behaviours!(Directory);

const KEEP: Keep = Keep {
    identities: Duration::from_secs(86400),
    handled: Duration::from_secs(86400),
    dead: None,
};

fn keyed(thread: &str, key: &str) -> Arrival {
    Arrival {
        thread_id: thread.into(),
        identity: Identity::of(Some(key), b""),
        body: Bytes::from(key.to_owned()),
        fault: None,
    }
}

fn count(directory: &Directory, table: &str) -> i64 {
    let plain = Connection::open(directory.file()).unwrap();
    let sql = format!("SELECT count(*) FROM {table}");
    plain.query_row(&sql, [], |row| row.get(0)).unwrap()
}

/// Handles all that waits, and gives the bodies.
fn handle_all(store: &SqliteStore) -> Vec<Bytes> {
    iter::from_fn(|| match store.lease(Duration::from_secs(60)).unwrap() {
        Leased::Event(lease) => {
            assert!(wait(|done| store.settle(lease.claim, Outcome::Handled, done)).unwrap());
            Some(lease.body)
        }
        Leased::Nothing(_) => None,
    })
    .collect()
}

/// Numbers without a pattern, the same in every run.
fn numbers() -> impl FnMut(u64) -> u64 {
    let mut state = 0x853c_49e6_748f_ea9b_u64;
    move |below| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    }
}

/// By two processes, of which one ends now and then, and with transactions that are undone.
#[test]
fn an_identity_is_recognised_wherever_it_is_kept() {
    let directory = Directory::new();
    let clock = Clock::system();
    let mut owner = open(&directory, Role::Owner, &clock, KEEP).unwrap();
    let guest = open(&directory, Role::Guest, &clock, KEEP).unwrap();
    let mut below = numbers();
    let mut stored = HashMap::new();
    for step in 0..2000 {
        let key = below(700).to_string();
        let store = if below(3) == 0 { &guest } else { &owner };
        if below(100) == 0 {
            let (arrivals, identities) = (vec![keyed("t", &key)], store.identities.clone());
            let terms = put::Terms {
                wall: clock.wall_ms(),
                now: clock.steady_ms(),
                window: 86_400_000,
                max_bytes: None,
            };
            let undone = store.database.write(Durability::Synced, move |db| {
                let mut identities = identities.lock().unwrap_or_else(PoisonError::into_inner);
                put::put(db, &arrivals, &mut identities, terms)?;
                Err::<(), _>(rusqlite::Error::QueryReturnedNoRows)
            });
            assert!(undone.is_err());
        }
        let told = wait(|done| store.put(vec![keyed("t", &key)], done)).unwrap()[0];
        let first = stored.get(&key).copied();
        assert_eq!(
            (told.duplicate, first.unwrap_or(told.id)),
            (first.is_some(), told.id),
            "{step}"
        );
        stored.insert(key, told.id);
        if step % 500 == 499 {
            drop(owner);
            owner = open(&directory, Role::Owner, &clock, KEEP).unwrap();
        }
    }
    assert!(stored.len() > 600, "{}", stored.len());
    let (seen, recent) = (count(&directory, "seen"), count(&directory, "recent"));
    assert!(seen > 500 && recent < 200, "{seen} were moved, {recent} are left");
}

/// Through every way in which an event can leave its thread.
#[test]
fn a_thread_keeps_its_order_and_leaves_nothing_behind() {
    let directory = Directory::new();
    let store = open(&directory, Role::Owner, &Clock::system(), KEEP).unwrap();
    let mut below = numbers();
    let mut expected: HashMap<String, Vec<(i64, String)>> = HashMap::new();
    for step in 0..600 {
        let thread = format!("{}|web", below(5));
        let waiting = expected.entry(thread.clone()).or_default();
        match below(6) {
            0..3 => {
                let key = step.to_string();
                let told = wait(|done| store.put(vec![keyed(&thread, &key)], done)).unwrap();
                waiting.push((told[0].id, key));
            }
            3 if !waiting.is_empty() => {
                let (id, _) = waiting.remove(below(waiting.len() as u64) as usize);
                assert_eq!(store.discard(id).unwrap(), Discarded::Yes);
            }
            4 => {
                if let Leased::Event(lease) = store.lease(Duration::from_secs(60)).unwrap() {
                    let body = String::from_utf8(lease.body.to_vec()).unwrap();
                    let outcome = match below(2) {
                        0 => Outcome::Handled,
                        _ => Outcome::Dead("no good".into()),
                    };
                    assert!(wait(|done| store.settle(lease.claim, outcome, done)).unwrap());
                    let first = |waiting: &&mut Vec<(i64, String)>| {
                        waiting.first() == Some(&(lease.claim.id, body.clone()))
                    };
                    let of = expected
                        .values_mut()
                        .find(first)
                        .expect("the first of its thread");
                    of.remove(0);
                }
            }
            5 if below(12) == 0 => {
                store.forget(&thread).unwrap();
                waiting.clear();
            }
            _ => {}
        }
    }
    let mut left: Vec<_> = expected.into_values().flatten().map(|(_, key)| key).collect();
    let mut handled = handle_all(&store);
    left.sort_unstable();
    handled.sort_unstable();
    assert_eq!(handled, left);
    assert_eq!(["lane", "follower"].map(|table| count(&directory, table)), [0, 0]);
}

#[test]
fn what_an_older_version_left_is_taken_over() {
    let directory = Directory::new();
    let older = Connection::open(directory.file()).unwrap();
    older.execute_batch(SCHEMA.migrations[0]).unwrap();
    older
        .pragma_update(None, "application_id", SCHEMA.application_id)
        .unwrap();
    older.pragma_update(None, "user_version", 1).unwrap();
    older
        .execute_batch(
            "INSERT INTO event (thread, state, received_at, maybe_duplicate, body) VALUES
                 ('a', 1, 1, 0, 'handled'), ('a', 0, 2, 0, 'a1'), ('b', 0, 3, 0, 'b1'), ('a', 2, 4, 0, 'dead'),
                 ('a', 0, 5, 0, 'a2'), ('b', 0, 6, 0, 'b2'), ('a', 0, 7, 0, 'a3'), ('c', 0, 8, 0, 'c1');
             UPDATE event SET body = CAST(body AS BLOB);
             INSERT INTO lane VALUES ('a', 2, 0, 0), ('b', 3, 0, 0), ('c', 8, 0, 0);",
        )
        .unwrap();
    let Identity::Key(hash) = Identity::of(Some("known"), b"") else {
        panic!()
    };
    let clock = Clock::system();
    older
        .execute("INSERT INTO seen VALUES (?, 1, ?)", (hash, clock.steady_ms()))
        .unwrap();
    drop(older);
    let store = open(&directory, Role::Owner, &clock, KEEP).unwrap();
    assert!(wait(|done| store.put(vec![keyed("a", "known")], done)).unwrap()[0].duplicate);
    wait(|done| store.put(vec![keyed("a", "a4"), keyed("c", "c2")], done)).unwrap();
    assert_eq!(
        handle_all(&store),
        ["a1", "b1", "a2", "b2", "a3", "c1", "a4", "c2"]
    );
    assert_eq!(["lane", "follower"].map(|table| count(&directory, table)), [0, 0]);
}

#[test]
fn what_is_forgotten_is_not_in_the_files() {
    let directory = Directory::new();
    let keep = Keep {
        identities: Duration::from_secs(86400),
        handled: Duration::ZERO,
        dead: None,
    };
    let store = directory.open(&Clock::system(), keep).unwrap();
    let arrival = |thread: &str, body: String| Arrival {
        thread_id: thread.into(),
        identity: Identity::of(None, body.as_bytes()),
        body: Bytes::from(body),
        fault: None,
    };
    for size in [10, 10_000] {
        let secret = arrival("them", format!("something private {}", "x".repeat(size)));
        let other = arrival("others", format!("something harmless {}", "x".repeat(size)));
        wait(|done| store.put(vec![secret, other], done)).unwrap();
    }
    let found = |text: &str| {
        let files = fs::read_dir(directory.path()).unwrap();
        let mut all = files.map(|file| fs::read(file.unwrap().path()).unwrap());
        all.any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    assert!(found("something private") && found("something harmless"));
    assert_eq!(store.forget("them").unwrap(), 2);
    assert!(!found("something private") && !found("them"));
    assert!(found("something harmless"));
}
