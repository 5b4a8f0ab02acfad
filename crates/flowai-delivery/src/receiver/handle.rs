//! The receiver as its users see it.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use flowai::{
    Error, ErrorKind, Result,
    runtime::{self, Task},
    webhook::{Event, EventKind},
};
use tokio::sync::watch;

use super::{
    builder::ReceiverBuilder,
    queue::Queue,
    server::{Order, Server},
    service::Service,
    stats::{Counters, Stats},
    tls::Tls,
};

/// How long the server may take to end after the last limit has passed.
const GRACE: Duration = Duration::from_secs(1);

/// A server that receives the webhook calls of Flow.ai and hands out their events ("Webhooks" of the API document).
///
/// With an [`Inbox`](crate::Inbox) it stores the events there before it acknowledges a call, and they are taken from the
/// inbox; without one they are in a queue in memory.
///
/// GET at the [health path](ReceiverBuilder::health) tells whether calls are acknowledged: 200 with `status` "ok", or 503
/// with "failing". Beside it are `waiting`, `dead` and `oldest_waiting_seconds` of the inbox, or `queued`, and
/// `failing_seconds`. While calls cannot be acknowledged that is logged, as an error after one hour and after three.
///
/// All methods can be called from several threads at once; each event is handed out once. Dropping the receiver is
/// [`close`](Self::close), and the events that nobody took are gone.
///
/// A receiver belongs to the process that started it: in a forked child every method fails with
/// [`ErrorKind::Forked`] (or gives what was known at the start), and dropping it there does nothing.
pub struct Receiver {
    generation: u64,
    url: String,
    address: SocketAddr,
    /// `None` only while dropping.
    parts: Option<Parts>,
}

struct Parts {
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    orders: watch::Sender<Order>,
    drain_time: Duration,
    tls: Option<Arc<Tls>>,
    /// Whether events go to an inbox and not to the queue.
    stores: bool,
    _server: Task<()>,
}

impl Receiver {
    /// Begins to describe a receiver.
    pub fn builder() -> ReceiverBuilder {
        ReceiverBuilder::new()
    }

