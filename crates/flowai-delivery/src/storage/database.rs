//! The handle of an open database file.

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use flowai::{Error, ErrorKind, Result, runtime};
use rusqlite::Connection;

use super::{
    ancestry::OpenDatabase,
    connection::{Location, Role, Schema, locate},
    done::wait,
    error::Failure,
    lock::Lock,
    writer::{Durability, Upkeep, Writer},
};

/// How to open a database.
pub(crate) struct Options {
    pub(crate) role: Role,
    /// How long a write waits for another process that has locked the database.
    pub(crate) lock_time: Duration,
    /// The size that the file may grow to, in bytes; then writes fail as on a full disk. The log comes on top.
    pub(crate) max_bytes: Option<u64>,
    /// What to do from time to time.
    pub(crate) upkeep: Option<Upkeep>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            role: Role::Owner,
            lock_time: Duration::from_secs(2),
            max_bytes: None,
            upkeep: None,
        }
    }
}

/// An open database file; see the documentation of the module. For use by many threads.
pub(crate) struct Database {
    generation: u64,
    location: Location,
    /// `None` only while dropping.
    parts: Option<Parts>,
}

// In the order in which they end: what is queued is written and moved into the database, then the lock is given back.
struct Parts {
    reader: Mutex<Option<Connection>>,
    writer: Writer,
    _lock: Option<Lock>,
    _open: OpenDatabase,
}

impl Database {
    pub(crate) fn open(path: &Path, schema: &Schema, options: Options) -> Result<Database> {
        let open = OpenDatabase::count()?;
        let location = Location {
            path: locate(path, options.role)?,
            lock_time: options.lock_time,
            max_bytes: options.max_bytes,
        };
        let lock = match options.role {
            Role::Owner => Some(Lock::take(&location.path)?),
            Role::Guest => None,
        };
        let mut connection = location.open_writer()?;
        location.adopt(&mut connection, schema, options.role)?;
        let reader = location.open_reader()?;
        Ok(Database {
            generation: runtime::generation(),
            parts: Some(Parts {
                reader: Mutex::new(Some(reader)),
                writer: Writer::start(location.clone(), connection, options.upkeep)?,
                _lock: lock,
                _open: open,
            }),
            location,
        })
    }

    /// The file, without symbolic links.
    pub(crate) fn path(&self) -> &Path {
        &self.location.path
    }

    /// The parts, unless this is a forked child: neither SQLite nor the locks may be touched there.
    fn parts(&self) -> Result<&Parts> {
        if runtime::generation() != self.generation {
            return Err(Error::new(
                ErrorKind::Forked,
                format!(
                    "{}: belongs to the process that this one was forked from",
                    self.path().display()
                ),
            ));
        }
        self.parts
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::Closed, "the database is closed"))
    }

    /// Writes, and returns the value once it is committed. `work` may run more than once.
    pub(crate) fn write<T, F>(&self, durability: Durability, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        wait(|done| self.submit(durability, work, done))
    }

    /// As [`write`](Self::write), without waiting: `done` gets the result on the writing thread, where it must not wait.
    pub(crate) fn submit<T, F, D>(&self, durability: Durability, work: F, done: D)
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
        D: FnOnce(Result<T>) + Send + 'static,
    {
        match self.parts() {
            Ok(parts) => parts.writer.submit(durability, work, done),
            Err(error) => done(Err(error)),
        }
    }

    /// How many transactions have been undone: what a closure has learned from one of them may not be so. For closures,
    /// which run on the thread that counts.
    pub(crate) fn undone(&self) -> Result<Arc<AtomicU64>> {
        self.parts().map(|parts| parts.writer.undone())
    }

    /// Reads what is committed, on a connection of its own.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let parts = self.parts()?;
        let mut slot = parts.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match slot.take() {
            Some(connection) => connection,
            None => self.location.open_reader()?,
        };
        match work(&connection) {
            Ok(value) => {
                *slot = Some(connection);
                Ok(value)
            }
            Err(error) => {
                let failure = Failure::from(error);
                if !failure.ends_connection() {
                    *slot = Some(connection);
                }
                Err(failure.of(self.path()))
            }
        }
    }

    /// Moves the log into the database and empties it, so that nothing that was deleted is left there.
    pub(crate) fn empty_log(&self) -> Result<()> {
        let parts = self.parts()?;
        // Not through the writer, whose work runs inside a transaction.
        let mut slot = parts.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match slot.take() {
            Some(connection) => connection,
            None => self.location.open_reader()?,
        };
        let done = connection
            .pragma_update(None, "query_only", false)
            .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())))
            .and_then(|()| connection.pragma_update(None, "query_only", true));
        done.map_err(|error| Failure::from(error).of(self.path()))?;
        *slot = Some(connection);
        Ok(())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let parts = self.parts.take();
        if runtime::generation() == self.generation {
            drop(parts);
        } else {
            std::mem::forget(parts);
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}
