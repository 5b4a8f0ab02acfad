//! Storing events.

use rusqlite::{Connection, OptionalExtension};

use super::{DEAD, HANDLED, WAITING, identities::Identities, keep, lane};
use crate::{
    inbox::{
        entry::StoredEvent,
        store::{Arrival, Identity},
    },
    storage::failpoint,
};

/// Within which time equal bytes are suspicious, in milliseconds.
const LOOKALIKE_WINDOW: i64 = 24 * 60 * 60 * 1000;

/// When events are put, and what must be true of the inbox then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// The time that people see.
    pub(super) wall: i64,
    /// The time that `window` is measured on.
    pub(super) now: i64,
    /// For how long an identity is recognised, in milliseconds.
    pub(super) window: i64,
    /// How many bytes the inbox may have in use.
    pub(super) max_bytes: Option<u64>,
}

pub(super) fn put(
    db: &Connection,
    arrivals: &[Arrival],
    identities: &mut Identities,
    terms: Terms,
) -> rusqlite::Result<Vec<StoredEvent>> {
    failpoint::reach("inbox.put")?;
    if let Some(max) = terms.max_bytes {
        make_room(db, max)?;
    }
    let Terms {
        wall, now, window, ..
    } = terms;
    identities.catch_up(db)?;
    let stored = arrivals
        .iter()
        .map(|arrival| {
            let dead = arrival.fault.is_some();
            let (hash, window) = match &arrival.identity {
                Identity::Key(hash) => (hash, window),
                Identity::Bytes(hash) => (hash, LOOKALIKE_WINDOW),
            };
            let before = identities.find(db, hash, now.saturating_sub(window))?;
            if let (Identity::Key(_), Some(id)) = (&arrival.identity, before) {
                return Ok(StoredEvent {
                    id,
                    duplicate: true,
                    dead,
                });
            }
            let id = insert(db, arrival, wall, before.is_some(), None)?;
            identities.remember(db, hash, id, now)?;
            Ok(StoredEvent {
                id,
                duplicate: false,
                dead,
            })
        })
        .collect::<rusqlite::Result<_>>()?;
    identities.move_on(db, arrivals.len())?;
    Ok(stored)
}

/// Fails as on a full disk unless there is room within the limit, for which handled events are removed before their time.
/// The limit is on what comes in alone: handling what is there has to go on.
fn make_room(db: &Connection, max: u64) -> rusqlite::Result<()> {
    while keep::bytes_in_use(db)? >= max {
        if keep::remove_oldest_handled(db)? == 0 {
            let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
            return Err(rusqlite::Error::SqliteFailure(full, None));
        }
    }
    Ok(())
}

fn insert(
    db: &Connection,
    arrival: &Arrival,
    wall: i64,
    maybe_duplicate: bool,
    replay_of: Option<i64>,
) -> rusqlite::Result<i64> {
    let state = if arrival.fault.is_some() { DEAD } else { WAITING };
    db.prepare_cached(
        "INSERT INTO event (thread, state, received_at, maybe_duplicate, replay_of, error, body)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute((
        &arrival.thread_id,
        state,
        wall,
        maybe_duplicate,
        replay_of,
        &arrival.fault,
        &*arrival.body,
    ))?;
    let id = db.last_insert_rowid();
    if state == WAITING {
        lane::join(db, &arrival.thread_id, id)?;
    }
    Ok(id)
}

pub(super) fn replay(
    db: &Connection,
    id: i64,
    arrivals: &[Arrival],
    wall: i64,
) -> rusqlite::Result<Option<Vec<i64>>> {
    let state: Option<i64> = db
        .query_row("SELECT state FROM event WHERE id = ?", [id], |row| row.get(0))
        .optional()?;
    let Some(state) = state else { return Ok(None) };
    let ids = arrivals
        .iter()
        .map(|arrival| insert(db, arrival, wall, false, Some(id)))
        .collect::<rusqlite::Result<_>>()?;
    if state == DEAD {
        db.execute("UPDATE event SET state = ? WHERE id = ?", (HANDLED, id))?;
    }
    Ok(Some(ids))
}
