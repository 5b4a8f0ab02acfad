//! One connection, driven by the call that uses it.
//!
//! hyper's connection future is polled inline by the caller instead of on a task of its own: no wake-up, no hand-over,
//! and each thread drives its own connection.

use std::{
    future::{Future, poll_fn},
    os::fd::OwnedFd,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;

use super::{
    body::collect,
    io::{Counters, Pending, Stream},
    response::Response,
};
use crate::error::{Error, ErrorKind, Result};

/// The largest head that is read.
const MAX_HEAD: usize = 64 * 1024;

type Driven = Pin<Box<Connection<TokioIo<Stream>, Full<Bytes>>>>;

pub(super) struct Lane {
    sender: SendRequest<Full<Bytes>>,
    connection: Option<Driven>,
    counters: Arc<Counters>,
    probe: Probe,
    tls: bool,
    idle_since: Instant,
}

/// A second descriptor of the socket, so that it can be looked at while hyper owns the first.
struct Probe(OwnedFd);

impl Probe {
    fn look(&self) -> Pending {
        let mut byte = [std::mem::MaybeUninit::uninit()];
        match socket2::SockRef::from(&self.0).peek(&mut byte) {
            Ok(0) => Pending::Closed,
            Ok(_) => Pending::Bytes,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Pending::Nothing,
            Err(_) => Pending::Closed,
        }
    }
}

impl Lane {
    pub(super) async fn open(stream: Stream, probe: OwnedFd) -> Result<Lane> {
        let (counters, tls) = (stream.counters(), stream.is_tls());
        let (sender, connection) = Builder::new()
            .max_buf_size(MAX_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failure(&error))?;
        Ok(Lane {
            sender,
            connection: Some(Box::pin(connection)),
            counters,
            probe: Probe(probe),
            tls,
            idle_since: Instant::now(),
        })
    }

    /// What counts the bytes that are written here.
    pub(super) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    pub(super) fn idle_for(&self) -> Duration {
        self.idle_since.elapsed()
    }

    /// Whether the server still listens at the other end. Works whoever drives the runtime.
    pub(super) async fn is_alive(&mut self) -> bool {
        match self.probe.look() {
            Pending::Nothing => return true,
            Pending::Closed => return false,
            // In plain HTTP nobody may speak now: it is the end of a connection, such as 408.
            Pending::Bytes if !self.tls => return false,
            Pending::Bytes => {}
        }
        // A session ticket, a key update, an alert, or an answer that nobody asked for: let TLS and hyper read it.
        let Some(connection) = &mut self.connection else {
            return false;
        };
        self.counters.read_directly(true);
        let ended = poll_fn(|cx| Poll::Ready(connection.as_mut().poll(cx).is_ready())).await;
        self.counters.read_directly(false);
        !ended
    }

    /// Sends one request and reads its answer. After an error the lane must be dropped.
    pub(super) async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Response> {
        let Lane {
            sender, connection, ..
        } = self;
        let mut answer = pin!(async {
            sender.ready().await.map_err(|error| failure(&error))?;
            let (head, body) = sender
                .send_request(request)
                .await
                .map_err(|error| failure(&error))?
                .into_parts();
            let body = collect(head.status, body, |error| failure(&error)).await?;
            Ok(Response::new(head, body))
        });
        poll_fn(|cx| {
            if let Poll::Ready(done) = answer.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            let Some(driven) = connection else {
                return Poll::Pending;
            };
            if driven.as_mut().poll(cx).is_ready() {
                // Must be dropped at once: the waiting request learns only so that nobody will answer.
                *connection = None;
            }
            answer.as_mut().poll(cx)
        })
        .await
    }

    /// Whether another request can follow on this connection.
    pub(super) fn reusable(&mut self, response: &Response) -> bool {
        let closes = response
            .headers
            .get(header::CONNECTION)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        self.idle_since = Instant::now();
        self.connection.is_some() && response.complete && !closes
    }
}

/// hyper's errors print nothing of the request, but say little; the cause says more.
fn failure(error: &hyper::Error) -> Error {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let text = cause.unwrap_or_else(|| error.to_string());
    if error.is_parse() {
        Error::new(ErrorKind::Response, format!("the answer is not HTTP: {text}"))
    } else if error.is_incomplete_message() {
        Error::new(
            ErrorKind::Connection,
            "the connection was closed before the answer was complete",
        )
    } else {
        Error::new(ErrorKind::Connection, format!("the connection failed: {text}"))
    }
}
