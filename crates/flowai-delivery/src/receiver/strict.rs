//! Finds the heads of requests in a connection's bytes and refuses those that two servers could read differently.
//!
//! The HTTP library is lenient: it takes a bare LF for the end of a line, a request without Host or with two, and
//! Transfer-Encoding beside Content-Length. A proxy in front of the receiver may see other requests in such bytes.

use http::uri::Authority;

use super::progress::Progress;

/// Where in the stream of requests the next byte belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// Before the first byte of a head.
    Between,
    /// Inside a head.
    Head,
    /// Inside a body, or after something whose end is not known.
    Body,
}

/// As many headers as calls have are read without an allocation.
const FEW_HEADERS: usize = 32;

/// A head that was larger does not stay in memory.
const KEPT_BYTES: usize = 2048;

#[derive(Clone, Copy, Debug)]
enum State {
    Head,
    Body(u64),
    /// A chunked body or a bad head: no further request is served on the connection, so nothing further is looked at.
    Rest,
}

#[derive(Debug)]
pub(crate) struct Scanner {
    state: State,
    /// The bytes of the head so far.
    head: Vec<u8>,
    max_bytes: usize,
    max_headers: usize,
}

impl Scanner {
    pub(crate) fn new(max_bytes: usize, max_headers: usize) -> Scanner {
        Scanner {
            state: State::Head,
            head: Vec::new(),
            max_bytes,
            max_headers,
        }
    }

    pub(crate) fn position(&self) -> Position {
        match &self.state {
            State::Head if self.head.is_empty() => Position::Between,
            State::Head => Position::Head,
            State::Body(_) | State::Rest => Position::Body,
        }
    }

    /// Looks at the next bytes of the connection and reports each head that ends in them; tells whether one did.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], progress: &Progress) -> bool {
        let mut ended = false;
        while !bytes.is_empty() {
            let next = match &mut self.state {
                State::Rest => break,
                State::Body(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = bytes.get(here..).unwrap_or_default();
                    *left -= here as u64;
                    (*left == 0).then_some(State::Head)
                }
                State::Head => {
                    let after = match extend_head(&mut self.head, &mut bytes, self.max_bytes) {
                        Ok(false) => break,
                        Ok(true) => check_head(&self.head, self.max_headers),
                        Err(fault) => Err(fault),
                    };
                    self.head.clear();
                    self.head.shrink_to(KEPT_BYTES);
                    ended = true;
                    match after {
                        Ok(_) => progress.head_is_good(),
                        Err(fault) => progress.head_is_bad(fault),
                    }
                    Some(after.unwrap_or(State::Rest))
                }
            };
            if let Some(next) = next {
                self.state = next;
            }
        }
        ended
    }
}

/// Moves bytes to `head` until it ends; tells whether it did.
fn extend_head(head: &mut Vec<u8>, bytes: &mut &[u8], max: usize) -> Result<bool, &'static str> {
    loop {
        let ends_line = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let length = bytes.iter().position(ends_line).unwrap_or(bytes.len());
        let (plain, rest) = bytes.split_at_checked(length).unwrap_or_default();
        if !plain.is_empty() && head.last() == Some(&b'\r') {
            return Err("a line of the head does not end with CR LF");
        }
        if head.len() + plain.len() > max {
            return Err("the head is too large");
        }
        head.extend_from_slice(plain);
        *bytes = rest;
        let Some((&byte, rest)) = rest.split_first() else {
            return Ok(false);
        };
        *bytes = rest;
        let after_cr = head.last() == Some(&b'\r');
        if after_cr != (byte == b'\n') {
            return Err("a line of the head does not end with CR LF");
        }
        if head.len() == max {
            return Err("the head is too large");
        }
        head.push(byte);
        if head.ends_with(b"\r\n\r\n") {
            return Ok(true);
        }
    }
}

