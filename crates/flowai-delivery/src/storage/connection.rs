//! Opening a database file, and refusing one that could lose something.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use flowai::Result;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{
    error::{Failure, io, refused},
    lock::PRIVATE,
    secure_log,
};

/// SQLite before 3.51.3 can lose commits when the log is reset while another connection writes.
const OLDEST_SQLITE: i32 = 3_051_003;

/// A larger file is not read as a whole at the start: while it is, no call is received.
const CHECKED_SIZE: u64 = 256 << 20;

/// How many pages the log grows before a commit moves them into the database. All who write wait for that: the fewer, the
/// shorter each of them waits, and the more often.
const LOG_PAGES: i64 = 1000;

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Schema {
    /// For messages, such as `inbox`.
    pub(crate) name: &'static str,
    /// Distinguishes files of this kind from all others.
    pub(crate) application_id: i32,
    /// SQL that leads from each version to the next; the first one starts from an empty file. Never changed once
    /// released, only added to.
    pub(crate) migrations: &'static [&'static str],
}

/// What a process is to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The only one: creates the file, brings it to the newest version.
    Owner,
    /// Beside the owner: the file must be there, with the version that this process knows.
    Guest,
}

/// How to open a file.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    /// Without symbolic links, so that one file has one name.
    pub(crate) path: PathBuf,
    /// How long to wait for another process that has locked the database.
    pub(crate) lock_time: Duration,
    /// The size that the file may grow to, in bytes; then writes fail as on a full disk.
    pub(crate) max_bytes: Option<u64>,
}

/// The path without symbolic links. An owner creates the file when it is missing.
pub(crate) fn locate(path: &Path, role: Role) -> Result<PathBuf> {
    if role == Role::Owner {
        let created = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(PRIVATE)
            .open(path);
        match created {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io(path, "cannot be created", error)),
        }
    }
    let found = path
        .canonicalize()
        .map_err(|error| io(path, "cannot be found", error))?;
    // The name of a new file must survive a power failure too.
    if let Some(directory) = found.parent().filter(|_| role == Role::Owner) {
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(|error| io(directory, "cannot be synced", error))?;
    }
    check_file_system(&found)?;
    Ok(found)
}

/// The log needs shared memory and locks that work, which no network file system has.
fn check_file_system(path: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::statfs::{FsType, NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, statfs};
        // CIFS and SMB2, which have no names in the library.
        let network = [
            NFS_SUPER_MAGIC,
            SMB_SUPER_MAGIC,
            FsType(0xff53_4d42_u32 as _),
            FsType(0xfe53_4d42_u32 as _),
        ];
        let kind = statfs(path).map_err(|error| io(path, "cannot be examined", error.into()))?;
        if network.contains(&kind.filesystem_type()) {
            return Err(refused(
                path,
                "is on a network file system; it must be on a disk of this machine",
            ));
        }
    }
    let _ = path;
    Ok(())
}

impl Location {
    fn failed(&self, error: rusqlite::Error) -> flowai::Error {
        Failure::from(error).of(&self.path)
    }

    /// The connection that writes.
    pub(crate) fn open_writer(&self) -> Result<Connection> {
        let connection = self.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        self.prepare_writer(&connection).map_err(|e| self.failed(e))?;
        self.check_settings(&connection)?;
        secure_log::secure(&connection, &self.path)?;
        Ok(connection)
    }

    /// A connection that can only read.
    pub(crate) fn open_reader(&self) -> Result<Connection> {
        let connection = self.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection
            .pragma_update(None, "query_only", true)
            .map_err(|e| self.failed(e))?;
        Ok(connection)
    }

