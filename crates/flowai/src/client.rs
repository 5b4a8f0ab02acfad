//! The client: a configuration, and connections that every copy of it shares.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    ask::AnsweredMessages,
    call::Call,
    config::{ClientBuilder, Config},
    error::{Error, ErrorKind, Result},
    operation::{Operation, Request},
    transport::{Attempts, Now, Response, Sent, Tick, Transport},
    watcher::Watcher,
};

/// Talks to one Flow.ai project. Cheap to clone; all clones share their connections, and any number of threads may
/// use one at the same time.
///
/// ```no_run
/// let client = flowai::Client::builder().api_key("MY_MESSAGING_API_KEY").build()?;
/// let receipt = client.send_text("thread-1", "Hello").wait()?;
/// println!("trace id {:?}", receipt.trace_id);
/// # Ok::<_, flowai::Error>(())
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    shared: Arc<Shared>,
}

/// What clients with other options have in common.
struct Shared {
    transport: Transport,
    closed: AtomicBool,
    answered: AnsweredMessages,
}

/// What the service says when it took something over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// The thread that it was about.
    pub thread_id: String,
    /// The trace id that went along; delivery events carry it too.
    pub trace_id: Option<u64>,
    /// `ok`.
    pub status: String,
    /// The request id that the service gave (header `x-request-id`).
    pub request_id: Option<String>,
}

impl Client {
    /// Begins to set up a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    pub(crate) fn new(config: Config) -> Client {
        let shared = Arc::new(Shared {
            transport: Transport::new(),
            closed: AtomicBool::new(false),
            answered: AnsweredMessages::default(),
        });
        Client {
            inner: Arc::new(Inner { config, shared }),
        }
    }

    /// A client with another configuration and the same connections.
    pub(crate) fn sharing(&self, config: Config) -> Client {
        let shared = Arc::clone(&self.inner.shared);
        Client {
            inner: Arc::new(Inner { config, shared }),
        }
    }

    /// Closes every connection. Calls made from now on, by any clone and any client with other options, fail with [`ErrorKind::Closed`].
    pub fn close(&self) {
        self.inner.shared.closed.store(true, Ordering::Release);
        self.inner.shared.transport.clear();
    }

    /// Whether [`close`](Client::close) was called.
    pub fn is_closed(&self) -> bool {
        self.inner.shared.closed.load(Ordering::Acquire)
    }

    /// Where this client sends to.
    pub fn base_url(&self) -> String {
        let base = &self.config().base_url;
        base.absolute(&base.path)
    }

    pub(crate) fn answered(&self) -> &AnsweredMessages {
        &self.inner.shared.answered
    }

    pub(crate) fn config(&self) -> &Config {
        &self.inner.config
    }

    /// A call that answers with an acknowledgement.
    pub(crate) fn acknowledged(
        &self,
        operation: &'static Operation,
        request: Result<Request>,
    ) -> Call<Receipt> {
        Call::new(self, operation, request, |request, response| {
            Ok(Receipt {
                thread_id: request.thread_id.clone(),
                trace_id: request.trace_id,
                status: "ok".to_owned(),
                request_id: response.request_id().map(str::to_owned),
            })
        })
    }

    pub(crate) async fn execute(
        &self,
        request: &Request,
        timeout: Option<Duration>,
        before: Option<Attempts>,
        sent: &mut Sent,
    ) -> Result<Response> {
        if self.is_closed() {
            return Err(Error::new(ErrorKind::Closed, "the client is closed")
                .with_delivery(request.operation.is_send().then(|| sent.delivery())));
        }
        self.inner
            .shared
            .transport
            .execute(&self.inner.config, request, timeout, before, sent)
            .await
    }

    /// The first attempt, on this thread and without the runtime, when that is possible.
    pub(crate) fn execute_now(
        &self,
        request: &Request,
        timeout: Option<Duration>,
        sent: &mut Sent,
        tick: Option<Tick<'_>>,
    ) -> Option<Now> {
        let Inner { config, shared } = &*self.inner;
        (!self.is_closed()).then(|| shared.transport.execute_now(config, request, timeout, sent, tick))
    }

    /// The same for an event loop, which is woken by the watcher.
    pub(crate) async fn execute_watched(
        &self,
        request: &Request,
        timeout: Option<Duration>,
        sent: &mut Sent,
        watcher: &Watcher,
    ) -> Option<Now> {
        let Inner { config, shared } = &*self.inner;
        match self.is_closed() {
            true => None,
            false => Some(
                shared
                    .transport
                    .execute_watched(config, request, timeout, sent, watcher)
                    .await,
            ),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.base_url())
            .finish_non_exhaustive()
    }
}
