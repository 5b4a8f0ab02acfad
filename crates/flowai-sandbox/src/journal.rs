//! What the sandbox was asked, as far as memory allows to remember it.

use std::collections::VecDeque;

use http::{HeaderMap, header};

/// Entries that a journal keeps.
pub(crate) const KEPT_ENTRIES: usize = 10_000;
/// Bytes that a journal keeps over all its entries.
const KEPT_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of one request body that the journal keeps.
pub(crate) const KEPT_BODY: usize = 64 * 1024;

/// One request as it came, and how it was answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The method, `POST` for example.
    pub method: String,
    /// The path as it was on the wire, still percent-encoded.
    pub path: String,
    /// The query as it was on the wire, without the question mark.
    pub query: Option<String>,
    /// The headers, names in lower case, values of one name in their order. Values that carry
    /// credentials are replaced by `[redacted]`.
    pub headers: Vec<(String, String)>,
    /// The body's first 65,536 bytes.
    pub body: Vec<u8>,
    /// The length of the whole body in bytes, as far as it was read.
    pub body_length: u64,
    /// The uploaded file, if there was one and it came whole.
    pub file: Option<UploadedFile>,
    /// The status of the answer; none if the request was left without one, or the client left first.
    pub status: Option<u16>,
    /// When the answer was decided: milliseconds since 1970 UTC.
    pub time_ms: u64,
}

/// The file of a multipart message. The sandbox counts and hashes the bytes and keeps none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadedFile {
    /// The file name that came with the part.
    pub name: Option<String>,
    /// The content type that came with the part.
    pub content_type: Option<String>,
    /// Length in bytes.
    pub length: u64,
    /// SHA-256 of the bytes, 64 hexadecimal digits in lower case.
    pub sha256: String,
}

impl RecordedRequest {
    fn weight(&self) -> usize {
        let headers: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + 48)
            .sum();
        self.path.len() + self.query.as_ref().map_or(0, String::len) + headers + self.body.len() + 256
    }
}

/// The headers for the journal, credentials replaced.
pub(crate) fn redacted(headers: &HeaderMap) -> Vec<(String, String)> {
    let secret = [
        header::AUTHORIZATION.as_str(),
        header::PROXY_AUTHORIZATION.as_str(),
        "cookie",
        "x-access-token",
    ];
    headers
        .iter()
        .map(|(name, value)| {
            let value = if secret.contains(&name.as_str()) {
                "[redacted]".to_owned()
            } else {
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            };
            (name.as_str().to_owned(), value)
        })
        .collect()
}

/// The most recent entries of something endless, bounded in number and in bytes. Entries are known by
/// their number, which never changes.
pub(crate) struct Ring<T> {
    entries: VecDeque<(usize, T)>,
    first: u64,
    bytes: usize,
}

impl<T> Ring<T> {
    pub(crate) fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            first: 0,
            bytes: 0,
        }
    }

    /// Adds an entry of about `weight` bytes and returns its number. The oldest make room.
    pub(crate) fn push(&mut self, entry: T, weight: usize) -> u64 {
        self.entries.push_back((weight, entry));
        self.bytes = self.bytes.saturating_add(weight);
        while self.entries.len() > KEPT_ENTRIES || (self.bytes > KEPT_BYTES && self.entries.len() > 1) {
            if let Some((weight, _)) = self.entries.pop_front() {
                self.bytes = self.bytes.saturating_sub(weight);
                self.first += 1;
            }
        }
        self.first + self.entries.len() as u64 - 1
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.entries.get_mut(index).map(|(_, entry)| entry)
    }
}

impl<T: Clone> Ring<T> {
    /// The entries with this number or a later one, each with its number.
    pub(crate) fn since(&self, number: u64) -> Vec<(u64, T)> {
        let gone = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let numbers = self.first..;
        let entries = numbers.zip(&self.entries).skip(gone);
        entries
            .map(|(number, (_, entry))| (number, entry.clone()))
            .collect()
    }

    pub(crate) fn to_vec(&self) -> Vec<T> {
        self.entries.iter().map(|(_, entry)| entry.clone()).collect()
    }
}

impl Ring<RecordedRequest> {
    pub(crate) fn record(&mut self, request: RecordedRequest) {
        let weight = request.weight();
        self.push(request, weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_forgets_the_oldest_and_keeps_the_numbers() {
        let mut ring = Ring::new();
        for n in 0..KEPT_ENTRIES as u64 + 5 {
            assert_eq!(ring.push(n, 1), n);
        }
        assert_eq!(ring.to_vec().len(), KEPT_ENTRIES);
        assert!(ring.get_mut(4).is_none());
        assert_eq!(ring.get_mut(5), Some(&mut 5));
        let last = KEPT_ENTRIES as u64 + 4;
        assert_eq!(ring.since(last - 1), [(last - 1, last - 1), (last, last)]);
        assert_eq!(ring.since(last + 1), []);
        assert_eq!(ring.since(0).first(), Some(&(5, 5)));
    }

    #[test]
    fn heavy_entries_push_each_other_out() {
        let mut ring = Ring::new();
        for n in 0..10 {
            ring.push(n, KEPT_BYTES / 2);
        }
        assert_eq!(ring.to_vec(), [8, 9]);
    }
}
