//! The messages that are not settled, and who may go next.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    damaged,
    reports::{Policy, Problem, Verdict, report},
};
use crate::outbox::{entry::Outcome, files::StoredFile, letter::Letter, options::OutboxOptions};
use crate::storage::millis;

/// How much may wait, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) messages: i64,
    pub(crate) bytes: i64,
    pub(crate) max_age: Option<i64>,
}

impl Limits {
    pub(crate) fn of(options: &OutboxOptions) -> Limits {
        Limits {
            messages: i64::try_from(options.max_messages).unwrap_or(i64::MAX),
            bytes: i64::try_from(options.max_bytes).unwrap_or(i64::MAX),
            max_age: options.max_age.map(millis),
        }
    }
}

/// Whether there was room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    Yes,
    /// As many messages wait, and so many unread reports of messages that were not sent.
    TooMany(i64, i64),
    /// So many bytes wait.
    TooLarge(i64),
}

pub(crate) fn insert(db: &Connection, letter: &Letter, limits: &Limits, now: i64) -> Result<Inserted> {
    let (messages, bytes, troubles): (i64, i64, i64) = db
        .prepare_cached("SELECT messages, bytes, troubles FROM total")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if messages.saturating_add(troubles) >= limits.messages {
        return Ok(Inserted::TooMany(messages, troubles));
    }
    // What is larger than the limit alone could never be sent otherwise.
    if messages > 0 && bytes.saturating_add(letter.size) > limits.bytes {
        return Ok(Inserted::TooLarge(bytes));
    }
    let file = match &letter.file {
        Some(file) => Some(serde_json::to_string(file).map_err(|e| damaged("file", e))?),
        None => None,
    };
    let by_age = limits.max_age.map(|age| letter.enqueued_at.saturating_add(age));
    let expires_at = match (letter.expires_at, by_age) {
        (Some(own), Some(age)) => Some(own.min(age)),
        (own, age) => own.or(age),
    };
    db.prepare_cached(
        "INSERT INTO message (id, thread_id, trace_id, body, file, size, enqueued_at, expires_at, due_at, head)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NOT EXISTS (SELECT 1 FROM message WHERE thread_id = ?2)",
    )?
    .execute(params![
        letter.id,
        letter.thread_id,
        letter.trace_id,
        letter.body,
        file,
        letter.size,
        letter.enqueued_at,
        expires_at,
        now,
    ])?;
    Ok(Inserted::Yes)
}

/// Takes in what other processes have put beside the database, as long as there is room; gives the names of the files
/// that are in the database now, and were taken in now or before.
pub(crate) fn import(
    db: &Connection,
    letters: &[(String, Letter)],
    limits: &Limits,
    now: i64,
) -> Result<Vec<String>> {
    let mut done = Vec::new();
    for (name, letter) in letters {
        let known = db
            .prepare_cached("SELECT 1 FROM imported WHERE name = ?")?
            .exists([name])?;
        if !known {
            if insert(db, letter, limits, now)? != Inserted::Yes {
                break;
            }
            db.prepare_cached("INSERT INTO imported VALUES (?)")?
                .execute([name])?;
        }
        done.push(name.clone());
    }
    Ok(done)
}

/// Forgets what is not among these files any more.
pub(crate) fn keep_imported(db: &Connection, present: &HashSet<String>) -> Result<()> {
    let known: Vec<String> = db
        .prepare("SELECT name FROM imported")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_>>()?;
    let gone: Vec<String> = known.into_iter().filter(|name| !present.contains(name)).collect();
    forget_imported(db, &gone)
}

/// The files with these names are gone for good.
pub(crate) fn forget_imported(db: &Connection, names: &[String]) -> Result<()> {
    for name in names {
        db.prepare_cached("DELETE FROM imported WHERE name = ?")?
            .execute([name])?;
    }
    Ok(())
}

/// A message whose turn it is.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: i64,
    pub(crate) thread_id: String,
    pub(crate) body: String,
    /// A [`StoredFile`] as JSON.
    pub(crate) file: Option<String>,
    /// How often it was tried before.
    pub(crate) attempts: u32,
}

/// What can be tried now, and when there will be more.
#[derive(Debug, Default)]
pub(crate) struct Due {
    pub(crate) jobs: Vec<Job>,
    /// Milliseconds since 1970 UTC.
    pub(crate) next_at: Option<i64>,
}

