//! How much a client may ask of the receiver.

use std::time::Duration;

use flowai::{Error, Result};

/// The limits of a [`Receiver`](crate::Receiver) on time, sizes and numbers.
///
/// The defaults suit calls of the size that Flow.ai makes. Change single fields:
///
/// ```
/// let mut limits = flowai_delivery::Limits::default();
/// limits.body_bytes = 4 << 20;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// How long a TLS handshake may take. Default: 5 s.
    pub handshake_time: Duration,
    /// How long a new connection may be silent, and how long the head of a request may take from its first byte on.
    /// Default: 5 s.
    pub head_time: Duration,
    /// How long the whole body of a request may take; then 408. Default: 10 s.
    pub body_time: Duration,
    /// How long a connection may be idle between two requests. Default: 30 s.
    pub idle_time: Duration,
    /// How long the client may take to read from a full connection. Default: 10 s.
    pub write_time: Duration,
    /// How long [`Receiver::stop`](crate::Receiver::stop) waits for requests in flight. Default: 10 s.
    pub drain_time: Duration,
    /// The size of request line and headers, in bytes; then 431. Default: 16 KiB.
    pub head_bytes: usize,
    /// The number of headers; then 431. Default: 100.
    pub headers: usize,
    /// The size of a body, in bytes; then 413. Default: 1 MiB.
    pub body_bytes: usize,
    /// The size of all bodies that are being read or stored at one time, in bytes; then 503. Default: 64 MiB.
    pub unread_bytes: usize,
    /// The size of the bodies of all queued events, in bytes; then 503. Default: 64 MiB.
    pub queued_bytes: usize,
    /// The number of open connections. A new one takes the place of the one that has been idle or unfinished for
    /// longest. Default: 1,024.
    pub connections: usize,
    /// The number of open connections of one address (of one /64 network with IPv6). Default: 256.
    pub connections_per_address: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            handshake_time: Duration::from_secs(5),
            head_time: Duration::from_secs(5),
            body_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(30),
            write_time: Duration::from_secs(10),
            drain_time: Duration::from_secs(10),
            head_bytes: 16 << 10,
            headers: 100,
            body_bytes: 1 << 20,
            unread_bytes: 64 << 20,
            queued_bytes: 64 << 20,
            connections: 1024,
            connections_per_address: 256,
        }
    }
}

impl Limits {
    pub(crate) fn check(&self) -> Result<()> {
        let sizes = [
            ("head_bytes", self.head_bytes),
            ("headers", self.headers),
            ("body_bytes", self.body_bytes),
            ("unread_bytes", self.unread_bytes),
            ("queued_bytes", self.queued_bytes),
            ("connections", self.connections),
            ("connections_per_address", self.connections_per_address),
        ];
        match sizes.into_iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(Error::argument("limits", format!("{name} is zero"))),
            None => Ok(()),
        }
    }
}
