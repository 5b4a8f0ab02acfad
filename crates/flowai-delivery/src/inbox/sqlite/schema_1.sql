CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    thread TEXT NOT NULL,
    state INTEGER NOT NULL,               -- 0 waiting, 1 handled, 2 dead
    received_at INTEGER NOT NULL,         -- milliseconds since 1970 UTC
    finished_at INTEGER,                  -- likewise, on the clock of `seen`
    attempts INTEGER NOT NULL DEFAULT 0,
    generation INTEGER NOT NULL DEFAULT 0,
    maybe_duplicate INTEGER NOT NULL,
    replay_of INTEGER,
    error TEXT,
    body BLOB NOT NULL
);
CREATE INDEX event_thread ON event (thread, id);
CREATE INDEX event_open ON event (state, id) WHERE state <> 1;
CREATE INDEX event_finished ON event (finished_at) WHERE state = 1;

CREATE TABLE lane (
    thread TEXT PRIMARY KEY,
    head INTEGER NOT NULL,                -- the oldest waiting event of the thread
    due INTEGER NOT NULL,                 -- 0 now, -1 leased, else when to try again: milliseconds since 1970 UTC
    delay INTEGER NOT NULL                -- how long that was from the failure on
) WITHOUT ROWID;
CREATE INDEX lane_ready ON lane (head) WHERE due = 0;
CREATE INDEX lane_due ON lane (due) WHERE due > 0;

CREATE TABLE seen (
    hash BLOB PRIMARY KEY,
    event INTEGER NOT NULL,
    at INTEGER NOT NULL                   -- milliseconds since 1970 UTC, on a clock that does not jump while it runs
) WITHOUT ROWID;
CREATE INDEX seen_at ON seen (at);
