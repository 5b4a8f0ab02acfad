//! What a receiver is made of.

use std::{
    net::{TcpListener, ToSocketAddrs},
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
};

use flowai::{Error, ErrorKind, Result, webhook::Verifier};
use http::uri::PathAndQuery;

use super::{
    handle::Receiver, health::Health, limits::Limits, queue::Queue, service::Service, stats::Counters,
    tls::Tls,
};
use crate::{inbox::Inbox, intake::Intake};

const DEFAULT_QUEUE: usize = 1024;

/// Makes a [`Receiver`]. Whether calls are verified must be said; everything else has a default.
#[derive(Debug)]
#[must_use]
pub struct ReceiverBuilder {
    /// `None` until it is said.
    verifier: Option<Option<Verifier>>,
    listen: String,
    path: String,
    health: Option<String>,
    tls: Option<(PathBuf, PathBuf)>,
    inbox: Option<Inbox>,
    queue: usize,
    limits: Limits,
}

impl ReceiverBuilder {
    pub(crate) fn new() -> ReceiverBuilder {
        ReceiverBuilder {
            verifier: None,
            listen: "127.0.0.1:0".into(),
            path: "/".into(),
            health: Some("/health".into()),
            tls: None,
            inbox: None,
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

    /// The exact path where GET tells how the receiver is doing, to anybody who asks: status 200 or 503, and numbers in JSON
    /// ([`Receiver`] has them). Where it is the path of the webhook, that comes first. Default: `/health`.
    pub fn health(mut self, path: impl Into<String>) -> ReceiverBuilder {
        self.health = Some(path.into());
        self
    }

    /// Tells nobody how the receiver is doing.
    pub fn without_health(mut self) -> ReceiverBuilder {
        self.health = None;
        self
    }

    /// Stores events in this inbox, and acknowledges a call once they are safe there. Take them from the inbox; the
    /// receiver hands out none itself. Default: a queue in memory, which is not durable.
    pub fn inbox(mut self, inbox: impl Into<Option<Inbox>>) -> ReceiverBuilder {
        self.inbox = inbox.into();
        self
    }

    /// Speaks HTTPS, with the certificate chain and the private key in these PEM files. When the files change they are
    /// loaded again. Default: HTTP, for tests and behind a proxy; the service itself calls only HTTPS.
    pub fn tls(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> ReceiverBuilder {
        self.tls = Some((certificate.into(), key.into()));
        self
    }

    /// How many events wait in memory at most to be taken; then calls are answered 503. An inbox has no such limit.
    /// Default: 1,024.
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
    /// `health`, `tls`, `queue` or `limits`; [`ErrorKind::Connection`] when the address cannot be listened on.
    pub fn start(self) -> Result<Receiver> {
        let Some(verifier) = self.verifier else {
            return Err(Error::argument("verifier", "give one, or say that there is none"));
        };
        if self.queue == 0 {
            return Err(Error::argument("queue", "is zero"));
        }
        self.limits.check()?;
        check_path("path", &self.path)?;
        if let Some(health) = &self.health {
            check_path("health", health)?;
        }
        let tls = match self.tls {
            Some((certificate, key)) => Some(Arc::new(Tls::load(certificate, key)?)),
            None => None,
        };
        let listener = bind(&self.listen)?;
        let limits = Arc::new(self.limits);
        let service = Service {
            path: self.path,
            health_path: self.health,
            health: Health::default(),
            intake: Intake::new(verifier).with_max_body(limits.body_bytes)?,
            inbox: self.inbox,
            queue: Arc::new(Queue::new(self.queue, limits.queued_bytes)),
            limits,
            counters: Arc::new(Counters::default()),
            unread: AtomicUsize::new(0),
        };
        Receiver::start(listener, tls, service)
    }
}

fn check_path(argument: &str, path: &str) -> Result<()> {
    let as_is = path.starts_with('/')
        && PathAndQuery::try_from(path).is_ok_and(|parsed| parsed.path() == path && parsed.query().is_none());
    if as_is {
        return Ok(());
    }
    Err(Error::argument(
        argument,
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
