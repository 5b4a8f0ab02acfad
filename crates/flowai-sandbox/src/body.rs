//! The body of a request: counted, limited in size and time, its beginning kept for the journal.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::answer::Refusal;
use crate::journal::{KEPT_BODY, UploadedFile};
use crate::shared::lock;

/// Largest JSON body, also as a part of a multipart one.
pub(crate) const JSON_LIMIT: u64 = 1024 * 1024;
/// How long a body of at most [`JSON_LIMIT`] may take altogether.
const JSON_TIME: Duration = Duration::from_secs(60);
/// How long and how much of a body that nobody wants is read, so that the client can read the answer.
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// Why a body could not be read.
#[derive(Debug)]
pub(crate) enum BodyError {
    TooLarge { limit: u64 },
    Slow,
    Broken(String),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(f, "larger than {limit} bytes"),
            Self::Slow => f.write_str("stopped arriving"),
            Self::Broken(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for BodyError {}

impl From<&BodyError> for Refusal {
    fn from(error: &BodyError) -> Self {
        match error {
            BodyError::TooLarge { limit } => Refusal::too_large("The request body", *limit),
            BodyError::Slow => Refusal::too_slow(),
            BodyError::Broken(reason) => {
                Refusal::bad_request(format!("The request body is broken: {reason}"))
            }
        }
    }
}

/// What has been seen of a body.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) beginning: Vec<u8>,
    pub(crate) length: u64,
    pub(crate) complete: bool,
    pub(crate) file: Option<UploadedFile>,
}

/// A request body on its way in.
pub(crate) struct Intake {
    incoming: Incoming,
    seen: Arc<Mutex<Seen>>,
    limit: u64,
    patience: Duration,
    idle: Pin<Box<Sleep>>,
}

impl Intake {
    /// A body of which at most [`JSON_LIMIT`] bytes are read unless [`Intake::set_limit`] allows more, and which
    /// may stop arriving for as long as `patience`.
    pub(crate) fn new(incoming: Incoming, patience: Duration) -> Self {
        let seen = Seen {
            complete: incoming.is_end_stream(),
            ..Seen::default()
        };
        Self {
            incoming,
            seen: Arc::new(Mutex::new(seen)),
            limit: JSON_LIMIT,
            patience,
            idle: Box::pin(sleep(patience)),
        }
    }

    /// What has been seen so far; stays valid after the body itself is gone.
    pub(crate) fn seen(&self) -> Arc<Mutex<Seen>> {
        Arc::clone(&self.seen)
    }

    /// Allows `limit` bytes, and refuses at once a body that announces more.
    pub(crate) fn set_limit(&mut self, limit: u64) -> Result<(), BodyError> {
        self.limit = limit;
        match self.incoming.size_hint().lower() {
            announced if announced > limit => Err(BodyError::TooLarge { limit }),
            _ => Ok(()),
        }
    }

    /// The whole body, which must be small.
    pub(crate) async fn read_json(&mut self) -> Result<Vec<u8>, BodyError> {
        self.set_limit(JSON_LIMIT)?;
        let whole = async {
            let mut bytes = Vec::new();
            while let Some(frame) = self.frame().await {
                if let Ok(data) = frame?.into_data() {
                    bytes.extend_from_slice(&data);
                }
            }
            Ok(bytes)
        };
        timeout(JSON_TIME, whole).await.unwrap_or(Err(BodyError::Slow))
    }

    /// Reads on to the end without keeping anything, unless that is far or slow to come.
    pub(crate) async fn drain(&mut self) {
        let limit = lock(&self.seen).length.saturating_add(JSON_LIMIT);
        if self.incoming.size_hint().lower() <= JSON_LIMIT {
            self.limit = limit;
            let rest = async { while let Some(Ok(_)) = self.frame().await {} };
            // A body that does not end in time is cut off with the connection.
            let _ = timeout(DRAIN_TIME, rest).await;
        }
    }
}

impl Body for Intake {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let patience = self.patience;
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            ready!(self.idle.as_mut().poll(cx));
            return Poll::Ready(Some(Err(BodyError::Slow)));
        };
        self.idle.as_mut().reset(Instant::now() + patience);
        let limit = self.limit;
        let mut seen = lock(&self.seen);
        Poll::Ready(match frame {
            None => {
                seen.complete = true;
                None
            }
            Some(Err(error)) => Some(Err(BodyError::Broken(error.to_string()))),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    let room = KEPT_BODY.saturating_sub(seen.beginning.len());
                    seen.beginning.extend(data.iter().take(room));
                    seen.length = seen.length.saturating_add(data.len() as u64);
                    if seen.length > limit {
                        return Poll::Ready(Some(Err(BodyError::TooLarge { limit })));
                    }
                }
                Some(Ok(frame))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
