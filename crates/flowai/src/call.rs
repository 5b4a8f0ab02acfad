//! A call that is ready to be made: wait for it on this thread, or await it.

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, timeout};

use crate::{
    cancel::Cancel,
    client::{Client, Receipt},
    error::{Delivery, Error, ErrorKind, Result},
    fate::Fate,
    operation::{Operation, Request},
    runtime::{self, Task},
    transport::{Attempts, BeforeSending, Now, Response, Sent, Tick, too_late},
    watcher::Watcher,
};

/// What a caller waits for. Nothing is sent before [`wait`](Call::wait) or `.await`.
///
/// ```no_run
/// # async fn f(client: flowai::Client) -> flowai::Result<()> {
/// client.send_text("thread-1", "Hello").wait()?;      // on this thread
/// client.send_text("thread-1", "Hello").await?;       // in any asynchronous runtime
/// # Ok(()) }
/// ```
#[must_use = "nothing is sent before .wait() or .await"]
pub struct Call<T> {
    client: Client,
    operation: &'static str,
    is_send: bool,
    request: Result<Request>,
    finish: Finish<T>,
    before: Option<BeforeSending>,
    timeout: Option<Duration>,
    cancel: Option<Cancel>,
    fate: Option<Fate>,
    ahead: Option<Task<Result<T>>>,
}

/// How the answer becomes the result.
enum Finish<T> {
    Read(Read<T>),
    Follow(Box<dyn Follow<T>>),
}

type Read<T> = fn(&Request, Response) -> Result<T>;

/// What a call does after the service took its message.
pub(crate) trait Follow<T>: Send + Sync {
    fn follow<'a>(&'a self, client: &'a Client, answered: Answered<'a>) -> Following<'a, T>;
}

pub(crate) type Following<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A request that was answered, and how much time is left.
pub(crate) struct Answered<'a> {
    pub(crate) request: &'a Request,
    pub(crate) response: Response,
    pub(crate) took: Duration,
    pub(crate) deadline: Instant,
}

impl<T> Call<T> {
    pub(crate) fn new(
        client: &Client,
        operation: &'static Operation,
        request: Result<Request>,
        read: Read<T>,
    ) -> Call<T> {
        Call::finishing(client, operation, request, Finish::Read(read))
    }

    /// A call that goes on after its answer.
    pub(crate) fn followed(
        client: &Client,
        operation: &'static Operation,
        request: Result<Request>,
        follow: impl Follow<T> + 'static,
    ) -> Call<T> {
        Call::finishing(client, operation, request, Finish::Follow(Box::new(follow)))
    }

    fn finishing(
        client: &Client,
        operation: &'static Operation,
        request: Result<Request>,
        finish: Finish<T>,
    ) -> Call<T> {
        Call {
            client: client.clone(),
            operation: operation.name,
            is_send: operation.is_send(),
            request,
            finish,
            before: None,
            timeout: None,
            cancel: None,
            fate: None,
            ahead: None,
        }
    }

    /// The same call, which is being made already: by this task, whose result it takes.
    pub(crate) fn made_ahead(mut self, task: Task<Result<T>>) -> Call<T> {
        self.ahead = Some(task);
        self
    }

    /// One deadline over everything that this call does, in place of the client's. For an upload, which has none,
    /// it adds one.
    pub fn timeout(mut self, timeout: Duration) -> Call<T> {
        self.timeout = Some(timeout);
        self
    }

    /// Ends this call with [`Cancelled`](crate::ErrorKind::Cancelled) when `cancel` is triggered, or was before. What is
    /// known of the delivery goes along.
    pub fn cancel(mut self, cancel: &Cancel) -> Call<T> {
        self.cancel = Some(cancel.clone());
        self
    }

    /// What tells what became of this call when its future was dropped, or its wait has ended early.
    pub fn fate(&mut self) -> Fate {
        let trace_id = self.request.as_ref().ok().and_then(|request| request.trace_id);
        let fate = || Fate::new(self.operation, self.is_send, trace_id);
        self.fate.get_or_insert_with(fate).clone()
    }

