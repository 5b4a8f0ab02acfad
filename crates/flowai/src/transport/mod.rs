//! How a request gets to the service and an answer back: one deadline, retries, and what became of the message.
//!
//! Two ways share all of that: [`pool`] for JSON calls, over connections of our own, and [`upload`] for files.

mod answer;
#[cfg(feature = "upload")]
mod body;
mod chunks;
mod connect;
mod headers;
mod input;
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

pub(crate) use lane::Tick;
pub(crate) use pool::MAX_CONNECTIONS;
pub(crate) use response::Response;

use self::{
    io::{Counters, Mark},
    lane::Exchanged,
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
    watcher::Watcher,
};

/// The connections of a client.
pub(crate) struct Transport {
    pool: PerProcess<Pool>,
    budget: Budget,
}

/// The attempts of one call: until when, and what there was.
pub(crate) struct Attempts {
    deadline: Option<Instant>,
    retry: u32,
    /// Before the next one.
    pause: Option<Duration>,
}

/// What came of an attempt on the thread of the caller.
pub(crate) enum Now {
    Done(Result<Response>),
    /// The caller wants something else; this is what it said.
    Stopped(Error),
    /// The rest needs the runtime.
    Later(Attempts),
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

    fn begin(&self, config: &Config, request: &Request, timeout: Option<Duration>, now: Instant) -> Attempts {
        let timeout = match request.body {
            #[cfg(feature = "upload")]
            Body::Upload(_) => timeout,
            _ => Some(timeout.unwrap_or(config.timeout)),
        };
        self.budget.earn();
        Attempts {
            deadline: timeout.and_then(|timeout| now.checked_add(timeout)),
            retry: 0,
            pause: None,
        }
    }

    /// Sends a request until it is answered or may not be sent again; perhaps after attempts that there were before.
    pub(crate) async fn execute(
        &self,
        config: &Config,
        request: &Request,
        timeout: Option<Duration>,
        before: Option<Attempts>,
        sent: &mut Sent,
    ) -> Result<Response> {
        let mut attempts = before.unwrap_or_else(|| self.begin(config, request, timeout, Instant::now()));
        loop {
            // Whoever gives up during the pause is told of an attempt that has not begun.
            sent.reset();
            if let Some(pause) = attempts.pause.take() {
                sleep(pause).await;
            }
            let trail = Trail::begin(request, attempts.retry, Instant::now());
            let outcome = self.attempt_until(attempts.deadline, config, request, sent).await;
            if let Some(done) = self.settle(config, request, &mut attempts, &trail, outcome) {
                return done;
            }
        }
    }

    /// The first attempt, on this thread and without the runtime, which costs a third of what it costs otherwise. That
    /// takes an idle connection.
    pub(crate) fn execute_now(
        &self,
        config: &Config,
        request: &Request,
        timeout: Option<Duration>,
        sent: &mut Sent,
        tick: Option<Tick<'_>>,
    ) -> Now {
        let now = Instant::now();
        let attempts = self.begin(config, request, timeout, now);
        let trail = Trail::begin(request, attempts.retry, now);
        sent.reset();
        let Some(pool) = self.pool_beside(request, sent) else {
            return Now::Later(attempts);
        };
        let deadline = attempts.deadline.map(Instant::into_std);
        match pool.exchange_now(config, request, sent, now.into_std(), deadline, tick) {
            None => Now::Later(attempts),
            Some(Exchanged::Stopped(error)) => Now::Stopped(error),
            Some(Exchanged::Done(outcome)) => {
                self.settle_now(config, request, attempts, &trail, outcome, sent)
            }
        }
    }

    /// The same for an event loop, which is woken by the watcher.
    pub(crate) async fn execute_watched(
        &self,
        config: &Config,
        request: &Request,
        timeout: Option<Duration>,
        sent: &mut Sent,
        watcher: &Watcher,
    ) -> Now {
        let now = Instant::now();
        let attempts = self.begin(config, request, timeout, now);
        let trail = Trail::begin(request, attempts.retry, now);
        sent.reset();
        let Some(pool) = self.pool_beside(request, sent) else {
            return Now::Later(attempts);
        };
        let deadline = attempts.deadline.map(Instant::into_std);
        let exchanged = pool.exchange_watched(config, request, sent, now.into_std(), deadline, watcher);
        match exchanged.await {
            None => Now::Later(attempts),
            Some(outcome) => self.settle_now(config, request, attempts, &trail, outcome, sent),
        }
    }

    /// The connections for a request that may go out without the runtime.
    fn pool_beside(&self, request: &Request, sent: &Sent) -> Option<&Pool> {
        match (&request.body, &sent.before) {
            (Body::Json(_) | Body::None, None) => self.pool.get(),
            _ => None,
        }
    }

    fn settle_now(
        &self,
        config: &Config,
        request: &Request,
        mut attempts: Attempts,
        trail: &Trail<'_>,
        outcome: Result<Response>,
        sent: &Sent,
    ) -> Now {
        let outcome = judged(config, request, outcome, sent);
        match self.settle(config, request, &mut attempts, trail, outcome) {
            Some(done) => Now::Done(done),
            None => Now::Later(attempts),
        }
    }

    /// What an attempt means for the call: its result, or another attempt.
    fn settle(
        &self,
        config: &Config,
        request: &Request,
        attempts: &mut Attempts,
        trail: &Trail<'_>,
        outcome: Result<Response>,
    ) -> Option<Result<Response>> {
        let error = match outcome {
            Ok(response) => {
                trail.answered(&response);
                return Some(Ok(response));
            }
            Err(error) => error,
        };
        let Attempts { deadline, retry, .. } = *attempts;
        let Some(pause) = self.pause_before_retry(config, request, &error, retry, deadline) else {
            trail.failed(&error);
            return Some(Err(error));
        };
        trail.again(&error, pause);
        attempts.pause = Some(pause);
        attempts.retry += 1;
        None
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
        let attempt = self.attempt(config, request, sent);
        let outcome = match deadline {
            // The attempt is gone, with its connection, before `sent` is read: nothing can leave any more.
            Some(deadline) => timeout_at(deadline, attempt)
                .await
                .unwrap_or_else(|_| Err(too_late())),
            None => attempt.await,
        };
        judged(config, request, outcome, sent)
    }

    async fn attempt(&self, config: &Config, request: &Request, sent: &mut Sent) -> Result<Response> {
        let pool = self.pool.get_or_try_init(|| Pool::new(config))?;
        match &request.body {
            #[cfg(feature = "upload")]
            Body::Upload(upload) => upload::send(config, pool.tls(config)?, request, upload, sent).await,
            Body::Json(_) | Body::None => pool.exchange(config, request, sent).await,
        }
    }
}

pub(crate) fn too_late() -> Error {
    Error::new(ErrorKind::Timeout, "the deadline passed")
}

/// What an attempt came to, with everything an error has to say except which operation it was. The connection of a
/// failed attempt is gone: nothing can leave any more.
fn judged(config: &Config, request: &Request, outcome: Result<Response>, sent: &Sent) -> Result<Response> {
    let is_send = request.operation.is_send();
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
