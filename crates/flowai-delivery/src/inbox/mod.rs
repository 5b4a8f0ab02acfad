//! The inbox: events that were received and must be handled, in a file that survives crashes and power loss.
//!
//! [`Inbox`] is the handle; `delivery` is one event in the hands of its handler, `workers` runs handlers. `awaited` is the
//! handle and the handlers of those who do not block. `store` is what the inbox asks of its engine, `sqlite` the engine,
//! `entry` what is told about stored events.

mod awaited;
mod delivery;
mod entry;
mod options;
mod sqlite;
mod store;
mod workers;

#[cfg(test)]
mod behaviour;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use flowai::{Error, ErrorKind, Event, Result, parse_event, parse_events, runtime};

pub use self::{
    delivery::Delivery,
    entry::{Entry, EventState, Filter, InboxStats, StoredEvent},
    options::InboxOptions,
};
use self::{
    sqlite::{Keep, Settings, SqliteStore},
    store::{Arrival, Discarded, Identity, InboxStore, Lease, Leased, Outcome},
};
use crate::signal::Signal;
use crate::storage::{Clock, Done, Role, awaited, wait};

/// How long to wait at most before looking again: other processes store and replay without a word.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// About 2 MiB of memory, once so many events have come.
const RECENT_IDENTITIES: usize = 32_768;

/// Events that were received and are to be handled, at least once each, in a file.
///
/// - What is [`put`](Self::put) survives crashes and power loss once the call has returned.
/// - An event that comes again is stored once, if it carries an identity ([`Event::dedupe_key`]). One without is always
///   stored, and marked [`maybe_duplicate`](Delivery::maybe_duplicate) if the same bytes came within 24 hours.
/// - The events of a thread are handed out one at a time, in the order in which they were stored; different threads in
///   parallel. Events without a thread are one thread.
/// - An event that is not acknowledged is handed out again, later and later, and becomes a dead letter in the end; then its
///   thread goes on. After a crash events are handed out that had been handled and not yet acknowledged.
///
/// Clones are the same inbox, for use by many threads. A file has one owner, and a process may own several files. In a
/// forked child every method fails with [`ErrorKind::Forked`].
#[derive(Clone)]
pub struct Inbox(Arc<Shared>);

struct Shared {
    generation: u64,
    path: PathBuf,
    role: Role,
    options: InboxOptions,
    signal: Arc<Signal>,
    /// `None` once it is closed.
    store: RwLock<Option<Arc<dyn InboxStore>>>,
}

impl Inbox {
    /// Opens the inbox in this file, which is created when it is missing. It must be on a disk of this machine.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`], saying why: another process has the inbox open, the file is damaged, belongs to another
    /// application or to a newer version of this library, or cannot be made to survive power failures.
    pub fn open(path: impl AsRef<Path>) -> Result<Inbox> {
        Inbox::open_with(path, InboxOptions::default())
    }

    /// As [`open`](Self::open), with settings.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`ErrorKind::InvalidArgument`] naming `options`.
    pub fn open_with(path: impl AsRef<Path>, options: InboxOptions) -> Result<Inbox> {
        Inbox::open_as(Role::Owner, path.as_ref(), options)
    }

    /// Opens an inbox that another process may own, to look at it and to mend it: events are listed, replayed, discarded,
    /// forgotten and put, and not handed out. The owner notices within a second.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`] as [`open`](Self::open); also when there is no such file, or one of an older version.
    pub fn attach(path: impl AsRef<Path>) -> Result<Inbox> {
        Inbox::open_as(Role::Guest, path.as_ref(), InboxOptions::default())
    }

    fn open_as(role: Role, path: &Path, options: InboxOptions) -> Result<Inbox> {
        options.check()?;
        let settings = Settings {
            role,
            lock_time: options.lock_time,
            max_bytes: options.max_bytes,
            keep: Keep {
                identities: options.deduplication,
                handled: options.keep_handled,
                dead: options.keep_dead,
            },
            recent_identities: RECENT_IDENTITIES,
        };
        let store = SqliteStore::open(path, settings, Clock::system())?;
        Ok(Inbox::over(role, path, options, Arc::new(store)))
    }

