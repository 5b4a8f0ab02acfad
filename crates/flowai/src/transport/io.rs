//! The socket below a lane: counts what was written, and works with the runtime and without.

use std::{
    io::{self, IoSlice, Read},
    os::fd::{AsFd, BorrowedFd},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker, ready},
    time::Instant,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use crate::watcher::{Watch, Watcher};

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
}

/// A TCP connection.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    counters: Arc<Counters>,
    direct: Option<Direct>,
    /// Who is told what happens to it.
    watch: Option<Watch>,
}

/// What is known of a socket that is used without the runtime. What tokio knows of it is not to be trusted then: nobody,
/// or another thread, drives the runtime.
#[derive(Debug)]
struct Direct {
    readable: bool,
    /// Nothing more is told of it, so that it has to be read to its end.
    is_closed: bool,
    /// The last write found no room.
    blocked: bool,
    /// How often it is still read before the caller looks at the time.
    reads: u32,
}

/// A server that sends faster than it is read must not keep a caller from its deadline. What the runtime does for its own
/// sockets.
const MAX_READS: u32 = 64;

impl Direct {
    fn new(readable: bool) -> Direct {
        Direct {
            readable,
            is_closed: false,
            blocked: false,
            reads: MAX_READS,
        }
    }
}

/// What ended a wait for a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    Ready,
    TooLong,
    /// A signal was handled.
    Interrupted,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Socket {
        Socket {
            stream,
            counters: Arc::default(),
            direct: None,
            watch: None,
        }
    }

    pub(super) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// What is in the socket, which should be silent.
    fn peek(&self) -> Pending {
        let mut byte = [std::mem::MaybeUninit::uninit()];
        match SockRef::from(&self.stream).peek(&mut byte) {
            Ok(0) => Pending::Closed,
            Ok(_) => Pending::Bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Pending::Nothing,
            Err(_) => Pending::Closed,
        }
    }

    /// Sleeps until there is something to read, or, when a write found no room, to write.
    fn wait(&mut self, milliseconds: u32) -> Waited {
        let blocked = self.direct.as_ref().is_some_and(|direct| direct.blocked);
        let wanted = match blocked {
            true => PollFlags::POLLIN | PollFlags::POLLOUT,
            false => PollFlags::POLLIN,
        };
        let mut descriptors = [PollFd::new(self.stream.as_fd(), wanted)];
        let timeout = PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX);
        match poll(&mut descriptors, timeout) {
            Ok(0) => return Waited::TooLong,
            Err(Errno::EINTR) => return Waited::Interrupted,
            // What is wrong with the socket is told when it is read.
            Ok(_) | Err(_) => {}
        }
        self.direct = Some(Direct::new(true));
        Waited::Ready
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        send: impl Fn(&SockRef<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let sent = match &self.direct {
                Some(_) => send(&SockRef::from(&self.stream)),
                None => {
                    ready!(self.stream.poll_write_ready(cx))?;
                    self.stream
                        .try_io(Interest::WRITABLE, || send(&SockRef::from(&self.stream)))
                }
            };
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if let Some(direct) = &mut self.direct {
                        direct.blocked = true;
                        return Poll::Pending;
                    }
                }
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

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(watch) = self.watch.take() {
            watch.end(self);
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Socket { stream, direct, .. } = &mut *self;
        let Some(direct) = direct else {
            return Pin::new(stream).poll_read(cx, buffer);
        };
        let room = buffer.remaining();
        while direct.readable && direct.reads > 0 {
            direct.reads -= 1;
            match (&*SockRef::from(&*stream)).read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    // With room left there is nothing more, most likely; whoever wants more waits for it.
                    direct.readable = direct.is_closed || count == room;
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => direct.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Pending
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, |socket| socket.send_with_flags(bytes, NO_SIGNAL))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
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

/// What a lane reads from and writes to: a socket, or TLS over one.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// What is in a socket that should be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pending {
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

    fn socket_mut(&mut self) -> &mut Socket {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(tls) => tls.get_mut().0,
        }
    }

    pub(super) fn counters(&self) -> Arc<Counters> {
        self.socket().counters()
    }

    /// From now on nothing needs the runtime: what would have to wait is pending, and [`wait`](Stream::wait) waits.
    pub(super) fn begin_direct(&mut self) {
        self.socket_mut().direct = Some(Direct::new(false));
    }

    /// Has a watcher tell what happens from now on.
    pub(super) fn be_watched(&mut self, watcher: &Watcher) -> io::Result<()> {
        let socket = self.socket_mut();
        if socket.watch.as_ref().is_none_or(|watch| !watch.is_by(watcher)) {
            self.end_watch();
            let socket = self.socket_mut();
            socket.watch = Some(watcher.watch(socket)?);
        }
        Ok(())
    }

    /// Nobody is told any longer.
    pub(super) fn end_watch(&mut self) {
        let socket = self.socket_mut();
        if let Some(watch) = socket.watch.take() {
            watch.end(socket);
        }
    }

    /// As [`begin_direct`](Stream::begin_direct), for one who is woken by the watcher.
    pub(super) fn begin_watched(&mut self, readable: bool) {
        let socket = self.socket_mut();
        let is_closed = readable && socket.watch.as_ref().is_some_and(Watch::is_closed);
        socket.direct = Some(Direct {
            is_closed,
            ..Direct::new(readable)
        });
    }

    /// What was begun is pending: has it woken when it can go on, and at this time.
    pub(super) fn wake_later(&self, waker: &Waker, until: Option<Instant>) {
        let socket = self.socket();
        if socket.direct.as_ref().is_some_and(|direct| direct.readable) {
            // There may be more, and nobody tells so again.
            waker.wake_by_ref();
        } else if let Some(watch) = &socket.watch {
            watch.wait(waker, until);
        }
    }

    /// A write failed: perhaps the other side has said why.
    pub(super) fn expect_bytes(&mut self) {
        if let Some(direct) = &mut self.socket_mut().direct {
            direct.readable = true;
        }
    }

    pub(super) fn end_direct(&mut self) {
        self.socket_mut().direct = None;
    }

    /// Sleeps until the socket is ready for what it was asked for.
    pub(super) fn wait(&mut self, milliseconds: u32) -> Waited {
        self.socket_mut().wait(milliseconds)
    }

    /// Whether the server still listens at the other end, while nothing is under way. Works whoever drives the runtime.
    pub(super) fn is_alive(&mut self) -> bool {
        match (self.socket().peek(), &self) {
            (Pending::Nothing, _) => return true,
            (Pending::Closed, _) => return false,
            // In plain HTTP nobody may speak now: it is the end of a connection, such as 408.
            (Pending::Bytes, Stream::Plain(_)) => return false,
            (Pending::Bytes, Stream::Tls(_)) => {}
        }
        // A session ticket or a key update is for TLS to read. An alert, or an answer that nobody asked for, ends it.
        self.socket_mut().direct = Some(Direct::new(true));
        let mut byte = [0];
        let mut cx = Context::from_waker(Waker::noop());
        let silent = Pin::new(&mut *self)
            .poll_read(&mut cx, &mut ReadBuf::new(&mut byte))
            .is_pending();
        self.end_direct();
        silent
    }

    /// Whether TLS holds something that was not read: bytes, or that the other side has closed. They came with the answer,
    /// so nothing is left in the socket that would show them.
    pub(super) fn holds_more(&mut self) -> bool {
        match self {
            Stream::Plain(_) => false,
            Stream::Tls(tls) => {
                let state = tls.get_mut().1.process_new_packets();
                state.map_or(true, |state| {
                    state.plaintext_bytes_to_read() > 0 || state.peer_has_closed()
                })
            }
        }
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

#[cfg(test)]
mod tests {
    use std::{io::Write, net::TcpListener};

    use super::*;

    /// Reads byte by byte until nothing is there at once.
    fn read_on(stream: &mut Stream) -> usize {
        let mut cx = Context::from_waker(Waker::noop());
        let mut count = 0;
        loop {
            let mut byte = [0];
            let mut room = ReadBuf::new(&mut byte);
            match Pin::new(&mut *stream).poll_read(&mut cx, &mut room) {
                Poll::Ready(Ok(())) if room.filled().len() == 1 => count += 1,
                Poll::Ready(read) => panic!("{read:?}"),
                Poll::Pending => return count,
            }
        }
    }

    #[tokio::test]
    async fn without_the_runtime_a_reader_is_stopped_now_and_then_and_misses_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut stream = Stream::Plain(Socket::new(stream));
        let bytes = 3 * MAX_READS as usize + 1;
        let mut server = listener.accept().unwrap().0;
        server.write_all(&vec![b'0'; bytes]).unwrap();
        stream.begin_direct();
        assert_eq!(read_on(&mut stream), 0);
        let (mut read, mut stops) = (0, 0);
        while read < bytes {
            assert_eq!(stream.wait(20_000), Waited::Ready);
            read += read_on(&mut stream);
            stops += 1;
        }
        assert_eq!(read, bytes);
        assert!(stops >= 4, "{stops} stops");
    }
}
