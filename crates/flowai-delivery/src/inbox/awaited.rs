//! Events for those who await them, in any async runtime.

use std::{
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use flowai::{
    Error, ErrorKind, Result,
    runtime::{self, Task},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout_at},
};

use super::{
    Delivery, Inbox, Taken,
    delivery::Settling,
    workers::{STORAGE_PAUSE, keep_lease, panicked, settle},
};

impl Inbox {
    /// As [`next`](Self::next), awaited in any async runtime. Dropping the future loses no event: one that it had taken is
    /// handed out again at once, and the attempt does not count.
    pub fn next_async(
        &self,
        timeout: Option<Duration>,
    ) -> impl Future<Output = Result<Option<Delivery>>> + Send + use<> {
        let inbox = self.clone();
        async move {
            let taken = runtime::spawn(async move { inbox.take(timeout).await })?;
            Ok(taken.await??.and_then(Untouched::touch))
        }
    }

    /// As [`handle_with`](Self::handle_with), awaited in any async runtime. The futures of `handler` run on the runtime of
    /// this library, and must not block; `workers` is how many of them at a time. Once `stop` is done no further event is
    /// taken, and the future is done when the running ones are.
    ///
    /// Dropping the future drops those of the handler; their events have failed.
    ///
    /// # Errors
    ///
    /// As [`handle`](Self::handle).
    pub fn handle_async<E, F>(
        &self,
        workers: usize,
        handler: impl Fn(Arc<Delivery>) -> F + Send + Sync + 'static,
        stop: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = Result<()>> + Send
    where
        E: Display,
        F: Future<Output = Result<(), E>> + Send,
    {
        let inbox = self.clone();
        async move {
            if workers == 0 {
                return Err(Error::argument("workers", "is zero"));
            }
            let (order, orders) = watch::channel(false);
            let handler = Arc::new(handler);
            let start = |_| {
                let (inbox, handler, orders) = (inbox.clone(), Arc::clone(&handler), orders.clone());
                runtime::spawn(async move { work(&inbox, &*handler, orders).await })
            };
            let tasks = (0..workers).map(start).collect::<Result<Vec<_>>>()?;
            let mut all = pin!(ended(tasks));
            tokio::select! {
                biased;
                outcome = &mut all => return outcome,
                () = stop => {}
            }
            order.send_replace(true);
            all.await
        }
    }

    /// The next event, on the runtime of this library.
    async fn take(&self, timeout: Option<Duration>) -> Result<Option<Untouched>> {
        self.check_owner()?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            self.check_process()?;
            let seen = self.0.signal.count();
            let inbox = self.clone();
            let look = move || match inbox.lease() {
                Ok(Taken::Event(delivery)) => Ok(Found::Event(Untouched(Some(delivery)))),
                Ok(Taken::Nothing(look_again)) => Ok(Found::Nothing(look_again)),
                Err(error) => Err(error),
            };
            let look_again = match runtime::spawn_blocking(look)?.await?? {
                Found::Event(event) => return Ok(Some(event)),
                Found::Nothing(look_again) => look_again,
            };
            let again = Instant::now() + look_again;
            let until = deadline.map_or(again, |deadline| deadline.min(again));
            let changed = timeout_at(until, self.0.signal.differs(seen)).await;
            if changed.is_err() && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(None);
            }
        }
    }
}

enum Found {
    Event(Untouched),
    Nothing(Duration),
}

/// An event on its way to its handler. If it does not get there it is given back.
struct Untouched(Option<Box<Delivery>>);

impl Untouched {
    fn touch(mut self) -> Option<Delivery> {
        self.0.take().map(|delivery| *delivery)
    }
}

impl Drop for Untouched {
    fn drop(&mut self) {
        if let Some(delivery) = &self.0 {
            delivery.give_back();
        }
    }
}

/// Waits for all workers; the first error of one is that of all.
async fn ended(tasks: Vec<Task<Result<()>>>) -> Result<()> {
    let mut outcome = Ok(());
    for task in tasks {
        let ended = task.await.and_then(|ended| ended);
        outcome = outcome.and(ended);
    }
    outcome
}

/// Handles one event after the other; returns when there will be none.
async fn work<E, F>(
    inbox: &Inbox,
    handler: &(impl Fn(Arc<Delivery>) -> F + Sync),
    mut orders: watch::Receiver<bool>,
) -> Result<()>
where
    E: Display,
    F: Future<Output = Result<(), E>> + Send,
{
    let stopped = || Error::new(ErrorKind::Cancelled, "the workers are stopped");
    // What became of the last event is written down in the commit that hands out the next one.
    let mut settling: Option<Settling> = None;
    loop {
        let taken = tokio::select! {
            biased;
            _ = orders.wait_for(|stop| *stop) => Err(stopped()),
            taken = inbox.take(None) => taken,
        };
        if let Some(settling) = settling.take() {
            settling.finish_async().await;
        }
        match taken {
            Ok(event) => {
                if let Some(delivery) = event.and_then(Untouched::touch) {
                    settling = handle(inbox, &Arc::new(delivery), handler).await;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::Closed | ErrorKind::Cancelled) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Storage => {
                log::warn!("no event can be taken from the inbox: {error}");
                tokio::select! {
                    _ = orders.wait_for(|stop| *stop) => {}
                    () = sleep(STORAGE_PAUSE) => {}
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Handles one event, and keeps its lease meanwhile.
async fn handle<E, F>(
    inbox: &Inbox,
    delivery: &Arc<Delivery>,
    handler: &(impl Fn(Arc<Delivery>) -> F + Sync),
) -> Option<Settling>
where
    E: Display,
    F: Future<Output = Result<(), E>> + Send,
{
    let beat = inbox.options().lease_time / 3;
    let mut attempt = pin!(async { handler(Arc::clone(delivery)).await });
    let mut attempt = pin!(std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| attempt.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(outcome)) => Poll::Ready(outcome.err().map(|error| error.to_string())),
            Err(panic) => Poll::Ready(Some(panicked(&*panic))),
        }
    }));
    let failure = loop {
        tokio::select! {
            biased;
            failure = &mut attempt => break failure,
            () = sleep(beat) => keep_lease(delivery),
        }
    };
    settle(delivery, failure)
}
