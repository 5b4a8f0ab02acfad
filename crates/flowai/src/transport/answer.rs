//! Reading an answer (RFC 9112), from bytes as they come and within limits. No input and output happens here.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::StatusCode;
use httparse::{ParserConfig, Status};

use super::{
    chunks::{Chunks, Piece},
    headers::Headers,
    input::Input,
    response::Response,
};
use crate::error::{Error, ErrorKind, Result};

/// The largest head that is read, and how many headers it may have.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;
const MAX_BODY: usize = 16 * 1024 * 1024;
/// How much of an error's body is worth reading.
const MAX_ERROR_BODY: usize = 64 * 1024;
/// As long as a head is shorter than this, it is read again whenever there is more of it.
const MAX_REREAD: usize = 1024;
/// How much is set aside for a body before it comes.
const MAX_RESERVED: u64 = 64 * 1024;

/// An answer that is being read.
#[derive(Debug)]
pub(super) struct Answer {
    /// The answer to HEAD has the length of a body, and none.
    never_has_body: bool,
    /// How much of the head was looked at without finding its end.
    looked_at: usize,
    head: Option<Head>,
    body: Vec<u8>,
}

#[derive(Debug)]
struct Head {
    status: StatusCode,
    headers: Headers,
    framing: Framing,
    keep_alive: bool,
}

/// Where the body ends.
#[derive(Debug)]
enum Framing {
    /// After so many bytes more.
    Length(u64),
    Chunked(Chunks),
    UntilClose,
}

impl Answer {
    pub(super) fn new(never_has_body: bool) -> Answer {
        Answer {
            never_has_body,
            looked_at: 0,
            head: None,
            body: Vec::new(),
        }
    }

    /// Reads what came. True when the answer is complete; what is left then belongs to nobody.
    pub(super) fn read(&mut self, input: &mut Input) -> Result<bool> {
        while self.head.is_none() {
            if !self.read_head(input)? {
                return Ok(false);
            }
        }
        let Some(head) = &mut self.head else {
            return Ok(false);
        };
        let limit = most_of(head.status);
        let mut take = |input: &mut Input, most: u64| {
            let bytes = input.bytes();
            let wanted = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len());
            let count = wanted.min(limit - self.body.len().min(limit));
            self.body
                .extend_from_slice(bytes.get(..count).unwrap_or_default());
            input.consume(count);
            match count < wanted {
                true => Err(too_large()),
                false => Ok(count as u64),
            }
        };
        match &mut head.framing {
            Framing::Length(left) => {
                *left -= take(input, *left)?;
                Ok(*left == 0)
            }
            Framing::UntilClose => {
                take(input, u64::MAX)?;
                Ok(false)
            }
            Framing::Chunked(chunks) => loop {
                let (count, piece) = chunks.read(input.bytes()).map_err(not_http)?;
                input.consume(count);
                match piece {
                    Piece::Done => return Ok(true),
                    Piece::Data(left) if !input.is_empty() => chunks.took(take(input, left)?),
                    Piece::Data(_) | Piece::More => return Ok(false),
                }
            },
        }
    }

    /// Reads a head; that of an interim answer is passed over. False when it is not there as a whole.
    fn read_head(&mut self, input: &mut Input) -> Result<bool> {
        let bytes = input.bytes();
        // A long line that trickles in is not read again at every byte.
        let fresh = bytes.get(self.looked_at..).unwrap_or_default();
        if bytes.len() > MAX_REREAD && !fresh.contains(&b'\n') {
            self.looked_at = bytes.len();
            return self.too_short(bytes.len());
        }
        match parse(bytes, self.never_has_body)? {
            None => {
                self.looked_at = bytes.len();
                self.too_short(bytes.len())
            }
            Some((length, head)) => {
                if let Some(Head {
                    framing: Framing::Length(length),
                    status,
                    ..
                }) = &head
                {
                    if status.is_success() && *length > MAX_BODY as u64 {
                        return Err(too_large());
                    }
                    self.body = Vec::with_capacity((*length).min(MAX_RESERVED) as usize);
                }
                self.head = head;
                self.looked_at = 0;
                input.consume(length);
                Ok(true)
            }
        }
    }

    fn too_short(&self, length: usize) -> Result<bool> {
        match length >= MAX_HEAD {
            true => Err(not_http("its head is too large")),
            false => Ok(false),
        }
    }

    /// The connection was closed: the end of the answer, if nothing else says where that is.
    pub(super) fn end(&self, input: &Input) -> Result<()> {
        if self.head.is_none() {
            parse(input.bytes(), self.never_has_body)?;
        }
        match &self.head {
            Some(Head {
                framing: Framing::UntilClose,
                ..
            }) => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Connection,
                "the connection was closed before the answer was complete",
            )),
        }
    }

    /// Whether another answer can follow on the same connection.
    pub(super) fn keeps_connection(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.keep_alive)
    }

    /// The complete answer.
    pub(super) fn into_response(self) -> Result<Response> {
        self.response(true)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "there is no answer yet"))
    }

    /// The start of an error's body says enough.
    pub(super) fn into_part(self) -> Option<Response> {
        let is_error = self.head.as_ref().is_some_and(|head| !head.status.is_success());
        is_error.then(|| self.response(false))?
    }

    fn response(self, complete: bool) -> Option<Response> {
        let head = self.head?;
        Some(Response {
            status: head.status,
            headers: head.headers,
            body: Bytes::from(self.body),
            complete,
        })
    }
}

