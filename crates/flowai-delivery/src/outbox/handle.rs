//! The outbox as its users see it.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use flowai::{Client, Error, ErrorKind, Event, Options, Result, runtime};

use super::{
    drain::Drain,
    enqueue::Place,
    entry::{OutboxEntry, OutboxFilter, OutboxStats, Report},
    files::Files,
    options::OutboxOptions,
    reports::Reports,
    shared::Shared,
    spool::Spool,
    store::{self, Policy, SCHEMA},
};
use crate::{
    signal::Signal,
    storage::{self, Clock, Database, Durability, Role, Upkeep},
};

const UPKEEP: Duration = Duration::from_secs(600);
/// How long what still uses the database may take to let go of it.
const GRACE: Duration = Duration::from_secs(2);
/// How long to wait at most before looking again: other processes confirm and discard without a word.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Messages that are sent sooner or later, from a file.
///
/// ```no_run
/// # fn main() -> flowai::Result<()> {
/// use flowai_delivery::Outbox;
///
/// let client = flowai::Client::builder().api_key("MY_MESSAGING_API_KEY").build()?;
/// let outbox = Outbox::open("outbox.db", client)?;
/// outbox.send_text("thread-1", "Hello").wait()?;     // durable now, sent as soon as possible
/// for report in outbox.reports(None) {
///     let report = report?;
///     println!("{}: {:?}", report.id, report.outcome);
/// }
/// # Ok(())
/// # }
/// ```
///
/// - What was put in survives crashes and power loss once [`Enqueue::wait`](crate::Enqueue::wait) has returned.
/// - The messages of a thread leave one at a time, in their order; different threads in parallel. A message that cannot be
///   sent now is tried again, later and later; its thread waits, the others go on. While nothing can be sent, because
///   there is no network or the key is refused, one message at a time is tried, and all of them as soon as one gets through.
/// - That a message leaves is written down before its first byte does. So after a crash it is known which messages may
///   have been taken: they are not sent again unless [`OnAmbiguous::Repeat`](crate::OnAmbiguous::Repeat) says so.
/// - What became of each message is a [`Report`], kept until it is [acknowledged](Self::acknowledge).
///
/// Clones are the same outbox, for use by many threads. A file has one owner, which sends; other processes can
/// [attach](Self::attach). In a forked child messages can be put in, which the owner sends, and everything else fails with
/// [`ErrorKind::Forked`].
#[derive(Clone)]
pub struct Outbox(Arc<Handle>);

struct Handle {
    generation: u64,
    path: PathBuf,
    client: Client,
    options: OutboxOptions,
    spool: Spool,
    files: Files,
    changed: Arc<Signal>,
    handed_out: Mutex<HandedOut>,
    /// `None` once it is closed. Not touched in a forked child, where a thread that is not there may hold the lock.
    engine: RwLock<Option<Engine>>,
}

/// Which reports were handed out since the outbox was opened.
#[derive(Debug, Default)]
struct HandedOut {
    /// The number of the last one.
    last: i64,
    /// Those before it that did not arrive.
    returned: BTreeSet<i64>,
}

enum Engine {
    Owner(Arc<Shared>, JoinHandle<()>),
    Guest(Arc<Database>),
    /// A guest in a process that was forked from one that uses databases, and so must not.
    Blind,
}

/// Keeps the database open while it is used.
enum Access {
    Owner(Arc<Shared>),
    Guest(Arc<Database>),
}

impl Access {
    fn database(&self) -> &Database {
        match self {
            Access::Owner(shared) => &shared.database,
            Access::Guest(database) => database,
        }
    }
}

impl Outbox {
    /// Opens the outbox in this file, which is created when it is missing, and begins to send what waits there through
    /// this client. The file must be on a disk of this machine; two directories beside it, `FILE.spool` and `FILE.files`,
    /// belong to it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`], saying why: another process has the outbox open, the file is damaged, belongs to another
    /// application or to a newer version of this library, or cannot be made to survive power failures.
    pub fn open(path: impl AsRef<Path>, client: Client) -> Result<Outbox> {
        Outbox::open_with(path, client, OutboxOptions::default())
    }

    /// As [`open`](Self::open), with settings.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`ErrorKind::InvalidArgument`] naming `options`.
    pub fn open_with(path: impl AsRef<Path>, client: Client, options: OutboxOptions) -> Result<Outbox> {
        Outbox::open_at(path.as_ref(), client, options, Clock::system())
    }