    /// Whether this call sends something, so that its errors tell the delivery.
    pub fn is_send(&self) -> bool {
        self.is_send
    }

    /// Waits for `hook` once there is a connection, before the first byte of the request leaves, for programs that
    /// write down what they are about to do. It runs again before every further attempt. An upload connects and writes
    /// in one step, so for an upload it runs before there is a connection.
    ///
    /// # Errors
    /// An error of the hook ends the call, and nothing is sent.
    pub fn before_sending<F>(mut self, hook: impl Fn() -> F + Send + Sync + 'static) -> Call<T>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        self.before = Some(Arc::new(move || Box::pin(hook())));
        self
    }

    pub(crate) fn with_request(mut self, change: impl FnOnce(Request) -> Request) -> Call<T> {
        self.request = self.request.map(change);
        self
    }

    /// Makes the call on this thread and waits for its result.
    ///
    /// # Errors
    /// Every [`ErrorKind`](crate::ErrorKind) of a request; `InvalidArgument` inside an asynchronous runtime, where
    /// waiting would stop everything else.
    pub fn wait(self) -> Result<T> {
        let prepared = self.prepare()?;
        let mut sent = prepared.sent();
        let before = match prepared.run_now(&mut sent, None) {
            Begun::Done(result) => return result,
            Begun::Stopped(error) => return Err(error),
            Begun::Later(before) => before,
        };
        runtime::block_on(prepared.run(before, &mut sent)).map_err(|e| prepared.failed_before(e))?
    }

    /// Like [`wait`](Call::wait), and calls `tick` at least every 50 ms meanwhile. An error of `tick` ends the wait
    /// and is returned, with what is known of the delivery.
    pub fn wait_with(self, mut tick: impl FnMut() -> Result<()>) -> Result<T> {
        let prepared = self.prepare()?;
        let attention = prepared.request.attention();
        let mut sent = prepared.sent();
        let waited = match prepared.run_now(&mut sent, Some(&mut tick)) {
            Begun::Done(result) => Ok(result),
            Begun::Stopped(error) => Err(error),
            Begun::Later(before) => {
                let run = prepared.run(before, &mut sent);
                runtime::block_on_attentive(run, attention.as_deref(), &mut tick)
            }
        };
        match waited {
            Ok(result) => result,
            Err(stopped) => {
                let delivery = prepared.delivery(&sent);
                let stopped = stopped.with_operation(prepared.operation).with_delivery(delivery);
                Err(stopped.with_trace_id(prepared.request.trace_id))
            }
        }
    }

    /// Checks the call; the future makes it, on the runtime of this library.
    pub(crate) fn start(self) -> Result<impl Future<Output = Result<T>> + Send + use<T>>
    where
        T: Send + 'static,
    {
        let prepared = self.prepare()?;
        Ok(async move {
            let mut sent = prepared.sent();
            prepared.run(None, &mut sent).await
        })
    }

    /// The checked request, with everything that is needed to make it.
    pub(crate) fn prepare(self) -> Result<Prepared<T>> {
        let (operation, is_send) = (self.operation, self.is_send);
        let refused = |error: Error| {
            error
                .with_operation(operation)
                .with_delivery(is_send.then_some(Delivery::NotSent))
        };
        Ok(Prepared {
            request: self.request.map_err(refused)?,
            client: self.client,
            operation,
            is_send,
            finish: self.finish,
            before: self.before,
            timeout: self.timeout,
            cancel: self.cancel,
            fate: self.fate,
            ahead: self.ahead.map(|task| Box::new(Mutex::new(Some(task)))),
        })
    }
}

impl Call<Receipt> {
    /// Whether the service answers only when the action is completed and saved, in place of as soon as it was
    /// understood (later versions of the API: `writeConcern`).
    pub fn write_concern(self, wait: bool) -> Call<Receipt> {
        match wait {
            true => self.with_request(|request| request.with_query("writeConcern", true)),
            false => self,
        }
    }
}

