//! Ports that fail before a request can be made.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
}

fn bound() -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&loopback().into())?;
    let address = socket
        .local_addr()?
        .as_socket()
        .ok_or_else(|| io::Error::other("no address"))?;
    Ok((socket, address))
}

/// A port that is taken, so that nobody else gets it, and on which nobody listens.
pub(crate) struct Refused {
    pub(crate) address: SocketAddr,
    _socket: Socket,
}

impl Refused {
    pub(crate) fn new() -> io::Result<Refused> {
        let (socket, address) = bound()?;
        Ok(Refused {
            address,
            _socket: socket,
        })
    }
}

/// A port whose queue of connections is full, so that the kernel answers no further connect.
pub(crate) struct Blackhole {
    pub(crate) address: SocketAddr,
    _sockets: Vec<Socket>,
}

impl Blackhole {
    pub(crate) fn new() -> io::Result<Blackhole> {
        let (socket, address) = bound()?;
        socket.listen(0)?;
        let mut sockets = vec![socket];
        for _ in 0..4 {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            filler.set_nonblocking(true)?;
            // Connects in the background, or is the first that gets no answer.
            let _ = filler.connect(&address.into());
            sockets.push(filler);
        }
        // The queue is full when the handshakes of the fillers are over, which the loopback device does at once.
        let probe = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(50));
        for _ in 0..20 {
            match probe() {
                Ok(stream) => sockets.push(stream.into()),
                Err(_) => break,
            }
        }
        Ok(Blackhole {
            address,
            _sockets: sockets,
        })
    }
}

/// Accepts connections and never says anything.
pub(crate) async fn mute(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            drop(stream);
        });
    }
}

/// Accepts connections and closes them as soon as the peer has said something.
pub(crate) async fn hang_up(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut byte = [0];
            let _ = stream.peek(&mut byte).await;
        });
    }
}
