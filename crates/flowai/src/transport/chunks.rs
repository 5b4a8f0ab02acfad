//! Bodies that come in chunks (RFC 9112, section 7.1).

/// How much of extensions and of trailers is passed over.
const MAX_EXTENSIONS: usize = 16 * 1024;
const MAX_TRAILERS: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first digit of a size.
    Start,
    Size,
    /// White space after a size.
    Space,
    Extension,
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    /// At the start of a line after the last chunk.
    Trailer,
    TrailerLine,
    LastLineFeed,
    Done,
}

/// Where in such a body we are.
#[derive(Debug)]
pub(super) struct Chunks {
    state: State,
    /// Of the chunk that is being read.
    left: u64,
    extensions: usize,
    trailers: usize,
}

/// What came of some bytes.
pub(super) enum Piece {
    /// The next so many bytes belong to the body; [`Chunks::took`] says how many of them were taken.
    Data(u64),
    /// More has to come.
    More,
    Done,
}

impl Chunks {
    pub(super) fn new() -> Chunks {
        Chunks {
            state: State::Start,
            left: 0,
            extensions: 0,
            trailers: 0,
        }
    }

    /// Reads what is between the data. Returns how many bytes that was, and what follows.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(usize, Piece), &'static str> {
        for (position, byte) in bytes.iter().enumerate() {
            match self.state {
                State::Data => return Ok((position, Piece::Data(self.left))),
                State::Done => return Ok((position, Piece::Done)),
                _ => self.state = self.next(*byte)?,
            }
        }
        let follows = match self.state {
            State::Done => Piece::Done,
            State::Data => Piece::Data(self.left),
            _ => Piece::More,
        };
        Ok((bytes.len(), follows))
    }

    pub(super) fn took(&mut self, count: u64) {
        self.left = self.left.saturating_sub(count);
        if self.left == 0 {
            self.state = State::DataReturn;
        }
    }

    fn next(&mut self, byte: u8) -> Result<State, &'static str> {
        Ok(match (self.state, byte) {
            (State::Start | State::Size, digit) if digit.is_ascii_hexdigit() => {
                let digit = char::from(digit).to_digit(16).unwrap_or_default();
                let left = self
                    .left
                    .checked_mul(16)
                    .and_then(|left| left.checked_add(digit.into()));
                self.left = left.ok_or("the size of a chunk is too large")?;
                State::Size
            }
            (State::Size | State::Space, b'\t' | b' ') => State::Space,
            (State::Size | State::Space, b';') => State::Extension,
            (State::Size | State::Space | State::Extension, b'\r') => State::SizeLineFeed,
            (State::Start | State::Size | State::Space, _) => return Err("the size of a chunk is no number"),
            (State::Extension, b'\n') => return Err("an extension of a chunk has a line feed"),
            (State::Extension, _) => {
                self.extensions += 1;
                if self.extensions >= MAX_EXTENSIONS {
                    return Err("the extensions of its chunks are too long");
                }
                State::Extension
            }
            (State::SizeLineFeed, b'\n') if self.left == 0 => State::Trailer,
            (State::SizeLineFeed, b'\n') => State::Data,
            (State::DataReturn, b'\r') => State::DataLineFeed,
            (State::DataLineFeed, b'\n') => State::Start,
            (State::Trailer, b'\r') => State::LastLineFeed,
            (State::LastLineFeed, b'\n') => State::Done,
            (State::TrailerLine, b'\n') => State::Trailer,
            (State::Trailer | State::TrailerLine, _) => {
                self.trailers += 1;
                if self.trailers >= MAX_TRAILERS {
                    return Err("its trailers are too long");
                }
                State::TrailerLine
            }
            _ => return Err("a chunk does not end where it should"),
        })
    }
}
