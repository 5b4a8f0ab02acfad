//! The thread that sends what waits: each thread's messages in order, several threads at a time.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use flowai::{
    Delivery, Error, ErrorKind, Result,
    runtime::{self, Task},
};

use super::{
    attempt,
    durable::reach,
    gate::{Again, Gate},
    shared::{Finished, Orders, Shared},
    store::{self, Due, Job, Limits, Policy, Problem, Verdict},
};
use crate::storage::{Durability, millis};

/// How often to look for what other processes did.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// How long to wait when the database fails.
const REPAIR_TIME: Duration = Duration::from_millis(500);
/// How long attempts that were given up may take to end.
const GRACE: Duration = Duration::from_secs(2);
/// How many messages of other processes are taken in at a time.
const IMPORTED: usize = 256;

pub(crate) struct Drain {
    shared: Arc<Shared>,
    /// The attempts under way; `None` once one was given up.
    leaving: HashMap<i64, Option<Task<()>>>,
    gate: Gate,
    /// Attempts that began before everything was to be tried at once: their failures say nothing about now.
    outdated: HashSet<i64>,
    /// What could not be written down yet. Their threads wait.
    unsettled: Vec<Settlement>,
    /// Whose waits end with the next transaction.
    wake: Option<Wake>,
    /// When to look for what is due.
    turn_at: Instant,
    /// When to look for what other processes did.
    look_at: Instant,
    /// The version of the database when it was last looked at.
    version: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wake {
    /// Those that wait for the network.
    Shared,
    All,
}

/// What became of an attempt, to be written down.
#[derive(Clone)]
struct Settlement {
    id: i64,
    attempt: u32,
    verdict: Verdict,
}

impl Drain {
    pub(crate) fn new(shared: Arc<Shared>) -> Drain {
        let now = Instant::now();
        Drain {
            shared,
            leaving: HashMap::new(),
            gate: Gate::default(),
            outdated: HashSet::new(),
            unsettled: Vec::new(),
            wake: None,
            turn_at: now,
            look_at: now,
            version: 0,
        }
    }

    /// Runs until the outbox is closed.
    pub(crate) fn run(mut self) {
        runtime::block_signals();
        loop {
            let wake_at = self.turn_at.min(self.look_at);
            let orders = self
                .shared
                .take_orders(wake_at.saturating_duration_since(Instant::now()));
            let close_at = orders.close_at;
            self.note(orders);
            if close_at.is_some_and(|at| self.is_over(at)) {
                return;
            }
            if let Err(error) = self.work(close_at.is_some()) {
                log::warn!("the outbox cannot use its database: {error}");
                self.turn_at = Instant::now() + REPAIR_TIME;
                self.look_at = self.turn_at;
            }
        }
    }

    fn note(&mut self, orders: Orders) {
        let now = Instant::now();
        if orders.hurry {
            self.gate.passed();
            self.outdated = self.leaving.keys().copied().collect();
            self.wake = Some(Wake::All);
            self.look_at = now;
        }
        if orders.look || orders.hurry || !orders.finished.is_empty() {
            self.turn_at = now;
        }
        for finished in orders.finished {
            self.leaving.remove(&finished.id);
            let settlement = self.judge(&finished);
            self.unsettled.push(settlement);
        }
    }

    /// Whether a closing outbox has nothing more to do; gives up at this time what is still leaving.
    fn is_over(&mut self, close_at: Instant) -> bool {
        let now = Instant::now();
        if self.leaving.is_empty() && self.unsettled.is_empty() {
            return true;
        }
        if now >= close_at {
            for task in self.leaving.values_mut() {
                *task = None;
            }
            self.turn_at = now + Duration::from_millis(10);
        }
        now >= close_at + GRACE
    }

