//! Reports, one after the other.

use std::time::Duration;

use flowai::{Result, runtime};

use super::{entry::Report, handle::Outbox};

/// The reports of an outbox as they come: see [`Outbox::reports`].
#[derive(Debug)]
pub struct Reports {
    outbox: Outbox,
    timeout: Option<Duration>,
    /// The report that is being handled.
    last: Option<i64>,
}

impl Reports {
    pub(crate) fn new(outbox: &Outbox, timeout: Option<Duration>) -> Reports {
        Reports {
            outbox: outbox.clone(),
            timeout,
            last: None,
        }
    }

    /// As [`next`](Iterator::next), awaited in any async runtime. Dropping the future loses no report.
    ///
    /// # Errors
    ///
    /// Those of [`Outbox::next_report`].
    pub async fn next_async(&mut self) -> Result<Option<Report>> {
        if let Some(number) = self.last {
            let outbox = self.outbox.clone();
            runtime::spawn_blocking(move || outbox.acknowledge(number))?.await??;
            self.last = None;
        }
        let report = self.outbox.next_report_async(self.timeout).await?;
        self.last = report.as_ref().map(|report| report.number);
        Ok(report)
    }

    /// Like [`next`](Iterator::next), and calls `tick` at least every 50 ms while waiting, without holding a lock. An error
    /// of `tick` ends the wait and is returned; no report is lost.
    pub fn next_with(&mut self, tick: &mut dyn FnMut() -> Result<()>) -> Result<Option<Report>> {
        if let Some(number) = self.last {
            self.outbox.acknowledge(number)?;
            self.last = None;
        }
        let report = self.outbox.next_report_with(self.timeout, tick)?;
        self.last = report.as_ref().map(|report| report.number);
        Ok(report)
    }
}

impl Iterator for Reports {
    type Item = Result<Report>;

    fn next(&mut self) -> Option<Result<Report>> {
        self.next_with(&mut || Ok(())).transpose()
    }
}
