//! Looking at what is stored, and removing it.

use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{DEAD, HANDLED, Keep, LEASED, WAITING, lane};
use crate::{
    inbox::{
        entry::{Entry, EventState, Filter, InboxStats},
        store::Discarded,
    },
    storage::millis,
};

/// How many rows of a kind are removed in one transaction, so that none waits long for it.
const SWEEP: i64 = 500;

const COLUMNS: &str =
    "id, thread, state, received_at, attempts, error, maybe_duplicate, replay_of, length(body)";

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: row.get(0)?,
        thread_id: row.get(1)?,
        state: match row.get(2)? {
            WAITING => EventState::Waiting,
            DEAD => EventState::Dead,
            _ => EventState::Handled,
        },
        received_at_ms: row.get(3)?,
        attempts: row.get(4)?,
        error: row.get(5)?,
        maybe_duplicate: row.get(6)?,
        replay_of: row.get(7)?,
        size: row.get::<_, i64>(8)?.unsigned_abs(),
    })
}

pub(super) fn list(db: &Connection, filter: &Filter) -> rusqlite::Result<Vec<Entry>> {
    let state = match filter.state {
        None => "",
        Some(EventState::Waiting) => "AND state = 0 AND state <> 1",
        Some(EventState::Dead) => "AND state = 2 AND state <> 1",
        Some(EventState::Handled) => "AND state = 1",
    };
    let thread = filter.thread_id.as_ref().map_or(
        "?2 IS NULL",
        |_| "id IN (SELECT id FROM event INDEXED BY event_arrival WHERE id > ?1 AND thread = ?2)",
    );
    let sql = format!("SELECT {COLUMNS} FROM event WHERE id > ?1 AND {thread} {state} ORDER BY id LIMIT ?3");
    db.prepare_cached(&sql)?
        .query_map((filter.after, &filter.thread_id, filter.limit), entry)?
        .collect()
}

pub(super) fn show(db: &Connection, id: i64) -> rusqlite::Result<Option<(Entry, Bytes)>> {
    db.prepare_cached(&format!("SELECT {COLUMNS}, body FROM event WHERE id = ?"))?
        .query_row([id], |row| {
            Ok((entry(row)?, Bytes::from(row.get::<_, Vec<u8>>(9)?)))
        })
        .optional()
}

pub(super) fn discard(db: &Connection, id: i64) -> rusqlite::Result<Discarded> {
    let found: Option<(String, Option<i64>)> = db
        .query_row(
            "SELECT event.thread, lane.due FROM event LEFT JOIN lane ON lane.head = event.id AND lane.thread = event.thread
             WHERE event.id = ?",
            [id],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((thread, head_due)) = found else {
        return Ok(Discarded::Missing);
    };
    if head_due == Some(LEASED) {
        return Ok(Discarded::BeingHandled);
    }
    db.execute("DELETE FROM event WHERE id = ?", [id])?;
    if head_due.is_some() {
        lane::advance(db, &thread, id)?;
    }
    Ok(Discarded::Yes)
}

pub(super) fn forget(db: &Connection, thread_id: &str) -> rusqlite::Result<u64> {
    // Without a channel it means the conversations of all channels: `|` is followed by `}`.
    let (from, to) = if thread_id.contains('|') {
        (thread_id.to_owned(), thread_id.to_owned())
    } else {
        (format!("{thread_id}|"), format!("{thread_id}}}"))
    };
    let scope = (thread_id, &from, &to);
    let lanes: Vec<(String, i64)> = db
        .prepare("SELECT thread, head FROM lane WHERE thread = ?1 OR (thread >= ?2 AND thread < ?3)")?
        .query_map(scope, |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (thread, head) in &lanes {
        lane::dissolve(db, thread, *head)?;
    }
    let removed = db.execute(
        "DELETE FROM event WHERE id IN (SELECT id FROM event INDEXED BY event_arrival
                                        WHERE thread = ?1 OR (thread >= ?2 AND thread < ?3))",
        scope,
    )?;
    Ok(removed as u64)
}

pub(super) fn stats(db: &Connection, now: i64) -> rusqlite::Result<InboxStats> {
    let count = |state: i64| -> rusqlite::Result<u64> {
        db.prepare_cached("SELECT count(*) FROM event WHERE state = ? AND state <> 1")?
            .query_row([state], |row| row.get::<_, i64>(0))
            .map(i64::unsigned_abs)
    };
    let oldest: Option<i64> = db
        .prepare_cached("SELECT received_at FROM event WHERE state = 0 AND state <> 1 ORDER BY id LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(InboxStats {
        waiting: count(WAITING)?,
        leased: 0,
        oldest_waiting: oldest.map(|at| Duration::from_millis(u64::try_from(now - at).unwrap_or_default())),
        dead: count(DEAD)?,
        bytes: bytes_in_use(db)?,
    })
}

/// The size of the database without the room that is free in it.
pub(super) fn bytes_in_use(db: &Connection) -> rusqlite::Result<u64> {
    let number = |sql| -> rusqlite::Result<i64> { db.prepare_cached(sql)?.query_row([], |row| row.get(0)) };
    let pages = number("PRAGMA page_count")? - number("PRAGMA freelist_count")?;
    Ok(pages.saturating_mul(number("PRAGMA page_size")?).unsigned_abs())
}

/// Removes some of the handled events that are kept for replay; tells how many.
pub(super) fn remove_oldest_handled(db: &Connection) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE state = 1 ORDER BY finished_at LIMIT 50)",
    )?
    .execute([])
}

/// Removes what has been kept for long enough at `now`; tells whether more of it is left.
pub(super) fn sweep(db: &Connection, keep: &Keep, now: i64) -> rusqlite::Result<bool> {
    let before = |time: Duration| now.saturating_sub(millis(time));
    let handled = db.execute(
        "DELETE FROM event WHERE id IN
             (SELECT id FROM event WHERE state = ?1 AND state = 1 AND finished_at < ?2 ORDER BY finished_at LIMIT ?3)",
        (HANDLED, before(keep.handled), SWEEP),
    )?;
    let dead = match keep.dead {
        Some(time) => db.execute(
            "DELETE FROM event WHERE id IN
                 (SELECT id FROM event WHERE state = 2 AND state <> 1 AND coalesce(finished_at, received_at) < ? LIMIT ?)",
            (before(time), SWEEP),
        )?,
        None => 0,
    };
    let seen = db.execute(
        "DELETE FROM seen WHERE hash IN (SELECT hash FROM seen WHERE at < ? ORDER BY at LIMIT ?)",
        (before(keep.identities), SWEEP),
    )?;
    let recent = db.execute(
        "DELETE FROM recent WHERE event IN
             (SELECT event FROM (SELECT event, at FROM recent ORDER BY event LIMIT ?2) WHERE at < ?1)",
        (before(keep.identities), SWEEP),
    )?;
    Ok([handled, dead, seen, recent]
        .into_iter()
        .any(|count| count as i64 == SWEEP))
}