/// What follows the head, if it is one that everybody reads alike.
fn check_head(head: &[u8], max_headers: usize) -> Result<State, &'static str> {
    let lines = head.iter().filter(|byte| **byte == b'\n').count();
    let (mut few, mut many) = ([httparse::EMPTY_HEADER; FEW_HEADERS], Vec::new());
    let headers = match few.get_mut(..max_headers.min(FEW_HEADERS)) {
        Some(few) if lines <= FEW_HEADERS => few,
        _ => {
            many.resize(max_headers, httparse::EMPTY_HEADER);
            &mut many
        }
    };
    let mut request = httparse::Request::new(headers);
    match request.parse(head) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err("there are too many headers"),
        _ => return Err("the head is malformed"),
    }
    let values = |name: &str| {
        let mut found = request
            .headers
            .iter()
            .filter(|h| h.name.eq_ignore_ascii_case(name));
        (found.next().map(|h| h.value), found.next().is_some())
    };
    match values("host") {
        (Some(host), false) if is_host(host) => {}
        (Some(_), false) => return Err("the Host header is malformed"),
        (Some(_), true) => return Err("there is more than one Host header"),
        (None, _) => return Err("there is no Host header"),
    }
    match (values("content-length"), values("transfer-encoding")) {
        ((_, true), _) => Err("there is more than one Content-Length header"),
        ((Some(_), _), (Some(_), _)) => Err("there are both Content-Length and Transfer-Encoding"),
        ((Some(length), _), _) => match decimal(length) {
            Some(0) => Ok(State::Head),
            Some(length) => Ok(State::Body(length)),
            None => Err("the Content-Length header is malformed"),
        },
        (_, (Some(encoding), false)) if encoding.eq_ignore_ascii_case(b"chunked") => Ok(State::Rest),
        (_, (Some(_), _)) => Err("the Transfer-Encoding is not chunked alone"),
        _ => Ok(State::Head),
    }
}

fn is_host(value: &[u8]) -> bool {
    !value.contains(&b'@') && Authority::try_from(value).is_ok()
}

fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of the heads in `bytes`, when they arrive `step` bytes at a time.
    fn verdicts(bytes: &[u8], step: usize) -> (u64, Option<&'static str>, Position) {
        let progress = Progress::new();
        let mut scanner = Scanner::new(400, 5);
        for piece in bytes.chunks(step) {
            scanner.feed(piece, &progress);
        }
        let good = (0..).take_while(|n| progress.check_head(*n).is_ok()).count() as u64;
        let fault = progress
            .check_head(good)
            .err()
            .filter(|f| *f != "the end of the head is unclear");
        (good, fault, scanner.position())
    }

    #[test]
    fn requests_follow_each_other() {
        let stream = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nhost: [::1]:80\r\nContent-Length: 4\r\n\r\nG\n\n\nPOST /x HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\n\n\n\r\n";
        for step in [1, 2, 3, 7, 1000] {
            assert_eq!(verdicts(stream, step), (3, None, Position::Body), "step {step}");
        }
        assert_eq!(
            verdicts(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 9),
            (1, None, Position::Between)
        );
        assert_eq!(
            verdicts(b"GET / HTTP/1.1\r\nHost: a\r\n", 9),
            (0, None, Position::Head)
        );
        assert_eq!(
            verdicts(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 1),
            (1, None, Position::Between)
        );
    }

    #[test]
    fn ambiguous_heads_are_refused() {
        let long = format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "x".repeat(400));
        for (head, fault) in [
            ("GET / HTTP/1.1\r\n\r\n", "there is no Host header"),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
                "there is more than one Host header",
            ),
            ("GET / HTTP/1.1\r\nHost:\r\n\r\n", "the Host header is malformed"),
            (
                "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
                "the Host header is malformed",
            ),
            (
                "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
                "the Host header is malformed",
            ),
            (
                "GET / HTTP/1.1\nHost: a\r\n\r\n",
                "a line of the head does not end with CR LF",
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\n\n",
                "a line of the head does not end with CR LF",
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
                "a line of the head does not end with CR LF",
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\n X: b\r\n\r\n",
                "the head is malformed",
            ),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "the head is malformed"),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "the head is malformed"),
            (
                "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
                "the head is malformed",
            ),
            (
                "P / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
                "the Content-Length header is malformed",
            ),
            (
                "P / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
                "the Content-Length header is malformed",
            ),
            (
                "P / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
                "the Content-Length header is malformed",
            ),
            (
                "P / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
                "there is more than one Content-Length header",
            ),
            (
                "P / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                "there are both Content-Length and Transfer-Encoding",
            ),
            (
                "P / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
                "there are both Content-Length and Transfer-Encoding",
            ),
            (
                "P / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                "the Transfer-Encoding is not chunked alone",
            ),
            (
                "G / HTTP/1.1\r\nHost: a\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\nF: 1\r\n\r\n",
                "there are too many headers",
            ),
            (&long, "the head is too large"),
        ] {
            for step in [1, 1000] {
                assert_eq!(
                    verdicts(head.as_bytes(), step),
                    (0, Some(fault), Position::Body),
                    "{head:?}"
                );
            }
        }
    }

    #[test]
    fn nothing_counts_after_a_bad_head() {
        let stream = b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(
            verdicts(stream, 1),
            (0, Some("there is no Host header"), Position::Body)
        );
    }
}
