//! A small pool of lanes to one host.

use std::{
    io::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use http::{HeaderValue, Method};
use once_cell::sync::OnceCell;
use rustls::ClientConfig;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::{
    Response, Sent, connect,
    lane::{Exchanged, Lane, Tick},
    tls,
};
use crate::{
    config::Config,
    error::{Error, ErrorKind, Result},
    operation::{Body, Request},
    watcher::Watcher,
};

/// Requests under way at the same time; more wait for their turn.
pub(crate) const MAX_CONNECTIONS: usize = 128;
/// Connections being made at the same time. A burst of TLS handshakes would resume no session.
const MAX_CONNECTING: usize = 8;
/// Idle connections are dropped after this time, before middleboxes forget them silently.
const MAX_IDLE: Duration = Duration::from_secs(30);

pub(super) struct Pool {
    idle: Mutex<Vec<Lane>>,
    turns: Semaphore,
    connecting: Semaphore,
    tls: OnceCell<Arc<ClientConfig>>,
    /// The headers of every request.
    headers: Zeroizing<Vec<u8>>,
}

impl Pool {
    pub(super) fn new(config: &Config) -> Result<Pool> {
        let host = HeaderValue::from_str(&config.base_url.authority)
            .map_err(|_| Error::argument("base_url", "names no host"))?;
        let accept = HeaderValue::from_static("application/json");
        let proxy = config.proxy.as_ref().filter(|_| !config.base_url.https);
        let fields = [
            ("host", Some(&host)),
            ("authorization", Some(&config.authorization)),
            ("accept", Some(&accept)),
            ("user-agent", Some(&config.user_agent)),
            (
                "proxy-authorization",
                proxy.and_then(|proxy| proxy.authorization.as_ref()),
            ),
        ];
        let mut headers = Zeroizing::new(Vec::with_capacity(1024));
        for (name, value) in fields {
            if let Some(value) = value {
                for part in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                    headers.extend_from_slice(part);
                }
            }
        }
        Ok(Pool {
            idle: Mutex::default(),
            turns: Semaphore::new(MAX_CONNECTIONS),
            connecting: Semaphore::new(MAX_CONNECTING),
            tls: OnceCell::new(),
            headers,
        })
    }

    /// The TLS configuration, built on first use, since reading the certificate authorities takes milliseconds. One
    /// for all connections, so that sessions resume.
    pub(super) fn tls(&self, config: &Config) -> Result<Option<Arc<ClientConfig>>> {
        if !config.base_url.https {
            return Ok(None);
        }
        self.tls
            .get_or_try_init(|| tls::client_config(config.ca_file.as_deref(), config.client_cert.as_deref()))
            .cloned()
            .map(Some)
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Lane>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lane that was used last and is still alive.
    fn reuse(&self, now: Instant) -> Option<Lane> {
        loop {
            let mut lane = self.lock().pop()?;
            if lane.idle_for(now) < MAX_IDLE && lane.is_alive() {
                return Some(lane);
            }
            log::debug!("an idle connection is not used again: it ended, or was idle for too long");
        }
    }

    fn put_back(&self, lane: Lane) {
        let now = lane.idle_since();
        let mut idle = self.lock();
        let stale = idle
            .iter()
            .take_while(|lane| lane.idle_for(now) >= MAX_IDLE)
            .count();
        let dropped: Vec<Lane> = idle.drain(..stale).collect();
        idle.push(lane);
        drop(idle);
        drop(dropped);
    }

    async fn connect(&self, config: &Config) -> Result<Lane> {
        let _turn = self.connecting.acquire().await.map_err(closed)?;
        let tls = self.tls(config)?;
        connect::connect(config, tls).await.map(Lane::new)
    }

    /// Sends a request and reads the answer. A connection that is lost before a byte of the request was written is
    /// replaced by another.
    pub(super) async fn exchange(
        &self,
        config: &Config,
        request: &Request,
        sent: &mut Sent,
    ) -> Result<Response> {
        let _turn = self.turns.acquire().await.map_err(closed)?;
        loop {
            let (mut lane, reused) = match self.reuse(Instant::now()) {
                Some(lane) => (lane, true),
                None => (self.connect(config).await?, false),
            };
            sent.leaving().await?;
            self.write(config, request, lane.request())?;
            sent.begin(lane.counters())?;
            match lane.exchange(is_head(request)).await {
                Ok(response) => {
                    if lane.is_reusable(&response) {
                        self.put_back(lane);
                    }
                    return Ok(response);
                }
                Err(error) => {
                    // TLS may still hold the request, and would send it when polled.
                    drop(lane);
                    if !reused || sent.maybe() {
                        return Err(error);
                    }
                    sent.reset();
                }
            }
        }
    }

    /// As [`exchange`](Pool::exchange), on this thread and without the runtime, when there is an idle connection. None
    /// when there is not, and when it was lost before a byte was written.
    pub(super) fn exchange_now(
        &self,
        config: &Config,
        request: &Request,
        sent: &mut Sent,
        now: Instant,
        deadline: Option<Instant>,
        tick: Option<Tick<'_>>,
    ) -> Option<Exchanged> {
        let _turn = self.turns.try_acquire().ok()?;
        let mut lane = self.reuse(now)?;
        let written = self.write(config, request, lane.request());
        if let Err(error) = written.and_then(|()| sent.begin(lane.counters())) {
            return Some(Exchanged::Done(Err(error)));
        }
        match lane.exchange_now(is_head(request), deadline, tick) {
            Exchanged::Done(done) => self.leave(lane, done, sent).map(Exchanged::Done),
            stopped @ Exchanged::Stopped(_) => Some(stopped),
        }
    }

    /// The end of an exchange over a connection that was idle. None when it was lost before a byte was written.
    fn leave(&self, lane: Lane, done: Result<Response>, sent: &Sent) -> Option<Result<Response>> {
        match &done {
            Ok(response) if lane.is_reusable(response) => self.put_back(lane),
            // TLS may still hold the request, and would send it when polled.
            _ => drop(lane),
        }
        let is_lost = |error: &Error| error.kind() != ErrorKind::Timeout && !sent.maybe();
        (!done.as_ref().is_err_and(is_lost)).then_some(done)
    }

    /// As [`exchange_now`](Pool::exchange_now), without blocking this thread: the watcher wakes whoever polls here.
    pub(super) async fn exchange_watched(
        &self,
        config: &Config,
        request: &Request,
        sent: &mut Sent,
        now: Instant,
        deadline: Option<Instant>,
        watcher: &Watcher,
    ) -> Option<Result<Response>> {
        let _turn = self.turns.try_acquire().ok()?;
        let mut lane = self.reuse(now)?;
        if lane.be_watched(watcher).is_err() {
            self.put_back(lane);
            return None;
        }
        let written = self.write(config, request, lane.request());
        watcher.turn().await;
        if let Err(error) = written.and_then(|()| sent.begin(lane.counters())) {
            return Some(Err(error));
        }
        let done = lane.exchange_watched(is_head(request), deadline).await;
        self.leave(lane, done, sent)
    }

    /// Writes a request as it goes over the wire (RFC 9112).
    fn write(&self, config: &Config, request: &Request, out: &mut Vec<u8>) -> Result<()> {
        let (base, method) = (&config.base_url, &request.operation.method);
        let json = match &request.body {
            Body::Json(json) => Some(json),
            _ => None,
        };
        let mut add = |part: &[u8]| out.extend_from_slice(part);
        add(method.as_str().as_bytes());
        add(b" ");
        if config.proxy.is_some() && !base.https {
            add(base.absolute("").as_bytes());
        }
        for part in [&base.path, &request.target] {
            if !part.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
                return Err(Error::new(ErrorKind::Internal, "cannot build the URL"));
            }
            add(part.as_bytes());
        }
        add(b" HTTP/1.1\r\n");
        add(&self.headers);
        match json {
            Some(json) => {
                add(b"content-type: application/json\r\ncontent-length: ");
                write!(out, "{}\r\n\r\n", json.len()).map_err(|_| no_room())?;
                out.extend_from_slice(json);
            }
            // There are servers that answer 411 otherwise.
            None if [Method::POST, Method::PUT, Method::PATCH].contains(method) => {
                add(b"content-length: 0\r\n\r\n");
            }
            None => add(b"\r\n"),
        }
        Ok(())
    }
}

fn is_head(request: &Request) -> bool {
    request.operation.method == Method::HEAD
}

fn no_room() -> Error {
    Error::new(ErrorKind::Internal, "cannot write the request")
}

fn closed(_: tokio::sync::AcquireError) -> Error {
    Error::new(ErrorKind::Closed, "the client is closed")
}
