//! The waiting events of a thread, in the order in which they came.
//!
//! `lane` has the first and the last of them, `follower` the one after each. So what a new event changes is a row of its
//! thread and one at the end of `follower`; an index by thread would have a page of it for every thread that is written to.
//! An event that is discarded leaves its row in `follower`, by which the events after it are found.

use rusqlite::{Connection, OptionalExtension};

use super::READY;

/// Puts a waiting event behind those of its thread.
pub(super) fn join(db: &Connection, thread: &str, id: i64) -> rusqlite::Result<()> {
    let last: Option<i64> = db
        .prepare_cached("SELECT last FROM lane WHERE thread = ?")?
        .query_row([thread], |row| row.get(0))
        .optional()?;
    match last {
        Some(last) => {
            db.prepare_cached("UPDATE lane SET last = ? WHERE thread = ?")?
                .execute((id, thread))?;
            db.prepare_cached("INSERT INTO follower (event, next) VALUES (?, ?)")?
                .execute((last, id))?;
        }
        None => {
            db.prepare_cached(
                "INSERT INTO lane (thread, head, last, due, delay) VALUES (?1, ?2, ?2, ?3, 0)",
            )?
            .execute((thread, id, READY))?;
        }
    }
    Ok(())
}

/// Makes the next waiting event of the thread its head, once nothing more is to be done about `id`, which is its head.
pub(super) fn advance(db: &Connection, thread: &str, id: i64) -> rusqlite::Result<()> {
    let mut before = id;
    while let Some(next) = follower(db, before)? {
        let waits = db
            .prepare_cached("SELECT 1 FROM event WHERE id = ? AND state = 0")?
            .exists([next])?;
        if waits {
            db.prepare_cached("UPDATE lane SET head = ?, due = ?, delay = 0 WHERE thread = ?")?
                .execute((next, READY, thread))?;
            return Ok(());
        }
        before = next;
    }
    db.prepare_cached("DELETE FROM lane WHERE thread = ?")?
        .execute([thread])?;
    Ok(())
}

/// Forgets the order of the events of a thread, from its head on.
pub(super) fn dissolve(db: &Connection, thread: &str, head: i64) -> rusqlite::Result<()> {
    let mut before = head;
    while let Some(next) = follower(db, before)? {
        before = next;
    }
    db.prepare_cached("DELETE FROM lane WHERE thread = ?")?
        .execute([thread])?;
    Ok(())
}

/// Takes the event after this one out of the order.
fn follower(db: &Connection, id: i64) -> rusqlite::Result<Option<i64>> {
    // Two statements cost less than one that returns what it deletes.
    let next = db
        .prepare_cached("SELECT next FROM follower WHERE event = ?")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    if next.is_some() {
        db.prepare_cached("DELETE FROM follower WHERE event = ?")?
            .execute([id])?;
    }
    Ok(next)
}
