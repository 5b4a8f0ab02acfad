//! A connection whose bytes are watched: for heads that are not as they should be, and for clients that keep waiting.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

use super::{
    limits::Limits,
    progress::{Phase, Progress},
    strict::{Position, Scanner},
};

/// Fails reads and writes that take longer than the limits allow. A body has no limit here: the service limits the
/// time of the whole body and answers when it passes.
pub(crate) struct Gate<S> {
    inner: S,
    scanner: Scanner,
    progress: Arc<Progress>,
    limits: Arc<Limits>,
    first: bool,
    read: Alarm,
    write: Alarm,
}

impl<S> Gate<S> {
    pub(crate) fn new(inner: S, progress: Arc<Progress>, limits: Arc<Limits>) -> Gate<S> {
        Gate {
            inner,
            scanner: Scanner::new(limits.head_bytes, limits.headers),
            progress,
            limits,
            first: true,
            read: Alarm::default(),
            write: Alarm::default(),
        }
    }

    pub(crate) fn into_inner(self) -> S {
        self.inner
    }

    fn read_limit(&self) -> Option<Duration> {
        match self.scanner.position() {
            Position::Head => Some(self.limits.head_time),
            Position::Between if self.first => Some(self.limits.head_time),
            Position::Between if self.progress.phase() != Phase::Request => Some(self.limits.idle_time),
            Position::Between | Position::Body => None,
        }
    }

    fn watch(&mut self, bytes: &[u8]) {
        let before = self.scanner.position();
        let ended = self.scanner.feed(bytes, &self.progress);
        if ended || before != self.scanner.position() {
            self.read.disarm();
        }
        if before == Position::Between {
            self.first = false;
            self.progress.enter(Phase::Opening);
        }
    }

    fn limit_write<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match result {
            Poll::Ready(result) => {
                self.write.disarm();
                Poll::Ready(result)
            }
            Poll::Pending => match self.write.poll(cx, Some(self.limits.write_time)) {
                Poll::Ready(()) => {
                    self.progress.lose_patience();
                    Poll::Ready(Err(timed_out("the client does not read")))
                }
                Poll::Pending => Poll::Pending,
            },
        }
    }
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for Gate<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        match Pin::new(&mut this.inner).poll_read(cx, buf) {
            Poll::Ready(result) => {
                if let Some(new) = buf.filled().get(before..).filter(|new| !new.is_empty()) {
                    this.watch(new);
                }
                Poll::Ready(result)
            }
            Poll::Pending => {
                let limit = this.read_limit();
                match this.read.poll(cx, limit) {
                    Poll::Ready(()) => {
                        if this.progress.phase() == Phase::Opening {
                            this.progress.lose_patience();
                        }
                        Poll::Ready(Err(timed_out("the client does not write")))
                    }
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.inner).poll_write(cx, buf);
        this.limit_write(cx, result)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.inner).poll_flush(cx);
        this.limit_write(cx, result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.inner).poll_shutdown(cx);
        this.limit_write(cx, result)
    }
}

/// One timer that is reused for wait after wait.
#[derive(Default)]
struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: bool,
}

impl Alarm {
    fn disarm(&mut self) {
        self.armed = false;
    }

    /// Ready when the wait that began with the first poll after [`Alarm::disarm`] has lasted for `limit`.
    fn poll(&mut self, cx: &mut Context<'_>, limit: Option<Duration>) -> Poll<()> {
        let Some(limit) = limit else {
            self.armed = false;
            return Poll::Pending;
        };
        let sleep = self.sleep.get_or_insert_with(|| {
            self.armed = true;
            Box::pin(tokio::time::sleep(limit))
        });
        if !self.armed {
            self.armed = true;
            match Instant::now().checked_add(limit) {
                Some(end) => sleep.as_mut().reset(end),
                None => return Poll::Pending,
            }
        }
        sleep.as_mut().poll(cx)
    }
}
