//! Accepts connections until it is told to stop, then lets the requests in flight end.

use std::{
    io,
    net::{Shutdown, SocketAddr},
    sync::Arc,
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{Id, JoinError, JoinSet},
    time::{sleep, timeout},
};

use super::{
    connection,
    connections::{Connections, Room},
    progress::Progress,
    queue::Queue,
    service::Service,
    socket::Socket,
    tls::Tls,
};

/// How long to wait when the system has no descriptor or memory for another connection.
const BACK_OFF: Duration = Duration::from_millis(50);

/// How long to wait when all connections are busy.
const RECHECK: Duration = Duration::from_millis(10);

/// What the server should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    Run,
    /// Accept nothing more, answer what has begun.
    Drain,
    /// End at once.
    Abort,
}

pub(crate) struct Server {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    service: Arc<Service>,
    orders: watch::Receiver<Order>,
    connections: Connections,
    tasks: JoinSet<()>,
    draining: watch::Sender<bool>,
    ended: CloseQueue,
}

/// Consumers must learn that nothing more comes, however the server ends.
struct CloseQueue(Arc<Queue>);

impl Drop for CloseQueue {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Server {
    /// Must be called where the runtime is entered.
    pub(crate) fn new(
        listener: std::net::TcpListener,
        tls: Option<Arc<Tls>>,
        service: Arc<Service>,
        orders: watch::Receiver<Order>,
    ) -> io::Result<Server> {
        let ended = CloseQueue(service.queue.clone());
        let listener = TcpListener::from_std(listener)?;
        let connections =
            Connections::new(service.limits.connections, service.limits.connections_per_address);
        Ok(Server {
            listener,
            tls,
            service,
            orders,
            connections,
            tasks: JoinSet::new(),
            draining: watch::Sender::new(false),
            ended,
        })
    }

    pub(crate) async fn run(mut self) {
        loop {
            tokio::select! {
                biased;
                () = stricter_than(&mut self.orders, Order::Run) => break,
                Some(ended) = self.tasks.join_next_with_id() => self.forget(ended),
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, address)) => self.admit(stream, address).await,
                    Err(error) => {
                        log::debug!("cannot accept a connection: {error}");
                        sleep(BACK_OFF).await;
                    }
                },
            }
        }
        // Closing is not enough where a forked child holds a copy of the descriptor.
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
        drop(self.listener);
        self.draining.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        tokio::select! {
            _ = timeout(self.service.limits.drain_time, ended) => {}
            () = stricter_than(&mut self.orders, Order::Drain) => {}
        }
        self.tasks.shutdown().await;
        // Whoever waits for the end may want to open the inbox again.
        drop(self.service);
        drop(self.ended);
    }

    async fn admit(&mut self, stream: TcpStream, address: SocketAddr) {
        let stream = Socket::new(stream);
        loop {
            match self.connections.make_room(address.ip()) {
                Room::Free => break,
                Room::Made => {
                    self.service.counters.drop_connection();
                    break;
                }
                Room::NoneForAddress => {
                    log::debug!("connection refused: its address has too many");
                    self.service.counters.drop_connection();
                    return;
                }
                Room::None => tokio::select! {
                    () = stricter_than(&mut self.orders, Order::Run) => return,
                    Some(ended) = self.tasks.join_next_with_id() => self.forget(ended),
                    _ = sleep(RECHECK) => {}
                },
            }
        }
        let progress = Arc::new(Progress::new());
        let task = self.tasks.spawn(connection::serve(
            stream,
            self.tls.clone(),
            self.service.clone(),
            progress.clone(),
            self.draining.subscribe(),
        ));
        self.connections.add(address.ip(), progress, task);
    }

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        self.connections.remove(id);
    }
}

/// Waits for an order stricter than this, or for the one who gives orders to be gone.
async fn stricter_than(orders: &mut watch::Receiver<Order>, order: Order) {
    let _ = orders.wait_for(|given| *given > order).await;
}
