//! What inbox and outbox rely on.

use std::{
    fs,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use flowai::{ErrorKind, Result};
use rusqlite::{Connection, params};

use super::{Database, Durability, Options, Role, Schema, Upkeep, awaited};
use crate::testing::Directory;

const FIRST_SQL: &str = "CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)";

const FIRST: Schema = Schema {
    name: "box",
    application_id: 77,
    migrations: &[FIRST_SQL],
};

const SECOND: Schema = Schema {
    migrations: &[
        FIRST_SQL,
        "ALTER TABLE item ADD COLUMN size INTEGER; UPDATE item SET size = length(text)",
    ],
    ..FIRST
};

fn open(directory: &Directory) -> Result<Database> {
    Database::open(&directory.file(), &FIRST, Options::default())
}

/// A second opinion, with nothing of ours.
fn plain(directory: &Directory) -> Connection {
    Connection::open(directory.file()).unwrap()
}

fn insert(database: &Database, text: &str) -> Result<i64> {
    let text = text.to_owned();
    database.write(Durability::Synced, move |db| {
        db.prepare_cached("INSERT INTO item (text) VALUES (?)")?
            .execute([&text])?;
        Ok(db.last_insert_rowid())
    })
}

fn count(database: &Database) -> i64 {
    database
        .read(|db| db.query_row("SELECT count(*) FROM item", [], |row| row.get(0)))
        .unwrap()
}

fn refusal<T: std::fmt::Debug>(result: Result<T>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
    error.to_string()
}

#[test]
fn what_was_written_is_there_after_opening_again() {
    let directory = Directory::new();
    let database = open(&directory).unwrap();
    assert_eq!(insert(&database, "a").unwrap(), 1);
    drop(database);
    let database = open(&directory).unwrap();
    assert_eq!((count(&database), insert(&database, "b").unwrap()), (1, 2));
    let mode = fs::metadata(directory.file()).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
}

#[test]
fn the_writer_waits_for_the_disk_and_overwrites_what_is_deleted() {
    let directory = Directory::new();
    let database = open(&directory).unwrap();
    let settings = |durability| {
        let read = |db: &Connection, name| db.pragma_query_value::<i64, _>(None, name, |row| row.get(0));
        database
            .write(durability, move |db| {
                Ok([
                    read(db, "synchronous")?,
                    read(db, "secure_delete")?,
                    read(db, "mmap_size")?,
                ])
            })
            .unwrap()
    };
    assert_eq!(settings(Durability::Synced), [2, 1, 0]);
    assert_eq!(settings(Durability::Written), [1, 1, 0]);
    assert_eq!(settings(Durability::Synced), [2, 1, 0]);
    assert!(rusqlite::version_number() >= 3_051_003);
}

#[test]
fn many_writes_share_a_commit() {
    const WRITES: usize = 300;
    let directory = Directory::new();
    let database = open(&directory).unwrap();
    let (hold, held) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    let holding = move |_: &Connection| {
        begin.send(()).unwrap();
        Ok(held.recv().is_err())
    };
    database.submit(Durability::Written, holding, |_| {});
    // It is alone in its commit, so all that follow are together.
    begun.recv().unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let (done, results) = mpsc::channel();
    for n in 0..WRITES {
        let (done, counted, seen) = (done.clone(), runs.clone(), runs.clone());
        let work = move |db: &Connection| {
            counted.fetch_add(1, Ordering::SeqCst);
            db.execute("INSERT INTO item (text) VALUES (?)", [n.to_string()])
        };
        database.submit(Durability::Synced, work, move |result| {
            done.send((result.unwrap(), seen.load(Ordering::SeqCst))).unwrap();
        });
    }
    assert_eq!(count(&database), 0);
    hold.send(()).unwrap();
    // Nobody is told before all have written, since the commit is one.
    for _ in 0..WRITES {
        assert_eq!(results.recv().unwrap(), (1, WRITES));
    }
    assert_eq!(count(&database), WRITES as i64);
}

#[test]
fn a_write_that_fails_takes_no_other_along() {
    let directory = Directory::new();
    let database = Arc::new(open(&directory).unwrap());
    insert(&database, "taken").unwrap();
    let start = Arc::new(Barrier::new(9));
    let (hold, held) = mpsc::channel::<()>();
    database.submit(Durability::Written, move |_| Ok(held.recv().is_err()), |_| {});
    let writers: Vec<_> = (0..8)
        .map(|n| {
            let (database, start) = (database.clone(), start.clone());
            thread::spawn(move || {
                start.wait();
                match n {
                    3 => insert(&database, "taken").is_err(),
                    5 => database
                        .write(Durability::Synced, |db| -> rusqlite::Result<()> {
                            db.execute("INSERT INTO item (text) VALUES ('half')", [])?;
                            panic!("on purpose")
                        })
                        .is_err_and(|error| error.kind() == ErrorKind::Internal),
                    n => insert(&database, &n.to_string()).is_ok(),
                }
            })
        })
        .collect();
    start.wait();
    thread::sleep(Duration::from_millis(50));
    // Not sent: it runs again if it shares the transaction of one that fails.
    drop(hold);
    for writer in writers {
        assert!(writer.join().unwrap());
    }
    assert_eq!(count(&database), 7);
}

#[test]
fn an_awaited_write_that_is_dropped_is_written_all_the_same() {
    let directory = Directory::new();
    let database = open(&directory).unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let counted = runs.clone();
    runtime.block_on(async {
        let work = move |db: &Connection| {
            counted.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(50));
            db.execute("INSERT INTO item (text) VALUES ('x')", [])
        };
        let write = awaited(|done| database.submit(Durability::Synced, work, done));
        assert!(
            tokio::time::timeout(Duration::from_millis(5), write)
                .await
                .is_err()
        );
        let nothing = |db: &Connection| db.execute("DELETE FROM item WHERE 0", []);
        let other = awaited(|done| database.submit(Durability::Synced, nothing, done));
        assert_eq!(other.await.unwrap(), 0);
    });
    assert_eq!((count(&database), runs.load(Ordering::Relaxed)), (1, 1));
}

