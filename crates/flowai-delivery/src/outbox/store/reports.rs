//! What became of the messages.

use flowai::{Error, Event, EventKind};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{damaged, queue::copy_of, trace_id};
use crate::outbox::{
    entry::{Outcome, Report},
    letter::message_of,
    options::{OnAmbiguous, OutboxOptions},
};

/// What is done with messages that may have been taken, and how many reports are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// How often a message is repeated.
    pub(crate) repeats: u32,
    /// How many unread reports of messages that were sent are kept.
    pub(crate) keep_sent: i64,
}

impl Policy {
    pub(crate) fn of(options: &OutboxOptions) -> Policy {
        Policy {
            repeats: match options.on_ambiguous {
                OnAmbiguous::Surface => 0,
                OnAmbiguous::Repeat => options.max_repeats,
            },
            keep_sent: i64::try_from(options.keep_sent).unwrap_or(i64::MAX),
        }
    }
}

/// What an attempt came to.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Sent {
        request_id: Option<String>,
    },
    Failed(Problem),
    /// It certainly was not taken, and can be tried again.
    Again {
        due_at: i64,
        shared: bool,
        problem: Problem,
    },
    /// It may have been taken; `due_at` is for those who repeat it all the same.
    Ambiguous {
        due_at: i64,
        problem: Problem,
    },
}

/// An error as it is stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Problem {
    pub(crate) error: Option<String>,
    pub(crate) error_kind: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) request_id: Option<String>,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Problem {
        Problem {
            error: Some(error.to_string()),
            error_kind: Some(error.kind().name().to_owned()),
            status: error.status(),
            request_id: error.request_id().map(str::to_owned),
        }
    }
}

/// Makes a report of a message and removes it from the queue; gives the name of its copied file.
pub(super) fn report(
    db: &Connection,
    id: i64,
    outcome: Outcome,
    problem: &Problem,
    policy: &Policy,
    now: i64,
) -> Result<Option<String>> {
    let copy = copy_of(db, id)?;
    if outcome != Outcome::Sent || policy.keep_sent > 0 {
        db.prepare_cached(
            "INSERT INTO report (id, thread_id, trace_id, body, outcome, error, error_kind, status, request_id,
                 attempts, ambiguous, enqueued_at, attempted_at, settled_at, confirmed_at)
             SELECT id, thread_id, trace_id, body, ?2, ifnull(?3, error), ifnull(?4, error_kind), ?5, ?6,
                 attempts, ambiguous, enqueued_at, attempted_at, ?7, confirmed_at
             FROM message WHERE id = ?1",
        )?
        .execute(params![
            id,
            outcome as i64,
            problem.error,
            problem.error_kind,
            problem.status,
            problem.request_id,
            now,
        ])?;
    }
    db.prepare_cached("DELETE FROM message WHERE id = ?")?
        .execute([id])?;
    if outcome == Outcome::Sent {
        db.prepare_cached(
            "DELETE FROM report WHERE outcome = 0 AND number <= (SELECT max(number) FROM report) - ?",
        )?
        .execute([policy.keep_sent])?;
    }
    Ok(copy)
}

const REPORT: &str =
    "SELECT number, id, thread_id, trace_id, outcome, body, error, error_kind, status, request_id,
    attempts, ambiguous, enqueued_at, attempted_at, settled_at, confirmed_at FROM report";

fn report_of(row: &Row<'_>) -> Result<Report> {
    let outcome: i64 = row.get(4)?;
    let outcome = Outcome::ALL.into_iter().find(|known| *known as i64 == outcome);
    let body: String = row.get(5)?;
    Ok(Report {
        number: row.get(0)?,
        id: row.get(1)?,
        thread_id: row.get(2)?,
        trace_id: trace_id(row, 3)?,
        outcome: outcome.ok_or_else(|| damaged("outcome", "no such outcome"))?,
        message: message_of(&body).map_err(|e| damaged("body", e))?,
        error: row.get(6)?,
        error_kind: row.get(7)?,
        status: row.get(8)?,
        request_id: row.get(9)?,
        attempts: row.get(10)?,
        ambiguous_attempts: row.get(11)?,
        enqueued_at_ms: row.get(12)?,
        attempted_at_ms: row.get(13)?,
        settled_at_ms: row.get(14)?,
        confirmed_at_ms: row.get(15)?,
    })
}

/// The first report after this number that nobody has acknowledged.
pub(crate) fn next_report(db: &Connection, after: i64) -> Result<Option<Report>> {
    db.prepare_cached(&format!(
        "{REPORT} WHERE taken_at IS NULL AND number > ? ORDER BY number LIMIT 1"
    ))?
    .query_row([after], report_of)
    .optional()
}