    pub(crate) fn open_at(
        path: &Path,
        client: Client,
        options: OutboxOptions,
        clock: Clock,
    ) -> Result<Outbox> {
        options.check()?;
        let sender = client.with_options(Options::new().max_retries(0))?;
        let database = Database::open(path, &SCHEMA, owner_options(&options, clock.clone()))?;
        let path = database.path().to_owned();
        let (spool, files) = (Spool::beside(&path)?, Files::beside(&path)?);
        let changed = Arc::new(Signal::default());
        let shared = Arc::new(Shared::new(
            database,
            (spool.clone(), files.clone()),
            sender,
            options.clone(),
            clock,
            changed.clone(),
        ));
        shared.recover()?;
        let drain = Drain::new(shared.clone());
        // What others put in before is older than what this process is going to put in.
        drain.take_in()?;
        let thread = thread::Builder::new()
            .name("flowai-outbox".into())
            .spawn(move || drain.run())
            .map_err(|e| Error::new(ErrorKind::Internal, "cannot start a thread").with_source(e))?;
        let engine = Engine::Owner(shared, thread);
        Ok(Outbox::over(
            path,
            client,
            options,
            (spool, files),
            changed,
            engine,
        ))
    }

    /// Opens an outbox that another process owns, to put messages into it and to look at it. They are durable at once, and
    /// sent when the owner runs; it notices within a second. The client checks and completes the messages.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`] as [`open`](Self::open); also when there is no such file, or one of an older version.
    pub fn attach(path: impl AsRef<Path>, client: Client) -> Result<Outbox> {
        Outbox::attach_with(path, client, OutboxOptions::default())
    }

