//! The inbox in an SQLite file.
//!
//! `event` has every event, by number, in the order of their commits. `lane` has a row for each thread that has waiting
//! events: the oldest of them (`head`), and when it may be handed out. Leasing looks only at lanes, so neither a long
//! history nor a thread that waits to be tried again is in the way of the others; `follower` says which event comes after
//! which (see `lane`). `recent` and `seen` have the identities of what came, without content, so that they can be kept
//! longer than the events (see `identities`).
//!
//! To store an event is to write at the end of tables and indexes, and few pages elsewhere: it is pages that a commit pays
//! for. What has to look through the events of a thread reads an index of all numbers and threads (`event_arrival`).
//!
//! Leases end by the monotonic clock of the process, so their deadlines are in memory only. That a head is leased is in
//! its lane as well; a new owner hands it out again.

mod identities;
mod keep;
mod lane;
mod lease;
mod put;

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, hash_map::Entry},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use flowai::Result;
use rusqlite::Connection;

use self::identities::Identities;
use super::{
    entry::{Entry as Listed, Filter, InboxStats, StoredEvent},
    store::{Arrival, Claim, Discarded, InboxStore, Leased, Outcome},
};
use crate::storage::{Clock, Database, Done, Durability, Options, Role, Schema, Upkeep, millis};

const SCHEMA: Schema = Schema {
    name: "inbox",
    application_id: 0x666c_4149,
    migrations: &[include_str!("schema_1.sql"), include_str!("schema_2.sql")],
};

const WAITING: i64 = 0;
const HANDLED: i64 = 1;
const DEAD: i64 = 2;

/// `lane.due` of a thread whose head can be leased.
const READY: i64 = 0;
/// `lane.due` of a thread whose head is leased.
const LEASED: i64 = -1;

/// How often what has been kept for long enough is removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// What the store does by itself.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) role: Role,
    pub(crate) lock_time: Duration,
    /// How many bytes may be in use before nothing more is put.
    pub(crate) max_bytes: Option<u64>,
    pub(crate) keep: Keep,
    /// How many identities are found in memory before some are moved to where they are found on the disk.
    pub(crate) recent_identities: usize,
}

/// How long what is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    /// Identities of events.
    pub(crate) identities: Duration,
    /// Handled events.
    pub(crate) handled: Duration,
    /// Dead letters; `None`: for ever.
    pub(crate) dead: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct SqliteStore {
    database: Database,
    clock: Clock,
    keep: Keep,
    max_bytes: Option<u64>,
    identities: Arc<Mutex<Identities>>,
    /// Which generation of an event is leased, and until when on the monotonic clock.
    leases: Arc<Mutex<Leases>>,
}

/// By the number of the event.
type Leases = HashMap<i64, (i64, Duration)>;

impl SqliteStore {
    pub(crate) fn open(path: &Path, settings: Settings, clock: Clock) -> Result<SqliteStore> {
        let Settings { role, keep, .. } = settings;
        let sweep_clock = clock.clone();
        let upkeep = (role == Role::Owner).then(|| Upkeep {
            every: SWEEP_INTERVAL,
            work: Box::new(move |db| keep::sweep(db, &keep, sweep_clock.steady_ms())),
        });
        let options = Options {
            role,
            lock_time: settings.lock_time,
            max_bytes: None,
            upkeep,
        };
        let database = Database::open(path, &SCHEMA, options)?;
        if role == Role::Owner {
            let now = clock.steady_ms();
            database.write(Durability::Written, move |db| lease::start_over(db, now))?;
        }
        let identities = Identities::new(settings.recent_identities, database.undone()?);
        Ok(SqliteStore {
            database,
            clock,
            keep,
            max_bytes: settings.max_bytes,
            identities: Arc::new(Mutex::new(identities)),
            leases: Arc::default(),
        })
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.database.write(Durability::Synced, work)
    }
}

impl InboxStore for SqliteStore {
    fn put(&self, arrivals: Vec<Arrival>, done: Done<Vec<StoredEvent>>) {
        let terms = put::Terms {
            wall: self.clock.wall_ms(),
            now: self.clock.steady_ms(),
            window: millis(self.keep.identities),
            max_bytes: self.max_bytes,
        };
        let identities = self.identities.clone();
        let work = move |db: &Connection| {
            let mut identities = identities.lock().unwrap_or_else(PoisonError::into_inner);
            put::put(db, &arrivals, &mut identities, terms)
        };
        self.database.submit(Durability::Synced, work, done);
    }

    fn lease(&self, time: Duration) -> Result<Leased> {
        lease::lease(self, time)
    }

    fn extend(&self, claim: Claim, time: Duration) -> Result<bool> {
        let now = self.clock.elapsed();
        let mut leases = self.leases();
        match leases.get_mut(&claim.id) {
            Some((generation, until)) if *generation == claim.generation && *until > now => {
                *until = now.saturating_add(time);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn settle(&self, claim: Claim, outcome: Outcome, done: Done<bool>) {
        // It must not be handed out while this is on its way.
        if let Some((generation, until)) = self.leases().get_mut(&claim.id)
            && *generation == claim.generation
        {
            *until = Duration::MAX;
        }
        let now = self.clock.steady_ms();
        let leases = self.leases.clone();
        let work = move |db: &Connection| lease::settle(db, claim, &outcome, now);
        self.database.submit(Durability::Synced, work, move |result| {
            let mut leases = leases.lock().unwrap_or_else(PoisonError::into_inner);
            if let Entry::Occupied(mut lease) = leases.entry(claim.id)
                && lease.get().0 == claim.generation
            {
                if result.is_ok() {
                    lease.remove();
                } else {
                    // What could not be written down has not happened: the event is handed out again.
                    lease.get_mut().1 = Duration::ZERO;
                }
            }
            drop(leases);
            done(result);
        });
    }

    fn list(&self, filter: &Filter) -> Result<Vec<Listed>> {
        self.database.read(|db| keep::list(db, filter))
    }

    fn show(&self, id: i64) -> Result<Option<(Listed, Bytes)>> {
        self.database.read(|db| keep::show(db, id))
    }

    fn replay(&self, id: i64, arrivals: Vec<Arrival>) -> Result<Option<Vec<i64>>> {
        let wall = self.clock.wall_ms();
        self.write(move |db| put::replay(db, id, &arrivals, wall))
    }

    fn discard(&self, id: i64) -> Result<Discarded> {
        self.write(move |db| keep::discard(db, id))
    }

    fn forget(&self, thread_id: &str) -> Result<u64> {
        let thread = thread_id.to_owned();
        let count = self.write(move |db| keep::forget(db, &thread))?;
        self.database.empty_log()?;
        Ok(count)
    }

    fn stats(&self) -> Result<InboxStats> {
        let now = self.clock.wall_ms();
        let mut stats = self.database.read(|db| keep::stats(db, now))?;
        stats.leased = self.leases().len() as u64;
        Ok(stats)
    }

    #[cfg(test)]
    fn sweep(&self) -> Result<bool> {
        let (keep, now) = (self.keep, self.clock.steady_ms());
        self.write(move |db| keep::sweep(db, &keep, now))
    }
}
