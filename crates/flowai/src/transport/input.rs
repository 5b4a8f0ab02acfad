//! Bytes that came and were not understood yet.

use tokio::io::ReadBuf;

const FIRST: usize = 8 * 1024;

/// A buffer between a connection and who reads from it.
#[derive(Debug)]
pub(super) struct Input {
    space: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    pub(super) fn new() -> Input {
        Input {
            space: vec![0; FIRST],
            start: 0,
            end: 0,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.space.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The first bytes were understood.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Room for more. It grows as long as nothing is consumed: whoever reads has to end that.
    pub(super) fn room(&mut self) -> ReadBuf<'_> {
        if self.end == self.space.len() {
            if self.start > 0 {
                self.space.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            } else {
                self.space.resize(self.space.len() * 2, 0);
            }
        }
        ReadBuf::new(self.space.get_mut(self.end..).unwrap_or_default())
    }

    /// So many bytes were put into the room.
    pub(super) fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.space.len());
    }
}
