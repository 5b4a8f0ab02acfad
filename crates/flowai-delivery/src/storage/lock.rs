//! The one process that owns a database file.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use flowai::Result;

use super::error;

/// Readable and writable by the owner of the process alone: the files hold what people wrote.
pub(crate) const PRIVATE: u32 = 0o600;

/// An advisory lock (flock) on a file beside the database. It ends with the process, however that ends; forked children
/// share it until they end or execute another program.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Takes the lock for this database file, without waiting.
    pub(crate) fn take(database: &Path) -> Result<Lock> {
        let path = beside(database, ".lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(PRIVATE)
            .open(&path)
            .map_err(|e| error::io(&path, "cannot be opened", e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let owner = owner(&mut file).map_or_else(String::new, |pid| format!(", process {pid}"));
                return Err(error::refused(
                    database,
                    format_args!(
                        "is already open: it belongs to one process at a time{owner} (or a process forked from it)"
                    ),
                ));
            }
            Err(TryLockError::Error(e)) => return Err(error::io(&path, "cannot be locked", e)),
        }
        // Only for the message above: whoever holds the lock is the owner, whatever the file says.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Lock(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough where a forked child holds a copy of the descriptor.
        let _ = self.0.unlock();
    }
}

fn owner(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.parse().ok()
}

/// The path with something after its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
