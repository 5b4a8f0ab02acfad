//! The connections: accepted, limited, and ended in bounded time.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::answer::Answer;
use crate::routes::{self, NoAnswer};
use crate::shared::Shared;

/// Connections served at the same time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 4096;
/// Bytes that the head of a request may have.
const HEADER_BYTES: usize = 64 * 1024;
/// How long requests under way may take to end after the sandbox is stopped.
const STOP_TIME: Duration = Duration::from_millis(300);
/// How long an ended connection is read, so that a client still sending gets to see its answer.
const LINGER_TIME: Duration = Duration::from_secs(1);
/// The rest after a failed accept, which is how a lack of file descriptors shows.
const ACCEPT_REST: Duration = Duration::from_millis(50);

type Answering = Pin<Box<dyn Future<Output = Result<Answer, NoAnswer>> + Send>>;

/// Serves until `stop` turns true, then ends every connection.
pub(crate) async fn run(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, slot)) = accepted else { continue };
        let (shared, stop) = (Arc::clone(&shared), stop.clone());
        connections.spawn(async move {
            connection(stream, shared, stop).await;
            drop(slot);
        });
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(STOP_TIME, all).await.is_err() {
        connections.shutdown().await;
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, slot)),
        Err(error) => {
            log::debug!("could not accept a connection: {error}");
            sleep(ACCEPT_REST).await;
            None
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    // Only a matter of speed.
    let _ = stream.set_nodelay(true);
    let patience = shared.options.idle_timeout;
    let reset = Arc::new(AtomicBool::new(false));
    let reset_asked = Arc::clone(&reset);
    let service = service_fn(move |request: Request<Incoming>| -> Answering {
        Box::pin(routes::serve(
            Arc::clone(&shared),
            request,
            Arc::clone(&reset_asked),
        ))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service);

    let ended = {
        let stopped = async { stop.wait_for(|stop| *stop).await.map(drop) };
        let mut stopped = pin!(stopped);
        let mut stopping = false;
        loop {
            tokio::select! {
                ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => break ended,
                _ = &mut stopped, if !stopping => {
                    stopping = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
            }
        }
    };
    let left_alone = ended.as_ref().is_err_and(hyper::Error::is_user);
    let stream = connection.into_parts().io.into_inner();
    if reset.load(Ordering::Relaxed) {
        if let Err(error) = stream.set_zero_linger() {
            log::debug!("could not arrange a reset: {error}");
        }
    } else if !left_alone {
        linger(stream).await;
    }
}

/// Says that no more answers come and waits for the client to have said everything: closing at once while
/// bytes are still arriving would destroy the answer on its way.
async fn linger(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut ignored = vec![0_u8; 16 * 1024];
    let rest = async { while matches!(stream.read(&mut ignored).await, Ok(1..)) {} };
    // A client that does not stop is cut off.
    let _ = timeout(LINGER_TIME, rest).await;
}
