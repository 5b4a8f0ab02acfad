//! How a request gets to the service and an answer back: one deadline, retries, and what became of the message.
//!
//! Two ways share all of that: [`pool`] for JSON calls, over connections of our own, and [`upload`] for files.

mod body;
mod connect;
mod io;
mod lane;
mod pool;
mod response;
mod retry;
mod tls;
mod trail;
#[cfg(feature = "upload")]
mod upload;

use std::{pin::Pin, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout_at};

pub(crate) use pool::MAX_CONNECTIONS;
pub(crate) use response::Response;

use self::{
    io::{Counters, Mark},
    pool::Pool,
    retry::Budget,
    trail::Trail,
};
use crate::{
    config::Config,
    error::{Delivery, Error, ErrorKind, Result},
    fate::Fate,
    fork::PerProcess,
    operation::{Body, Request},
};

/// The connections of a client.
pub(crate) struct Transport {
    pool: PerProcess<Pool>,
    budget: Budget,
}

/// Called when a request is about to leave; an error keeps it here.
pub(crate) type BeforeSending =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync>;

/// What is known of the request that is under way. It outlives the attempt, so that it can tell after a deadline.
#[derive(Default)]
pub(crate) struct Sent {
    before: Option<BeforeSending>,
    fate: Option<Fate>,
    lane: Option<(Arc<Counters>, Mark)>,
    #[cfg(feature = "upload")]
    upload: Option<upload::Started>,
    acknowledged: bool,
}

impl Sent {
    pub(crate) fn new(before: Option<BeforeSending>, fate: Option<Fate>) -> Sent {
        Sent {
            before,
            fate,
            ..Sent::default()
        }
    }

    /// There is a connection, and the request is about to leave.
    async fn leaving(&self) -> Result<()> {
        match &self.before {
            Some(before) => before().await,
            None => Ok(()),
        }
    }

    /// A request is about to be written to the connection that counts here. An error, and then it must not be, when
    /// the call was given up.
    fn begin(&mut self, counters: &Arc<Counters>) -> Result<()> {
        if let Some(fate) = &self.fate {
            fate.leave()?;
        }
        self.lane = Some((Arc::clone(counters), counters.mark()));
        Ok(())
    }

    /// A request is about to be written by somebody who says so here first.
    #[cfg(feature = "upload")]
    fn begin_upload(&mut self) -> upload::Started {
        let started = upload::Started::new(self.fate.clone());
        self.upload = Some(started.clone());
        started
    }

    /// Nothing of a new attempt has left yet.
    fn reset(&mut self) {
        *self = Sent::new(self.before.take(), self.fate.take());
        if let Some(fate) = &self.fate {
            fate.stay();
        }
    }

    /// The service took the message. What fails from now on does not change that.
    pub(crate) fn acknowledged(&mut self) {
        self.acknowledged = true;
        if let Some(fate) = &self.fate {
            fate.acknowledged();
        }
    }

    /// The call is over, and this is its result.
    pub(crate) fn end<T>(&self, result: Result<T>) -> Result<T> {
        match &self.fate {
            Some(fate) => fate.end(result),
            None => result,
        }
    }

    fn maybe(&self) -> bool {
        #[cfg(feature = "upload")]
        if self.upload.as_ref().is_some_and(upload::Started::is_set) {
            return true;
        }
        self.lane
            .as_ref()
            .is_some_and(|(counters, mark)| counters.moved_since(*mark))
    }

    /// What is known when no answer came.
    pub(crate) fn delivery(&self) -> Delivery {
        if self.acknowledged {
            Delivery::Sent
        } else if self.maybe() {
            Delivery::MaybeSent
        } else {
            Delivery::NotSent
        }
    }
}

impl Transport {
    pub(crate) fn new() -> Transport {
        Transport {
            pool: PerProcess::new(),
            budget: Budget::new(),
        }
    }

    /// Closes idle connections.
    pub(crate) fn clear(&self) {
        if let Some(pool) = self.pool.get() {
            pool.clear();
        }
    }

    /// Sends a request until it is answered or may not be sent again.
    pub(crate) async fn execute(
        &self,
        config: &Config,
        request: &Request,
        timeout: Option<Duration>,
        sent: &mut Sent,
    ) -> Result<Response> {
        let timeout = match request.body {
            #[cfg(feature = "upload")]
            Body::Upload(_) => timeout,
            _ => Some(timeout.unwrap_or(config.timeout)),
        };
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self.budget.earn();
        let mut retry = 0;
        sent.reset();
        loop {
            let trail = Trail::begin(request, retry);
            let error = match self.attempt_until(deadline, config, request, sent).await {
                Ok(response) => {
                    trail.answered(&response);
                    return Ok(response);
                }
                Err(error) => error,
            };
            let Some(pause) = self.pause_before_retry(config, request, &error, retry, deadline) else {
                trail.failed(&error);
                return Err(error);
            };
            trail.again(&error, pause);
            // Whoever gives up during the pause is told of an attempt that has not begun.
            sent.reset();
            sleep(pause).await;
            retry += 1;
        }
    }

    /// How long to wait before the request goes out again; `None` if it must not, or may not any more.
    fn pause_before_retry(
        &self,
        config: &Config,
        request: &Request,
        error: &Error,
        retry: u32,
        deadline: Option<Instant>,
    ) -> Option<Duration> {
        if retry >= config.max_retries
            || !retry::is_repeatable(request.operation, error)
            || !request.body.is_repeatable()
        {
            return None;
        }
        let pause = retry::pause(error, retry)?;
        let in_time = deadline.is_none_or(|end| end.saturating_duration_since(Instant::now()) > pause);
        (in_time && self.budget.spend()).then_some(pause)
    }

    /// One attempt, with everything an error has to say except which operation it was.
    async fn attempt_until(
        &self,
        deadline: Option<Instant>,
        config: &Config,
        request: &Request,
        sent: &mut Sent,
    ) -> Result<Response> {
        let is_send = request.operation.is_send();
        let attempt = self.attempt(config, request, sent);
        let outcome = match deadline {
            // The attempt is gone, with its connection, before `sent` is read: nothing can leave any more.
            Some(deadline) => timeout_at(deadline, attempt)
                .await
                .unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, "the deadline passed"))),
            None => attempt.await,
        };
        let response = match outcome {
            Ok(response) => response,
            Err(error) => {
                let delivery = is_send.then(|| sent.delivery());
                let retryable = matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout)
                    && delivery != Some(Delivery::MaybeSent);
                return Err(error.with_retryable(retryable).with_delivery(delivery));
            }
        };
        let refused = if response.status.is_success() {
            match response.acknowledgement() {
                Ok(()) => return Ok(response),
                Err(error) => error,
            }
        } else {
            response.refusal(&format!("the service answered {}", response.status))
        };
        let error = config.without_key(refused);
        let delivery = is_send.then(|| retry::delivery_of_answer(&error));
        let retryable = retry::is_temporary(&error) && delivery != Some(Delivery::MaybeSent);
        Err(error.with_retryable(retryable).with_delivery(delivery))
    }

    async fn attempt(&self, config: &Config, request: &Request, sent: &mut Sent) -> Result<Response> {
        let pool = self.pool.get_or_try_init(|| Pool::new(config))?;
        match &request.body {
            #[cfg(feature = "upload")]
            Body::Upload(upload) => upload::send(config, pool.tls(config)?, request, upload, sent).await,
            Body::Json(json) => pool.exchange(config, request, Some(json.clone()), sent).await,
            Body::None => pool.exchange(config, request, None, sent).await,
        }
    }
}
