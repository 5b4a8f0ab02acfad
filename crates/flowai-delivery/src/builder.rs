//! What a receiver is made of.

use std::{
    net::{TcpListener, ToSocketAddrs},
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
};

use flowai::{Error, ErrorKind, Result, webhook::Verifier};
use http::uri::PathAndQuery;

use crate::{limits::Limits, queue::Queue, receiver::Receiver, service::Service, stats::Counters, tls};

const DEFAULT_QUEUE: usize = 1024;

/// Makes a [`Receiver`]. Whether calls are verified must be said; everything else has a default.
#[derive(Debug)]
#[must_use]
pub struct ReceiverBuilder {
    /// `None` until it is said.
    verifier: Option<Option<Verifier>>,
    listen: String,
    path: String,
    tls: Option<(PathBuf, PathBuf)>,
    queue: usize,
    limits: Limits,
}

impl ReceiverBuilder {
    pub(crate) fn new() -> ReceiverBuilder {
        ReceiverBuilder {
            verifier: None,
            listen: "127.0.0.1:0".into(),
            path: "/".into(),
            tls: None,
            queue: DEFAULT_QUEUE,
            limits: Limits::default(),
        }
    }

    /// Checks that calls come from Flow.ai; a call that fails is answered 401. `None` means
    /// [`without_verifier`](Self::without_verifier).
    pub fn verifier(mut self, verifier: impl Into<Option<Verifier>>) -> ReceiverBuilder {
        self.verifier = Some(verifier.into());
        self
    }

    /// Takes calls from everybody who can reach the address.
    pub fn without_verifier(self) -> ReceiverBuilder {
        self.verifier(None)
    }

    /// The address to listen on, as `host:port`; port 0 takes a free one. Default: `127.0.0.1:0`.
    pub fn listen(mut self, address: impl Into<String>) -> ReceiverBuilder {
        self.listen = address.into();
        self
    }

    /// The exact path of the webhook, percent-encoded; every other path is answered 404. Default: `/`.
    pub fn path(mut self, path: impl Into<String>) -> ReceiverBuilder {
        self.path = path.into();
        self
    }

    /// Speaks HTTPS, with the certificate chain and the private key in these PEM files. Default: HTTP, for tests and
    /// behind a proxy; the service itself calls only HTTPS.
    pub fn tls(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> ReceiverBuilder {
        self.tls = Some((certificate.into(), key.into()));
        self
    }

    /// How many events wait at most to be taken; then calls are answered 503. Default: 1,024.
    pub fn queue(mut self, events: usize) -> ReceiverBuilder {
        self.queue = events;
        self
    }

    /// What clients may ask of the receiver.
    pub fn limits(mut self, limits: Limits) -> ReceiverBuilder {
        self.limits = limits;
        self
    }

    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] naming `verifier` when nothing was said about it, or naming `listen`, `path`,
    /// `tls`, `queue` or `limits`; [`ErrorKind::Connection`] when the address cannot be listened on.
    pub fn start(self) -> Result<Receiver> {
        let Some(verifier) = self.verifier else {
            return Err(Error::argument("verifier", "give one, or say that there is none"));
        };
        if self.queue == 0 {
            return Err(Error::argument("queue", "is zero"));
        }
        self.limits.check()?;
        check_path(&self.path)?;
        let tls = match &self.tls {
            Some((certificate, key)) => Some(tls::acceptor(certificate, key)?),
            None => None,
        };
        let listener = bind(&self.listen)?;
        let limits = Arc::new(self.limits);
        let service = Service {
            path: self.path,
            verifier,
            queue: Arc::new(Queue::new(self.queue, limits.queued_bytes)),
            limits,
            counters: Arc::new(Counters::default()),
            unread: AtomicUsize::new(0),
        };
        Receiver::start(listener, tls, service)
    }
}

fn check_path(path: &str) -> Result<()> {
    let as_is = path.starts_with('/')
        && PathAndQuery::try_from(path).is_ok_and(|parsed| parsed.path() == path && parsed.query().is_none());
    if as_is {
        return Ok(());
    }
    Err(Error::argument(
        "path",
        "is not a percent-encoded absolute path without a query",
    ))
}

fn bind(address: &str) -> Result<TcpListener> {
    let resolved: Vec<_> = address
        .to_socket_addrs()
        .map_err(|error| {
            Error::argument("listen", format!("{address:?} is not host:port")).with_source(error)
        })?
        .collect();
    TcpListener::bind(resolved.as_slice())
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|error| {
            Error::new(
                ErrorKind::Connection,
                format!("cannot listen on {address}: {error}"),
            )
            .with_source(error)
        })
}
