//! One client: the TLS handshake, its requests, the end.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::watch,
    time::timeout,
};

use super::{
    gate::Gate,
    progress::{Phase, Progress},
    service::Service,
    socket::Socket,
    tls::Tls,
};

/// How long a client that is still writing may go on after it was refused, so that it sees the answer and not a reset.
const LINGER: Duration = Duration::from_secs(2);

/// The smallest read buffer that the HTTP library accepts.
const MIN_BUFFER: usize = 8192;

/// Serves a client until it leaves, has to leave, or `draining` turns true and its request is answered.
pub(crate) async fn serve(
    socket: Socket,
    tls: Option<Arc<Tls>>,
    service: Arc<Service>,
    progress: Arc<Progress>,
    draining: watch::Receiver<bool>,
) {
    let Some(tls) = tls else {
        return speak_http(socket, service, progress, draining).await;
    };
    let handshake = tls.acceptor().accept(socket);
    match timeout(service.limits.handshake_time, handshake).await {
        Ok(Ok(stream)) => speak_http(stream, service, progress, draining).await,
        Ok(Err(error)) => log::debug!("TLS handshake failed: {error}"),
        Err(_) => {
            log::debug!("TLS handshake took too long");
            service.counters.drop_connection();
        }
    }
}

async fn speak_http<S>(
    stream: S,
    service: Arc<Service>,
    progress: Arc<Progress>,
    mut draining: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let limits = service.limits.clone();
    let gate = Gate::new(stream, progress.clone(), limits.clone());
    let requests = AtomicU64::new(0);
    let handler = service_fn(|request| {
        let (service, progress) = (service.clone(), progress.clone());
        let number = requests.fetch_add(1, Ordering::Relaxed);
        let answer = async move {
            progress.enter(Phase::Request);
            let response = service.answer(request, number, &progress).await;
            progress.enter(Phase::Idle);
            Ok::<_, Infallible>(response)
        };
        Box::pin(answer) as Pin<Box<dyn Future<Output = _> + Send>>
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The gate has the finer limits. This one also makes the library look at the gate between two requests.
        .header_read_timeout(limits.idle_time.saturating_add(limits.head_time))
        .max_headers(limits.headers)
        .max_header_size(limits.head_bytes)
        .max_buf_size(limits.head_bytes.max(MIN_BUFFER))
        .serve_connection(TokioIo::new(gate), handler);

    let mut stopping = false;
    let result = loop {
        tokio::select! {
            result = poll_fn(|cx| connection.poll_without_shutdown(cx)) => break result,
            _ = draining.wait_for(|draining| *draining), if !stopping => {
                stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    if progress.is_too_slow() {
        service.counters.drop_connection();
        return;
    }
    if let Err(error) = &result {
        note(error, &service);
    }
    let refused = progress.is_unread() || result.is_err_and(|error| error.is_parse());
    end(
        connection.into_parts().io.into_inner().into_inner(),
        refused,
        limits.write_time,
    )
    .await;
}

async fn end<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, refused: bool, limit: Duration) {
    let _ = timeout(limit, stream.shutdown()).await;
    if refused {
        let mut waste = [0; 4096];
        let discard = async { while matches!(stream.read(&mut waste).await, Ok(n) if n > 0) {} };
        let _ = timeout(LINGER, discard).await;
    }
}

/// Counts what the HTTP library answered by itself.
fn note(error: &hyper::Error, service: &Service) {
    // The description of the library says what was wrong, never what was sent.
    log::debug!("webhook connection ended: {error}");
    if error.is_parse_too_large() {
        service.counters.reject(431);
    } else if error.is_parse() {
        service.counters.reject(400);
    }
}
