//! Media that is uploaded: `multipart/form-data` with the parts `file` and `query` ("Media message" of the API document).

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use crate::{
    call::Call,
    client::{Client, Receipt},
    error::{Delivery, Error, Result},
    operation::{Body, MAX_UPLOAD_SIZE, Operation, Request},
    payload::Message,
};

static UPLOAD_MEDIA: Operation = Operation::send("upload_media");

const QUEUED_CHUNKS: usize = 2;

/// A file to upload, and what the service is told about it.
///
/// ```no_run
/// # let client = flowai::Client::builder().build()?;
/// let photo = flowai::Upload::from_path("photo.png")?;
/// client.upload_media("thread-1", photo).wait()?;
/// # Ok::<_, flowai::Error>(())
/// ```
pub struct Upload {
    pub(crate) source: Source,
    pub(crate) length: Option<u64>,
    pub(crate) filename: String,
    pub(crate) mime_type: String,
    media_type: Option<String>,
    pub(crate) idle_timeout: Duration,
    pub(crate) progress: Arc<Progress>,
    message: Message,
    /// The `query` part, once the message was checked.
    pub(crate) query: Bytes,
}

/// What an upload is made of: see [`Client::check_upload`]. [`upload`](UploadParts::upload) makes it again.
#[derive(Clone, Debug)]
pub struct UploadParts {
    /// Where the bytes are.
    pub content: UploadContent,
    /// The name that the service is told.
    pub filename: String,
    /// The MIME type.
    pub mime_type: String,
    /// `image`, `file`, `audio` or `video`.
    pub media_type: String,
    /// How long nothing may move before the upload ends.
    pub idle_timeout: Duration,
    /// What goes along.
    pub message: Message,
}

/// Where the bytes of an upload are.
#[derive(Clone)]
pub enum UploadContent {
    /// In a file.
    Path(PathBuf),
    /// In memory.
    Bytes(Bytes),
    /// With somebody who hands them over once, piece by piece.
    Chunks,
}

impl fmt::Debug for UploadContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UploadContent::Path(path) => f.debug_tuple("Path").field(path).finish(),
            UploadContent::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            UploadContent::Chunks => f.write_str("Chunks"),
        }
    }
}

impl UploadParts {
    /// The upload that is made of these parts.
    ///
    /// # Errors
    /// `InvalidArgument` naming `file`: those of [`Upload::from_path`] and [`Upload::from_bytes`], and when the bytes can
    /// be had only once.
    pub fn upload(self) -> Result<Upload> {
        let upload = match self.content {
            UploadContent::Path(path) => Upload::from_path(path)?,
            UploadContent::Bytes(bytes) => Upload::from_bytes(bytes, String::new())?,
            UploadContent::Chunks => {
                return Err(refused(Error::argument("file", "can be read only once")));
            }
        };
        Ok(upload
            .filename(self.filename)
            .mime_type(self.mime_type)
            .media_type(self.media_type)
            .idle_timeout(self.idle_timeout)
            .message(|_| self.message))
    }
}

pub(crate) enum Source {
    Path(PathBuf),
    Bytes(Bytes),
    Channel {
        chunks: Mutex<Option<mpsc::Receiver<std::io::Result<Bytes>>>>,
        wanted: Arc<Notify>,
    },
}

/// How far an upload is. Shared with the upload, so it can be read while the call waits.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// The bytes of the file that were handed to the connection.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// The length of the file; `None` if it is not known in advance.
    pub fn total(&self) -> Option<u64> {
        match self.total.load(Ordering::Relaxed) {
            u64::MAX => None,
            total => Some(total),
        }
    }

    pub(crate) fn add(&self, bytes: u64) -> u64 {
        self.done
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes)
    }

    pub(crate) fn restart(&self) {
        self.done.store(0, Ordering::Relaxed);
    }
}

/// Feeds an upload whose bytes come from the caller piece by piece; see [`Upload::from_chunks`].
#[derive(Debug)]
pub struct Feeder {
    chunks: Option<mpsc::Sender<std::io::Result<Bytes>>>,
}

impl Feeder {
    /// Whether another chunk fits now. Call [`feed`](Feeder::feed) until it does not, from the `tick` of
    /// [`Call::wait_with`], which is called whenever there is room again.
    pub fn wants_more(&self) -> bool {
        self.chunks.as_ref().is_some_and(|chunks| chunks.capacity() > 0)
    }

