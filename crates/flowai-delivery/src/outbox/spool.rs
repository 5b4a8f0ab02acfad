//! Messages that other processes put into the outbox, as files in a directory beside the database, until its owner takes
//! them in.
//!
//! They do not write to the database, since a process that was forked from its owner cannot: SQLite keeps what it knows
//! of locks in memory that the child inherits, and its mutexes may be held by threads that the child does not have.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use flowai::{Error, ErrorKind, Result};

use super::{
    durable::{Claim, create_directory, is_abandoned, names, reach, sync_directory},
    letter::Letter,
};
use crate::storage::{self, beside};

const COMPLETE: &str = ".letter";
const UNFINISHED: &str = ".unfinished";
const UNREADABLE: &str = ".unreadable";

/// The directory.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    directory: PathBuf,
}

/// What the name of a file tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    order: u64,
    process: u32,
    size: u64,
    text: String,
}

impl Name {
    fn parse(text: String) -> Option<Name> {
        let mut parts = text.strip_suffix(COMPLETE)?.split('-');
        let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
        let (order, process, size) = (number()?, number()?, number()?);
        let process = u32::try_from(process).ok()?;
        Some(Name {
            order,
            process,
            size,
            text,
        })
    }
}

impl Spool {
    pub(crate) fn beside(database: &Path) -> Result<Spool> {
        let directory = beside(database, ".spool");
        create_directory(&directory)?;
        Ok(Spool { directory })
    }

    /// Puts a message there; it is durable once this has returned.
    pub(crate) fn put(&self, letter: &Letter) -> Result<()> {
        let json = serde_json::to_vec(letter)
            .map_err(|e| Error::new(ErrorKind::Internal, "cannot write JSON").with_source(e))?;
        let stem = format!(
            "{:016x}-{:x}-{:x}-{:x}",
            next_order(),
            std::process::id(),
            letter.size,
            letter.id
        );
        let path = |suffix| self.directory.join(format!("{stem}{suffix}"));
        let mut claim = Claim::create(path(UNFINISHED))?;
        if let Err(error) = claim.fill(&mut json.as_slice()) {
            claim.discard();
            return Err(error);
        }
        reach("outbox.spooling", &self.directory)?;
        claim.publish(path(COMPLETE))?;
        // It is stored, so there is nothing to fail here.
        let _ = reach("outbox.spooled", &self.directory);
        Ok(())
    }

    /// How many messages are there, and how many bytes they have.
    pub(crate) fn waiting(&self) -> Result<(u64, u64)> {
        let listed = self.list()?;
        let bytes = listed
            .iter()
            .fold(0, |sum: u64, name| sum.saturating_add(name.size));
        Ok((listed.len() as u64, bytes))
    }

    fn list(&self) -> Result<Vec<Name>> {
        let names = names(&self.directory)?;
        Ok(names.into_iter().filter_map(Name::parse).collect())
    }

    /// The names of the files.
    pub(crate) fn names(&self) -> Result<HashSet<String>> {
        Ok(self.list()?.into_iter().map(|name| name.text).collect())
    }

    /// The oldest messages, those of each process in the order in which it put them there.
    pub(crate) fn next(&self, limit: usize) -> Result<Vec<(String, Letter)>> {
        let first = self.list()?;
        if first.is_empty() {
            return Ok(Vec::new());
        }
        let mut newest: HashMap<u32, u64> = HashMap::new();
        for name in first {
            let order = newest.entry(name.process).or_default();
            *order = name.order.max(*order);
        }
        // A directory that changes while it is read may show a new file and not the one before it. What is not newer
        // than something of the first look was there before the second one.
        let mut complete = self.list()?;
        complete.retain(|name| {
            newest
                .get(&name.process)
                .is_some_and(|order| name.order <= *order)
        });
        complete.sort_unstable();
        complete.truncate(limit);
        let mut letters = Vec::with_capacity(complete.len());
        for name in complete {
            let path = self.directory.join(&name.text);
            let bytes = fs::read(&path).map_err(|e| storage::io(&path, "cannot be read", e))?;
            match serde_json::from_slice(&bytes) {
                Ok(letter) => letters.push((name.text, letter)),
                Err(error) => {
                    log::error!("{} is not a message of the outbox: {error}", path.display());
                    let aside = self.directory.join(format!("{}{UNREADABLE}", name.text));
                    fs::rename(&path, aside).map_err(|e| storage::io(&path, "cannot be put aside", e))?;
                }
            }
        }
        Ok(letters)
    }

    /// Removes what was taken in; it stays removed once this has returned.
    pub(crate) fn remove(&self, names: &[String]) -> Result<()> {
        for name in names {
            let path = self.directory.join(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(storage::io(&path, "cannot be removed", error));
                }
                _ => {}
            }
        }
        sync_directory(&self.directory)
    }

    /// Removes what writers left behind that died.
    pub(crate) fn sweep(&self) -> Result<()> {
        for name in names(&self.directory)? {
            let path = self.directory.join(&name);
            if name.ends_with(UNFINISHED) && is_abandoned(&path) {
                let _ = fs::remove_file(path);
            }
        }
        Ok(())
    }
}

/// Microseconds since 1970 UTC, but never the same or less than before in this process.
fn next_order() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX));
    let after = |last: u64| now.max(last.saturating_add(1));
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(after(last)));
    after(last.unwrap_or_else(|last| last))
}
