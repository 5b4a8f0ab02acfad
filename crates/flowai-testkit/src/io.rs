//! A connection that may end in every way a connection can end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Plain or TLS.
pub(crate) enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Io {
    fn tcp(&self) -> &TcpStream {
        match self {
            Io::Plain(tcp) => tcp,
            Io::Tls(tls) => tls.get_ref().0,
        }
    }

    /// Ends with RST.
    pub(crate) fn reset(self) {
        // A linger time of zero makes the kernel drop what is unsent and answer with RST.
        let _ = SockRef::from(self.tcp()).set_linger(Some(Duration::ZERO));
    }

    /// Ends with FIN; a TLS connection without saying goodbye.
    pub(crate) async fn fin(self) {
        self.end_writing();
        self.drain().await;
    }

    /// Sends FIN. Closing with unread bytes would be an RST, so the writing half goes first.
    pub(crate) fn end_writing(&self) {
        let _ = SockRef::from(self.tcp()).shutdown(std::net::Shutdown::Write);
    }

    /// Waits until the peer ends too, and closes.
    pub(crate) async fn drain(self) {
        let mut buffer = [0; 4096];
        let drain = async { while matches!(raw_read(self.tcp(), &mut buffer).await, Ok(n) if n > 0) {} };
        let _ = tokio::time::timeout(Duration::from_secs(2), drain).await;
    }

    /// Ends as a polite server does: on TLS with close_notify, then FIN.
    pub(crate) async fn close(mut self) {
        self.say_goodbye().await;
        self.fin().await;
    }

    /// On TLS, close_notify; then FIN.
    pub(crate) async fn say_goodbye(&mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(2), self.shutdown()).await;
    }

    /// Says goodbye on the TLS level and leaves the socket open.
    pub(crate) async fn close_notify(&mut self) -> io::Result<()> {
        if let Io::Tls(tls) = self {
            let (tcp, session) = tls.get_mut();
            session.send_close_notify();
            let mut bytes = Vec::new();
            while session.wants_write() {
                session.write_tls(&mut bytes)?;
            }
            tcp.write_all(&bytes).await?;
        }
        Ok(())
    }

    /// Whether the kernel holds bytes from the peer at this moment.
    pub(crate) fn has_unread(&self) -> bool {
        let mut byte = [std::mem::MaybeUninit::uninit()];
        SockRef::from(self.tcp())
            .peek(&mut byte)
            .is_ok_and(|count| count > 0)
    }

    /// Waits until the kernel holds bytes from the peer, without taking them.
    pub(crate) async fn wait_unread(&self) -> io::Result<()> {
        let mut byte = [0];
        self.tcp().peek(&mut byte).await.map(drop)
    }
}

async fn raw_read(tcp: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        tcp.readable().await?;
        match tcp.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Io::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Io::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Io::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Io::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Io::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