/// The largest body that is read.
pub(super) fn most_of(status: StatusCode) -> usize {
    match status.is_success() {
        true => MAX_BODY,
        false => MAX_ERROR_BODY,
    }
}

pub(super) fn too_large() -> Error {
    Error::new(ErrorKind::Response, "the answer is larger than 16 MiB")
}

fn not_http(problem: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Response, format!("the answer is not HTTP: {problem}"))
}

/// The head at the start of these bytes, and how long it is; none if it is that of an interim answer.
fn parse(bytes: &[u8], never_has_body: bool) -> Result<Option<(usize, Option<Head>)>> {
    let mut space = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut []);
    let found = ParserConfig::default()
        .parse_response_with_uninit_headers(&mut parsed, bytes, &mut space)
        .map_err(not_http)?;
    let Status::Complete(length) = found else {
        return Ok(None);
    };
    if length > MAX_HEAD {
        return Err(not_http("its head is too large"));
    }
    let status = StatusCode::from_u16(parsed.code.unwrap_or_default()).map_err(not_http)?;
    if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Some((length, None)));
    }
    let mut headers = Headers::with_capacity(parsed.headers.len(), length);
    for header in parsed.headers.iter() {
        headers.push(header.name.as_bytes(), header.value);
    }
    let newest = parsed.version == Some(1);
    let bodiless = never_has_body
        || matches!(
            status,
            StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
    let framing = match bodiless {
        true => Framing::Length(0),
        false => framing(&headers, newest)?,
    };
    let keep_alive = keeps_alive(&headers, newest)
        && status != StatusCode::SWITCHING_PROTOCOLS
        && !matches!(framing, Framing::UntilClose);
    Ok(Some((
        length,
        Some(Head {
            status,
            headers,
            framing,
            keep_alive,
        }),
    )))
}

/// RFC 9112, section 6.3.
fn framing(headers: &Headers, newest: bool) -> Result<Framing> {
    if let Some(coding) = headers.all("transfer-encoding").last() {
        if !newest {
            return Err(not_http("HTTP/1.0 has no transfer encodings"));
        }
        let chunked = tokens(coding)
            .last()
            .is_some_and(|token| token.eq_ignore_ascii_case(b"chunked"));
        return Ok(match chunked {
            true => Framing::Chunked(Chunks::new()),
            false => Framing::UntilClose,
        });
    }
    let mut length = None;
    for token in headers.all("content-length").flat_map(tokens) {
        let number = number(token);
        if number.is_none() || length.is_some_and(|length| length != number) {
            return Err(not_http("its content-length makes no sense"));
        }
        length = Some(number);
    }
    Ok(length.flatten().map_or(Framing::UntilClose, Framing::Length))
}

fn keeps_alive(headers: &Headers, newest: bool) -> bool {
    let says = |word: &[u8]| {
        let mut tokens = headers.all("connection").flat_map(tokens);
        tokens.any(|token| token.eq_ignore_ascii_case(word))
    };
    !says(b"close") && (newest || says(b"keep-alive"))
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Digits alone: the standard library would take a sign.
fn number(digits: &[u8]) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    all_digits
        .then(|| std::str::from_utf8(digits).ok()?.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests;