#[test]
fn closing_writes_what_is_queued() {
    let directory = Directory::new();
    let database = open(&directory).unwrap();
    for n in 0..1000 {
        let work = move |db: &Connection| db.execute("INSERT INTO item (text) VALUES (?)", [n.to_string()]);
        database.submit(Durability::Synced, work, |_| {});
    }
    drop(database);
    assert_eq!(count(&open(&directory).unwrap()), 1000);
}

#[test]
fn a_second_owner_is_refused_and_a_guest_is_not() {
    let directory = Directory::new();
    let database = open(&directory).unwrap();
    let link = directory.path().join("link.db");
    std::os::unix::fs::symlink(directory.file(), &link).unwrap();
    for path in [directory.file(), link] {
        let refusal = refusal(Database::open(&path, &FIRST, Options::default()));
        assert!(
            refusal.contains("already open") && refusal.contains(&std::process::id().to_string()),
            "{refusal}"
        );
    }
    let guest = || Options {
        role: Role::Guest,
        ..Options::default()
    };
    let beside = Database::open(&directory.file(), &FIRST, guest()).unwrap();
    insert(&beside, "from the guest").unwrap();
    insert(&database, "from the owner").unwrap();
    assert_eq!((count(&database), count(&beside)), (2, 2));
    drop((database, beside));
    assert_eq!(count(&open(&directory).unwrap()), 2);
    // A guest makes nothing, and changes no version.
    let newer = refusal(Database::open(&directory.file(), &SECOND, guest()));
    assert!(newer.contains("older flowai"), "{newer}");
    refusal(Database::open(
        &directory.path().join("missing.db"),
        &FIRST,
        guest(),
    ));
}

#[test]
fn schemas_move_forward_only() {
    let directory = Directory::new();
    insert(&open(&directory).unwrap(), "four").unwrap();
    let database = Database::open(&directory.file(), &SECOND, Options::default()).unwrap();
    let size: i64 = database
        .read(|db| db.query_row("SELECT size FROM item", [], |row| row.get(0)))
        .unwrap();
    assert_eq!(size, 4);
    drop(database);
    assert!(refusal(open(&directory)).contains("newer flowai (box version 2, this one knows 1)"));
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    let directory = Directory::new();
    insert(&open(&directory).unwrap(), "four").unwrap();
    let bad = Schema {
        migrations: &[FIRST_SQL, "ALTER TABLE item ADD COLUMN size; DROP TABLE nothing"],
        ..FIRST
    };
    refusal(Database::open(&directory.file(), &bad, Options::default()));
    assert_eq!(count(&open(&directory).unwrap()), 1);
    Database::open(&directory.file(), &SECOND, Options::default()).unwrap();
}

#[test]
fn files_of_others_are_refused() {
    let directory = Directory::new();
    let other = plain(&directory);
    other
        .execute_batch("CREATE TABLE theirs (x); PRAGMA user_version = 1")
        .unwrap();
    drop(other);
    assert!(refusal(open(&directory)).contains("is not an box of flowai"));

    fs::write(directory.file(), "this is a letter, not a database. ".repeat(100)).unwrap();
    assert!(refusal(open(&directory)).contains("not a database"));
    let missing = directory.path().join("no").join("such.db");
    assert!(refusal(Database::open(&missing, &FIRST, Options::default())).contains("cannot be created"));
    refusal(Database::open(directory.path(), &FIRST, Options::default()));
}

