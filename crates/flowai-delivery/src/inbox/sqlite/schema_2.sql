-- An event is stored without touching pages that lie elsewhere for every thread and every hash.

CREATE TABLE recent (
    event INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    at INTEGER NOT NULL                   -- as in `seen`
);

CREATE TABLE follower (
    event INTEGER PRIMARY KEY,
    next INTEGER NOT NULL                 -- the event that came next to the thread while it had waiting ones
);
ALTER TABLE lane ADD COLUMN last INTEGER NOT NULL DEFAULT 0;    -- the newest waiting event of the thread
INSERT INTO follower
    SELECT id, next
    FROM (SELECT id, lead(id) OVER (PARTITION BY thread ORDER BY id) AS next FROM event WHERE state = 0)
    WHERE next IS NOT NULL;
UPDATE lane SET last = (SELECT max(id) FROM event WHERE event.thread = lane.thread AND state = 0);

DROP INDEX event_thread;
CREATE INDEX event_arrival ON event (id, thread);
