//! The thread that writes, and how many writes share one commit.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use flowai::{Error, ErrorKind, Result, runtime};
use rusqlite::Connection;

use super::{
    connection::{Location, set_synced},
    done::{closed, together},
    error::Failure,
    failpoint,
    secure_log::leave,
};

/// How many writes share a commit at most.
const GROUP: usize = 512;

/// How long a write waits at most for others to share its commit.
const GATHERING: Duration = Duration::from_millis(2);

/// What a write survives once it has returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// A power failure.
    Synced,
    /// A crash of the process.
    Written,
}

/// Work that is done from time to time, in a transaction of its own.
pub(crate) struct Upkeep {
    pub(crate) every: Duration,
    /// Tells whether more of it is left, to be done after the writes that wait.
    pub(crate) work: Box<UpkeepWork>,
}

type UpkeepWork = dyn FnMut(&Connection) -> rusqlite::Result<bool> + Send;

/// One write, from its call to its result.
trait Job: Send {
    fn durability(&self) -> Durability;
    /// May be called again after a rollback.
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()>;
    fn finish(self: Box<Self>, outcome: Result<()>);
}

struct Write<T, F, D> {
    durability: Durability,
    work: F,
    value: Option<T>,
    done: D,
}

impl<T, F, D> Job for Write<T, F, D>
where
    T: Send,
    F: FnMut(&Connection) -> rusqlite::Result<T> + Send,
    D: FnOnce(Result<T>) + Send,
{
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.value = None;
        self.value = Some((self.work)(connection)?);
        Ok(())
    }

    fn finish(self: Box<Self>, outcome: Result<()>) {
        let Write { value, done, .. } = *self;
        done(outcome.and_then(|()| value.ok_or_else(|| broken("a write has no result"))));
    }
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Internal, what)
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Box<dyn Job>>,
    /// At how many jobs the thread wants to be woken.
    wanted: usize,
    closed: bool,
}

/// What the last commit that waited for the disk was like. Writers that were told of it together come back together, one
/// shortly after the other: to commit the first of them alone would make the others wait for two commits. Half of them are
/// waited for, so that the other half is received while these are written.
#[derive(Clone, Copy, Debug, Default)]
struct LastCommit {
    writes: usize,
    took: Duration,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handle of the thread. Dropping it writes what is queued, then ends the thread.
pub(crate) struct Writer {
    queue: Arc<Queue>,
    undone: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(
        location: Location,
        connection: Connection,
        upkeep: Option<Upkeep>,
    ) -> Result<Writer> {
        let queue = Arc::new(Queue::default());
        let undone = Arc::<AtomicU64>::default();
        let mut worker = Worker {
            queue: queue.clone(),
            undone: undone.clone(),
            location,
            connection: Some(connection),
            synced: true,
            last: LastCommit::default(),
            upkeep,
        };
        let thread = thread::Builder::new()
            .name("flowai-writer".into())
            .spawn(move || {
                runtime::block_signals();
                worker.work();
            })
            .map_err(|e| broken("cannot start a thread").with_source(e))?;
        Ok(Writer {
            queue,
            undone,
            thread: Some(thread),
        })
    }

    /// How many transactions have been undone, for those who remember what they have written. Counted on the thread that
    /// writes, before the next transaction begins.
    pub(crate) fn undone(&self) -> Arc<AtomicU64> {
        self.undone.clone()
    }

