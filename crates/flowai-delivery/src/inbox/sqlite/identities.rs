//! What events are recognised by when they come again.
//!
//! Hashes have no order, so each new one would be a page of `seen` to write. It goes to the end of `recent` first, where a
//! map in memory finds it; once there are many, those that are next in the order of hashes are moved, so that each page of
//! `seen` takes several. All that is part of the transactions that store the events.
//!
//! Every process that stores events has a map of its own: it reads what others have added before it looks, and begins anew
//! when a transaction of its own was undone. What the map says is looked up in the table, so it may have too much: what
//! another process has moved. It never has too little.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rusqlite::{Connection, OptionalExtension};

/// How many rows that have been moved are removed with each event that is stored, so that none waits long for it.
const TRIM: usize = 16;

/// How many are moved with each event. More than come in, so that what is left gets fewer.
const MOVE: usize = 2;

type Hash = [u8; 32];

/// The identities in the database, for the thread that writes.
pub(super) struct Identities {
    /// The events of `recent` that are not yet in `seen`, by hash.
    events: BTreeMap<Hash, i64>,
    /// The newest event that was read from `recent`.
    newest: i64,
    limit: usize,
    /// Up to which hash has been moved in this round; none at its beginning.
    moved: Option<Hash>,
    /// The events before this one are moved and still to be removed from `recent`.
    trim_before: Option<i64>,
    /// How often a transaction has been undone, now and when `events` was read.
    undone: Arc<AtomicU64>,
    undone_then: u64,
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identities")
            .field("in_memory", &self.events.len())
            .finish_non_exhaustive()
    }
}

impl Identities {
    /// Keeps `limit` of them in memory before it moves any. `undone` counts the transactions that were undone.
    pub(super) fn new(limit: usize, undone: Arc<AtomicU64>) -> Identities {
        Identities {
            events: BTreeMap::new(),
            newest: 0,
            limit,
            moved: None,
            trim_before: None,
            undone_then: undone.load(Ordering::Relaxed),
            undone,
        }
    }

    /// Reads what was added since. To be called in every transaction before the others.
    pub(super) fn catch_up(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let undone = self.undone.load(Ordering::Relaxed);
        if self.undone_then != undone {
            *self = Identities::new(self.limit, self.undone.clone());
        }
        let mut statement =
            db.prepare_cached("SELECT event, hash FROM recent WHERE event > ? ORDER BY event")?;
        let mut rows = statement.query([self.newest])?;
        while let Some(row) = rows.next()? {
            let event = row.get(0)?;
            self.events.insert(row.get(1)?, event);
            self.newest = event;
        }
        Ok(())
    }

    /// The event with this identity that came last after this time.
    pub(super) fn find(&self, db: &Connection, hash: &Hash, after: i64) -> rusqlite::Result<Option<i64>> {
        if let Some(event) = self.events.get(hash) {
            let at: Option<i64> = db
                .prepare_cached("SELECT at FROM recent WHERE event = ? AND hash = ?")?
                .query_row((event, hash), |row| row.get(0))
                .optional()?;
            if let Some(at) = at {
                return Ok((at > after).then_some(*event));
            }
        }
        db.prepare_cached("SELECT event FROM seen WHERE hash = ? AND at > ?")?
            .query_row((hash, after), |row| row.get(0))
            .optional()
    }

    /// Has later events with this identity recognised.
    pub(super) fn remember(
        &mut self,
        db: &Connection,
        hash: &Hash,
        event: i64,
        now: i64,
    ) -> rusqlite::Result<()> {
        db.prepare_cached("INSERT INTO recent (event, hash, at) VALUES (?, ?, ?)")?
            .execute((event, hash, now))?;
        self.events.insert(*hash, event);
        self.newest = event;
        Ok(())
    }

    /// Moves some, now that this many were added.
    pub(super) fn move_on(&mut self, db: &Connection, added: usize) -> rusqlite::Result<()> {
        if let Some(before) = self.trim_before {
            let most = added.saturating_mul(TRIM);
            let removed = db
                .prepare_cached(
                    "DELETE FROM recent WHERE event IN (SELECT event FROM recent WHERE event < ? ORDER BY event LIMIT ?)",
                )?
                .execute((before, most as i64))?;
            if removed < most {
                self.trim_before = None;
            }
        }
        if self.events.len() <= self.limit {
            return Ok(());
        }
        let from = self.moved.map_or(Bound::Unbounded, Bound::Excluded);
        let next: Vec<(Hash, i64)> = self
            .events
            .range((from, Bound::Unbounded))
            .take(added.saturating_mul(MOVE))
            .map(|(hash, event)| (*hash, *event))
            .collect();
        for (hash, event) in &next {
            db.prepare_cached(
                "REPLACE INTO seen (hash, event, at) SELECT hash, event, at FROM recent WHERE event = ? AND hash = ?",
            )?
            .execute((event, hash))?;
            self.events.remove(hash);
        }
        self.moved = next.last().map(|(hash, _)| *hash);
        if self.moved.is_none() {
            // The round is over: whatever came before what is left is in `seen`.
            self.trim_before = self.events.values().min().copied();
        }
        Ok(())
    }
}
