//! HTTP/1.1 as a server reads it, over a socket that it keeps in its own hands.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::io::Io;

const MAX_HEAD: usize = 256 * 1024;

/// A connection and what was read from it too early.
pub(crate) struct Wire {
    pub(crate) io: Io,
    buffer: BytesMut,
}

/// A request without its body.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case, in their order.
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    /// The path and query; the target may come in absolute form, as through a proxy.
    pub(crate) fn path(&self) -> &str {
        match self.target.split_once("://") {
            Some((scheme, rest)) if !scheme.contains('/') => {
                rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
            }
            _ => &self.target,
        }
    }

    /// The value of a header, several joined as HTTP does.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values = self.headers.iter().filter(|(n, _)| n == name);
        values.map(|(_, v)| v.clone()).reduce(|a, b| a + ", " + &b)
    }
}

/// An answer to be written as it is.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Answer {
        Answer {
            status,
            headers: vec![("content-type".into(), "application/json".into())],
            body: body.to_string().into_bytes(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Answer {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The head with a content length, and the body.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = self.head();
        if self.status >= 200 && self.status != 204 && self.status != 304 {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        let mut bytes = (head + "\r\n").into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// The status line and the headers, each with its line end.
    pub(crate) fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} Answer\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head
    }
}

impl Wire {
    pub(crate) fn new(io: Io) -> Wire {
        Wire {
            io,
            buffer: BytesMut::new(),
        }
    }

    /// The connection, and the bytes that were read too early.
    pub(crate) fn into_parts(self) -> (Io, BytesMut) {
        (self.io, self.buffer)
    }

    /// Are there bytes of the next request already?
    pub(crate) fn has_buffered(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Reads more; 0 at the end of the stream. Nothing is lost when the future is dropped.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(64 * 1024);
        self.io.read_buf(&mut self.buffer).await
    }

    /// The next request, None when the peer is done.
    pub(crate) async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some((head, length)) = parse(&self.buffer)? {
                self.buffer.advance(length);
                return Ok(Some(head));
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(invalid("the head is too large"));
            }
            if self.fill().await? == 0 {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err(invalid("the head is cut")),
                };
            }
        }
    }

    /// Reads the body to its end, piece by piece.
    pub(crate) async fn body(&mut self, head: &Head, mut sink: impl FnMut(&[u8])) -> io::Result<()> {
        if head
            .header("expect")
            .is_some_and(|v| v.eq_ignore_ascii_case("100-continue"))
        {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        if head
            .header("transfer-encoding")
            .is_some_and(|v| v.eq_ignore_ascii_case("chunked"))
        {
            return self.chunks(sink).await;
        }
        let length = match head.header("content-length") {
            Some(text) => text.parse().map_err(|_| invalid("a bad content-length"))?,
            None => 0,
        };
        self.exactly(length, &mut sink).await
    }

    async fn exactly(&mut self, length: u64, sink: &mut impl FnMut(&[u8])) -> io::Result<()> {
        let mut left = length;
        while left > 0 {
            if self.buffer.is_empty() && self.fill().await? == 0 {
                return Err(invalid("the body is cut"));
            }
            let take = usize::try_from(left).map_or(self.buffer.len(), |left| left.min(self.buffer.len()));
            sink(&self.buffer.split_to(take));
            left -= take as u64;
        }
        Ok(())
    }

    async fn chunks(&mut self, mut sink: impl FnMut(&[u8])) -> io::Result<()> {
        loop {
            let size = loop {
                match httparse::parse_chunk_size(&self.buffer) {
                    Ok(httparse::Status::Complete((start, size))) => {
                        self.buffer.advance(start);
                        break size;
                    }
                    Ok(httparse::Status::Partial) if self.fill().await? > 0 => {}
                    _ => return Err(invalid("a bad chunk")),
                }
            };
            self.exactly(size, &mut sink).await?;
            let mut end = Vec::new();
            self.exactly(2, &mut |bytes| end.extend_from_slice(bytes)).await?;
            if end != b"\r\n" {
                return Err(invalid("a chunk without its end, or trailers"));
            }
            if size == 0 {
                return Ok(());
            }
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await?;
        self.io.flush().await
    }

    pub(crate) async fn answer(&mut self, answer: &Answer) -> io::Result<()> {
        self.write(&answer.bytes()).await
    }
}

fn parse(bytes: &[u8]) -> io::Result<Option<(Head, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes).map_err(|_| invalid("not HTTP"))? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
        headers: request
            .headers
            .iter()
            .map(|h| (h.name.to_ascii_lowercase(), text(h.value)))
            .collect(),
    };
    Ok(Some((head, length)))
}

pub(crate) fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
