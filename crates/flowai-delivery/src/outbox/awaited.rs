//! Waiting for an outbox, in any async runtime.

use std::time::Duration;

use flowai::{Result, runtime};
use tokio::time::{Instant, timeout_at};

use super::{
    entry::Report,
    handle::{LOOK_AGAIN, Outbox},
};

impl Outbox {
    /// As [`next_report`](Self::next_report), awaited in any async runtime. Dropping the future loses no report: one that it
    /// had taken is handed out again.
    pub fn next_report_async(
        &self,
        timeout: Option<Duration>,
    ) -> impl Future<Output = Result<Option<Report>>> + Send + use<> {
        let outbox = self.clone();
        async move {
            let look = |outbox: &Outbox| {
                let found = outbox.look_for_report()?;
                Ok(found.map(|report| Untouched(outbox.clone(), Some(report))))
            };
            let found = runtime::spawn(async move { outbox.await_for(timeout, look).await })?;
            Ok(found.await??.and_then(Untouched::touch))
        }
    }

    /// As [`flush`](Self::flush), awaited in any async runtime. Dropping the future ends the wait, not the sending.
    pub fn flush_async(&self, timeout: Option<Duration>) -> impl Future<Output = Result<u64>> + Send + use<> {
        let outbox = self.clone();
        async move {
            let flushed = runtime::spawn(async move {
                outbox.hurry()?;
                match outbox.await_for(timeout, Outbox::look_whether_empty).await? {
                    Some(()) => Ok(0),
                    None => runtime::spawn_blocking(move || outbox.left())?.await?,
                }
            })?;
            flushed.await?
        }
    }

    /// Looks whenever something has changed, until there is something, on the runtime of this library.
    async fn await_for<T: Send + 'static>(
        &self,
        timeout: Option<Duration>,
        look: impl Fn(&Outbox) -> Result<Option<T>> + Copy + Send + 'static,
    ) -> Result<Option<T>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let seen = self.changed().count();
            let outbox = self.clone();
            if let Some(found) = runtime::spawn_blocking(move || look(&outbox))?.await?? {
                return Ok(Some(found));
            }
            let again = Instant::now() + LOOK_AGAIN;
            let until = deadline.map_or(again, |deadline| deadline.min(again));
            let changed = timeout_at(until, self.changed().differs(seen)).await;
            if changed.is_err() && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(None);
            }
        }
    }
}

/// A report on its way to whoever asked for it. If it does not get there it is given back.
struct Untouched(Outbox, Option<Report>);

impl Untouched {
    fn touch(mut self) -> Option<Report> {
        self.1.take()
    }
}

impl Drop for Untouched {
    fn drop(&mut self) {
        if let Some(report) = &self.1 {
            self.0.give_back_report(report.number);
        }
    }
}
