//! A database file that survives crashes and power loss, and belongs to one process: what inbox and outbox stand on.
//!
//! ```text
//! let database = Database::open(&path, &SCHEMA, Options::default())?;   // checks, lock, migrations, writer thread
//! let id = database.write(Durability::Synced, move |db| { db.execute(..)?; Ok(db.last_insert_rowid()) })?;
//! let id = awaited(|done| database.submit(Durability::Synced, move |db| .., done)).await?;
//! let count = database.read(|db| db.query_row(..))?;                    // another connection, never blocks the writer
//! ```
//!
//! What its users must know:
//!
//! - **Writes are closures** that one thread runs, many of them in one transaction (group commit): a write returns after the
//!   commit in which it took part. Nothing else waits for the disk as often as a commit, so a hundred waiting writers cost
//!   as much as one.
//! - **A closure may run again.** When a transaction fails it is rolled back and its closures run once more, each in a
//!   transaction of its own, so that one that fails does not take the others along. So a closure changes nothing but the
//!   database, and says `Ok` with a value for what is not a failure of the database ("not found", "too late").
//! - **[`Durability::Written`]** is for what a crash of the process must not undo and a power failure may: it is committed
//!   without waiting for the disk. It shares the transaction of whatever is synced at the same time.
//! - **Errors** are [`ErrorKind::Storage`](flowai::ErrorKind::Storage) and say which file and what is wrong in words. After an
//!   I/O error the connection is thrown away and opened anew: what a failed sync left behind is not known. See
//!   `secure_log`.
//! - **One process owns the file** ([`Role::Owner`]), held by an advisory lock on `FILE.lock` beside it, since SQLite's own
//!   locks do not survive that another copy of SQLite in the same process opens and closes the file. A second owner is
//!   refused. A [`Role::Guest`] reads and writes beside the owner: to look and to mend.
//! - **A forked child** gets [`ErrorKind::Forked`](flowai::ErrorKind::Forked) from everything; dropping there does nothing.
//!   It cannot open a file either while its parent had any open: see `ancestry`.
//! - **Times** are milliseconds since 1970 UTC where they are stored, and monotonic where they measure; both come from a
//!   [`Clock`], which tests set by hand.
//! - **Schemas** move forward only: `user_version` counts the migrations that were applied, a file with more of them than
//!   this version knows is refused, and so is a file of another application.
//! - **Fail points** ([`failpoint`]) sit before and after every step that matters.

mod ancestry;
mod clock;
mod connection;
mod database;
mod done;
mod error;
pub(crate) mod failpoint;
mod lock;
mod secure_log;
mod writer;

pub(crate) use clock::{Clock, millis};
pub(crate) use connection::{Role, Schema};
pub(crate) use database::{Database, Options};
pub(crate) use done::{Done, awaited, wait};
pub(crate) use error::{Failure, io};
pub(crate) use lock::{PRIVATE, beside};
pub(crate) use writer::{Durability, Upkeep};

#[cfg(test)]
mod tests;
