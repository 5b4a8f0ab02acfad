//! What the receiver tells whoever watches it: numbers, never content.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Map, Value};

use crate::{inbox::Inbox, intake::Outage};

/// How long an answer is good for, so that asking often costs nothing.
const GOOD_FOR: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Option<(Instant, Report)>>);

/// What is told.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// Whether calls are acknowledged, as far as is known.
    pub(crate) good: bool,
    pub(crate) body: Value,
}

impl Health {
    /// `queued` is the number of events in memory.
    pub(crate) async fn report(&self, inbox: Option<&Inbox>, queued: usize, outage: &Outage) -> Report {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, report)) = last
            && at.elapsed() < GOOD_FOR
        {
            return report;
        }
        let mut good = outage.lasts().is_none();
        let mut facts = Map::new();
        if let Some(lasts) = outage.lasts() {
            facts.insert("failing_seconds".into(), lasts.as_secs().into());
        }
        match inbox.cloned() {
            None => {
                facts.insert("queued".into(), queued.into());
            }
            Some(inbox) => match tokio::task::spawn_blocking(move || inbox.stats()).await {
                Ok(Ok(stats)) => {
                    let oldest = stats.oldest_waiting.map(|age| age.as_secs());
                    facts.insert("waiting".into(), stats.waiting.into());
                    facts.insert("dead".into(), stats.dead.into());
                    facts.insert("oldest_waiting_seconds".into(), oldest.into());
                }
                _ => good = false,
            },
        }
        facts.insert("status".into(), if good { "ok" } else { "failing" }.into());
        let body = Value::Object(facts);
        let report = Report { good, body };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), report.clone()));
        report
    }
}
