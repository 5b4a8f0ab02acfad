//! Forward proxies: one that works, and some that do not.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::io::Io;
use crate::wire::{Head, Wire};

/// What a proxy answers to a request to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Leads every host name to this server: port 443 to its TLS port, any other to its plain port.
    Works,
    /// An error status.
    Refuses(u16),
    /// Bytes that are not HTTP.
    Garbage,
}

/// Where a proxy leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Targets {
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
}

/// Serves a proxy; counts the connections that it led through.
pub(crate) async fn run(listener: TcpListener, manner: Manner, targets: Targets, led: Arc<AtomicU64>) {
    while let Ok((stream, _)) = listener.accept().await {
        let led = Arc::clone(&led);
        // An error ends the connection, which is all that a proxy can tell its client.
        tokio::spawn(async move { connection(stream, manner, targets, &led).await });
    }
}

async fn connection(stream: TcpStream, manner: Manner, targets: Targets, led: &AtomicU64) -> io::Result<()> {
    let mut wire = Wire::new(Io::Plain(stream));
    let Some(head) = wire.head().await? else {
        return Ok(());
    };
    match manner {
        Manner::Refuses(status) => {
            let answer = format!(
                "HTTP/1.1 {status} No\r\nproxy-authenticate: Basic realm=\"x\"\r\ncontent-length: 3\r\n\r\nno\n"
            );
            wire.write(answer.as_bytes()).await?;
            wire.io.fin().await;
            return Ok(());
        }
        Manner::Garbage => {
            wire.write(b"\x05\x00not a proxy\r\n\r\n").await?;
            wire.io.fin().await;
            return Ok(());
        }
        Manner::Works => {}
    }
    led.fetch_add(1, Ordering::Relaxed);
    let (target, first) = if head.method == "CONNECT" {
        let tls = head.target.ends_with(":443");
        (if tls { targets.https } else { targets.http }, None)
    } else {
        (targets.http, Some(origin_form(&head)))
    };
    let mut upstream = TcpStream::connect(target).await?;
    match first {
        None => wire.write(b"HTTP/1.1 200 Connection established\r\n\r\n").await?,
        Some(first) => upstream.write_all(first.as_bytes()).await?,
    }
    let (mut io, early) = wire.into_parts();
    upstream.write_all(&early).await?;
    // Later requests on the connection stay in absolute form, which every server must understand.
    copy_bidirectional(&mut io, &mut upstream).await.map(drop)
}

/// The head as the origin server wants it, without what is meant for the proxy.
fn origin_form(head: &Head) -> String {
    let mut text = format!("{} {} HTTP/1.1\r\n", head.method, head.path());
    for (name, value) in head
        .headers
        .iter()
        .filter(|(name, _)| !name.starts_with("proxy-"))
    {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n"
}
