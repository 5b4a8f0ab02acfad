//! Makes sure of the log that a connection finds.
//!
//! When a sync fails the kernel takes what it could not write for written: it is still read, and no later sync makes it
//! safe. What is committed behind such a gap would be gone after a power failure, and moving the log into the database
//! would mix pages of before and after it. So whoever begins to write, at the start and after an error, writes the log
//! once more; and only a connection that has done so, and not failed since, moves it when it is closed.

use std::{fs::OpenOptions, io, os::unix::fs::FileExt, path::Path};

use flowai::Result;
use rusqlite::{Connection, config::DbConfig};

use super::{
    error::{self, Failure},
    lock::beside,
};

const CHUNK: usize = 1 << 20;

/// Writes the log once more and waits for the disk; then the connection may move it.
pub(super) fn secure(connection: &Connection, database: &Path) -> Result<()> {
    let failed = |error: rusqlite::Error| Failure::from(error).of(database);
    // Nobody else appends to the log meanwhile, or begins it anew.
    connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
    let log = beside(database, "-wal");
    let written = rewrite(&log).map_err(|e| error::io(&log, "cannot be written", e));
    connection.execute_batch("ROLLBACK").map_err(failed)?;
    written?;
    move_when_closed(connection, true).map_err(failed)
}

fn rewrite(log: &Path) -> io::Result<()> {
    let log = match OpenOptions::new().read(true).write(true).open(log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let mut chunk = vec![0; CHUNK];
    let mut offset = 0;
    loop {
        let count = log.read_at(&mut chunk, offset)?;
        let Some(bytes) = chunk.get(..count).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        log.write_all_at(bytes, offset)?;
        offset += count as u64;
    }
    match offset {
        0 => Ok(()),
        _ => log.sync_all(),
    }
}

/// Keeps the connection from moving the log into the database when it is closed.
pub(super) fn leave(connection: &Connection) -> rusqlite::Result<()> {
    move_when_closed(connection, false)
}

fn move_when_closed(connection: &Connection, moves: bool) -> rusqlite::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !moves)
        .map(|_| ())
}
