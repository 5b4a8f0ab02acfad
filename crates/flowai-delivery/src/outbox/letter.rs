//! A message in the form in which it is stored.

use flowai::{Error, ErrorKind, Message, Result};
use serde::{Deserialize, Serialize};

use super::files::StoredFile;

/// A checked message that is complete: with its sender, its trace id and all that is known of its file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Letter {
    pub(crate) id: i64,
    pub(crate) thread_id: String,
    pub(crate) trace_id: Option<i64>,
    /// The message as JSON.
    pub(crate) body: String,
    pub(crate) file: Option<StoredFile>,
    /// Milliseconds since 1970 UTC, by the clock of whoever wrote it.
    pub(crate) enqueued_at: i64,
    pub(crate) expires_at: Option<i64>,
    /// Bytes that count against the limit.
    pub(crate) size: i64,
}

impl Letter {
    pub(crate) fn new(thread_id: &str, message: &Message, file: Option<StoredFile>) -> Result<Letter> {
        let trace_id = message.as_object().get("traceId").and_then(|id| id.as_i64());
        let body = serde_json::to_string(message.as_object())
            .map_err(|e| Error::new(ErrorKind::Internal, "cannot write JSON").with_source(e))?;
        let copied = file.as_ref().map_or(0, StoredFile::own_size);
        let size = (body.len() + thread_id.len()) as u64 + copied;
        Ok(Letter {
            id: new_id()?,
            thread_id: thread_id.to_owned(),
            trace_id,
            body,
            file,
            enqueued_at: 0,
            expires_at: None,
            size: i64::try_from(size).unwrap_or(i64::MAX),
        })
    }
}

/// The message of a stored body.
pub(crate) fn message_of(body: &str) -> Result<Message> {
    let damaged = |e| Error::new(ErrorKind::Storage, "a stored message is damaged").with_source(e);
    Message::from_value(serde_json::from_str(body).map_err(damaged)?)
}

/// A random number that a reader with doubles can tell from others: processes that know nothing of each other number
/// their messages.
fn new_id() -> Result<i64> {
    let random = getrandom::u64()
        .map_err(|e| Error::new(ErrorKind::Internal, "the system gives no random numbers").with_source(e))?;
    Ok(i64::try_from(random % (flowai::TRACE_ID_LIMIT - 1)).unwrap_or_default() + 1)
}