/// The first messages of threads whose time has come, but for those in `busy`; at most `room`.
pub(crate) fn due(db: &Connection, busy: &HashSet<i64>, room: usize, now: i64) -> Result<Due> {
    let mut due = Due {
        jobs: Vec::new(),
        next_at: next_turn(db, now)?,
    };
    if room == 0 {
        return Ok(due);
    }
    let mut statement = db.prepare_cached(
        "SELECT id, thread_id, body, file, attempts FROM message
         WHERE head = 1 AND due_at <= ?1 AND sending = 0 ORDER BY due_at, position LIMIT ?2",
    )?;
    let limit = i64::try_from(busy.len().saturating_add(room)).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![now, limit])?;
    while let Some(row) = rows.next()? {
        if due.jobs.len() < room && !busy.contains(&row.get(0)?) {
            due.jobs.push(Job {
                id: row.get(0)?,
                thread_id: row.get(1)?,
                body: row.get(2)?,
                file: row.get(3)?,
                attempts: row.get(4)?,
            });
        }
    }
    Ok(due)
}

/// When there is something to do that is not to be done now: an attempt, or a message to expire.
fn next_turn(db: &Connection, now: i64) -> Result<Option<i64>> {
    db.prepare_cached(
        "SELECT min(at) FROM (
             SELECT min(due_at) AS at FROM message WHERE head = 1 AND due_at > ?1
             UNION ALL SELECT min(expires_at) FROM message WHERE expires_at IS NOT NULL AND sending = 0)",
    )?
    .query_row([now], |row| row.get(0))
}