    /// Waits until another chunk fits. False when none will be taken any more: the upload ended, or its end was fed.
    pub async fn room(&self) -> bool {
        match &self.chunks {
            Some(chunks) => chunks.reserve().await.is_ok(),
            None => false,
        }
    }

    /// Hands over the next chunk; an empty one is the end. A feeder that is dropped before ends the upload with an error.
    pub fn feed(&mut self, chunk: impl Into<Bytes>) {
        let chunk = chunk.into();
        let is_end = chunk.is_empty();
        if let Some(chunks) = &self.chunks {
            // A full channel cannot be: the caller asked `wants_more`. A closed one means that the upload ended.
            let _ = chunks.try_send(Ok(chunk));
        }
        if is_end {
            self.chunks = None;
        }
    }

    /// Ends the upload with an error; the file is not complete.
    pub fn fail(&mut self, error: std::io::Error) {
        if let Some(chunks) = self.chunks.take() {
            let _ = chunks.try_send(Err(error));
        }
    }
}

impl Upload {
    /// A file on disk. Its name gives the MIME type and the kind of media, unless they are set.
    ///
    /// # Errors
    /// `InvalidArgument` naming `file` when it cannot be read or is larger than [`MAX_UPLOAD_SIZE`].
    pub fn from_path(path: impl AsRef<Path>) -> Result<Upload> {
        let path = path.as_ref();
        let unreadable = |error| unreadable(path, &error);
        let meta = std::fs::metadata(path).map_err(unreadable)?;
        if !meta.is_file() {
            return Err(refused(Error::argument(
                "file",
                format_args!("{} is not a file", path.display()),
            )));
        }
        std::fs::File::open(path).map_err(unreadable)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Upload::new(
            Source::Path(path.to_owned()),
            Some(meta.len()),
            name.unwrap_or_default(),
        )
    }

    /// Bytes in memory. `filename` gives the MIME type and the kind of media, unless they are set.
    ///
    /// # Errors
    /// `InvalidArgument` naming `file` when they are more than [`MAX_UPLOAD_SIZE`].
    pub fn from_bytes(bytes: impl Into<Bytes>, filename: impl Into<String>) -> Result<Upload> {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        Upload::new(Source::Bytes(bytes), Some(length), filename.into())
    }

    /// A copy of bytes in memory, made only if they are not too many. See [`Upload::from_bytes`].
    ///
    /// # Errors
    /// `InvalidArgument` naming `file` when they are more than [`MAX_UPLOAD_SIZE`].
    pub fn from_slice(bytes: &[u8], filename: impl Into<String>) -> Result<Upload> {
        check_size(bytes.len() as u64).map_err(refused)?;
        Upload::from_bytes(Bytes::copy_from_slice(bytes), filename)
    }

    /// Bytes that the caller hands over piece by piece, through the [`Feeder`]. A `length` that is not known is counted
    /// on the way, and the upload is cut off beyond [`MAX_UPLOAD_SIZE`].
    pub fn from_chunks(length: Option<u64>, filename: impl Into<String>) -> Result<(Upload, Feeder)> {
        let (sender, receiver) = mpsc::channel(QUEUED_CHUNKS);
        let source = Source::Channel {
            chunks: Mutex::new(Some(receiver)),
            wanted: Arc::default(),
        };
        let upload = Upload::new(source, length, filename.into())?;
        Ok((upload, Feeder { chunks: Some(sender) }))
    }

