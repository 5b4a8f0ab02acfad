//! Connections that an event loop of the host watches, so that its awaited calls run on its own thread.
//!
//! Otherwise an awaited call runs on the thread of the runtime: each message has it woken, and then the loop. Here the loop
//! has one descriptor to watch for all its connections, and whoever is polled meanwhile writes and reads by itself.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    future::poll_fn,
    io, mem,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use self::system::Selector;
use crate::fork::generation;

/// Wakes the calls of one event loop. Cheap to clone; all clones are the same.
///
/// A loop watches [`descriptor`](Watcher::descriptor), calls [`attend`](Watcher::attend) when it is readable, and polls its
/// futures with [`poll`](Watcher::poll), all on one thread: what happened between would be missed.
#[derive(Clone, Debug)]
pub struct Watcher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    selector: Selector,
    state: Mutex<State>,
    generation: u64,
}

#[derive(Debug, Default)]
struct State {
    waits: BTreeMap<u64, Wait>,
    last_key: u64,
    /// When the timer rings.
    alarm: Option<Instant>,
    /// Whether requests are to be written together, and those that wait for it.
    holds_back: bool,
    held_back: Vec<Waker>,
}

/// What a connection waits for.
#[derive(Debug, Default)]
struct Wait {
    waker: Option<Waker>,
    until: Option<Instant>,
    /// The other side has closed it, which may have been told together with its last bytes.
    is_closed: bool,
}

/// A connection that is watched. It ends with [`end`](Watch::end), while the connection is still open.
#[derive(Debug)]
pub(crate) struct Watch {
    watcher: Watcher,
    key: u64,
}

/// The key of the timer. Those of connections follow, and none is used twice: a child may keep a connection open that is
/// closed here, and what happens to it would be told.
const TIMER: u64 = 0;

thread_local! {
    /// What the future that is polled on this thread may use.
    static CURRENT: RefCell<Option<Watcher>> = const { RefCell::new(None) };
}

/// What was current before.
struct Polling(Option<Watcher>);

impl Drop for Polling {
    fn drop(&mut self) {
        let _ = CURRENT.try_with(|current| current.replace(self.0.take()));
    }
}

impl Watcher {
    /// One that watches nothing yet.
    ///
    /// # Errors
    /// `Unsupported` on systems other than Linux; calls run on the runtime there. The system's when no descriptor is left.
    pub fn new() -> io::Result<Watcher> {
        Ok(Watcher(Arc::new(Inner {
            selector: Selector::new()?,
            state: Mutex::default(),
            generation: generation(),
        })))
    }

    /// What the loop is to watch. It is readable until [`attend`](Watcher::attend) was called, perhaps several times.
    pub fn descriptor(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }

    /// Polls a future on the thread of the loop. Calls that it makes may run on this thread.
    pub fn poll<F: Future + ?Sized>(&self, future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let before = CURRENT.try_with(|current| current.replace(Some(self.clone())));
        let _polling = before.map(Polling);
        future.poll(cx)
    }

    /// Wakes whoever can go on. Never blocks.
    pub fn attend(&self) {
        // What happens to the connections of a parent is for the parent.
        if !self.is_ours() {
            return;
        }
        let mut ready = Vec::new();
        {
            let mut state = self.lock();
            self.0.selector.ready(|key, is_closed| match key {
                TIMER => ready.extend(self.due(&mut state)),
                _ => {
                    if let Some(wait) = state.waits.get_mut(&key) {
                        wait.is_closed |= is_closed;
                        ready.extend(wait.waker.take());
                    }
                }
            });
        }
        ready.into_iter().for_each(Waker::wake);
    }

    /// Has requests that are begun from now on wait for [`let_out`](Watcher::let_out). A server that sleeps is woken by each
    /// request that finds it asleep, which costs more than everything else about it.
    pub fn hold_back(&self) {
        if self.is_ours() {
            self.lock().holds_back = true;
        }
    }

    /// Wakes those that were held back. True when there are any.
    pub fn let_out(&self) -> bool {
        if !self.is_ours() {
            return false;
        }
        let held_back = {
            let mut state = self.lock();
            state.holds_back = false;
            mem::take(&mut state.held_back)
        };
        let are_any = !held_back.is_empty();
        held_back.into_iter().for_each(Waker::wake);
        are_any
    }

    /// How many are held back.
    pub fn held_back(&self) -> usize {
        match self.is_ours() {
            true => self.lock().held_back.len(),
            false => 0,
        }
    }