    pub(crate) fn start(listener: TcpListener, tls: Option<Arc<Tls>>, service: Service) -> Result<Receiver> {
        let address = listener.local_addr().map_err(unusable)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}{}", reachable(address), service.path);
        let (queue, counters) = (service.queue.clone(), service.counters.clone());
        let drain_time = service.limits.drain_time;
        let stores = service.inbox.is_some();
        let (kept_tls, ended) = (tls.clone(), queue.clone());
        let (orders, orders_receiver) = watch::channel(Order::Run);
        let service = Arc::new(service);
        let server = runtime::spawn(async move {
            match Server::new(listener, tls, service, orders_receiver) {
                Ok(server) => server.run().await,
                Err(error) => {
                    log::error!("the receiver cannot use its socket: {error}");
                    ended.close();
                }
            }
        })?;
        Ok(Receiver {
            generation: runtime::generation(),
            url,
            address,
            parts: Some(Parts {
                queue,
                counters,
                orders,
                drain_time,
                tls: kept_tls,
                stores,
                _server: server,
            }),
        })
    }

    /// The parts, unless this is a forked child, where their locks may be held by threads that do not exist.
    fn parts(&self) -> Result<&Parts> {
        if runtime::generation() != self.generation {
            return Err(Error::new(
                ErrorKind::Forked,
                "the receiver belongs to the process that this one was forked from",
            ));
        }
        self.parts
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::Closed, "the receiver is closed"))
    }

    /// The URL of the webhook. Where the receiver listens on all addresses it names the loopback address; the address
    /// under which the service reaches this machine is known only to you.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address that the receiver listens on, with the port that it got.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The next event, waiting for at most `timeout` (`None`: for ever). `Ok(None)` when the time is over.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`] when the receiver was stopped and all its events were taken; [`ErrorKind::InvalidArgument`] when
    /// it stores them in an inbox; [`ErrorKind::Forked`].
    pub fn next(&self, timeout: Option<Duration>) -> Result<Option<Event>> {
        self.next_with(timeout, &mut || Ok(()))
    }

    /// Like [`next`](Self::next), and calls `tick` at least every 50 ms while waiting, without holding a lock. An error
    /// of `tick` ends the wait and is returned; no event is lost.
    pub fn next_with(
        &self,
        timeout: Option<Duration>,
        tick: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Option<Event>> {
        self.parts()?.queue()?.take(|_| true, timeout, tick)
    }

    /// The next event of this kind and of this thread, as far as they are given; see [`Event::is_for`] for what
    /// belongs to a thread. The others stay in the queue, in their order, and count against its size.
    ///
    /// `timeout`, `tick` and errors are those of [`next_with`](Self::next_with).
    pub fn wait(
        &self,
        kind: Option<EventKind>,
        thread_id: Option<&str>,
        timeout: Option<Duration>,
        tick: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Option<Event>> {
        let wanted = |event: &Event| is_wanted(event, kind, thread_id);
        self.parts()?.queue()?.take(wanted, timeout, tick)
    }

    /// A function that has everybody who waits call their `tick` now, from any thread of this process.
    pub fn nudger(&self) -> impl Fn() + Send + Sync + 'static {
        let queue = self.parts.as_ref().map(|parts| parts.queue.clone());
        move || queue.iter().for_each(|queue| queue.nudge())
    }

    /// As [`wait`](Self::wait), awaited in any async runtime. Dropping the future loses no event.
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next).
    pub async fn wait_async(
        &self,
        kind: Option<EventKind>,
        thread_id: Option<&str>,
        timeout: Option<Duration>,
    ) -> Result<Option<Event>> {
        let queue = self.parts()?.queue()?;
        let wanted = |event: &Event| is_wanted(event, kind, thread_id);
        let Some(timeout) = timeout else {
            return queue.take_async(wanted).await.map(Some);
        };
        if timeout.is_zero() {
            return queue.take(wanted, Some(timeout), &mut || Ok(()));
        }
        tokio::select! {
            biased;
            event = queue.take_async(wanted) => event.map(Some),
            waited = runtime::sleep(timeout) => waited.map(|()| None),
        }
    }

    /// The next event, awaited in any async runtime. Dropping the future loses no event.
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next).
    pub async fn recv(&self) -> Result<Event> {
        self.parts()?.queue()?.take_async(|_| true).await
    }

    /// Stops gracefully: accepts nothing more, answers the requests in flight (for at most
    /// [`Limits::drain_time`](crate::Limits::drain_time)), and returns when that is done. Events that are queued can
    /// still be taken.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Forked`].
    pub fn stop(&self) -> Result<()> {
        self.stop_with(&mut || Ok(()))
    }

    /// Like [`stop`](Self::stop), and calls `tick` at least every 50 ms while waiting. An error of `tick` ends the
    /// wait, not the stopping.
    pub fn stop_with(&self, tick: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let parts = self.parts()?;
        parts.order(Order::Drain);
        if !parts
            .queue
            .wait_closed(parts.drain_time.saturating_add(GRACE), tick)?
        {
            self.close()?;
        }
        Ok(())
    }

    /// Stops at once: requests in flight are cut off, unanswered, so that Flow.ai sends them again. Events that are
    /// queued can still be taken.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Forked`].
    pub fn close(&self) -> Result<()> {
        let parts = self.parts()?;
        parts.order(Order::Abort);
        if !parts.queue.wait_closed(GRACE, &mut || Ok(()))? {
            parts.queue.close();
        }
        Ok(())
    }

    /// Loads certificate and key from their files now, for the connections that come; those that are open stay. This
    /// happens by itself within a second after the files have changed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] naming `tls` when the files are no good, and the old certificate stays, or when the
    /// receiver speaks HTTP; [`ErrorKind::Forked`].
    pub fn reload_tls(&self) -> Result<()> {
        match &self.parts()?.tls {
            Some(tls) => tls.reload(),
            None => Err(Error::argument("tls", "the receiver has no certificate")),
        }
    }

    /// What the receiver has done so far.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Forked`].
    pub fn stats(&self) -> Result<Stats> {
        let parts = self.parts()?;
        Ok(parts.counters.read(parts.queue.len()))
    }
}

impl Parts {
    /// The queue that events are taken from.
    fn queue(&self) -> Result<&Queue> {
        if self.stores {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "the receiver stores its events in an inbox; take them from there",
            ));
        }
        Ok(&self.queue)
    }

    /// Orders only ever get stricter.
    fn order(&self, order: Order) {
        self.orders.send_if_modified(|current| {
            let stricter = *current < order;
            *current = order.max(*current);
            stricter
        });
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let parts = self.parts.take();
        if runtime::generation() == self.generation {
            drop(parts);
        } else {
            std::mem::forget(parts);
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

fn is_wanted(event: &Event, kind: Option<EventKind>, thread_id: Option<&str>) -> bool {
    kind.is_none_or(|kind| event.kind() == kind) && thread_id.is_none_or(|id| event.is_for(id))
}

fn unusable(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Connection, "the listening socket has no address").with_source(error)
}

/// An address that a client on this machine can connect to.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
