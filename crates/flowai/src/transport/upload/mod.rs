//! Uploads, through reqwest: `multipart/form-data`, streamed at constant memory.

mod reader;

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use reqwest::multipart::{Form, Part};
use rustls::ClientConfig;
use tokio::{
    sync::{Notify, mpsc},
    time::sleep,
};

use self::reader::Reader;
use super::{Response, Sent, body::collect, tls};
use crate::{
    config::Config,
    error::{Error, ErrorKind, Result},
    fate::Fate,
    media::{Progress, Source, Upload, check_size},
    operation::Request,
};

const CHUNK: usize = 64 * 1024;

/// Whether an upload has begun to leave.
#[derive(Clone)]
pub(super) struct Started {
    flag: Arc<AtomicBool>,
    fate: Option<Fate>,
}

impl Started {
    pub(super) fn new(fate: Option<Fate>) -> Started {
        Started {
            flag: Arc::default(),
            fate,
        }
    }

    pub(super) fn is_set(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }

    /// It leaves now. An error, and then it must not, when the call was given up.
    fn set(&self) -> Result<()> {
        if !self.is_set() {
            if let Some(fate) = &self.fate {
                fate.leave()?;
            }
            self.flag.store(true, Ordering::Release);
        }
        Ok(())
    }
}

/// Uploads a file. A connection is used once: uploads are rare, and a stale one would cost the whole file.
pub(super) async fn send(
    config: &Config,
    tls: Option<Arc<ClientConfig>>,
    request: &Request,
    upload: &Upload,
    sent: &mut Sent,
) -> Result<Response> {
    let started = sent.begin_upload();
    upload.progress.restart();
    let target = config
        .base_url
        .absolute(&format!("{}{}", config.base_url.path, request.target));
    let url = reqwest::Url::parse(&target).map_err(|_| internal("cannot build the URL"))?;
    if url.as_str() != target {
        return Err(internal("the URL is not the one that was meant"));
    }
    let file = FileBody {
        source: open(upload).await?,
        length: upload.length,
        read: 0,
        is_fresh: false,
        started,
        progress: Arc::clone(&upload.progress),
    };
    let length = upload.length;
    let body = reqwest::Body::wrap(file);
    let part = match length {
        Some(length) => Part::stream_with_length(body, length),
        None => Part::stream(body),
    };
    let part = part
        .file_name(upload.filename.clone())
        .mime_str(&upload.mime_type)
        .map_err(|_| Error::argument("mime_type", "must be like image/png"))?;
    let query = Part::bytes(upload.query.to_vec())
        .mime_str("application/json")
        .map_err(|_| internal("cannot build the form"))?;
    let form = Form::new().part("query", query).part("file", part);
    let request = client(config, tls)?
        .post(url)
        .header(http::header::AUTHORIZATION, config.authorization.clone())
        .header(http::header::ACCEPT, "application/json")
        .multipart(form);
    // The library connects and writes in one step.
    sent.leaving().await?;
    let exchange = async {
        let answer: http::Response<reqwest::Body> = request.send().await.map_err(failure)?.into();
        let (head, body) = answer.into_parts();
        let body = collect(head.status, body, failure).await?;
        Ok(Response::new(&head, body))
    };
    tokio::select! {
        done = exchange => done,
        () = stalled(&upload.progress, upload.idle_timeout) => {
            Err(Error::new(ErrorKind::Timeout, format!("nothing moved for {} s", upload.idle_timeout.as_secs_f64())))
        }
    }
}

fn internal(problem: &str) -> Error {
    Error::new(ErrorKind::Internal, problem)
}

fn client(config: &Config, tls: Option<Arc<ClientConfig>>) -> Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .user_agent(config.user_agent.clone())
        .connect_timeout(config.connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .pool_max_idle_per_host(0);
    let tls = tls.map_or_else(tls::unused_config, Ok)?;
    builder = builder.tls_backend_preconfigured((*tls).clone());
    if let Some(proxy) = &config.proxy {
        let host = if proxy.host.contains(':') {
            format!("[{}]", proxy.host)
        } else {
            proxy.host.clone()
        };
        let mut chosen = reqwest::Proxy::all(format!("http://{host}:{}", proxy.port))
            .map_err(|_| Error::argument("proxy", "is not a URL"))?;
        if let Some(credentials) = &proxy.authorization {
            chosen = chosen.custom_http_auth(credentials.clone());
        }
        builder = builder.proxy(chosen);
    }
    builder.build().map_err(|_| internal("cannot set up uploads"))
}

