//! The bytes of a file on disk, in large pieces.
//!
//! What the system has in memory is read at once: a helper thread would cost two wake-ups a piece, and the piece would leave
//! the cache of the processor on its way. Only what has to come from the disk is read by a helper, one piece ahead.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

/// How much is read at once. It should stay in the cache of the processor until it is written.
const PIECE: usize = 64 * 1024;

/// How many buffers are kept for the next pieces: as many as hyper gathers while the connection is full.
const SPARE: usize = 8;

pub(super) struct Reader {
    file: Arc<File>,
    position: u64,
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Whether the system tells what it would have to wait for.
    tells: bool,
    ahead: Option<JoinHandle<io::Result<Piece>>>,
}

impl Reader {
    pub(super) async fn open(path: &Path) -> io::Result<Reader> {
        let path = path.to_owned();
        let file = spawn_blocking(move || File::open(path))
            .await
            .map_err(io::Error::other)??;
        Ok(Reader {
            file: Arc::new(file),
            position: 0,
            spare: Arc::default(),
            tells: cfg!(target_os = "linux"),
            ahead: None,
        })
    }

    /// The next piece; nothing at the end of the file.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        if self.ahead.is_none() {
            if let Some(piece) = self.read_now()? {
                return Poll::Ready(Ok(self.hand_out(piece)));
            }
            self.read_ahead();
        }
        let Some(reading) = &mut self.ahead else {
            return Poll::Ready(Ok(None));
        };
        let piece = ready!(Pin::new(reading).poll(cx)).map_err(io::Error::other)?;
        self.ahead = None;
        let piece = self.hand_out(piece?);
        if !self.tells && piece.is_some() {
            self.read_ahead();
        }
        Poll::Ready(Ok(piece))
    }

    /// What can be read without waiting; nothing if that is unknown.
    fn read_now(&mut self) -> io::Result<Option<Piece>> {
        if !self.tells {
            return Ok(None);
        }
        let mut piece = Piece::new(&self.spare);
        match read_cached(&self.file, piece.space(), self.position) {
            Ok(length) => {
                piece.length = length;
                Ok(Some(piece))
            }
            Err(error) => {
                // Some file systems cannot tell, and old systems are not even asked.
                self.tells = error.kind() == io::ErrorKind::WouldBlock;
                Ok(None)
            }
        }
    }

    fn read_ahead(&mut self) {
        let (file, position) = (Arc::clone(&self.file), self.position);
        let mut piece = Piece::new(&self.spare);
        self.ahead = Some(spawn_blocking(move || {
            loop {
                match file.read_at(piece.space(), position) {
                    Ok(length) => {
                        piece.length = length;
                        return Ok(piece);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }));
    }

    fn hand_out(&mut self, piece: Piece) -> Option<Bytes> {
        self.position += piece.length as u64;
        (piece.length > 0).then(|| Bytes::from_owner(piece))
    }
}

/// Reads what is in memory; [`io::ErrorKind::WouldBlock`] when the disk has to be asked.
#[cfg(target_os = "linux")]
fn read_cached(file: &File, space: &mut [u8], position: u64) -> io::Result<usize> {
    use rustix::io::{ReadWriteFlags, preadv2};
    let mut space = [io::IoSliceMut::new(space)];
    Ok(preadv2(file, &mut space, position, ReadWriteFlags::NOWAIT)?)
}

#[cfg(not(target_os = "linux"))]
fn read_cached(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Bytes whose memory is used again for others once they are written: fresh memory for each piece would be paid for by the
/// page.
struct Piece {
    bytes: Vec<u8>,
    length: usize,
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Piece {
    fn new(spare: &Arc<Mutex<Vec<Vec<u8>>>>) -> Piece {
        let used = spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Piece {
            bytes: used.unwrap_or_else(|| vec![0; PIECE]),
            length: 0,
            spare: Arc::clone(spare),
        }
    }

    fn space(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE {
            spare.push(std::mem::take(&mut self.bytes));
        }
    }
}