/// How far a call came without the runtime.
enum Begun<T> {
    Done(Result<T>),
    /// The caller wants something else; this is what it said.
    Stopped(Error),
    /// The runtime has to go on from here.
    Later(Option<Attempts>),
}

type Ahead<T> = Mutex<Option<Task<Result<T>>>>;

/// A call whose arguments were accepted.
pub(crate) struct Prepared<T> {
    client: Client,
    pub(crate) operation: &'static str,
    is_send: bool,
    pub(crate) request: Request,
    finish: Finish<T>,
    before: Option<BeforeSending>,
    timeout: Option<Duration>,
    cancel: Option<Cancel>,
    fate: Option<Fate>,
    /// The task that makes the call already, until it is awaited. Few calls have one.
    ahead: Option<Box<Ahead<T>>>,
}

impl<T> Prepared<T> {
    pub(crate) fn sent(&self) -> Sent {
        Sent::new(self.before.clone(), self.fate.clone())
    }

    fn cancels(&self) -> [Option<&Cancel>; 2] {
        [self.cancel.as_ref(), self.client.config().cancel.as_ref()]
    }

    fn take_ahead(&self) -> Option<Task<Result<T>>> {
        let ahead = self.ahead.as_ref()?;
        ahead.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Does as much as this thread can do without the runtime: most often everything.
    fn run_now(&self, sent: &mut Sent, tick: Option<Tick<'_>>) -> Begun<T> {
        let (Some(read), None) = (self.read_beside(), &self.fate) else {
            return Begun::Later(None);
        };
        let Some(_in_use) = runtime::beside() else {
            return Begun::Later(None);
        };
        let now = self.client.execute_now(&self.request, self.timeout, sent, tick);
        self.begun(now, read)
    }

    /// The same for an event loop, which is woken by the watcher.
    async fn run_watched(&self, sent: &mut Sent, watcher: &Watcher) -> Begun<T> {
        let (Some(read), Some(_in_use)) = (self.read_beside(), runtime::beside()) else {
            return Begun::Later(None);
        };
        let now = self
            .client
            .execute_watched(&self.request, self.timeout, sent, watcher);
        match self.begun(now.await, read) {
            Begun::Done(result) => Begun::Done(sent.end(result)),
            other => other,
        }
    }

    /// How the answer is read, if nothing but the request is needed for it.
    fn read_beside(&self) -> Option<Read<T>> {
        match self.finish {
            Finish::Read(read) if self.ahead.is_none() && self.cancels().iter().all(Option::is_none) => {
                Some(read)
            }
            _ => None,
        }
    }

    fn begun(&self, now: Option<Now>, read: Read<T>) -> Begun<T> {
        match now {
            Some(Now::Done(Ok(response))) => Begun::Done(self.checked(read(&self.request, response))),
            Some(Now::Done(Err(error))) => Begun::Done(Err(self.named(error))),
            Some(Now::Stopped(error)) => Begun::Stopped(error),
            Some(Now::Later(attempts)) => Begun::Later(Some(attempts)),
            None => Begun::Later(None),
        }
    }

    fn named(&self, error: Error) -> Error {
        error
            .with_operation(self.operation)
            .with_trace_id(self.request.trace_id)
    }

    fn checked(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.named(self.client.config().without_key(error)))
    }

    pub(crate) async fn run(&self, before: Option<Attempts>, sent: &mut Sent) -> Result<T> {
        let result = self.make_unless_cancelled(before, sent).await;
        sent.end(result)
    }

    async fn make_unless_cancelled(&self, before: Option<Attempts>, sent: &mut Sent) -> Result<T> {
        let cancels = self.cancels();
        if cancels.iter().all(Option::is_none) {
            return self.make(before, sent).await;
        }
        if cancels.iter().flatten().all(|cancel| !cancel.is_triggered()) {
            let made = tokio::select! {
                biased;
                result = self.make(before, sent) => Some(result),
                () = any_triggered(cancels) => None,
            };
            if let Some(result) = made {
                return result;
            }
        }
        // The call is gone, with its connection, before `sent` is read: nothing can leave any more.
        let given_up = Error::new(ErrorKind::Cancelled, "the caller gave up").with_operation(self.operation);
        Err(given_up
            .with_delivery(self.delivery(sent))
            .with_trace_id(self.request.trace_id))
    }

