//! Reading the body of an answer to an upload, within limits.

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::Body;

use super::answer::{most_of, too_large};
use crate::error::{Error, Result};

/// A body, and whether it was read to its end.
pub(super) struct Collected {
    pub(super) bytes: Bytes,
    pub(super) complete: bool,
}

/// Reads a body. That of an error says nothing that must be whole, so its start is enough.
pub(super) async fn collect<B>(
    status: StatusCode,
    body: B,
    failure: impl Fn(B::Error) -> Error,
) -> Result<Collected>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut buffer = Buffer::default();
    match read(status, body, failure, &mut buffer).await {
        Ok(()) => Ok(Collected {
            bytes: buffer.into_bytes(),
            complete: true,
        }),
        Err(_) if !status.is_success() => Ok(Collected {
            bytes: buffer.into_bytes(),
            complete: false,
        }),
        Err(error) => Err(error),
    }
}

async fn read<B>(
    status: StatusCode,
    mut body: B,
    failure: impl Fn(B::Error) -> Error,
    buffer: &mut Buffer,
) -> Result<()>
where
    B: Body<Data = Bytes> + Unpin,
{
    let limit = most_of(status);
    if status.is_success() && body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(&failure)?.into_data() else {
            continue;
        };
        if buffer.len() + data.len() > limit {
            return Err(too_large());
        }
        buffer.push(data);
    }
    Ok(())
}

/// Most answers come in one piece, which is then not copied.
#[derive(Default)]
struct Buffer {
    first: Bytes,
    all: BytesMut,
}

impl Buffer {
    fn len(&self) -> usize {
        self.first.len().max(self.all.len())
    }

    fn push(&mut self, data: Bytes) {
        if self.len() == 0 {
            self.first = data;
            return;
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(&self.first);
        }
        self.all.extend_from_slice(&data);
    }

    fn into_bytes(self) -> Bytes {
        if self.all.is_empty() {
            self.first
        } else {
            self.all.freeze()
        }
    }
}