    fn work(&mut self, closing: bool) -> Result<()> {
        if self.look_at <= Instant::now() {
            let took = !closing && self.take_in()?;
            if self.version_changed()? || took {
                self.turn_at = Instant::now();
            }
            self.look_at = Instant::now() + LOOK_AGAIN;
        }
        if self.turn_at <= Instant::now() {
            self.turn(closing)?;
        }
        Ok(())
    }

    /// Whether anybody has written to the database since this was last asked.
    fn version_changed(&mut self) -> Result<bool> {
        let read = |db: &rusqlite::Connection| db.pragma_query_value(None, "data_version", |row| row.get(0));
        let version: i64 = self.shared.database.read(read)?;
        Ok(std::mem::replace(&mut self.version, version) != version)
    }

    /// Takes in what other processes have put beside the database.
    pub(crate) fn take_in(&self) -> Result<bool> {
        let shared = &self.shared;
        let mut took = false;
        loop {
            let letters = shared.spool.next(IMPORTED)?;
            let (limits, now, count) = (
                Limits::of(&shared.options),
                shared.clock.steady_ms(),
                letters.len(),
            );
            if count == 0 {
                return Ok(took);
            }
            let import = move |db: &rusqlite::Connection| store::import(db, &letters, &limits, now);
            let names = shared.database.write(Durability::Synced, import)?;
            reach("outbox.imported", shared.database.path())?;
            shared.spool.remove(&names)?;
            reach("outbox.removed", shared.database.path())?;
            let full = names.len() < count;
            took |= !names.is_empty();
            let forget = move |db: &rusqlite::Connection| store::forget_imported(db, &names);
            shared.database.write(Durability::Written, forget)?;
            if full {
                return Ok(took);
            }
        }
    }

    /// Writes down what became of attempts, and starts those whose turn it is.
    fn turn(&mut self, closing: bool) -> Result<()> {
        let shared = self.shared.clone();
        let (settlements, wake) = (self.unsettled.clone(), self.wake);
        let (policy, now) = (Policy::of(&shared.options), shared.clock.steady_ms());
        let busy: HashSet<i64> = self.leaving.keys().copied().collect();
        let room = match closing {
            true => 0,
            false => self.gate.room(busy.len(), shared.options.concurrency),
        };
        let durability = match settlements.is_empty() {
            true => Durability::Written,
            false => Durability::Synced,
        };
        if !settlements.is_empty() {
            reach("outbox.answered", shared.database.path())?;
        }
        let (copies, due) = shared.database.write(durability, move |db| {
            let mut copies = Vec::new();
            for settlement in &settlements {
                let Settlement { id, attempt, verdict } = settlement;
                copies.extend(store::settle(db, *id, *attempt, verdict, &policy, now)?);
            }
            if let Some(wake) = wake {
                store::wake(db, wake == Wake::All, now)?;
            }
            copies.extend(store::expire(db, &policy, now)?);
            Ok((copies, store::due(db, &busy, room, now)?))
        })?;
        if !self.unsettled.is_empty() {
            // The outcome is stored, so there is nothing to fail here.
            let _ = reach("outbox.settled", shared.database.path());
        }
        self.unsettled.clear();
        self.wake = None;
        shared.files.remove(&copies);
        shared.changed.change();
        self.plan(&due, now);
        for job in due.jobs {
            self.start(job);
        }
        Ok(())
    }

    /// When there will be something to do again, if no attempt ends before.
    fn plan(&mut self, due: &Due, now: i64) {
        let begin = Instant::now();
        let next = due.next_at.map(|at| {
            let left = u64::try_from(at.saturating_sub(now)).unwrap_or_default();
            Duration::from_millis(left)
        });
        let wait = [next, self.gate.waits(), Some(Duration::from_secs(60))]
            .into_iter()
            .flatten()
            .min();
        self.turn_at = begin + wait.unwrap_or_default();
    }

    fn start(&mut self, job: Job) {
        let id = job.id;
        match runtime::spawn(attempt::run(self.shared.clone(), job)) {
            Ok(task) => {
                self.leaving.insert(id, Some(task));
            }
            // The attempt says itself that it has ended.
            Err(error) => log::warn!("the outbox cannot send: {error}"),
        }
    }

