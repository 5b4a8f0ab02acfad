//! The queue of webhook deliveries ("Webhooks" of the API document).
//!
//! The events of one thread go out one after another, each when the one before it is acknowledged or given up;
//! threads do not wait for each other.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::clock::Pace;
use crate::deliveries::{DeliveryLog, DeliveryState};
use crate::http_out::{HttpOut, Target};
use crate::jwt;
use crate::shared::lock;

/// Calls under way at the same time.
const PARALLEL: usize = 32;
/// The wait after the first failure; each further one doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// How long an event is tried: the four hours of "Responding to a call".
const GIVE_UP_AFTER: Duration = Duration::from_secs(4 * 3600);

/// Where events go, and what signs them.
pub(crate) struct Webhook {
    pub(crate) target: Target,
    pub(crate) secret: String,
}

struct Job {
    number: u64,
    body: Bytes,
    webhook: Arc<Webhook>,
}

/// The queue. Everything here is called from any thread; the work happens on `runtime`.
pub(crate) struct Webhooks {
    pub(crate) out: HttpOut,
    pub(crate) log: DeliveryLog,
    pub(crate) runtime: Handle,
    identity: Identity,
    pace: Pace,
    current: Mutex<Option<Arc<Webhook>>>,
    lanes: Mutex<HashMap<Arc<str>, VecDeque<Job>>>,
    slots: Semaphore,
}

/// The imaginary project, named in tokens and replies.
pub(crate) struct Identity {
    pub(crate) agent_id: String,
    pub(crate) channel_id: String,
    pub(crate) flow_id: String,
}

impl Webhooks {
    /// `pace` is that of the waits between attempts.
    pub(crate) fn new(runtime: Handle, out: HttpOut, identity: Identity, pace: Pace) -> Self {
        Self {
            out,
            log: DeliveryLog::new(),
            runtime,
            identity,
            pace,
            current: Mutex::new(None),
            lanes: Mutex::new(HashMap::new()),
            slots: Semaphore::new(PARALLEL),
        }
    }

    pub(crate) fn agent_id(&self) -> &str {
        &self.identity.agent_id
    }

    pub(crate) fn channel_id(&self) -> &str {
        &self.identity.channel_id
    }

    pub(crate) fn flow_id(&self) -> &str {
        &self.identity.flow_id
    }

    /// The token of a call that is made now.
    pub(crate) fn token(&self, secret: &str) -> String {
        let claims = jwt::Claims {
            agent_id: self.agent_id(),
            channel_id: self.channel_id(),
        };
        jwt::sign(secret, &claims)
    }

    pub(crate) fn register(&self, webhook: Webhook) {
        *lock(&self.current) = Some(Arc::new(webhook));
    }

    /// Queues an event for the webhook registered now. The root's `threadId` names the thread.
    pub(crate) fn send(self: &Arc<Self>, event: Value) {
        let body = Bytes::from(event.to_string());
        let lane: Arc<str> = Arc::from(event.get("threadId").and_then(Value::as_str).unwrap_or_default());
        let webhook = lock(&self.current).clone();
        let url = webhook.as_ref().map(|webhook| webhook.target.url().to_owned());
        // The lanes stay locked while the event gets its number, so that numbers and lanes tell one order.
        let mut lanes = lock(&self.lanes);
        let (Some(number), Some(webhook)) = (self.log.add(event, body.len(), url), webhook) else {
            return;
        };
        let job = Job {
            number,
            body,
            webhook,
        };
        if let Some(queue) = lanes.get_mut(&lane) {
            queue.push_back(job);
        } else {
            lanes.insert(Arc::clone(&lane), VecDeque::from([job]));
            self.runtime.spawn(Arc::clone(self).run(lane));
        }
    }

    async fn run(self: Arc<Self>, lane: Arc<str>) {
        while let Some(job) = self.next(&lane) {
            let state = self.deliver(&job).await;
            self.log.settle(job.number, job.body.len(), state);
        }
    }

    /// The next job of a lane; a lane without one ends.
    fn next(&self, lane: &Arc<str>) -> Option<Job> {
        let mut lanes = lock(&self.lanes);
        let job = lanes.get_mut(lane).and_then(VecDeque::pop_front);
        if job.is_none() {
            lanes.remove(lane);
        }
        job
    }

    async fn deliver(&self, job: &Job) -> DeliveryState {
        let mut backoff = Backoff::default();
        loop {
            let Ok(slot) = self.slots.acquire().await else {
                return DeliveryState::Failed;
            };
            let begun = Instant::now();
            let token = self.token(&job.webhook.secret);
            let outcome = self.out.post(&job.webhook.target, job.body.clone(), &token).await;
            drop(slot);
            self.log.attempted(job.number, &outcome);
            match outcome {
                Ok(200..=299) => return DeliveryState::Delivered,
                Ok(status) => log::debug!("the webhook answered {status}"),
                Err(reason) => log::debug!("the webhook could not be called: {reason}"),
            }
            match backoff.next(begun.elapsed()) {
                Some(wait) => sleep(self.pace.real(wait)).await,
                None => return DeliveryState::Failed,
            }
        }
    }
}

/// The waits between the attempts of one event, on the sandbox's clock.
#[derive(Default)]
struct Backoff {
    failures: u32,
    elapsed: Duration,
}

impl Backoff {
    /// The wait after an attempt that took `spent`; none when the next one would be too late.
    fn next(&mut self, spent: Duration) -> Option<Duration> {
        let factor = 2_u32.saturating_pow(self.failures);
        let wait = FIRST_WAIT.saturating_mul(factor).min(LONGEST_WAIT);
        self.failures += 1;
        self.elapsed = self.elapsed.saturating_add(spent).saturating_add(wait);
        (self.elapsed <= GIVE_UP_AFTER).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_ten_minutes_and_end_after_four_hours() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = std::iter::from_fn(|| backoff.next(Duration::ZERO))
            .map(|wait| wait.as_secs())
            .collect();
        assert_eq!(waits[..11], [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600]);
        let total: u64 = waits.iter().sum();
        assert!(total <= 4 * 3600 && total + 600 > 4 * 3600, "{total}");
    }
}