    fn open(&self, access: OpenFlags) -> Result<Connection> {
        if rusqlite::version_number() < OLDEST_SQLITE {
            let version = rusqlite::version();
            return Err(refused(
                &self.path,
                format_args!("SQLite {version} can lose data; 3.51.3 or newer is needed"),
            ));
        }
        let connection = Connection::open_with_flags(&self.path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|e| self.failed(e))?;
        connection
            .busy_timeout(self.lock_time)
            .and_then(|()| connection.pragma_update(None, "mmap_size", 0))
            .and_then(|()| connection.pragma_update(None, "temp_store", "MEMORY"))
            .and_then(|()| connection.pragma_update(None, "trusted_schema", false))
            .and_then(|()| secure_log::leave(&connection))
            .map_err(|e| self.failed(e))?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }

    fn prepare_writer(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(()))?;
        set_synced(connection, true)?;
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        // What was deleted is overwritten, since it is what people wrote.
        connection.query_row("PRAGMA secure_delete=ON", [], |_| Ok(()))?;
        if let Some(max) = self.max_bytes {
            let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
            let pages = i64::try_from(max).unwrap_or(i64::MAX) / page.max(1);
            let pages = pages.clamp(1, i64::from(u32::MAX - 1));
            connection.query_row(&format!("PRAGMA max_page_count={pages}"), [], |_| Ok(()))?;
        }
        Ok(())
    }

    fn check_settings(&self, connection: &Connection) -> Result<()> {
        let mode: String = connection
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .map_err(|e| self.failed(e))?;
        let synchronous: i64 = connection
            .pragma_query_value(None, "synchronous", |row| row.get(0))
            .map_err(|e| self.failed(e))?;
        if (mode.as_str(), synchronous) == ("wal", 2) {
            return Ok(());
        }
        Err(refused(
            &self.path,
            format_args!(
                "the database cannot be made to survive power failures here \
                 (journal_mode={mode}, synchronous={synchronous})"
            ),
        ))
    }

    /// Refuses a file that is damaged, of another application or of a newer version, and brings an older one up to date.
    pub(crate) fn adopt(&self, connection: &mut Connection, schema: &Schema, role: Role) -> Result<()> {
        let size = std::fs::metadata(&self.path)
            .map_err(|error| io(&self.path, "cannot be examined", error))?
            .len();
        if size <= CHECKED_SIZE && role == Role::Owner {
            let found: String = connection
                .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
                .map_err(|e| self.failed(e))?;
            if found != "ok" {
                return Err(refused(
                    &self.path,
                    format_args!("the database is damaged: {found}"),
                ));
            }
        }
        let name = schema.name;
        let newest = schema.migrations.len();
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|e| self.failed(e))?;
        let read = |pragma| transaction.pragma_query_value::<i64, _>(None, pragma, |row| row.get(0));
        let version = read("user_version").map_err(|e| self.failed(e))?;
        let application = read("application_id").map_err(|e| self.failed(e))?;
        let empty = transaction
            .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
            .map_err(|e| self.failed(e))?;
        if application != i64::from(schema.application_id)
            && !(empty && application == 0 && role == Role::Owner)
        {
            return Err(refused(&self.path, format_args!("is not an {name} of flowai")));
        }
        let version = usize::try_from(version).unwrap_or(usize::MAX);
        if version > newest {
            return Err(refused(
                &self.path,
                format_args!(
                    "was written by a newer flowai ({name} version {version}, this one knows {newest})"
                ),
            ));
        }
        if version < newest && role == Role::Guest {
            return Err(refused(
                &self.path,
                format_args!(
                    "was written by an older flowai ({name} version {version}); open it as its owner once"
                ),
            ));
        }
        let migrate = || {
            for sql in schema.migrations.iter().skip(version) {
                transaction.execute_batch(sql)?;
            }
            transaction.pragma_update(None, "application_id", schema.application_id)?;
            transaction.pragma_update(None, "user_version", newest as i64)
        };
        if version < newest {
            migrate().map_err(|e| self.failed(e))?;
        }
        transaction.commit().map_err(|e| self.failed(e))
    }
}

/// Whether commits wait for the disk.
pub(crate) fn set_synced(connection: &Connection, synced: bool) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", if synced { "FULL" } else { "NORMAL" })
}
