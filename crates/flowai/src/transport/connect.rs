//! New connections: addresses, proxy tunnel, TLS. Whatever fails here, nothing of a request has left.

use std::{
    fmt::Display,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::stream::{FuturesUnordered, StreamExt};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    time::{Instant, sleep, timeout},
};
use tokio_rustls::TlsConnector;

use super::io::{Socket, Stream};
use crate::{
    config::Config,
    error::{Error, ErrorKind, Result},
    proxy::Proxy,
};

/// How long an address may be silent before the next one is tried beside it (RFC 8305).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

const MAX_PROXY_HEAD: usize = 8192;

/// A connection that is ready for requests.
pub(super) async fn connect(config: &Config, tls: Option<Arc<ClientConfig>>) -> Result<Stream> {
    let limit = config.connect_timeout;
    let began = Instant::now();
    let connected = timeout(limit, establish(config, tls)).await.unwrap_or_else(|_| {
        Err(failed(format_args!(
            "no connection within {} s",
            limit.as_secs_f64()
        )))
    });
    if connected.is_ok() {
        let duration = began.elapsed().as_secs_f64();
        let (host, port) = peer(config);
        log::debug!(duration; "connected to {host}:{port} in {:.1} ms", duration * 1000.0);
    }
    connected
}

/// Where connections go: to the service, or to the proxy.
fn peer(config: &Config) -> (&str, u16) {
    match &config.proxy {
        Some(proxy) => (proxy.host.as_str(), proxy.port),
        None => (config.base_url.host.as_str(), config.base_url.port),
    }
}

fn failed(problem: impl Display) -> Error {
    Error::new(ErrorKind::Connection, problem.to_string())
}

/// A failure with its cause, which says no more than an address or a certificate.
fn failed_by(problem: impl Display, cause: io::Error) -> Error {
    failed(format_args!("{problem}: {cause}")).with_source(cause)
}

async fn establish(config: &Config, tls: Option<Arc<ClientConfig>>) -> Result<Stream> {
    let base = &config.base_url;
    let (host, port) = peer(config);
    let stream = dial(host, port).await?;
    prepare(&stream).map_err(|error| failed_by("cannot set up the socket", error))?;
    let mut socket = Socket::new(stream);
    let Some(tls) = tls else {
        return Ok(Stream::Plain(socket));
    };
    if let Some(proxy) = &config.proxy {
        tunnel(&mut socket, proxy, &base.host, base.port).await?;
    }
    let name = ServerName::try_from(base.host.clone())
        .map_err(|_| Error::argument("base_url", "is not a host that can be verified"))?;
    let stream = TlsConnector::from(tls)
        .connect(name, socket)
        .await
        .map_err(|error| failed_by(format_args!("TLS with {host} failed"), error))?;
    Ok(Stream::Tls(Box::new(stream)))
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    #[cfg(any(target_os = "macos", target_os = "ios"))]
    socket2::SockRef::from(stream).set_nosigpipe(true)?;
    stream.set_nodelay(true)
}

/// Connects to the first address that answers.
async fn dial(host: &str, port: u16) -> Result<TcpStream> {
    let mut addresses = resolve(host, port).await?.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut problem = None;
    attempts.extend(addresses.next().map(TcpStream::connect));
    loop {
        tokio::select! {
            done = attempts.next() => match done {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => {
                    problem = Some(error);
                    attempts.extend(addresses.next().map(TcpStream::connect));
                }
                None => {
                    let unreachable = format_args!("cannot connect to {host}:{port}");
                    return Err(match problem {
                        Some(error) => failed_by(unreachable, error),
                        None => failed(format_args!("{unreachable}: it has no address")),
                    });
                }
            },
            () = sleep(NEXT_ADDRESS) => attempts.extend(addresses.next().map(TcpStream::connect)),
        }
    }
}

/// The addresses of a host, both families in turn.
async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    // This machine, whatever a name server says (RFC 6761): no thread has to wait for the answer.
    if host.eq_ignore_ascii_case("localhost") {
        let this: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        return Ok(this.map(|ip| SocketAddr::new(ip, port)).to_vec());
    }
    let found: Vec<SocketAddr> = lookup_host((host, port))
        .await
        .map_err(|error| failed_by(format_args!("cannot resolve {host}"), error))?
        .collect();
    let (mut six, mut four): (Vec<_>, Vec<_>) = found.into_iter().partition(SocketAddr::is_ipv6);
    let mut ordered = Vec::with_capacity(six.len() + four.len());
    six.reverse();
    four.reverse();
    while !six.is_empty() || !four.is_empty() {
        ordered.extend(six.pop());
        ordered.extend(four.pop());
    }
    Ok(ordered)
}

/// Asks a proxy for a connection to the service (HTTP CONNECT).
async fn tunnel(socket: &mut Socket, proxy: &Proxy, host: &str, port: u16) -> Result<()> {
    let broken = |error| failed_by("the proxy failed", error);
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let mut head = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n").into_bytes();
    if let Some(credentials) = &proxy.authorization {
        head.extend_from_slice(b"Proxy-Authorization: ");
        head.extend_from_slice(credentials.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    socket.write_all(&head).await.map_err(broken)?;
    let mut answer = Vec::new();
    let end = loop {
        if let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        if answer.len() > MAX_PROXY_HEAD {
            return Err(failed("the proxy answered with too long a head"));
        }
        let mut chunk = [0; 1024];
        let count = socket.read(&mut chunk).await.map_err(broken)?;
        if count == 0 {
            return Err(failed("the proxy closed the connection"));
        }
        answer.extend_from_slice(chunk.get(..count).unwrap_or_default());
    };
    match proxy_status(&answer) {
        Some(200..=299) if end == answer.len() => Ok(()),
        Some(200..=299) => Err(failed("the proxy sent bytes of its own into the connection")),
        Some(407) => Err(failed("the proxy wants a user name and password (407)")),
        Some(status) => Err(failed(format_args!(
            "the proxy refused the connection ({status})"
        ))),
        None => Err(failed("the proxy did not answer in HTTP")),
    }
}

fn proxy_status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn localhost_is_this_machine_whichever_family_listens() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else {
                assert_ne!(address, "127.0.0.1:0");
                continue;
            };
            let there = listener.local_addr().unwrap();
            for name in ["localhost", "LocalHost"] {
                let stream = dial(name, there.port()).await.unwrap();
                assert_eq!(stream.peer_addr().unwrap(), there);
            }
        }
    }

    #[tokio::test]
    async fn an_address_that_refuses_is_followed_by_the_next_and_the_last_error_is_told() {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let error = dial("localhost", port).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert!(
            error.to_string().contains(&format!("localhost:{port}")),
            "{error}"
        );
    }
}
