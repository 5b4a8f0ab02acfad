//! What is done with a thread: pause, resume, handover, takeover, resolve; and the events that tell it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Map;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::bot::Change;
use crate::documents::event;
use crate::shared::{Shared, lock};
use crate::threads::{ThreadState, Threads};

/// Does what was asked, and tells it even where it changes nothing.
pub(crate) fn apply(shared: &Arc<Shared>, threads: &mut Threads, thread_id: &str, change: Change) {
    match change {
        Change::Pause => {
            threads.pause(thread_id, |_| None);
            tell(shared, "control.pause", thread_id);
        }
        Change::Resume => {
            threads.resume(thread_id, None);
            resumed(shared, threads, thread_id);
        }
        Change::Handover(duration) => {
            tell(shared, "control.handover", thread_id);
            hand_over(shared, threads, thread_id, duration);
        }
        Change::Takeover => {
            tell(shared, "takeover", thread_id);
            hand_over(shared, threads, thread_id, None);
        }
        Change::Resolve => {
            if threads.resume(thread_id, None) {
                tell(shared, "control.resume", thread_id);
            }
            threads.set_state(thread_id, ThreadState::Resolved);
        }
    }
}

/// A moderator speaks, so the bot is silent from now on.
pub(crate) fn step_aside(shared: &Shared, threads: &mut Threads, thread_id: &str) {
    if !threads.is_paused(thread_id) && threads.pause(thread_id, |_| None) {
        tell(shared, "control.pause", thread_id);
    }
}

/// Pauses the bot until `duration` has passed, or as long as handovers last here.
fn hand_over(shared: &Arc<Shared>, threads: &mut Threads, thread_id: &str, duration: Option<Duration>) {
    threads.set_state(thread_id, ThreadState::Handover);
    let duration = duration.or(shared.seed.handover_pause);
    let end = |number| duration.map(|duration| resume_after(shared, thread_id, duration, number));
    if threads.pause(thread_id, end) {
        tell(shared, "control.pause", thread_id);
    }
}

/// Ends the pause with this number when it has lasted long enough.
fn resume_after(shared: &Arc<Shared>, thread_id: &str, duration: Duration, number: u64) -> AbortHandle {
    let wait = shared.options.pace.real(duration);
    let (shared, thread_id) = (Arc::clone(shared), thread_id.to_owned());
    let runtime = shared.webhooks.runtime.clone();
    let waiting = runtime.spawn(async move {
        sleep(wait).await;
        let mut threads = lock(&shared.threads);
        if threads.resume(&thread_id, Some(number)) {
            resumed(&shared, &mut threads, &thread_id);
        }
    });
    waiting.abort_handle()
}

/// The bot speaks again, so nobody else has the thread.
fn resumed(shared: &Shared, threads: &mut Threads, thread_id: &str) {
    if threads.state(thread_id) == ThreadState::Handover {
        threads.set_state(thread_id, ThreadState::Open);
    }
    tell(shared, "control.resume", thread_id);
}

fn tell(shared: &Shared, name: &str, thread_id: &str) {
    shared.webhooks.send(event(name, thread_id, Map::new()));
}
