//! The tables of the outbox. Functions take a connection inside a transaction, change nothing else, and may run again.
//!
//! `queue` holds the messages that are not settled and decides who may go next, `reports` what became of the others,
//! `look` tells about both.

mod look;
mod queue;
mod reports;

pub(crate) use look::{list, show, stats, totals};
pub(crate) use queue::{
    Due, Inserted, Job, Limits, begin_attempt, copies, discard, due, expire, forget_imported, import, insert,
    keep_imported, recover, settle, wake,
};
pub(crate) use reports::{Policy, Problem, Verdict, acknowledge, confirm, next_report, upkeep};

use crate::storage::Schema;

pub(crate) const SCHEMA: Schema = Schema {
    name: "outbox",
    application_id: 0x666c_6f78,
    migrations: &[FIRST],
};

/// `head` marks the first message of each thread, the only one that may be tried. `shared_wait` marks a wait that ends
/// when any other message gets through.
const FIRST: &str = "
CREATE TABLE message (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id INTEGER NOT NULL UNIQUE,
    thread_id TEXT NOT NULL,
    trace_id INTEGER,
    body TEXT NOT NULL,
    file TEXT,
    size INTEGER NOT NULL,
    enqueued_at INTEGER NOT NULL,
    expires_at INTEGER,
    head INTEGER NOT NULL,
    sending INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    ambiguous INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL,
    shared_wait INTEGER NOT NULL DEFAULT 0,
    attempted_at INTEGER,
    confirmed_at INTEGER,
    error TEXT,
    error_kind TEXT
) STRICT;
CREATE INDEX message_thread ON message (thread_id, position);
CREATE INDEX message_due ON message (due_at, position) WHERE head = 1;
CREATE INDEX message_sending ON message (position) WHERE sending = 1;
CREATE INDEX message_expiry ON message (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX message_trace ON message (trace_id) WHERE trace_id IS NOT NULL;

CREATE TABLE report (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id INTEGER NOT NULL,
    thread_id TEXT NOT NULL,
    trace_id INTEGER,
    body TEXT NOT NULL,
    outcome INTEGER NOT NULL,
    error TEXT,
    error_kind TEXT,
    status INTEGER,
    request_id TEXT,
    attempts INTEGER NOT NULL,
    ambiguous INTEGER NOT NULL,
    enqueued_at INTEGER NOT NULL,
    attempted_at INTEGER,
    settled_at INTEGER NOT NULL,
    confirmed_at INTEGER,
    taken_at INTEGER
) STRICT;
CREATE INDEX report_waiting ON report (number) WHERE taken_at IS NULL;
CREATE INDEX report_sent ON report (number) WHERE outcome = 0;
CREATE INDEX report_taken ON report (taken_at) WHERE taken_at IS NOT NULL;
CREATE INDEX report_trace ON report (trace_id) WHERE trace_id IS NOT NULL;

-- Files of other processes that were taken in and are not certainly removed yet.
CREATE TABLE imported (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

-- One row: what would take too long to count. Troubles are unread reports of messages that were not certainly sent.
CREATE TABLE total (messages INTEGER NOT NULL, bytes INTEGER NOT NULL, troubles INTEGER NOT NULL) STRICT;
INSERT INTO total VALUES (0, 0, 0);

CREATE TRIGGER message_added AFTER INSERT ON message BEGIN
    UPDATE total SET messages = messages + 1, bytes = bytes + NEW.size;
END;
CREATE TRIGGER message_removed AFTER DELETE ON message BEGIN
    UPDATE total SET messages = messages - 1, bytes = bytes - OLD.size;
END;
CREATE TRIGGER message_head AFTER DELETE ON message WHEN OLD.head = 1 BEGIN
    UPDATE message SET head = 1
        WHERE position = (SELECT min(position) FROM message WHERE thread_id = OLD.thread_id);
END;
CREATE TRIGGER report_added AFTER INSERT ON report WHEN NEW.outcome <> 0 AND NEW.taken_at IS NULL BEGIN
    UPDATE total SET troubles = troubles + 1;
END;
CREATE TRIGGER report_removed AFTER DELETE ON report WHEN OLD.outcome <> 0 AND OLD.taken_at IS NULL BEGIN
    UPDATE total SET troubles = troubles - 1;
END;
CREATE TRIGGER report_taken_up AFTER UPDATE OF taken_at ON report
    WHEN OLD.outcome <> 0 AND OLD.taken_at IS NULL AND NEW.taken_at IS NOT NULL BEGIN
    UPDATE total SET troubles = troubles - 1;
END;
";

/// A number that is never negative; SQLite has signed ones alone.
fn unsigned(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// The trace id in this column.
fn trace_id(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    let number: Option<i64> = row.get(column)?;
    Ok(number.and_then(|number| u64::try_from(number).ok()))
}

/// A value of a row that cannot be what was stored.
fn damaged(
    column: &'static str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    log::error!("the column {column} of the outbox holds something else");
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
}