    /// What the end of an attempt means, for the message and for all of them.
    fn judge(&mut self, finished: &Finished) -> Settlement {
        let verdict = match &finished.result {
            Ok(receipt) => {
                self.passed();
                Verdict::Sent {
                    request_id: receipt.request_id.clone(),
                }
            }
            Err(error) => self.judge_error(finished, error),
        };
        tell(finished, &verdict, self.shared.clock.steady_ms());
        Settlement {
            id: finished.id,
            attempt: finished.attempt,
            verdict,
        }
    }

    fn judge_error(&mut self, finished: &Finished, error: &Error) -> Verdict {
        let problem = Problem::from(error);
        let now = self.shared.clock.steady_ms();
        let given_up = error.kind() == ErrorKind::Cancelled;
        match error.delivery() {
            Some(Delivery::NotSent) if given_up => Verdict::Again {
                due_at: now,
                shared: false,
                problem: Problem::default(),
            },
            Some(Delivery::NotSent) if error.kind() == ErrorKind::InvalidArgument => Verdict::Failed(problem),
            Some(Delivery::Rejected) if !is_temporary(error) => {
                self.passed();
                Verdict::Failed(problem)
            }
            Some(Delivery::NotSent | Delivery::Rejected) => {
                let again = self.again(finished, error);
                Verdict::Again {
                    due_at: now.saturating_add(millis(again.wait)),
                    shared: again.shared,
                    problem,
                }
            }
            _ if given_up => Verdict::Ambiguous { due_at: now, problem },
            _ => {
                let again = self.again(finished, error);
                Verdict::Ambiguous {
                    due_at: now.saturating_add(millis(again.wait)),
                    problem,
                }
            }
        }
    }

    fn again(&mut self, finished: &Finished, error: &Error) -> Again {
        if self.outdated.remove(&finished.id) {
            return Again {
                wait: Duration::ZERO,
                shared: false,
            };
        }
        self.gate
            .failed(finished.id, finished.attempt, error, &self.shared.options)
    }

    /// The service took a message or refused it for good: it can be reached.
    fn passed(&mut self) {
        if self.gate.passed() {
            self.wake = self.wake.or(Some(Wake::Shared));
        }
    }
}

/// Logs what became of an attempt, without the words of the service, which may be about people.
fn tell(finished: &Finished, verdict: &Verdict, now: i64) {
    let Finished { id, attempt, .. } = *finished;
    let again = |due_at: i64| due_at.saturating_sub(now).max(0) as f64 / 1000.0;
    let (level, what, pause) = match verdict {
        Verdict::Sent { .. } => (log::Level::Debug, "sent", None),
        Verdict::Failed(_) => (log::Level::Warn, "failed for good", None),
        Verdict::Again { due_at, .. } => (log::Level::Info, "not sent, and due again", Some(again(*due_at))),
        Verdict::Ambiguous { .. } => (log::Level::Warn, "maybe sent", None),
    };
    let (kind, status, request_id) = match &finished.result {
        Ok(receipt) => (None, None, receipt.request_id.as_deref()),
        Err(error) => (Some(error.kind().name()), error.status(), error.request_id()),
    };
    let reason = kind.map(|kind| format!(": {kind}")).unwrap_or_default();
    let soon = pause.map(|pause| format!(" in {pause:.1} s")).unwrap_or_default();
    log::log!(
        level, message_id = id, attempt, status, request_id, error_kind = kind, pause;
        "message {id} of the outbox, attempt {attempt}: {what}{soon}{reason}"
    );
}

/// Whether a message that was rejected may be taken later. A refused key is replaced sooner or later.
fn is_temporary(error: &Error) -> bool {
    error.is_retryable() || error.kind() == ErrorKind::Authentication
}