    async fn make(&self, before: Option<Attempts>, sent: &mut Sent) -> Result<T> {
        let began = Instant::now();
        if let Some(ahead) = self.take_ahead() {
            // It has a deadline of its own, which may be a later one.
            let late = |_| too_late().with_retryable(true);
            let made = match self.timeout {
                Some(limit) => timeout(limit, ahead).await.map_err(late),
                None => Ok(ahead.await),
            };
            return made.flatten().flatten().map_err(|error| self.named(error));
        }
        let response = self
            .client
            .execute(&self.request, self.timeout, before, sent)
            .await;
        let response = response.map_err(|error| self.named(error))?;
        let result = match &self.finish {
            Finish::Read(read) => read(&self.request, response),
            Finish::Follow(next) => {
                sent.acknowledged();
                let timeout = self.timeout.unwrap_or(self.client.config().timeout);
                let answered = Answered {
                    request: &self.request,
                    response,
                    took: began.elapsed(),
                    deadline: began.checked_add(timeout).unwrap_or(began),
                };
                // Making the whole call again would say the same thing twice.
                let failed = |error: Error| error.with_retryable(false).with_delivery(self.delivery(sent));
                next.follow(&self.client, answered).await.map_err(failed)
            }
        };
        self.checked(result)
    }

    fn delivery(&self, sent: &Sent) -> Option<Delivery> {
        self.is_send.then(|| sent.delivery())
    }

    fn failed_before(&self, error: Error) -> Error {
        error
            .with_operation(self.operation)
            .with_delivery(self.is_send.then_some(Delivery::NotSent))
    }
}

async fn any_triggered(cancels: [Option<&Cancel>; 2]) {
    match cancels {
        [Some(one), Some(other)] => tokio::select! {
            () = one.triggered() => {}
            () = other.triggered() => {}
        },
        [Some(one), None] | [None, Some(one)] => one.triggered().await,
        [None, None] => std::future::pending().await,
    }
}

impl<T: Send + 'static> IntoFuture for Call<T> {
    type Output = Result<T>;
    type IntoFuture = Pending<T>;

    /// Makes the call on the runtime of this library, so it can be awaited anywhere, or on the thread that awaits it
    /// where a [`Watcher`](runtime::Watcher) can wake it. Dropping the future stops it.
    fn into_future(self) -> Pending<T> {
        let made = async move {
            let prepared = self.prepare()?;
            let mut sent = prepared.sent();
            #[cfg(feature = "watcher")]
            let begun = match Watcher::current() {
                Some(watcher) => prepared.run_watched(&mut sent, &watcher).await,
                None => Begun::Later(None),
            };
            #[cfg(not(feature = "watcher"))]
            let begun = Begun::Later(None);
            let before = match begun {
                Begun::Done(result) => return result,
                Begun::Stopped(error) => return Err(error),
                Begun::Later(before) => before,
            };
            runtime::spawn(async move { prepared.run(before, &mut sent).await })?.await?
        };
        Pending {
            made: Some(Box::pin(made)),
            generation: None,
        }
    }
}

/// The future of a [`Call`].
pub struct Pending<T> {
    made: Option<Making<T>>,
    /// Of the process that polls it.
    generation: Option<u64>,
}

type Making<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

impl<T> Pending<T> {
    /// Whether a parent process has begun it, whose connection it holds.
    fn is_inherited(&self) -> bool {
        self.generation
            .is_some_and(|begun| begun != runtime::generation())
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        if self.is_inherited() {
            let problem = "a call that was begun before a fork belongs to the parent process";
            return Poll::Ready(Err(Error::new(ErrorKind::Forked, problem)));
        }
        self.generation.get_or_insert_with(runtime::generation);
        match &mut self.made {
            Some(made) => made.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        if self.is_inherited() {
            // What it holds is not ours to touch; threads of the parent may have held its locks.
            std::mem::forget(self.made.take());
        }
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending(..)")
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}
