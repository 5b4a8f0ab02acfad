//! The files that wait to be uploaded: copied beside the database, or where they were found.

use std::{
    collections::HashSet,
    fs::{self, File, Metadata},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use flowai::{Error, MAX_UPLOAD_SIZE, Message, Result, Upload, UploadContent, UploadParts};
use serde::{Deserialize, Serialize};

use super::durable::{Claim, create_directory, is_abandoned, names, reach};
use crate::storage::beside;

/// What an outbox keeps of a file that is to be uploaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeepFile {
    /// A copy of its own, removed when the message is settled. Bytes in memory are always copied.
    #[default]
    Copy,
    /// Its path, size and time of change. If it is gone or has changed when its turn comes, the message fails.
    Reference,
}

/// What is stored of a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredFile {
    place: Place,
    size: u64,
    pub(crate) filename: String,
    mime_type: String,
    media_type: String,
    idle_ms: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Place {
    /// Under this name in the directory of copies.
    Copied(String),
    /// At this path, last changed at this time (nanoseconds since 1970 UTC).
    Found(PathBuf, i64),
}

impl StoredFile {
    /// Bytes that the outbox itself holds.
    pub(crate) fn own_size(&self) -> u64 {
        match self.place {
            Place::Copied(_) => self.size,
            Place::Found(..) => 0,
        }
    }

    /// The name of the copy.
    pub(crate) fn copy(&self) -> Option<&str> {
        match &self.place {
            Place::Copied(name) => Some(name),
            Place::Found(..) => None,
        }
    }
}

/// The directory of copies.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    directory: PathBuf,
}

impl Files {
    pub(crate) fn beside(database: &Path) -> Result<Files> {
        let directory = beside(database, ".files");
        create_directory(&directory)?;
        Ok(Files { directory })
    }

    /// Keeps what an upload needs. The claim protects the copy until its message is stored.
    pub(crate) fn keep(&self, upload: UploadParts, keep: KeepFile) -> Result<(StoredFile, Option<Claim>)> {
        let (place, size, claim) = match (upload.content, keep) {
            (UploadContent::Path(path), KeepFile::Reference) => {
                let path = fs::canonicalize(&path).map_err(|e| unreadable(&path, &e))?;
                if path.to_str().is_none() {
                    return Err(file_error("has a name that is not UTF-8; keep a copy"));
                }
                let found = fs::metadata(&path).map_err(|e| unreadable(&path, &e))?;
                (Place::Found(path, changed_at(&found)), found.len(), None)
            }
            (UploadContent::Path(path), KeepFile::Copy) => {
                let file = File::open(&path).map_err(|e| unreadable(&path, &e))?;
                self.copy(file)?
            }
            (UploadContent::Bytes(bytes), _) => self.copy(bytes.as_ref())?,
            _ => return Err(file_error("must be a path or bytes to be kept")),
        };
        let file = StoredFile {
            place,
            size,
            filename: upload.filename,
            mime_type: upload.mime_type,
            media_type: upload.media_type,
            idle_ms: u64::try_from(upload.idle_timeout.as_millis()).unwrap_or(u64::MAX),
        };
        Ok((file, claim))
    }

    fn copy(&self, source: impl std::io::Read) -> Result<(Place, u64, Option<Claim>)> {
        let random = getrandom::u64()
            .map_err(|_| Error::new(flowai::ErrorKind::Internal, "the system gives no random numbers"))?;
        let name = format!("{random:016x}");
        let mut claim = Claim::create(self.directory.join(&name))?;
        reach("outbox.copying", &self.directory)?;
        let filled = claim.fill(&mut source.take(MAX_UPLOAD_SIZE + 1));
        let size = match filled.and_then(|size| claim.sync_name().map(|()| size)) {
            Ok(size) if size > MAX_UPLOAD_SIZE => {
                claim.discard();
                return Err(file_error("is larger than 250 MB"));
            }
            Ok(size) => size,
            Err(error) => {
                claim.discard();
                return Err(error);
            }
        };
        reach("outbox.copied", &self.directory)?;
        Ok((Place::Copied(name), size, Some(claim)))
    }

    /// The upload of a stored file.
    pub(crate) fn upload(&self, file: StoredFile, message: Message) -> Result<Upload> {
        let path = match file.place {
            Place::Copied(name) => self.directory.join(name),
            Place::Found(path, changed) => {
                let found = fs::metadata(&path).map_err(|e| unreadable(&path, &e))?;
                if found.len() != file.size || changed_at(&found) != changed {
                    return Err(file_error(format_args!(
                        "{} has changed since it was put into the outbox",
                        path.display()
                    )));
                }
                path
            }
        };
        UploadParts {
            content: UploadContent::Path(path),
            filename: file.filename,
            mime_type: file.mime_type,
            media_type: file.media_type,
            idle_timeout: Duration::from_millis(file.idle_ms),
            message,
        }
        .upload()
    }

    /// Removes the copies of settled messages.
    pub(crate) fn remove(&self, copies: &[String]) {
        for name in copies {
            if let Err(error) = fs::remove_file(self.directory.join(name)) {
                log::warn!("a copied file of the outbox could not be removed: {error}");
            }
        }
    }

    /// Copies that nobody is writing: candidates for [`sweep`](Self::sweep), to be asked for before the messages.
    pub(crate) fn finished(&self) -> Result<Vec<String>> {
        let mut names = names(&self.directory)?;
        names.retain(|name| is_abandoned(&self.directory.join(name)));
        Ok(names)
    }

    /// Removes those that no message needs: what a crash left behind.
    pub(crate) fn sweep(&self, finished: Vec<String>, needed: &HashSet<String>) {
        let orphans: Vec<_> = finished
            .into_iter()
            .filter(|name| !needed.contains(name))
            .collect();
        self.remove(&orphans);
    }
}

fn changed_at(found: &Metadata) -> i64 {
    found
        .mtime()
        .saturating_mul(1_000_000_000)
        .saturating_add(found.mtime_nsec())
}

fn file_error(problem: impl std::fmt::Display) -> Error {
    Error::argument("file", problem)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    file_error(format_args!("{} cannot be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_in_the_making_is_no_orphan() {
        let base = std::env::temp_dir().join(format!("flowai-files-{}", std::process::id()));
        fs::write(&base, "").unwrap();
        let files = Files::beside(&base).unwrap();
        let (place, size, claim) = files.copy(&b"12345"[..]).unwrap();
        assert_eq!(size, 5);
        assert_eq!(files.finished().unwrap(), Vec::<String>::new());
        drop(claim);
        let finished = files.finished().unwrap();
        let Place::Copied(name) = place else {
            panic!("not copied")
        };
        assert_eq!(finished, std::slice::from_ref(&name));
        files.sweep(finished.clone(), &HashSet::from([name.clone()]));
        assert_eq!(files.finished().unwrap(), finished);
        files.sweep(finished, &HashSet::new());
        assert_eq!(files.finished().unwrap(), Vec::<String>::new());
        fs::remove_dir(&files.directory).unwrap();
        fs::remove_file(&base).unwrap();
    }
}