    /// As [`attach`](Self::attach), with settings. What concerns sending is decided by the owner.
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach), and [`ErrorKind::InvalidArgument`] naming `options`.
    pub fn attach_with(path: impl AsRef<Path>, client: Client, options: OutboxOptions) -> Result<Outbox> {
        options.check()?;
        let path = path.as_ref();
        let found = path
            .canonicalize()
            .map_err(|error| storage::io(path, "cannot be found", error))?;
        let guest = storage::Options {
            role: Role::Guest,
            lock_time: options.lock_time,
            ..storage::Options::default()
        };
        let engine = match Database::open(&found, &SCHEMA, guest) {
            Ok(database) => Engine::Guest(Arc::new(database)),
            Err(error) if error.kind() == ErrorKind::Forked => Engine::Blind,
            Err(error) => return Err(error),
        };
        let places = (Spool::beside(&found)?, Files::beside(&found)?);
        Ok(Outbox::over(
            found,
            client,
            options,
            places,
            Arc::default(),
            engine,
        ))
    }

    fn over(
        path: PathBuf,
        client: Client,
        options: OutboxOptions,
        (spool, files): (Spool, Files),
        changed: Arc<Signal>,
        engine: Engine,
    ) -> Outbox {
        Outbox(Arc::new(Handle {
            generation: runtime::generation(),
            path,
            client,
            options,
            spool,
            files,
            changed,
            handed_out: Mutex::default(),
            engine: RwLock::new(Some(engine)),
        }))
    }

    fn is_forked(&self) -> bool {
        runtime::generation() != self.0.generation
    }

    /// Where a message is put: a forked child and a guest leave it to the owner.
    pub(crate) fn place(&self) -> Result<Place> {
        let handle = &self.0;
        let beside = || Place::Spool(handle.spool.clone(), handle.files.clone(), handle.options.clone());
        if self.is_forked() {
            return Ok(beside());
        }
        match &*handle.engine.read().unwrap_or_else(PoisonError::into_inner) {
            Some(Engine::Owner(shared, _)) => Ok(Place::Database(shared.clone())),
            Some(Engine::Guest(_) | Engine::Blind) => Ok(beside()),
            None => Err(closed()),
        }
    }

    fn access(&self) -> Result<Access> {
        if self.is_forked() {
            return Err(forked());
        }
        match &*self.0.engine.read().unwrap_or_else(PoisonError::into_inner) {
            Some(Engine::Owner(shared, _)) => Ok(Access::Owner(shared.clone())),
            Some(Engine::Guest(database)) => Ok(Access::Guest(database.clone())),
            Some(Engine::Blind) => Err(forked()),
            None => Err(closed()),
        }
    }

    fn owner(&self) -> Result<Arc<Shared>> {
        match self.access()? {
            Access::Owner(shared) => Ok(shared),
            Access::Guest(_) => Err(Error::new(
                ErrorKind::InvalidArgument,
                "the owner of the outbox sends and reports; open it instead of attaching to it",
            )),
        }
    }

    /// The file, without symbolic links.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// How the outbox behaves.
    pub fn options(&self) -> &OutboxOptions {
        &self.0.options
    }

    /// The client that checks and completes messages.
    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    /// The next report that nobody has acknowledged and that was not handed out since the outbox was opened, waiting for
    /// at most `timeout` (`None`: for ever). `Ok(None)` when the time is over.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`], [`ErrorKind::Closed`], [`ErrorKind::Forked`]; [`ErrorKind::InvalidArgument`] when the outbox
    /// was only [attached](Self::attach) to.
    pub fn next_report(&self, timeout: Option<Duration>) -> Result<Option<Report>> {
        self.next_report_with(timeout, &mut || Ok(()))
    }

    /// Like [`next_report`](Self::next_report), and calls `tick` at least every 50 ms while waiting, without holding a lock.
    /// An error of `tick` ends the wait and is returned.
    pub fn next_report_with(
        &self,
        timeout: Option<Duration>,
        tick: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Option<Report>> {
        self.wait_for(timeout, tick, || self.look_for_report())
    }

    fn handed_out(&self) -> MutexGuard<'_, HandedOut> {
        self.0.handed_out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next report to hand out, if there is one.
    pub(super) fn look_for_report(&self) -> Result<Option<Report>> {
        let shared = self.owner()?;
        let mut handed_out = self.handed_out();
        let after = |number: i64| shared.database.read(|db| store::next_report(db, number));
        while let Some(number) = handed_out.returned.first().copied() {
            let found = after(number - 1)?;
            handed_out.returned.remove(&number);
            // Somebody may have acknowledged it meanwhile.
            if let Some(report) = found.filter(|report| report.number == number) {
                return Ok(Some(report));
            }
        }
        let report = after(handed_out.last)?;
        if let Some(report) = &report {
            handed_out.last = report.number;
        }
        Ok(report)
    }

    /// A report did not arrive, and is to be handed out again.
    pub(super) fn give_back_report(&self, number: i64) {
        self.handed_out().returned.insert(number);
        self.0.changed.change();
    }

    /// Counts what changes in the outbox.
    pub(super) fn changed(&self) -> &Signal {
        &self.0.changed
    }

    /// Reports as they come, until none comes for `timeout` (`None`: for ever). Each is acknowledged when the next one is
    /// asked for, so what is not handled to the end is reported again after the outbox is opened anew.
    pub fn reports(&self, timeout: Option<Duration>) -> Reports {
        Reports::new(self, timeout)
    }

    /// Removes a report, by its number; false when there is none. One of `maybe_sent` can still be settled by a delivery
    /// event for 24 hours, which makes a new report.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`], [`ErrorKind::Closed`], [`ErrorKind::Forked`]; so for all methods below.
    pub fn acknowledge(&self, number: i64) -> Result<bool> {
        let access = self.access()?;
        let now = Clock::system().wall_ms();
        access
            .database()
            .write(Durability::Written, move |db| store::acknowledge(db, number, now))
    }

    /// Takes note of a delivery event ("Events" of the API document, `message.delivered`), whoever has received it: give it
    /// every event. A message that was reported as `maybe_sent` is reported as `sent` then; one that would be repeated is
    /// not. False when the event is about none of this outbox.
    pub fn confirm(&self, event: &Event) -> Result<bool> {
        let access = self.access()?;
        if event.kind() != flowai::EventKind::Delivered || event.trace_id().is_none() {
            return Ok(false);
        }
        let (event, policy) = (event.clone(), Policy::of(&self.0.options));
        let now = Clock::system().wall_ms();
        let confirmed = access.database().write(Durability::Synced, move |db| {
            store::confirm(db, &event, &policy, now)
        })?;
        self.0.files.remove(&confirmed.copies);
        self.look();
        Ok(confirmed.known)
    }

    /// Messages that wait, in the order in which they were taken in.
    pub fn list(&self, filter: &OutboxFilter) -> Result<Vec<OutboxEntry>> {
        self.access()?.database().read(|db| store::list(db, filter))
    }

    /// One message that waits, by its number; nothing when it does not.
    pub fn show(&self, id: i64) -> Result<Option<OutboxEntry>> {
        self.access()?.database().read(|db| store::show(db, id))
    }

    /// Removes a message for good, without a report; false when none with this number waits.
    ///
    /// # Errors
    ///
    /// Also [`ErrorKind::InvalidArgument`] naming `id` when it is leaving.
    pub fn discard(&self, id: i64) -> Result<bool> {
        let access = self.access()?;
        let (discarded, copy) = access
            .database()
            .write(Durability::Synced, move |db| store::discard(db, id))?;
        self.0.files.remove(&Vec::from_iter(copy));
        self.look();
        match discarded {
            Some(true) => Ok(true),
            None => Ok(false),
            Some(false) => Err(Error::argument("id", "the message is leaving")),
        }
    }

    /// How the outbox is doing.
    pub fn stats(&self) -> Result<OutboxStats> {
        let access = self.access()?;
        let now = match &access {
            Access::Owner(shared) => shared.clock.steady_ms(),
            Access::Guest(_) => Clock::system().wall_ms(),
        };
        let mut stats = access.database().read(|db| store::stats(db, now))?;
        stats.arriving = self.0.spool.waiting()?.0;
        Ok(stats)
    }

    /// Tries everything now, whatever it waits for, and again until nothing is left or the time is over (`None`: never);
    /// tells how many messages are left.
    ///
    /// # Errors
    ///
    /// Also [`ErrorKind::InvalidArgument`] when the outbox was only [attached](Self::attach) to.
    pub fn flush(&self, timeout: Option<Duration>) -> Result<u64> {
        self.flush_with(timeout, &mut || Ok(()))
    }

    /// Like [`flush`](Self::flush), and calls `tick` at least every 50 ms while waiting, without holding a lock. An error of
    /// `tick` ends the wait and is returned.
    pub fn flush_with(&self, timeout: Option<Duration>, tick: &mut dyn FnMut() -> Result<()>) -> Result<u64> {
        self.hurry()?;
        match self.wait_for(timeout, tick, || self.look_whether_empty())? {
            Some(()) => Ok(0),
            None => self.left(),
        }
    }

    /// Has everything tried now.
    pub(super) fn hurry(&self) -> Result<()> {
        self.owner()?.order(|orders| orders.hurry = true);
        Ok(())
    }

    /// How many messages are left.
    pub(super) fn left(&self) -> Result<u64> {
        let (waiting, _) = self.access()?.database().read(store::totals)?;
        let (arriving, _) = self.0.spool.waiting()?;
        Ok(waiting.saturating_add(arriving))
    }

    pub(super) fn look_whether_empty(&self) -> Result<Option<()>> {
        Ok((self.left()? == 0).then_some(()))
    }

    /// Closes the outbox for all its clones: whoever waits gets [`ErrorKind::Closed`], and another process can open the
    /// file. What is leaving may take [`OutboxOptions::close_time`] to be answered; what waits stays in the file. Dropping the
    /// last clone does the same.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Forked`].
    pub fn close(&self) -> Result<()> {
        if self.is_forked() {
            return Err(forked());
        }
        self.0.close();
        Ok(())
    }

    /// A function that has everybody who waits call their `tick` now, from any thread of this process.
    pub fn nudger(&self) -> impl Fn() + Send + Sync + 'static {
        let changed = self.0.changed.clone();
        move || changed.change()
    }

    /// Others may go now.
    fn look(&self) {
        if let Ok(Access::Owner(shared)) = self.access() {
            shared.order(|orders| orders.look = true);
            shared.changed.change();
        }
    }

    /// Looks whenever something has changed, until there is something.
    fn wait_for<T>(
        &self,
        timeout: Option<Duration>,
        tick: &mut dyn FnMut() -> Result<()>,
        mut look: impl FnMut() -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let seen = self.0.changed.count();
            if let Some(found) = look()? {
                return Ok(Some(found));
            }
            // After the count: a nudge from here on ends the wait.
            tick()?;
            let again = Instant::now() + LOOK_AGAIN;
            let until = deadline.map_or(again, |deadline| deadline.min(again));
            loop {
                let left = until.saturating_duration_since(Instant::now());
                if self.0.changed.wait(seen, left.min(runtime::TICK)) {
                    break;
                }
                if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    return Ok(None);
                }
                tick()?;
                if until <= Instant::now() {
                    break;
                }
            }
        }
    }
}