    /// Queues a write; `done` is called on the writing thread once its transaction has ended.
    pub(crate) fn submit<T, F, D>(&self, durability: Durability, work: F, done: D)
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
        D: FnOnce(Result<T>) + Send + 'static,
    {
        let job = Box::new(Write {
            durability,
            work,
            value: None,
            done,
        });
        let mut state = self.queue.lock();
        if state.closed {
            drop(state);
            return job.finish(Err(closed()));
        }
        state.jobs.push_back(job);
        // One that is at work looks at the queue by itself.
        let wake = state.jobs.len() == state.wanted;
        drop(state);
        if wake {
            self.queue.changed.notify_one();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.changed.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

struct Worker {
    queue: Arc<Queue>,
    undone: Arc<AtomicU64>,
    location: Location,
    /// `None` after it has failed, until the next write.
    connection: Option<Connection>,
    /// Whether the connection's commits wait for the disk.
    synced: bool,
    last: LastCommit,
    upkeep: Option<Upkeep>,
}

impl Worker {
    fn work(&mut self) {
        let mut upkeep_at = self.after_upkeep(false);
        while let Some(jobs) = self.wait(upkeep_at) {
            if !jobs.is_empty() {
                self.commit(jobs);
            }
            if is_past(upkeep_at) {
                let more = self.keep_up();
                upkeep_at = self.after_upkeep(more);
            }
        }
    }

    /// When the next upkeep is due.
    fn after_upkeep(&self, more: bool) -> Option<Instant> {
        let every = self.upkeep.as_ref()?.every;
        Instant::now().checked_add(if more { Duration::ZERO } else { every })
    }

    /// The next writes; none when it is time for the upkeep; nothing when the database is closed and all is written.
    fn wait(&self, upkeep_at: Option<Instant>) -> Option<Vec<Box<dyn Job>>> {
        let mut state = self.queue.lock();
        state.wanted = 1;
        while state.jobs.is_empty() && !state.closed && !is_past(upkeep_at) {
            let changed = &self.queue.changed;
            state = match upkeep_at {
                Some(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    let woken = changed.wait_timeout(state, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        if state.closed && state.jobs.is_empty() {
            return None;
        }
        let syncs = state
            .jobs
            .front()
            .is_some_and(|job| job.durability() == Durability::Synced);
        let wanted = self.last.writes.div_ceil(2);
        if syncs && !state.closed && state.jobs.len() < wanted {
            state.wanted = wanted;
            let alone = |state: &mut State| !state.closed && state.jobs.len() < state.wanted;
            let gathered = self
                .queue
                .changed
                .wait_timeout_while(state, self.last.took.min(GATHERING), alone);
            state = gathered.unwrap_or_else(PoisonError::into_inner).0;
        }
        // While it commits it need not be woken.
        state.wanted = 0;
        let count = state.jobs.len().min(GROUP);
        Some(state.jobs.drain(..count).collect())
    }

    fn commit(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        match self.transact(&mut jobs) {
            Ok(()) => together(|| {
                for job in jobs {
                    job.finish(Ok(()));
                }
            }),
            Err(Trouble::Unopened(error)) => {
                let mut error = Some(error);
                for job in jobs {
                    let told = error.take().unwrap_or_else(|| {
                        super::error::refused(&self.location.path, "the database cannot be opened")
                    });
                    job.finish(Err(told));
                }
            }
            Err(Trouble::Panic) if jobs.len() == 1 => {
                for job in jobs {
                    job.finish(Err(broken("a write to the database panicked")));
                }
            }
            Err(Trouble::Failure(failure)) if jobs.len() == 1 || failure.concerns_all() => {
                for job in jobs {
                    job.finish(Err(failure.of(&self.location.path)));
                }
            }
            Err(Trouble::Panic | Trouble::Failure(_)) => {
                for job in jobs {
                    self.commit(vec![job]);
                }
            }
        }
    }

    /// Runs all of them in one transaction, or none.
    fn transact(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Trouble> {
        let synced = jobs.iter().any(|job| job.durability() == Durability::Synced);
        let began = Instant::now();
        let result = self.with_connection(synced, |connection| {
            for job in jobs.iter_mut() {
                job.run(connection)?;
            }
            Ok(())
        });
        if synced {
            self.last = LastCommit {
                writes: jobs.len(),
                took: began.elapsed(),
            };
        }
        result
    }

    fn with_connection<T>(
        &mut self,
        synced: bool,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Trouble> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                self.synced = true;
                self.location.open_writer().map_err(Trouble::Unopened)?
            }
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            if self.synced != synced {
                set_synced(&connection, synced)?;
                self.synced = synced;
            }
            transaction(&connection, work)
        }));
        let (keep, result) = match outcome {
            Ok(Ok(value)) => (true, Ok(value)),
            Ok(Err(error)) => {
                let failure = Failure::from(error);
                (!failure.ends_connection(), Err(Trouble::Failure(failure)))
            }
            Err(_) => (true, Err(Trouble::Panic)),
        };
        if result.is_err() {
            self.undone.fetch_add(1, Ordering::Relaxed);
        }
        let ended = connection.is_autocommit() || connection.execute_batch("ROLLBACK").is_ok();
        if keep && ended {
            self.connection = Some(connection);
        } else {
            let _ = leave(&connection);
        }
        result
    }

    fn keep_up(&mut self) -> bool {
        let Some(mut upkeep) = self.upkeep.take() else {
            return false;
        };
        let result = self.with_connection(false, |connection| (upkeep.work)(connection));
        self.upkeep = Some(upkeep);
        match result {
            Ok(more) => more,
            Err(Trouble::Failure(failure)) => {
                log::warn!("upkeep failed: {}", failure.of(&self.location.path));
                false
            }
            Err(_) => false,
        }
    }
}

fn is_past(time: Option<Instant>) -> bool {
    time.is_some_and(|time| time <= Instant::now())
}

enum Trouble {
    /// There is no connection.
    Unopened(Error),
    Failure(Failure),
    Panic,
}

fn transaction<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    failpoint::reach("storage.begin")?;
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let value = work(connection)?;
    failpoint::reach("storage.commit")?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    failpoint::reach("storage.committed")?;
    Ok(value)
}
