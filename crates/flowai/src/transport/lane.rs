//! One connection, driven by the call that uses it: no wake-up, no hand-over, and each thread drives its own.

use std::{
    future::poll_fn,
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    answer::Answer,
    input::Input,
    io::{Counters, Stream, Waited},
    response::Response,
};
use crate::{
    error::{Error, ErrorKind, Result},
    runtime::TICK,
    watcher::Watcher,
};

/// What is kept of the room that a large request needed.
const MAX_KEPT: usize = 64 * 1024;

pub(super) struct Lane {
    stream: Stream,
    counters: Arc<Counters>,
    /// The request, and how much of it was written.
    output: Vec<u8>,
    written: usize,
    flushed: bool,
    input: Input,
    reusable: bool,
    idle_since: Instant,
}

/// One request, and what there is of its answer.
struct Exchange {
    answer: Option<Answer>,
    /// Why the rest of the request cannot be written. The server may have said why before.
    broken: Option<io::Error>,
}

impl Exchange {
    fn new(head_only: bool) -> Exchange {
        Exchange {
            answer: Some(Answer::new(head_only)),
            broken: None,
        }
    }
}

/// How an exchange on the thread of the caller went.
pub(super) enum Exchanged {
    Done(Result<Response>),
    /// The caller wants something else; this is what it said.
    Stopped(Error),
}

/// Called at least every [`TICK`] during a wait; an error ends it.
pub(crate) type Tick<'a> = &'a mut dyn FnMut() -> Result<()>;

impl Lane {
    pub(super) fn new(stream: Stream) -> Lane {
        Lane {
            counters: stream.counters(),
            stream,
            output: Vec::new(),
            written: 0,
            flushed: true,
            input: Input::new(),
            reusable: true,
            idle_since: Instant::now(),
        }
    }

    /// What counts the bytes that are written here.
    pub(super) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    pub(super) fn idle_since(&self) -> Instant {
        self.idle_since
    }

