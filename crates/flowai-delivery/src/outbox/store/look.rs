//! What waits, and how the outbox is doing.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{damaged, queue::next_attempt, trace_id, unsigned};
use crate::outbox::{
    entry::{OutboxEntry, OutboxFilter, OutboxState, OutboxStats},
    files::StoredFile,
    letter::message_of,
};

const ENTRY: &str =
    "SELECT position, id, thread_id, trace_id, body, file, sending, attempts, ambiguous, enqueued_at,
    expires_at, CASE WHEN head = 1 AND sending = 0 THEN due_at END, error, size FROM message";

fn entry_of(row: &Row<'_>) -> Result<OutboxEntry> {
    let body: String = row.get(4)?;
    let file: Option<String> = row.get(5)?;
    let file: Option<StoredFile> = file
        .map(|text| serde_json::from_str(&text).map_err(|e| damaged("file", e)))
        .transpose()?;
    Ok(OutboxEntry {
        position: row.get(0)?,
        id: row.get(1)?,
        thread_id: row.get(2)?,
        trace_id: trace_id(row, 3)?,
        message: message_of(&body).map_err(|e| damaged("body", e))?,
        filename: file.map(|file| file.filename),
        state: match row.get(6)? {
            true => OutboxState::Sending,
            false => OutboxState::Queued,
        },
        attempts: row.get(7)?,
        ambiguous_attempts: row.get(8)?,
        enqueued_at_ms: row.get(9)?,
        expires_at_ms: row.get(10)?,
        next_attempt_at_ms: row.get(11)?,
        error: row.get(12)?,
        size: unsigned(row, 13)?,
    })
}

pub(crate) fn list(db: &Connection, filter: &OutboxFilter) -> Result<Vec<OutboxEntry>> {
    match &filter.thread_id {
        Some(thread_id) => db
            .prepare_cached(&format!(
                "{ENTRY} WHERE thread_id = ?1 AND position > ?2 ORDER BY position LIMIT ?3"
            ))?
            .query_map(params![thread_id, filter.after, filter.limit], entry_of)?
            .collect(),
        None => db
            .prepare_cached(&format!("{ENTRY} WHERE position > ?1 ORDER BY position LIMIT ?2"))?
            .query_map(params![filter.after, filter.limit], entry_of)?
            .collect(),
    }
}

pub(crate) fn show(db: &Connection, id: i64) -> Result<Option<OutboxEntry>> {
    db.prepare_cached(&format!("{ENTRY} WHERE id = ?"))?
        .query_row([id], entry_of)
        .optional()
}

/// How many messages wait, and how many bytes they have.
pub(crate) fn totals(db: &Connection) -> Result<(u64, u64)> {
    db.prepare_cached("SELECT messages, bytes FROM total")?
        .query_row([], |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?)))
}

pub(crate) fn stats(db: &Connection, now: i64) -> Result<OutboxStats> {
    let count = |sql: &str| -> Result<u64> { db.prepare_cached(sql)?.query_row([], |row| unsigned(row, 0)) };
    let (waiting, bytes) = totals(db)?;
    let oldest: Option<i64> = db
        .prepare_cached("SELECT enqueued_at FROM message ORDER BY position LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let error: Option<(Option<String>, Option<String>)> = db
        .prepare_cached(
            "SELECT error, error_kind FROM message WHERE head = 1 AND error IS NOT NULL
             ORDER BY attempted_at DESC LIMIT 1",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (error, error_kind) = error.unwrap_or_default();
    Ok(OutboxStats {
        waiting,
        sending: count("SELECT count(*) FROM message WHERE sending = 1")?,
        arriving: 0,
        bytes,
        oldest: oldest
            .map(|at| Duration::from_millis(u64::try_from(now.saturating_sub(at)).unwrap_or_default())),
        next_attempt_at_ms: next_attempt(db)?.map(|at| at.max(now)),
        error,
        error_kind,
        ambiguous: count(
            "SELECT (SELECT count(*) FROM report WHERE outcome = 1) + (SELECT count(*) FROM message WHERE ambiguous > 0)",
        )?,
        reports: count("SELECT count(*) FROM report WHERE taken_at IS NULL")?,
    })
}
