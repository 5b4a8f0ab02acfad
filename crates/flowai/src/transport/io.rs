//! The socket below a lane: counts what was written, and can be read without the runtime.

use std::{
    io::{self, IoSlice, Read},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

/// Without this flag a write to a connection that the peer has reset kills a host that does not ignore SIGPIPE.
#[cfg(any(target_os = "linux", target_os = "android"))]
const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;
/// Elsewhere the socket option that `connect` sets has the same effect.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const NO_SIGNAL: i32 = 0;

/// Written bytes, counted twice: a request has left only when both counts moved. TLS may write alerts of its own
/// (the lower one moves alone) and may take bytes that the kernel then refuses (the upper one moves alone).
#[derive(Debug, Default)]
pub(super) struct Counters {
    wire: AtomicU64,
    plain: AtomicU64,
    read_directly: AtomicBool,
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    wire: u64,
    plain: u64,
}

impl Counters {
    pub(super) fn mark(&self) -> Mark {
        Mark {
            wire: self.wire.load(Ordering::Acquire),
            plain: self.plain.load(Ordering::Acquire),
        }
    }

    /// Whether bytes of a request may have left since `mark`.
    pub(super) fn moved_since(&self, mark: Mark) -> bool {
        let now = self.mark();
        now.wire != mark.wire && now.plain != mark.plain
    }

    pub(super) fn read_directly(&self, on: bool) {
        self.read_directly.store(on, Ordering::Relaxed);
    }
}

/// A TCP connection.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    counters: Arc<Counters>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Socket {
        Socket {
            stream,
            counters: Arc::default(),
        }
    }

    pub(super) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        send: impl Fn(&SockRef<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match self
                .stream
                .try_io(Interest::WRITABLE, || send(&SockRef::from(&self.stream)))
            {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(written) => {
                    self.counters.wire.fetch_add(written as u64, Ordering::Relaxed);
                    return Poll::Ready(Ok(written));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.counters.read_directly.load(Ordering::Relaxed) {
            // What tokio knows of the socket may be stale here: nobody, or another thread, drives the runtime.
            let socket = SockRef::from(&self.stream);
            match (&*socket).read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, |socket| socket.send_with_flags(bytes, NO_SIGNAL))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, |socket| socket.send_vectored_with_flags(slices, NO_SIGNAL))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// What hyper reads from and writes to: a socket, or TLS over one.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// What is in a socket that should be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pending {
    Nothing,
    Bytes,
    Closed,
}

impl Stream {
    fn socket(&self) -> &Socket {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(tls) => tls.get_ref().0,
        }
    }

    pub(super) fn counters(&self) -> Arc<Counters> {
        self.socket().counters()
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self, Stream::Tls(_))
    }
}

macro_rules! forward {
    ($stream:expr, $method:ident $(, $argument:expr)*) => {
        match $stream {
            Stream::Plain(inner) => Pin::new(inner).$method($($argument),*),
            Stream::Tls(inner) => Pin::new(inner.as_mut()).$method($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        forward!(&mut *self, poll_read, cx, buffer)
    }
}

impl Stream {
    fn count_plain(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(written)) = result {
            self.socket()
                .counters
                .plain
                .fetch_add(written as u64, Ordering::Relaxed);
        }
        result
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = forward!(&mut *self, poll_write, cx, bytes);
        self.count_plain(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = forward!(&mut *self, poll_write_vectored, cx, slices);
        self.count_plain(result)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(&mut *self, poll_flush, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(&mut *self, poll_shutdown, cx)
    }
}
