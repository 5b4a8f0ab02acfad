//! Handing events out, and hearing what became of them.

use std::time::Duration;

use bytes::Bytes;
use flowai::Result;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{DEAD, HANDLED, LEASED, READY, SqliteStore, WAITING, lane::advance};
use crate::{
    inbox::store::{Claim, Lease, Leased, Outcome},
    storage::{Durability, failpoint, millis},
};

/// What is known of an event whose holder did not settle it in time.
const EXPIRED: &str = "the lease ended before the event was acknowledged";

/// What the process before left leased is handed out again, and nothing waits longer than it was told to.
pub(super) fn start_over(db: &Connection, now: i64) -> rusqlite::Result<()> {
    db.execute("UPDATE lane SET due = ? WHERE due = ?", (READY, LEASED))?;
    // The clock may have been set back since.
    db.execute(
        "UPDATE lane SET due = ? + delay WHERE due > ? + delay",
        (now, now),
    )?;
    Ok(())
}

pub(super) fn lease(store: &SqliteStore, time: Duration) -> Result<Leased> {
    let (elapsed, now) = (store.clock.elapsed(), store.clock.steady_ms());
    let expired: Vec<Claim> = store
        .leases()
        .iter()
        .filter(|(_, (_, until))| *until <= elapsed)
        .map(|(id, (generation, _))| Claim {
            id: *id,
            generation: *generation,
        })
        .collect();
    let gone = expired.clone();
    let (found, next_due) = store.database.write(Durability::Written, move |db| {
        for claim in &expired {
            expire(db, *claim)?;
        }
        take(db, now)
    })?;
    let mut leases = store.leases();
    for claim in gone {
        if leases
            .get(&claim.id)
            .is_some_and(|(generation, _)| *generation == claim.generation)
        {
            leases.remove(&claim.id);
        }
    }
    if let Some(lease) = found {
        leases.insert(
            lease.claim.id,
            (lease.claim.generation, elapsed.saturating_add(time)),
        );
        return Ok(Leased::Event(lease));
    }
    let retry = next_due.map(|due| Duration::from_millis(u64::try_from(due - now).unwrap_or_default()));
    let expiry = leases
        .values()
        .map(|(_, until)| until.saturating_sub(elapsed))
        .min();
    Ok(Leased::Nothing([retry, expiry].into_iter().flatten().min()))
}

/// Nothing happens when the event has been settled or leased again in the meantime.
fn expire(db: &Connection, claim: Claim) -> rusqlite::Result<()> {
    let thread: Option<String> = db
        .prepare_cached(
            "UPDATE event SET error = ? WHERE id = ? AND generation = ? AND state = 0 RETURNING thread",
        )?
        .query_row((EXPIRED, claim.id, claim.generation), |row| row.get(0))
        .optional()?;
    if let Some(thread) = thread {
        db.prepare_cached("UPDATE lane SET due = ? WHERE thread = ? AND head = ? AND due = ?")?
            .execute((READY, thread, claim.id, LEASED))?;
    }
    Ok(())
}

/// The oldest event that is ready; when there is none, when the next one will be due.
fn take(db: &Connection, now: i64) -> rusqlite::Result<(Option<Lease>, Option<i64>)> {
    db.prepare_cached("UPDATE lane SET due = 0 WHERE due > 0 AND due <= ?")?
        .execute([now])?;
    let head: Option<i64> = db
        .prepare_cached("SELECT head FROM lane WHERE due = 0 ORDER BY head LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(id) = head else {
        let next_due = db
            .prepare_cached("SELECT min(due) FROM lane WHERE due > 0")?
            .query_row([], |row| row.get(0))?;
        return Ok((None, next_due));
    };
    db.prepare_cached("UPDATE lane SET due = ? WHERE due = 0 AND head = ?")?
        .execute((LEASED, id))?;
    let lease = db
        .prepare_cached(
            "UPDATE event SET attempts = attempts + 1, generation = generation + 1 WHERE id = ?
             RETURNING id, generation, attempts, received_at, maybe_duplicate, replay_of IS NOT NULL, body",
        )?
        .query_row([id], read)?;
    failpoint::reach("inbox.lease")?;
    Ok((Some(lease), None))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Lease> {
    Ok(Lease {
        claim: Claim {
            id: row.get(0)?,
            generation: row.get(1)?,
        },
        attempt: row.get(2)?,
        received_at_ms: row.get(3)?,
        maybe_duplicate: row.get(4)?,
        replayed: row.get(5)?,
        body: Bytes::from(row.get::<_, Vec<u8>>(6)?),
    })
}

pub(super) fn settle(db: &Connection, claim: Claim, outcome: &Outcome, now: i64) -> rusqlite::Result<bool> {
    failpoint::reach("inbox.settle")?;
    let (state, error, finished_at) = match outcome {
        Outcome::Handled => (HANDLED, None, Some(now)),
        Outcome::Retry(_, error) => (WAITING, error.as_deref(), None),
        Outcome::Dead(reason) => (DEAD, Some(reason.as_str()), Some(now)),
        Outcome::Returned => (WAITING, None, None),
    };
    let uncounted = u32::from(matches!(outcome, Outcome::Returned));
    // The generation grows, so that a claim settles once.
    let thread: Option<String> = db
        .prepare_cached(
            "UPDATE event SET state = ?1, finished_at = ?2, error = coalesce(?3, error), generation = generation + 1,
             attempts = attempts - ?6
             WHERE id = ?4 AND generation = ?5 AND state = 0 RETURNING thread",
        )?
        .query_row(
            (state, finished_at, error, claim.id, claim.generation, uncounted),
            |row| row.get(0),
        )
        .optional()?;
    let Some(thread) = thread else { return Ok(false) };
    match outcome {
        Outcome::Retry(after, _) => {
            let delay = millis(*after);
            let due = if delay == 0 {
                READY
            } else {
                now.saturating_add(delay)
            };
            db.prepare_cached("UPDATE lane SET due = ?, delay = ? WHERE thread = ?")?
                .execute((due, delay, thread))?;
        }
        Outcome::Returned => {
            db.prepare_cached("UPDATE lane SET due = ?, delay = 0 WHERE thread = ?")?
                .execute((READY, thread))?;
        }
        Outcome::Handled | Outcome::Dead(_) => advance(db, &thread, claim.id)?,
    }
    Ok(true)
}
