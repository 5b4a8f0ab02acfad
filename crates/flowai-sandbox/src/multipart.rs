//! A message sent as `multipart/form-data` ("Media message" of the API document): a `file`, and the JSON in
//! `query`. The file is hashed as it streams by and never held.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyDataStream;
use hyper::body::{Body, Frame};
use multer::{Field, Multipart};
use ring::digest;

use crate::answer::Refusal;
use crate::body::{BodyError, Intake, JSON_LIMIT};
use crate::journal::UploadedFile;
use crate::shared::lock;

/// What may surround the file and the JSON: boundaries, part headers, small parts nobody knows.
const OVERHEAD: u64 = 64 * 1024;
/// Bytes that may arrive without a part making progress, as in part headers that never end. Above what one
/// read of a connection brings.
const UNREAD_LIMIT: u64 = 256 * 1024;

/// The parts that matter.
pub(crate) struct Form {
    pub(crate) json: Vec<u8>,
    pub(crate) file: Option<UploadedFile>,
}

/// Reads the whole form, parts in any order.
pub(crate) async fn read(intake: &mut Intake, boundary: String, max_upload: u64) -> Result<Form, Refusal> {
    let limit = max_upload.saturating_add(JSON_LIMIT + OVERHEAD);
    intake.set_limit(limit).map_err(|_| too_large(max_upload))?;
    let form = read_parts(intake, boundary, max_upload).await?;
    // The parser stops at the last boundary, and what follows belongs to this request still.
    intake.drain().await;
    Ok(form)
}

async fn read_parts(intake: &mut Intake, boundary: String, max_upload: u64) -> Result<Form, Refusal> {
    let seen = intake.seen();
    let unread = Arc::new(AtomicU64::new(0));
    let metered = Metered {
        intake,
        unread: Arc::clone(&unread),
        rest: false,
    };
    let mut parts = Multipart::new(BodyDataStream::new(metered), boundary);

    let (mut query, mut payload, mut file) = (None, None, None);
    while let Some(mut part) = parts
        .next_field()
        .await
        .map_err(|error| refusal(&error, max_upload))?
    {
        unread.store(0, Ordering::Relaxed);
        match part.name() {
            Some("file") if file.is_some() => {
                return Err(Refusal::bad_request("More than one part named file"));
            }
            Some("file") => {
                let received = hash(&mut part, &unread, max_upload).await?;
                lock(&seen).file = Some(received.clone());
                file = Some(received);
            }
            Some("query") => query = Some(collect(&mut part, &unread, max_upload).await?),
            Some("payload") => payload = Some(collect(&mut part, &unread, max_upload).await?),
            _ => while next(&mut part, &unread, max_upload).await?.is_some() {},
        }
    }
    let json = query
        .or(payload)
        .ok_or_else(|| Refusal::bad_request("Missing part: query"))?;
    Ok(Form { json, file })
}

async fn next(part: &mut Field<'_>, unread: &AtomicU64, max_upload: u64) -> Result<Option<Bytes>, Refusal> {
    let chunk = part.chunk().await.map_err(|error| refusal(&error, max_upload))?;
    unread.store(0, Ordering::Relaxed);
    Ok(chunk)
}

async fn hash(part: &mut Field<'_>, unread: &AtomicU64, max_upload: u64) -> Result<UploadedFile, Refusal> {
    let name = part.file_name().map(str::to_owned);
    let content_type = part.content_type().map(ToString::to_string);
    let mut length = 0_u64;
    let mut sha256 = digest::Context::new(&digest::SHA256);
    while let Some(chunk) = next(part, unread, max_upload).await? {
        length = length.saturating_add(chunk.len() as u64);
        if length > max_upload {
            return Err(too_large(max_upload));
        }
        sha256.update(&chunk);
    }
    let sha256 = sha256
        .finish()
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(UploadedFile {
        name,
        content_type,
        length,
        sha256,
    })
}

async fn collect(part: &mut Field<'_>, unread: &AtomicU64, max_upload: u64) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    while let Some(chunk) = next(part, unread, max_upload).await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > JSON_LIMIT {
            return Err(Refusal::too_large("The JSON part", JSON_LIMIT));
        }
    }
    Ok(bytes)
}

fn too_large(max_upload: u64) -> Refusal {
    Refusal::too_large("The file", max_upload)
}

fn refusal(error: &multer::Error, max_upload: u64) -> Refusal {
    if let multer::Error::StreamReadFailed(source) = error
        && let Some(cause) = source.downcast_ref::<BodyError>()
    {
        return match cause {
            BodyError::TooLarge { .. } => too_large(max_upload),
            other => Refusal::from(other),
        };
    }
    Refusal::bad_request(format!("The multipart body is broken: {error}"))
}

/// Keeps the multipart parser within bounds. It reads from a body for as long as something is there, which
/// from a fast client is the whole file, and collects part headers however long they are.
struct Metered<'a> {
    intake: &'a mut Intake,
    unread: Arc<AtomicU64>,
    rest: bool,
}

impl Body for Metered<'_> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if std::mem::take(&mut self.rest) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let frame = Pin::new(&mut *self.intake).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            self.rest = true;
            let length = frame.data_ref().map_or(0, Bytes::len) as u64;
            if self.unread.fetch_add(length, Ordering::Relaxed) > UNREAD_LIMIT {
                return Poll::Ready(Some(Err(BodyError::Broken(
                    "the headers of a part never end".to_owned(),
                ))));
            }
        }
        frame
    }
}
