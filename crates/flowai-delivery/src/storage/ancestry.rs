//! Keeps SQLite out of processes that were forked while databases were open.
//!
//! What SQLite knows of the locks on files is in memory that the child inherits, so the child would take locks for granted
//! that only its parent holds; and its mutexes may be held by threads that the child does not have.

use std::sync::atomic::{AtomicU64, Ordering};

use flowai::{Error, ErrorKind, Result, runtime};

/// How many databases are open, and in which process: its generation, then 32 bits of count.
static OPEN: AtomicU64 = AtomicU64::new(0);

/// One open database.
#[derive(Debug)]
pub(crate) struct OpenDatabase(());

impl OpenDatabase {
    /// Counts one more, unless the parent had one open when it forked this process.
    pub(crate) fn count() -> Result<OpenDatabase> {
        let generation = runtime::generation() << 32;
        let counted = OPEN.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |open| {
            let (made_in, count) = (open >> 32 << 32, open & u64::from(u32::MAX));
            match count {
                0 => Some(generation | 1),
                _ => (made_in == generation).then_some(open + 1),
            }
        });
        match counted {
            Ok(_) => Ok(OpenDatabase(())),
            Err(_) => Err(Error::new(
                ErrorKind::Forked,
                "a process that was forked while databases were open cannot open one; fork before, or start it anew",
            )),
        }
    }
}

impl Drop for OpenDatabase {
    fn drop(&mut self) {
        // In a forked child an open database is leaked, so this is the process that counted it.
        OPEN.fetch_sub(1, Ordering::SeqCst);
    }
}