    /// Waits until a request may be written.
    pub(crate) async fn turn(&self) {
        let mut was_held_back = false;
        poll_fn(|cx| {
            let mut state = self.lock();
            if was_held_back || !state.holds_back {
                return Poll::Ready(());
            }
            was_held_back = true;
            state.held_back.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// The watcher of the loop on whose thread this is polled.
    pub(crate) fn current() -> Option<Watcher> {
        let current = CURRENT.try_with(|current| current.borrow().clone()).ok()??;
        current.is_ours().then_some(current)
    }

    /// Begins to watch a connection.
    pub(crate) fn watch(&self, socket: &impl AsFd) -> io::Result<Watch> {
        let mut state = self.lock();
        state.last_key += 1;
        let key = state.last_key;
        self.0.selector.add(socket, key)?;
        state.waits.insert(key, Wait::default());
        let watcher = self.clone();
        Ok(Watch { watcher, key })
    }

    /// Not of a parent process, whose threads may have held its lock.
    fn is_ours(&self) -> bool {
        self.0.generation == generation()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those whose time has come. The timer rings next for the first of the others.
    fn due(&self, state: &mut State) -> Vec<Waker> {
        let now = Instant::now();
        let mut due = Vec::new();
        let mut next: Option<Instant> = None;
        for wait in state.waits.values_mut() {
            match wait.until.filter(|_| wait.waker.is_some()) {
                Some(until) if until <= now => due.extend(wait.waker.take()),
                until => next = next.into_iter().chain(until).min(),
            }
        }
        state.alarm = None;
        if let Some(next) = next {
            self.ring_at(state, next);
        }
        due
    }

    /// Has the timer ring at this time, if it does not ring before. Most calls are over long before their deadline, so
    /// that it is set about once in the time that a call may take.
    fn ring_at(&self, state: &mut State, time: Instant) {
        if state.alarm.is_some_and(|alarm| alarm <= time) {
            return;
        }
        // A timer of zero never rings.
        let after = time.saturating_duration_since(Instant::now());
        if self
            .0
            .selector
            .ring_after(after.max(Duration::from_nanos(1)))
            .is_ok()
        {
            state.alarm = Some(time);
        }
    }
}

impl AsFd for Watcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.selector.waited_for()
    }
}

impl Watch {
    pub(crate) fn is_by(&self, watcher: &Watcher) -> bool {
        Arc::ptr_eq(&self.watcher.0, &watcher.0)
    }

    /// Whether it was told that the other side has closed the connection.
    pub(crate) fn is_closed(&self) -> bool {
        let state = self.watcher.lock();
        state.waits.get(&self.key).is_some_and(|wait| wait.is_closed)
    }

    /// Wakes whoever waits when something has happened to the connection, and at this time. Nothing is missed that
    /// happens from the last read or write on that found nothing to do.
    pub(crate) fn wait(&self, waker: &Waker, until: Option<Instant>) {
        let mut state = self.watcher.lock();
        if let Some(wait) = state.waits.get_mut(&self.key) {
            wait.waker = Some(waker.clone());
            wait.until = until;
        }
        if let Some(until) = until {
            self.watcher.ring_at(&mut state, until);
        }
    }

    /// Watches it no longer.
    pub(crate) fn end(self, socket: &impl AsFd) {
        if self.watcher.is_ours() {
            self.watcher.0.selector.delete(socket);
            let wait = self.watcher.lock().waits.remove(&self.key);
            drop(wait);
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::{
        io,
        os::fd::{AsFd, BorrowedFd},
        time::Duration,
    };

    use nix::sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    };

    /// How much is told at once. The descriptor stays readable when there is more.
    const MAX_READY: usize = 64;

    /// What happens to sockets is told once, so that nothing has to be said to the system for each message.
    #[derive(Debug)]
    pub(super) struct Selector {
        epoll: Epoll,
        timer: TimerFd,
    }

    impl Selector {
        pub(super) fn new() -> io::Result<Selector> {
            let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
            let timer = TimerFd::new(
                ClockId::CLOCK_MONOTONIC,
                TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK,
            )?;
            let rings = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
            epoll.add(&timer, EpollEvent::new(rings, super::TIMER))?;
            Ok(Selector { epoll, timer })
        }

        pub(super) fn waited_for(&self) -> BorrowedFd<'_> {
            self.epoll.0.as_fd()
        }

        pub(super) fn add(&self, socket: &impl AsFd, key: u64) -> io::Result<()> {
            let anything =
                EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
            Ok(self.epoll.add(socket, EpollEvent::new(anything, key))?)
        }

        pub(super) fn delete(&self, socket: &impl AsFd) {
            let _ = self.epoll.delete(socket);
        }

        /// What has happened: the key of each, and whether the other side has closed it.
        pub(super) fn ready(&self, mut told: impl FnMut(u64, bool)) {
            let closed = EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR;
            let mut events = [EpollEvent::empty(); MAX_READY];
            let count = self.epoll.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
            for event in events.iter().take(count) {
                told(event.data(), event.events().intersects(closed));
            }
        }

        pub(super) fn ring_after(&self, time: Duration) -> io::Result<()> {
            let once = Expiration::OneShot(time.into());
            Ok(self.timer.set(once, TimerSetTimeFlags::empty())?)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::{
        io,
        os::fd::{AsFd, BorrowedFd},
        time::Duration,
    };

    /// There is none.
    #[derive(Debug)]
    pub(super) enum Selector {}

    impl Selector {
        pub(super) fn new() -> io::Result<Selector> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) fn waited_for(&self) -> BorrowedFd<'_> {
            match *self {}
        }

        pub(super) fn add(&self, _socket: &impl AsFd, _key: u64) -> io::Result<()> {
            match *self {}
        }

        pub(super) fn delete(&self, _socket: &impl AsFd) {
            match *self {}
        }

        pub(super) fn ready(&self, _told: impl FnMut(u64, bool)) {
            match *self {}
        }

        pub(super) fn ring_after(&self, _time: Duration) -> io::Result<()> {
            match *self {}
        }
    }
}