    fn over(role: Role, path: &Path, options: InboxOptions, store: Arc<dyn InboxStore>) -> Inbox {
        Inbox(Arc::new(Shared {
            generation: runtime::generation(),
            path: path.to_owned(),
            role,
            options,
            signal: Arc::default(),
            store: RwLock::new(Some(store)),
        }))
    }

    fn check_process(&self) -> Result<()> {
        if runtime::generation() == self.0.generation {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Forked,
            "the inbox belongs to the process that this one was forked from",
        ))
    }

    fn check_owner(&self) -> Result<()> {
        match self.0.role {
            Role::Owner => Ok(()),
            Role::Guest => Err(Error::new(
                ErrorKind::InvalidArgument,
                "events are handed out by the owner of the inbox; open it instead of attaching to it",
            )),
        }
    }

    fn store(&self) -> Result<Arc<dyn InboxStore>> {
        self.check_process()?;
        let store = self.0.store.read().unwrap_or_else(PoisonError::into_inner);
        store
            .clone()
            .ok_or_else(|| Error::new(ErrorKind::Closed, "the inbox is closed"))
    }

    /// The file, as it was given.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// How the inbox behaves.
    pub fn options(&self) -> &InboxOptions {
        &self.0.options
    }

    /// Closes the inbox for all its clones: whoever waits gets [`ErrorKind::Closed`], writes that have begun are finished,
    /// and another process can open the file. Events that are being handled will be handed out again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Forked`].
    pub fn close(&self) -> Result<()> {
        self.check_process()?;
        let store = self
            .0
            .store
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(store);
        self.0.signal.change();
        Ok(())
    }

    /// Stores the event or the array of events that a webhook call carries, all or none, and returns once they are safe.
    /// Check with a [`Verifier`](flowai::Verifier) first: whatever is given is stored. A body that cannot be read is stored
    /// as a dead letter, since its sender would only repeat it.
    ///
    /// This blocks its thread for as long as a commit takes; see [`put_async`](Self::put_async).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`]: nothing is stored, as far as anybody knows; answer the call with 503, and it will come again.
    /// [`ErrorKind::Closed`], [`ErrorKind::Forked`].
    pub fn put(&self, body: impl Into<Bytes>) -> Result<Vec<StoredEvent>> {
        wait(|done| self.start_put(body.into(), done))
    }

    /// As [`put`](Self::put), awaited in any async runtime. Dropping the future does not undo it.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub async fn put_async(&self, body: impl Into<Bytes>) -> Result<Vec<StoredEvent>> {
        awaited(|done| self.start_put(body.into(), done)).await
    }

    fn start_put(&self, body: Bytes, done: Done<Vec<StoredEvent>>) {
        let store = match self.store() {
            Ok(store) => store,
            Err(error) => return done(Err(error)),
        };
        let signal = self.0.signal.clone();
        store.put(
            arrivals(body),
            Box::new(move |result| {
                let new = |event: &StoredEvent| !event.duplicate && !event.dead;
                if result.as_ref().is_ok_and(|stored| stored.iter().any(new)) {
                    signal.change();
                }
                done(result);
            }),
        );
    }

    /// The next event to handle, waiting for at most `timeout` (`None`: for ever). `Ok(None)` when the time is over.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`], after which the event is handed out later; [`ErrorKind::Closed`]; [`ErrorKind::Forked`];
    /// [`ErrorKind::InvalidArgument`] when the inbox was only [attached](Self::attach) to.
    pub fn next(&self, timeout: Option<Duration>) -> Result<Option<Delivery>> {
        self.next_with(timeout, &mut || Ok(()))
    }

    /// The next event to handle, if there is one now. Errors are those of [`next`](Self::next).
    pub fn try_next(&self) -> Result<Option<Delivery>> {
        self.next(Some(Duration::ZERO))
    }

    /// Like [`next`](Self::next), and calls `tick` at least every 50 ms while waiting, without holding a lock. An error of
    /// `tick` ends the wait and is returned.
    pub fn next_with(
        &self,
        timeout: Option<Duration>,
        tick: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Option<Delivery>> {
        self.check_owner()?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            self.check_process()?;
            let seen = self.0.signal.count();
            let look_again = match self.lease()? {
                Taken::Event(delivery) => return Ok(Some(*delivery)),
                Taken::Nothing(look_again) => look_again,
            };
            // After the count: a nudge from here on ends the wait.
            tick()?;
            let again = Instant::now() + look_again;
            loop {
                let now = Instant::now();
                let until = deadline.map_or(again, |deadline| deadline.min(again));
                let slice = until.saturating_duration_since(now).min(runtime::TICK);
                if self.0.signal.wait(seen, slice) {
                    break;
                }
                if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    return Ok(None);
                }
                tick()?;
                self.check_process()?;
                if again <= Instant::now() {
                    break;
                }
            }
        }
    }

    /// A function that has everybody who waits call their `tick` now, from any thread of this process.
    pub fn nudger(&self) -> impl Fn() + Send + Sync + 'static {
        let signal = self.0.signal.clone();
        move || signal.change()
    }

    /// Leases the next event that can be handled; those that cannot become dead letters.
    fn lease(&self) -> Result<Taken> {
        let store = self.store()?;
        let options = &self.0.options;
        loop {
            let lease = match store.lease(options.lease_time)? {
                Leased::Event(lease) => lease,
                Leased::Nothing(time) => {
                    return Ok(Taken::Nothing(
                        time.map_or(LOOK_AGAIN, |time| time.min(LOOK_AGAIN)),
                    ));
                }
            };
            let claim = lease.claim;
            let reason = if lease.attempt > options.max_attempts {
                format!(
                    "it was handed out {} times without an outcome",
                    options.max_attempts
                )
            } else {
                match parse_event(lease.body.clone()) {
                    Ok(event) => return Ok(Taken::Event(Box::new(self.delivery(lease, event)))),
                    Err(error) => error.message().to_owned(),
                }
            };
            log::warn!("event {} of the inbox becomes a dead letter: {reason}", claim.id);
            wait(|done| store.settle(claim, Outcome::Dead(reason), done))?;
        }
    }

    fn delivery(&self, lease: Lease, event: Event) -> Delivery {
        let (event_id, attempt) = (lease.claim.id, lease.attempt);
        log::debug!(event_id, attempt; "event {event_id} of the inbox is handed out, attempt {attempt}");
        Delivery::new(self.clone(), lease, event)
    }

    /// Runs `handler` for every event, on `workers` threads at a time, until the inbox is closed. See
    /// [`handle_with`](Self::handle_with).
    ///
    /// # Errors
    ///
    /// As [`handle_with`](Self::handle_with).
    pub fn handle<E: fmt::Display>(
        &self,
        workers: usize,
        handler: impl Fn(&Arc<Delivery>) -> Result<(), E> + Sync,
    ) -> Result<()> {
        self.handle_with(workers, handler, &mut || Ok(()))
    }

    /// Runs `handler` for every event, on `workers` threads at a time, until the inbox is closed or `tick`, which is called
    /// about every 50 ms on the calling thread, returns an error. Then no further event is taken, and this returns when the
    /// running handlers have.
    ///
    /// `Ok` acknowledges the event unless the handler has said itself what became of it. An error or a panic is a failure:
    /// the event is handed out again later, and becomes a dead letter after
    /// [`max_attempts`](InboxOptions::max_attempts). While a handler runs its event is not handed out to another one,
    /// however long it takes. When the storage fails the workers go on trying.
    ///
    /// # Errors
    ///
    /// That of `tick`; [`ErrorKind::InvalidArgument`] naming `workers` when that is 0, or as [`next`](Self::next);
    /// [`ErrorKind::Forked`].
    pub fn handle_with<E: fmt::Display>(
        &self,
        workers: usize,
        handler: impl Fn(&Arc<Delivery>) -> Result<(), E> + Sync,
        tick: &mut dyn FnMut() -> Result<()>,
    ) -> Result<()> {
        workers::run(self, workers, &handler, tick)
    }

    /// Events by number, oldest first, whatever has become of them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`], [`ErrorKind::Closed`], [`ErrorKind::Forked`]; so for all methods below.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Entry>> {
        self.store()?.list(filter)
    }

    /// One event with its body, byte for byte as it came; nothing when there is none with this number.
    pub fn show(&self, id: i64) -> Result<Option<(Entry, Bytes)>> {
        self.store()?.show(id)
    }

    /// Stores a copy of the event, with the same bytes, to be handled after everything that waits now; its handler sees
    /// that it is [`replayed`](Delivery::replayed). A dead letter is handled then. Gives the numbers of the copies: one, or
    /// several when a dead letter that could not be read turns out to be an array; none when there is no event with this
    /// number.
    ///
    /// # Errors
    ///
    /// Also [`ErrorKind::WebhookParse`] when the event still cannot be read.
    pub fn replay(&self, id: i64) -> Result<Vec<i64>> {
        let store = self.store()?;
        let Some((_, body)) = store.show(id)? else {
            return Ok(Vec::new());
        };
        let copies = parse_events(body)?.iter().map(arrival).collect();
        let ids = store.replay(id, copies)?.unwrap_or_default();
        self.0.signal.change();
        Ok(ids)
    }

    /// Removes an event for good; false when there is none with this number.
    ///
    /// # Errors
    ///
    /// Also [`ErrorKind::InvalidArgument`] naming `id` when the event is being handled.
    pub fn discard(&self, id: i64) -> Result<bool> {
        let discarded = self.store()?.discard(id)?;
        self.0.signal.change();
        match discarded {
            Discarded::Yes => Ok(true),
            Discarded::Missing => Ok(false),
            Discarded::BeingHandled => Err(Error::argument("id", "the event is being handled")),
        }
    }

    /// Removes all events of a conversation for good, handled or not, and overwrites them in the file; tells how many there
    /// were. An id without a channel (`|`) means the conversation in every channel. Bodies that could not be read belong
    /// to no conversation.
    ///
    /// # Errors
    ///
    /// Also [`ErrorKind::InvalidArgument`] naming `thread_id` when that is empty.
    pub fn forget(&self, thread_id: &str) -> Result<u64> {
        if thread_id.is_empty() {
            return Err(Error::argument("thread_id", "is empty"));
        }
        let count = self.store()?.forget(thread_id)?;
        self.0.signal.change();
        Ok(count)
    }

    /// How the inbox is doing.
    pub fn stats(&self) -> Result<InboxStats> {
        self.store()?.stats()
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("path", &self.0.path)
            .finish_non_exhaustive()
    }
}

enum Taken {
    Event(Box<Delivery>),
    /// Look again after this time.
    Nothing(Duration),
}

fn arrivals(body: Bytes) -> Vec<Arrival> {
    match parse_events(body.clone()) {
        Ok(events) => events.iter().map(arrival).collect(),
        Err(error) => vec![Arrival {
            thread_id: String::new(),
            identity: Identity::of(None, &body),
            fault: Some(error.message().to_owned()),
            body,
        }],
    }
}

fn arrival(event: &Event) -> Arrival {
    Arrival {
        thread_id: event.thread_id().into_owned(),
        identity: Identity::of(event.dedupe_key().as_deref(), event.raw()),
        body: event.raw().clone(),
        fault: None,
    }
}