    fn new(source: Source, length: Option<u64>, filename: String) -> Result<Upload> {
        check_size(length.unwrap_or(0)).map_err(refused)?;
        let progress = Progress::default();
        progress
            .total
            .store(length.unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(Upload {
            source,
            length,
            mime_type: String::new(),
            filename,
            media_type: None,
            idle_timeout: Duration::from_secs(30),
            progress: Arc::new(progress),
            message: Message::uploaded("file"),
            query: Bytes::new(),
        })
    }

    /// `image`, `file`, `audio` or `video`, in place of what the MIME type says.
    pub fn media_type(mut self, media_type: impl Into<String>) -> Upload {
        self.media_type = Some(media_type.into());
        self
    }

    /// The MIME type, in place of what the name of the file says.
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Upload {
        self.mime_type = mime_type.into();
        self
    }

    /// The name that the service is told.
    pub fn filename(mut self, filename: impl Into<String>) -> Upload {
        self.filename = filename.into();
        self
    }

    /// Ends the upload when nothing moved for this long; 30 seconds if not set. The whole upload has no time limit
    /// unless the call is given one.
    pub fn idle_timeout(mut self, timeout: Duration) -> Upload {
        self.idle_timeout = timeout;
        self
    }

    /// Changes what goes along: originator, trace id, language, a URL beside the file and so on.
    pub fn message(mut self, change: impl FnOnce(Message) -> Message) -> Upload {
        self.message = change(self.message);
        self
    }

    /// How far it is.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// The upload with its name and MIME type, and the message that goes along with it.
    fn described(mut self) -> Result<(Upload, Message)> {
        if self.filename.is_empty() {
            self.filename = "file".to_owned();
        }
        if self.mime_type.is_empty() {
            let guess = mime_guess::from_path(&self.filename).first_or_octet_stream();
            self.mime_type = guess.essence_str().to_owned();
        }
        if self.mime_type.parse::<reqwest::header::HeaderValue>().is_err() || !self.mime_type.contains('/') {
            return Err(Error::argument("mime_type", "must be like image/png"));
        }
        if self.filename.chars().any(char::is_control) {
            return Err(Error::argument(
                "filename",
                "must be a name without control characters",
            ));
        }
        let media_type = self
            .media_type
            .take()
            .unwrap_or_else(|| media_type_of(&self.mime_type).to_owned());
        let mut message = self.message.clone().into_object();
        message.insert("mediaType".into(), media_type.into());
        message.insert("mimeType".into(), self.mime_type.clone().into());
        let message = Message::from_value(message.into())?;
        Ok((self, message))
    }

    pub(crate) fn attention(&self) -> Option<Arc<Notify>> {
        match &self.source {
            Source::Channel { wanted, .. } => Some(Arc::clone(wanted)),
            _ => None,
        }
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("filename", &self.filename)
            .field("mime_type", &self.mime_type)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// A file is looked at before there is a call, but it is the call that it is refused for.
fn refused(error: Error) -> Error {
    error
        .with_operation(UPLOAD_MEDIA.name)
        .with_delivery(Some(Delivery::NotSent))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    refused(Error::argument(
        "file",
        format_args!("{} cannot be read: {error}", path.display()),
    ))
}

pub(crate) fn check_size(length: u64) -> Result<()> {
    if length > MAX_UPLOAD_SIZE {
        return Err(Error::argument("file", "is larger than 250 MB"));
    }
    Ok(())
}

/// The kind of media that a MIME type belongs to.
fn media_type_of(mime_type: &str) -> &'static str {
    match mime_type.split('/').next() {
        Some("image") => "image",
        Some("audio") => "audio",
        Some("video") => "video",
        _ => "file",
    }
}

impl Client {
    /// Uploads a file of at most 250 MB, streamed ("Media message" of the API document).
    ///
    /// # Errors
    /// Every failed send says what became of the message: [`Error::delivery`](crate::Error::delivery).
    pub fn upload_media(&self, thread_id: &str, upload: Upload) -> Call<Receipt> {
        let request = self.upload_request(thread_id, upload);
        self.acknowledged(&UPLOAD_MEDIA, request)
    }

    /// Checks an upload as [`upload_media`](Client::upload_media) does, without sending it, and tells what it is made of,
    /// with everything filled in: the originator of this client, a trace id, the kind of media and its MIME type. For
    /// programs that keep uploads before they send them.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the argument.
    pub fn check_upload(&self, thread_id: &str, upload: Upload) -> Result<UploadParts> {
        Request::of_thread(&UPLOAD_MEDIA, "messages", thread_id)?;
        let (upload, message) = upload.described()?;
        let media_type = message
            .as_object()
            .get("mediaType")
            .and_then(serde_json::Value::as_str);
        let media_type = media_type.unwrap_or_default().to_owned();
        Ok(UploadParts {
            message: message.complete(self.config(), true)?,
            content: match upload.source {
                Source::Path(path) => UploadContent::Path(path),
                Source::Bytes(bytes) => UploadContent::Bytes(bytes),
                Source::Channel { .. } => UploadContent::Chunks,
            },
            filename: upload.filename,
            mime_type: upload.mime_type,
            media_type,
            idle_timeout: upload.idle_timeout,
        })
    }

    fn upload_request(&self, thread_id: &str, upload: Upload) -> Result<Request> {
        let (mut upload, message) = upload.described()?;
        let mut request = Request::of_thread(&UPLOAD_MEDIA, "messages", thread_id)?;
        let message = message.checked(self.config(), true)?;
        request.trace_id = message.trace_id();
        upload.query = message.to_bytes()?;
        request.body = Body::Upload(Box::new(upload));
        Ok(request)
    }
}
