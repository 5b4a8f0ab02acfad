//! Failures of the database in words.

use std::{path::Path, sync::Arc};

use flowai::{Error, ErrorKind};
use rusqlite::ErrorCode;

/// A failure that may have to be told to all who took part in a transaction.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Arc<rusqlite::Error>);

impl Failure {
    /// Whether the connection is beyond use: after a failed write or sync nobody knows what is on the disk.
    pub(crate) fn ends_connection(&self) -> bool {
        !matches!(
            self.0.sqlite_error_code(),
            None | Some(
                ErrorCode::DiskFull
                    | ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::ConstraintViolation
                    | ErrorCode::TooBig
                    | ErrorCode::TypeMismatch
                    | ErrorCode::OutOfMemory
            )
        )
    }

    /// Whether the same would happen to each of the closures alone.
    pub(crate) fn concerns_all(&self) -> bool {
        self.ends_connection()
            || matches!(
                self.0.sqlite_error_code(),
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            )
    }

    /// As the error of an operation on this file.
    pub(crate) fn of(&self, path: &Path) -> Error {
        Error::new(
            ErrorKind::Storage,
            format!("{}: {}", path.display(), describe(&self.0)),
        )
        .with_source(self.0.clone())
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Failure {
        Failure(Arc::new(error))
    }
}

fn describe(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "there is no room left for the database",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process has kept the database locked for too long"
        }
        Some(ErrorCode::SystemIoFailure) => "the database cannot be read or written (I/O error)",
        Some(ErrorCode::DatabaseCorrupt) => "the database is damaged",
        Some(ErrorCode::NotADatabase) => "the file is not a database",
        Some(ErrorCode::CannotOpen) => "the database cannot be opened",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "the database cannot be written to",
        Some(ErrorCode::TooBig) => "the text or body is too large for the database",
        _ => "the database failed",
    }
}

/// The error of a system call on this file.
pub(crate) fn io(path: &Path, what: &str, error: std::io::Error) -> Error {
    refused(path, format_args!("{what}: {error}")).with_source(error)
}

/// The file is not as it should be.
pub(crate) fn refused(path: &Path, problem: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Storage, format!("{}: {problem}", path.display()))
}