    pub(super) fn idle_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.idle_since)
    }

    /// Whether the server still listens at the other end. Works whoever drives the runtime.
    pub(super) fn is_alive(&mut self) -> bool {
        self.stream.is_alive()
    }

    /// Where the next request is written.
    pub(super) fn request(&mut self) -> &mut Vec<u8> {
        self.output.clear();
        (self.written, self.flushed) = (0, false);
        &mut self.output
    }

    /// Sends the request and reads its answer. After an error the lane must be dropped.
    pub(super) async fn exchange(&mut self, head_only: bool) -> Result<Response> {
        self.stream.end_watch();
        let mut exchange = Exchange::new(head_only);
        poll_fn(|cx| self.poll(cx, &mut exchange)).await
    }

    /// The same without the runtime, on this thread, which sleeps meanwhile.
    pub(super) fn exchange_now(
        &mut self,
        head_only: bool,
        deadline: Option<Instant>,
        mut tick: Option<Tick<'_>>,
    ) -> Exchanged {
        let mut exchange = Exchange::new(head_only);
        let mut cx = Context::from_waker(Waker::noop());
        let mut next_tick = None;
        self.stream.begin_direct();
        loop {
            if let Poll::Ready(done) = self.poll(&mut cx, &mut exchange) {
                self.stream.end_direct();
                return Exchanged::Done(done);
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Exchanged::Done(Err(super::too_late()));
            }
            let mut until = deadline;
            if let Some(tick) = &mut tick {
                if next_tick.is_some_and(|time| time <= now)
                    && let Err(stopped) = tick()
                {
                    return Exchanged::Stopped(stopped);
                }
                let time =
                    *next_tick.insert(next_tick.filter(|time| *time > now).unwrap_or_else(|| now + TICK));
                until = Some(deadline.map_or(time, |deadline| deadline.min(time)));
            }
            if self.stream.wait(milliseconds(until, now)) == Waited::Interrupted {
                next_tick = next_tick.map(|_| now);
            }
        }
    }

    /// Has a watcher wake the next exchange.
    pub(super) fn be_watched(&mut self, watcher: &Watcher) -> io::Result<()> {
        self.stream.be_watched(watcher)
    }

    /// The same without the runtime, where the watcher wakes.
    pub(super) async fn exchange_watched(
        &mut self,
        head_only: bool,
        deadline: Option<Instant>,
    ) -> Result<Response> {
        let mut exchange = Exchange::new(head_only);
        // An answer takes longer than it takes to look for it.
        let mut woken = false;
        let done = poll_fn(|cx| {
            self.stream.begin_watched(mem::replace(&mut woken, true));
            if let Poll::Ready(done) = self.poll(cx, &mut exchange) {
                return Poll::Ready(done);
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Poll::Ready(Err(super::too_late()));
            }
            self.stream.wake_later(cx.waker(), deadline);
            Poll::Pending
        })
        .await;
        self.stream.end_direct();
        done
    }

    fn poll(&mut self, cx: &mut Context<'_>, exchange: &mut Exchange) -> Poll<Result<Response>> {
        loop {
            let Some(answer) = &mut exchange.answer else {
                return Poll::Pending;
            };
            let step = match self.input.is_empty() {
                true => Ok(false),
                false => answer.read(&mut self.input),
            };
            let complete = match step {
                Ok(true) => true,
                Err(error) => return Poll::Ready(part_or(exchange, error)),
                Ok(false) => match ready!(self.poll_more(cx, &mut exchange.broken)) {
                    Ok(0) => match (answer.end(&self.input), exchange.broken.take()) {
                        (Ok(()), _) => true,
                        (Err(_), Some(broken)) => return Poll::Ready(part_or(exchange, failed(broken))),
                        (Err(ended), None) => return Poll::Ready(part_or(exchange, ended)),
                    },
                    Ok(_) => false,
                    Err(error) => return Poll::Ready(part_or(exchange, failed(error))),
                },
            };
            if complete {
                let Some(answer) = exchange.answer.take() else {
                    return Poll::Pending;
                };
                let keeps = answer.keeps_connection();
                self.finish(keeps);
                return Poll::Ready(answer.into_response());
            }
        }
    }

    /// Writes what is left of the request, and reads more of the answer. An answer may come before the whole request was
    /// written.
    fn poll_more(&mut self, cx: &mut Context<'_>, broken: &mut Option<io::Error>) -> Poll<io::Result<usize>> {
        if !self.flushed
            && broken.is_none()
            && let Poll::Ready(Err(error)) = self.poll_write(cx)
        {
            *broken = Some(error);
            self.stream.expect_bytes();
        }
        let mut room = self.input.room();
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut room);
        let count = room.filled().len();
        self.input.filled(count);
        match (read, broken.take()) {
            (Poll::Ready(Ok(())), before) => {
                *broken = before;
                Poll::Ready(Ok(count))
            }
            (_, Some(error)) => Poll::Ready(Err(error)),
            (Poll::Ready(Err(error)), None) => Poll::Ready(Err(error)),
            (Poll::Pending, None) => Poll::Pending,
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(left) = self.output.get(self.written..).filter(|left| !left.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, left))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.flushed = true;
        Poll::Ready(Ok(()))
    }

    fn finish(&mut self, keeps_connection: bool) {
        // What came beyond the answer is nobody's.
        self.reusable =
            keeps_connection && self.flushed && self.input.is_empty() && !self.stream.holds_more();
        self.output.clear();
        self.output.shrink_to(MAX_KEPT);
        self.idle_since = Instant::now();
    }

    /// Whether another request can follow on this connection.
    pub(super) fn is_reusable(&self, response: &Response) -> bool {
        self.reusable && response.complete
    }
}

/// What there is of an error's answer says more than how it ended.
fn part_or(exchange: &mut Exchange, error: Error) -> Result<Response> {
    let part = exchange.answer.take().and_then(Answer::into_part);
    part.ok_or(error)
}

fn failed(error: io::Error) -> Error {
    Error::new(ErrorKind::Connection, format!("the connection failed: {error}"))
}

/// From `now` until then, rounded up.
fn milliseconds(until: Option<Instant>, now: Instant) -> u32 {
    let Some(until) = until else { return u32::MAX };
    let left = until.saturating_duration_since(now);
    u32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u32::MAX)
}