fn owner_options(options: &OutboxOptions, clock: Clock) -> storage::Options {
    storage::Options {
        role: Role::Owner,
        lock_time: options.lock_time,
        max_bytes: None,
        upkeep: Some(Upkeep {
            every: UPKEEP,
            work: Box::new(move |db| store::upkeep(db, clock.wall_ms()).map(|()| false)),
        }),
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the outbox is closed")
}

fn forked() -> Error {
    Error::new(
        ErrorKind::Forked,
        "the outbox belongs to the process that this one was forked from; messages can be put into it",
    )
}

impl Handle {
    fn close(&self) {
        let engine = self.engine.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Engine::Owner(shared, thread)) = engine {
            let close_at = Instant::now() + self.options.close_time;
            shared.order(|orders| {
                orders.close_at = Some(close_at);
                orders.look = true;
            });
            let _ = thread.join();
            // The file is free once the last that uses it has let go.
            let until = Instant::now() + GRACE;
            while Arc::strong_count(&shared) > 1 && Instant::now() < until {
                thread::sleep(Duration::from_millis(1));
            }
        }
        self.changed.change();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if runtime::generation() == self.generation {
            self.close();
        } else {
            let engine = self.engine.get_mut().unwrap_or_else(PoisonError::into_inner);
            std::mem::forget(engine.take());
        }
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("path", &self.0.path)
            .finish_non_exhaustive()
    }
}