/// Forgets a report, but for what a delivery event may still settle; false when there is none with this number.
pub(crate) fn acknowledge(db: &Connection, number: i64, now: i64) -> Result<bool> {
    let kept = db
        .prepare_cached(
            "UPDATE report SET taken_at = ?2 WHERE number = ?1 AND outcome = ?3 AND taken_at IS NULL",
        )?
        .execute(params![number, now, Outcome::MaybeSent as i64])?;
    let removed = db
        .prepare_cached("DELETE FROM report WHERE number = ? AND taken_at IS NULL")?
        .execute([number])?;
    Ok(kept + removed > 0)
}

/// How long an acknowledged report of a message that may have been taken waits for a delivery event. Flow.ai repeats a
/// call for up to four hours.
const CONFIRMABLE_MS: i64 = 24 * 3600 * 1000;

/// Forgets what no delivery event will settle any more.
pub(crate) fn upkeep(db: &Connection, now: i64) -> Result<()> {
    db.prepare_cached("DELETE FROM report WHERE taken_at <= ?")?
        .execute([now.saturating_sub(CONFIRMABLE_MS)])?;
    Ok(())
}

/// What a delivery event changed.
#[derive(Debug, Default)]
pub(crate) struct Confirmed {
    /// The event is about a message of this outbox.
    pub(crate) known: bool,
    /// Names of copied files that are needed no more.
    pub(crate) copies: Vec<String>,
}

/// The event says that a message has arrived.
pub(crate) fn confirm(db: &Connection, event: &Event, policy: &Policy, now: i64) -> Result<Confirmed> {
    let mut confirmed = Confirmed::default();
    let ours = event.trace_id().and_then(|id| i64::try_from(id).ok());
    let Some(ours) = ours.filter(|_| event.kind() == EventKind::Delivered) else {
        return Ok(confirmed);
    };
    // Of waiting messages only those that have left at least once: somebody may use a trace id twice.
    for id in about(
        db,
        event,
        ours,
        "SELECT id, thread_id FROM message WHERE trace_id = ? AND (sending = 1 OR ambiguous > 0)",
    )? {
        confirmed.known = true;
        db.prepare_cached("UPDATE message SET confirmed_at = ifnull(confirmed_at, ?2) WHERE id = ?1")?
            .execute([id, now])?;
        let leaving: bool = db
            .prepare_cached("SELECT sending FROM message WHERE id = ?")?
            .query_row([id], |row| row.get(0))?;
        if !leaving {
            let copy = report(db, id, Outcome::Sent, &Problem::default(), policy, now)?;
            confirmed.copies.extend(copy);
        }
    }
    for number in about(
        db,
        event,
        ours,
        "SELECT number, thread_id FROM report WHERE trace_id = ? AND outcome <> 2",
    )? {
        confirmed.known = true;
        confirm_report(db, number, now)?;
    }
    Ok(confirmed)
}

/// The rows with this trace id that are of the conversation of the event.
fn about(db: &Connection, event: &Event, ours: i64, sql: &str) -> Result<Vec<i64>> {
    let rows: Vec<(i64, String)> = db
        .prepare_cached(sql)?
        .query_map([ours], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
    let mine = rows.into_iter().filter(|(_, thread_id)| event.is_for(thread_id));
    Ok(mine.map(|(key, _)| key).collect())
}

/// Notes the confirmation. One that changes the outcome makes a new report in place of the old one, which may have been
/// read.
fn confirm_report(db: &Connection, number: i64, now: i64) -> Result<()> {
    db.prepare_cached(
        "UPDATE report SET confirmed_at = ?2 WHERE number = ?1 AND outcome = 0 AND confirmed_at IS NULL",
    )?
    .execute([number, now])?;
    let renewed = db
        .prepare_cached(
            "INSERT INTO report (id, thread_id, trace_id, body, outcome, error, error_kind, status, request_id,
                 attempts, ambiguous, enqueued_at, attempted_at, settled_at, confirmed_at)
             SELECT id, thread_id, trace_id, body, 0, error, error_kind, status, request_id,
                 attempts, ambiguous, enqueued_at, attempted_at, ?2, ?2
             FROM report WHERE number = ?1 AND outcome = 1",
        )?
        .execute([number, now])?;
    if renewed > 0 {
        db.prepare_cached("DELETE FROM report WHERE number = ?")?
            .execute([number])?;
    }
    Ok(())
}
