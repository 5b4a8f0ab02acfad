//! Files beside the database that survive power failures, and are not swept away while somebody writes them.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use flowai::Result;

use crate::storage::{self, PRIVATE, failpoint};

/// A new file in the hands of its writer. Until this is dropped nobody takes it for an orphan.
#[derive(Debug)]
pub(crate) struct Claim {
    path: PathBuf,
    file: File,
}

impl Claim {
    /// Creates the file and claims it.
    pub(crate) fn create(path: PathBuf) -> Result<Claim> {
        let failed = |error| storage::io(&path, "cannot be created", error);
        loop {
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(PRIVATE)
                .open(&path)
                .map_err(failed)?;
            file.lock().map_err(failed)?;
            // Swept away before it was locked.
            if file.metadata().map_err(failed)?.nlink() > 0 {
                return Ok(Claim { path, file });
            }
        }
    }

    /// Writes everything from `source` and waits for the disk; gives the number of bytes.
    pub(crate) fn fill(&mut self, source: &mut dyn io::Read) -> Result<u64> {
        let written = io::copy(source, &mut self.file).and_then(|bytes| self.file.sync_all().map(|()| bytes));
        written.map_err(|error| storage::io(&self.path, "cannot be written", error))
    }

    /// Gives the file its name, which survives a power failure once this has returned.
    pub(crate) fn publish(mut self, path: PathBuf) -> Result<Claim> {
        fs::rename(&self.path, &path).map_err(|error| storage::io(&path, "cannot be created", error))?;
        self.path = path;
        match self.sync_name() {
            Ok(()) => Ok(self),
            Err(error) => {
                self.discard();
                Err(error)
            }
        }
    }

    /// Makes the name of the file survive a power failure.
    pub(crate) fn sync_name(&self) -> Result<()> {
        match self.path.parent() {
            Some(directory) => sync_directory(directory),
            None => Ok(()),
        }
    }

    /// Takes the file away again.
    pub(crate) fn discard(self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Closing is not enough where a forked child holds a copy of the descriptor.
        let _ = self.file.unlock();
    }
}

/// A directory that only its owner can read.
pub(crate) fn create_directory(path: &Path) -> Result<()> {
    let created = DirBuilder::new().mode(PRIVATE | 0o100).create(path);
    match created {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(storage::io(path, "cannot be created", error)),
        Ok(()) => match path.parent() {
            Some(parent) => sync_directory(parent),
            None => Ok(()),
        },
    }
}

/// Makes what was created, renamed and removed in a directory survive a power failure.
pub(crate) fn sync_directory(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| storage::io(path, "cannot be synced", error))
}

/// The names in a directory that are text; ours all are.
pub(crate) fn names(directory: &Path) -> Result<Vec<String>> {
    let failed = |error| storage::io(directory, "cannot be read", error);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    Ok(names)
}

/// Whether nobody is writing this file.
pub(crate) fn is_abandoned(path: &Path) -> bool {
    match File::open(path) {
        Ok(file) => match file.try_lock() {
            Ok(()) => file.unlock().is_ok(),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        },
        Err(_) => false,
    }
}

/// Reaches a fail point outside the database.
pub(crate) fn reach(name: &'static str, path: &Path) -> Result<()> {
    failpoint::reach(name).map_err(|error| storage::Failure::from(error).of(path))
}
