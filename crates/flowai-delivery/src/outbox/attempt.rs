//! One attempt to send one message.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, Ordering},
};

use flowai::{Call, Delivery, Error, ErrorKind, Receipt, Result};

use super::{
    durable::reach,
    letter::message_of,
    shared::{Finished, Shared},
    store::{self, Job},
};
use crate::storage::{Durability, awaited};

/// Sends the message and tells the thread that drains what came of it, also when the future is dropped.
pub(crate) fn run(shared: Arc<Shared>, job: Job) -> impl Future<Output = ()> + Send {
    let attempt = Attempt {
        shared,
        id: job.id,
        number: job.attempts.saturating_add(1),
        begun: Arc::default(),
        result: None,
    };
    async move {
        let result = attempt.send(job).await;
        attempt.end(result);
    }
}

struct Attempt {
    shared: Arc<Shared>,
    id: i64,
    number: u32,
    /// It is written down that the message leaves.
    begun: Arc<AtomicBool>,
    result: Option<Result<Receipt>>,
}

impl Attempt {
    async fn send(&self, job: Job) -> Result<Receipt> {
        let call = self.call(job)?;
        let (id, number) = (self.id, self.number);
        // Weak: a call that was given up must not keep the database open.
        let (shared, begun) = (Arc::downgrade(&self.shared), self.begun.clone());
        call.before_sending(move || begin(shared.clone(), begun.clone(), id, number))
            .await
    }

    /// The result is told when this is dropped.
    fn end(mut self, result: Result<Receipt>) {
        self.result = Some(result);
    }

    fn call(&self, job: Job) -> Result<Call<Receipt>> {
        let not_sent = |error: Error| error.with_delivery(Some(Delivery::NotSent));
        // What is damaged is not repaired by waiting.
        let damaged = |e: &dyn std::error::Error| not_sent(Error::argument("message", e));
        let message = message_of(&job.body).map_err(|e| damaged(&e))?;
        let client = &self.shared.client;
        Ok(match job.file {
            None => client.send(&job.thread_id, message),
            Some(file) => {
                let file = serde_json::from_str(&file).map_err(|e| damaged(&e))?;
                let upload = self.shared.files.upload(file, message).map_err(not_sent)?;
                client.upload_media(&job.thread_id, upload)
            }
        })
    }
}

/// Commits that the message leaves, before its first byte does.
async fn begin(shared: Weak<Shared>, begun: Arc<AtomicBool>, id: i64, attempt: u32) -> Result<()> {
    let gone = |why: &str| Err(Error::new(ErrorKind::Cancelled, why));
    let Some(shared) = shared.upgrade() else {
        return gone("the outbox is closed");
    };
    let now = shared.clock.steady_ms();
    let there = awaited(|done| {
        let work = move |db: &rusqlite::Connection| store::begin_attempt(db, id, attempt, now);
        shared.database.submit(Durability::Synced, work, done);
    })
    .await?;
    if !there {
        return gone("the message was taken out of the outbox");
    }
    begun.store(true, Ordering::Release);
    reach("outbox.sending", shared.database.path())?;
    if shared.is_closing() {
        return gone("the outbox is closed");
    }
    Ok(())
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let ended = || {
            let delivery = match self.begun.load(Ordering::Acquire) {
                true => Delivery::MaybeSent,
                false => Delivery::NotSent,
            };
            Err(Error::new(ErrorKind::Cancelled, "the outbox was closed").with_delivery(Some(delivery)))
        };
        let finished = Finished {
            id: self.id,
            attempt: self.number,
            result: self.result.take().unwrap_or_else(ended),
        };
        self.shared.order(|orders| orders.finished.push(finished));
    }
}