/// When the next message may be tried.
pub(super) fn next_attempt(db: &Connection) -> Result<Option<i64>> {
    db.prepare_cached("SELECT due_at FROM message WHERE head = 1 AND sending = 0 ORDER BY due_at LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()
}

fn file_of(row: &Row<'_>, column: usize) -> Result<Option<StoredFile>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| serde_json::from_str(&text).map_err(|e| damaged("file", e)))
        .transpose()
}

/// Writes down that a message is about to leave; false when it is not there any more.
pub(crate) fn begin_attempt(db: &Connection, id: i64, attempt: u32, now: i64) -> Result<bool> {
    db.prepare_cached("UPDATE message SET sending = 1, attempts = ?2, attempted_at = ?3 WHERE id = ?1")?
        .execute(params![id, attempt, now])
        .map(|changed| changed > 0)
}

/// Writes down what became of an attempt; gives the name of the copied file that is needed no more.
pub(crate) fn settle(
    db: &Connection,
    id: i64,
    attempt: u32,
    verdict: &Verdict,
    policy: &Policy,
    now: i64,
) -> Result<Option<String>> {
    let state: Option<(u32, Option<i64>)> = db
        .prepare_cached("SELECT ambiguous, confirmed_at FROM message WHERE id = ?")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    // It was discarded, or expired, before it could leave.
    let Some((ambiguous, confirmed)) = state else {
        return Ok(None);
    };
    db.prepare_cached("UPDATE message SET attempts = ?2, attempted_at = ?3 WHERE id = ?1")?
        .execute(params![id, attempt, now])?;
    match verdict {
        Verdict::Sent { request_id } => {
            let answer = Problem {
                request_id: request_id.clone(),
                ..Problem::default()
            };
            report(db, id, Outcome::Sent, &answer, policy, now)
        }
        Verdict::Failed(problem) => report(db, id, Outcome::Failed, problem, policy, now),
        Verdict::Again {
            due_at,
            shared,
            problem,
        } => {
            again(db, id, *due_at, *shared, problem)?;
            Ok(None)
        }
        Verdict::Ambiguous { due_at, problem } => {
            db.prepare_cached("UPDATE message SET ambiguous = ambiguous + 1 WHERE id = ?")?
                .execute([id])?;
            if confirmed.is_some() {
                report(db, id, Outcome::Sent, problem, policy, now)
            } else if ambiguous < policy.repeats {
                again(db, id, *due_at, false, problem)?;
                Ok(None)
            } else {
                report(db, id, Outcome::MaybeSent, problem, policy, now)
            }
        }
    }
}

fn again(db: &Connection, id: i64, due_at: i64, shared: bool, problem: &Problem) -> Result<()> {
    db.prepare_cached(
        "UPDATE message SET sending = 0, due_at = ?2, shared_wait = ?3, error = ?4, error_kind = ?5 WHERE id = ?1",
    )?
    .execute(params![id, due_at, shared, problem.error, problem.error_kind])?;
    Ok(())
}

/// Ends waits: all of them, or those that end when any message gets through.
pub(crate) fn wake(db: &Connection, all: bool, now: i64) -> Result<()> {
    let sql = match all {
        true => "UPDATE message SET due_at = ?1, shared_wait = 0 WHERE head = 1 AND due_at > ?1",
        false => {
            "UPDATE message SET due_at = ?1, shared_wait = 0 WHERE head = 1 AND due_at > ?1 AND shared_wait = 1"
        }
    };
    db.prepare_cached(sql)?.execute([now])?;
    Ok(())
}

/// Fails what has waited for too long; gives the names of copied files that are needed no more.
pub(crate) fn expire(db: &Connection, policy: &Policy, now: i64) -> Result<Vec<String>> {
    let ids: Vec<(i64, u32, Option<String>)> = db
        .prepare_cached(
            "SELECT id, ambiguous, error FROM message WHERE expires_at <= ? AND sending = 0
             ORDER BY expires_at LIMIT 1000",
        )?
        .query_map([now], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_>>()?;
    let mut copies = Vec::new();
    for (id, ambiguous, error) in ids {
        let problem = Problem {
            error: Some(match error {
                Some(error) => format!("it could not be sent in time; last: {error}"),
                None => "it could not be sent in time".to_owned(),
            }),
            error_kind: Some("expired".to_owned()),
            ..Problem::default()
        };
        let outcome = match ambiguous {
            0 => Outcome::Failed,
            _ => Outcome::MaybeSent,
        };
        copies.extend(report(db, id, outcome, &problem, policy, now)?);
    }
    Ok(copies)
}

/// After a crash: what was leaving may have been taken. Times that a clock of then put far ahead are brought near.
pub(crate) fn recover(db: &Connection, policy: &Policy, latest: i64, now: i64) -> Result<Vec<String>> {
    let left: Vec<(i64, u32)> = db
        .prepare_cached("SELECT id, attempts FROM message WHERE sending = 1 ORDER BY position")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
    let verdict = Verdict::Ambiguous {
        due_at: now,
        problem: Problem {
            error: Some("the process ended while the message was leaving".to_owned()),
            error_kind: Some(flowai::ErrorKind::Cancelled.name().to_owned()),
            ..Problem::default()
        },
    };
    let mut copies = Vec::new();
    for (id, attempts) in left {
        copies.extend(settle(db, id, attempts, &verdict, policy, now)?);
    }
    db.execute(
        "UPDATE message SET due_at = ?1 WHERE head = 1 AND due_at > ?2",
        [now, latest],
    )?;
    // The network may be another one now.
    wake(db, false, now)?;
    Ok(copies)
}

/// Removes a message that is not leaving; nothing when it is not there, false when it is leaving. Gives the name of its
/// copied file too.
pub(crate) fn discard(db: &Connection, id: i64) -> Result<(Option<bool>, Option<String>)> {
    let sending: Option<bool> = db
        .prepare_cached("SELECT sending FROM message WHERE id = ?")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    if sending != Some(false) {
        return Ok((sending.map(|sending| !sending), None));
    }
    let copy = copy_of(db, id)?;
    db.prepare_cached("DELETE FROM message WHERE id = ?")?
        .execute([id])?;
    Ok((Some(true), copy))
}

/// The names of the copied files that messages wait with.
pub(crate) fn copies(db: &Connection) -> Result<HashSet<String>> {
    let mut statement = db.prepare("SELECT file FROM message WHERE file IS NOT NULL")?;
    let mut rows = statement.query([])?;
    let mut names = HashSet::new();
    while let Some(row) = rows.next()? {
        names.extend(file_of(row, 0)?.and_then(|file| file.copy().map(str::to_owned)));
    }
    Ok(names)
}

/// The name of the copied file of a message.
pub(super) fn copy_of(db: &Connection, id: i64) -> Result<Option<String>> {
    let file: Option<Option<String>> = db
        .prepare_cached("SELECT file FROM message WHERE id = ?")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    // What is damaged names no copy, and must not keep the message from being settled.
    let file: Option<StoredFile> = file.flatten().and_then(|text| serde_json::from_str(&text).ok());
    Ok(file.and_then(|file| file.copy().map(str::to_owned)))
}