#[test]
fn a_damaged_file_is_refused_at_the_start() {
    let directory = Directory::new();
    let database = open(&directory).unwrap();
    for n in 0..500 {
        let work = move |db: &Connection| {
            db.execute(
                "INSERT INTO item (text) VALUES (?)",
                [format!("{n}{}", "x".repeat(500))],
            )
        };
        database.submit(Durability::Written, work, |_| {});
    }
    drop(database);
    let mut bytes = fs::read(directory.file()).unwrap();
    for page in (1..bytes.len() / 4096).step_by(3) {
        bytes[page * 4096..page * 4096 + 64].fill(0xa5);
    }
    fs::write(directory.file(), bytes).unwrap();
    assert!(refusal(open(&directory)).contains("damaged"));
}

#[test]
fn a_full_disk_fails_writes_and_harms_nothing() {
    let directory = Directory::new();
    let options = Options {
        max_bytes: Some(64 << 10),
        ..Options::default()
    };
    let database = Database::open(&directory.file(), &FIRST, options).unwrap();
    let mut stored = 0;
    let full = loop {
        match insert(&database, &format!("{stored}{}", "y".repeat(3000))) {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 100);
    };
    assert_eq!(full.kind(), ErrorKind::Storage);
    assert!(full.to_string().contains("no room left"), "{full}");
    assert!(std::error::Error::source(&full).is_some());
    assert!(stored > 3 && count(&database) == stored);
    // With room again it goes on, on the same connection.
    database
        .write(Durability::Synced, |db| {
            db.execute("DELETE FROM item WHERE id < 4", [])
        })
        .unwrap();
    insert(&database, &"z".repeat(3000)).unwrap();
    drop(database);
    assert_eq!(count(&open(&directory).unwrap()), stored - 2);
}

#[test]
fn a_database_that_another_process_has_locked_is_an_error_in_time() {
    let directory = Directory::new();
    let options = Options {
        lock_time: Duration::from_millis(100),
        ..Options::default()
    };
    let database = Database::open(&directory.file(), &FIRST, options).unwrap();
    let other = plain(&directory);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let locked = insert(&database, "a").unwrap_err();
    assert_eq!(locked.kind(), ErrorKind::Storage);
    assert!(locked.to_string().contains("locked"), "{locked}");
    other.execute_batch("ROLLBACK").unwrap();
    insert(&database, "a").unwrap();
    assert_eq!(count(&database), 1);
}

#[test]
fn after_an_io_error_the_connection_is_opened_anew() {
    let directory = Directory::new();
    let database = open(&directory).unwrap();
    let failing = AtomicUsize::new(1);
    let work = move |db: &Connection| {
        db.execute("INSERT INTO item (text) VALUES ('half')", [])?;
        if failing.swap(0, Ordering::Relaxed) == 1 {
            let io = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
            return Err(rusqlite::Error::SqliteFailure(io, None));
        }
        Ok(())
    };
    // A table of the connection itself shows which one is used.
    database
        .write(Durability::Written, |db| {
            db.execute_batch("CREATE TEMP TABLE mark (x)")
        })
        .unwrap();
    let error = database.write(Durability::Synced, work).unwrap_err();
    assert!(error.to_string().contains("I/O error"), "{error}");
    assert_eq!(count(&database), 0);
    insert(&database, "whole").unwrap();
    let marks = |db: &Connection| {
        db.query_row("SELECT count(*) FROM temp.sqlite_schema", [], |row| {
            row.get::<_, i64>(0)
        })
    };
    assert_eq!(database.write(Durability::Written, marks).unwrap(), 0);
}

#[test]
fn an_emptied_log_holds_nothing() {
    let directory = Directory::new();
    let database = open(&directory).unwrap();
    insert(&database, "a secret of somebody").unwrap();
    database
        .write(Durability::Synced, |db| db.execute("DELETE FROM item", params![]))
        .unwrap();
    database.empty_log().unwrap();
    let log = super::lock::beside(&directory.file(), "-wal");
    assert_eq!(fs::metadata(log).unwrap().len(), 0);
    let bytes = fs::read(directory.file()).unwrap();
    assert!(!bytes.windows(8).any(|window| window == b"a secret"));
}

#[test]
fn upkeep_is_done_until_nothing_is_left() {
    let directory = Directory::new();
    let (done, rounds) = mpsc::channel();
    let mut round = 0;
    let work = move |db: &Connection| {
        round += 1;
        db.execute("INSERT INTO item (text) VALUES (?)", [format!("upkeep {round}")])?;
        done.send(round).unwrap();
        Ok(round < 3)
    };
    let options = Options {
        upkeep: Some(Upkeep {
            every: Duration::from_millis(100),
            work: Box::new(work),
        }),
        ..Options::default()
    };
    let database = Database::open(&directory.file(), &FIRST, options).unwrap();
    for expected in 1..=4 {
        assert_eq!(rounds.recv_timeout(Duration::from_secs(20)).unwrap(), expected);
    }
    drop(database);
    assert!(count(&open(&directory).unwrap()) >= 4);
}