/// reqwest's errors print the URL, so only their causes are passed on.
fn failure(error: reqwest::Error) -> Error {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        if let Some(ours) = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(refused) = ours.downcast_ref::<Refused>()
        {
            return Error::argument("file", &refused.0);
        }
        cause = inner;
    }
    if cause
        .downcast_ref::<hyper::Error>()
        .is_some_and(hyper::Error::is_parse)
    {
        return Error::new(ErrorKind::Response, format!("the answer is not HTTP: {cause}"));
    }
    Error::new(ErrorKind::Connection, format!("the connection failed: {cause}"))
}

/// Ends when nothing moved for `limit`.
async fn stalled(progress: &Progress, limit: Duration) {
    let mut last = progress.done();
    loop {
        sleep(limit).await;
        let now = progress.done();
        if now == last {
            return;
        }
        last = now;
    }
}

/// A file that must not be uploaded, found out on the way.
#[derive(Debug)]
struct Refused(String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

fn refuse(problem: impl Into<String>) -> io::Error {
    io::Error::other(Refused(problem.into()))
}

enum Opened {
    File(Reader),
    Bytes(Option<Bytes>),
    Channel(mpsc::Receiver<io::Result<Bytes>>, Arc<Notify>),
}

async fn open(upload: &Upload) -> Result<Opened> {
    Ok(match &upload.source {
        Source::Path(path) => {
            let file = Reader::open(path)
                .await
                .map_err(|error| Error::argument("file", format_args!("cannot be read: {error}")))?;
            Opened::File(file)
        }
        Source::Bytes(bytes) => Opened::Bytes(Some(bytes.clone())),
        Source::Channel { chunks, wanted } => {
            let taken = chunks.lock().unwrap_or_else(PoisonError::into_inner).take();
            let chunks = taken.ok_or_else(|| internal("the file was read already"))?;
            wanted.notify_one();
            Opened::Channel(chunks, Arc::clone(wanted))
        }
    })
}

/// The file on its way. The first time that it is asked for bytes, there is a connection, so they may leave.
struct FileBody {
    source: Opened,
    length: Option<u64>,
    read: u64,
    /// Whether the last piece was read just now. It is written before the next one is read: a third faster than to gather
    /// pieces, which leave the cache of the processor meanwhile.
    is_fresh: bool,
    started: Started,
    progress: Arc<Progress>,
}

impl FileBody {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match &mut self.source {
            Opened::Bytes(whole) => {
                let Some(rest) = whole else {
                    return Poll::Ready(None);
                };
                let chunk = rest.split_to(rest.len().min(CHUNK));
                if rest.is_empty() {
                    *whole = None;
                }
                Poll::Ready((!chunk.is_empty()).then_some(Ok(chunk)))
            }
            Opened::Channel(chunks, wanted) => {
                let next = ready!(chunks.poll_recv(cx));
                wanted.notify_one();
                Poll::Ready(match next {
                    Some(Ok(end)) if end.is_empty() => None,
                    Some(next) => Some(next),
                    // What was cut off must not pass for a whole file.
                    None => Some(Err(io::ErrorKind::UnexpectedEof.into())),
                })
            }
            Opened::File(file) => Poll::Ready(ready!(file.poll_piece(cx)).transpose()),
        }
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.started.set().is_err() {
            return Poll::Ready(Some(Err(refuse("was given up"))));
        }
        if std::mem::take(&mut self.is_fresh) {
            // hyper writes what it has when there is nothing more for now.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let chunk = match ready!(self.poll_chunk(cx)) {
            Some(Ok(chunk)) => chunk,
            Some(Err(error)) => return Poll::Ready(Some(Err(refuse(format!("cannot be read: {error}"))))),
            None => {
                let short = self.length.is_some_and(|length| self.read < length);
                return Poll::Ready(short.then(|| Err(refuse("is shorter than it was"))));
            }
        };
        self.is_fresh = matches!(self.source, Opened::File(_));
        self.read = self.progress.add(chunk.len() as u64);
        if self.length.is_some_and(|length| self.read > length) {
            return Poll::Ready(Some(Err(refuse("is longer than it was"))));
        }
        if check_size(self.read).is_err() {
            return Poll::Ready(Some(Err(refuse("is larger than 250 MB"))));
        }
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map(SizeHint::with_exact).unwrap_or_default()
    }
}
