//! What is to be sent, what is under way, and what became of it: shared by who gives messages, who takes results, and the
//! workers between them.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{BuildHasher, RandomState},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use crate::{
    call::Prepared,
    client::Receipt,
    error::{Delivery, Error, ErrorKind, Result},
    transport::Sent,
};

/// What became of one message.
pub(super) type Outcome = Result<Receipt>;

pub(super) struct Desk {
    /// How many messages may be here at the same time.
    window: usize,
    /// Whether results that nobody took yet count among them.
    results_count: bool,
    skip_after_failure: bool,
    hasher: RandomState,
    state: Mutex<State>,
}

/// A message that passed every check.
pub(super) struct Job {
    number: u64,
    /// The hash of its thread id. Two threads with one hash are sent one after another, which does no harm.
    thread: u64,
    prepared: Prepared<Receipt>,
}

/// A message that waits for its turn, or the one that was refused in its place.
enum Given {
    Job(Job),
    Refused(Refused),
}

struct Refused {
    number: u64,
    thread_id: String,
    error: Error,
}

/// What is waited for. The end of everything is waited for in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// So much room that it is worth giving more messages.
    Room,
    /// The next result, in the order of the messages.
    Results,
    /// Either.
    RoomOrResults,
}

/// Who waits, and for what.
struct Waiting {
    waker: Waker,
    until: Until,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Job>,
    /// What waits behind a message of its thread that is ready or under way.
    behind: HashMap<u64, VecDeque<Given>>,
    /// Threads whose later messages are left out.
    failed: HashSet<String>,
    /// The number of the first result that was not taken.
    first: u64,
    results: VecDeque<Option<Outcome>>,
    unfinished: usize,
    /// No further message comes.
    ended: bool,
    /// Nothing is sent any more.
    stopped: bool,
    crew: Option<Waker>,
    giver: Option<Waiting>,
    taker: Option<Waiting>,
}

impl State {
    fn settle(&mut self, number: u64, outcome: Outcome) {
        let place = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        if let Some(result) = self.results.get_mut(place) {
            *result = Some(outcome);
        }
        self.unfinished = self.unfinished.saturating_sub(1);
    }

    fn has_results(&self) -> bool {
        self.results.front().is_some_and(Option::is_some)
    }

    fn is_finished(&self) -> bool {
        self.ended && self.unfinished == 0
    }

    /// Whether a message whose turn it is in its thread is ready now. If not, it has its result.
    fn begin(&mut self, given: Given) -> bool {
        match given {
            Given::Refused(refused) => {
                self.settle(refused.number, Err(refused.error));
                self.failed.insert(refused.thread_id);
                false
            }
            Given::Job(job) if self.failed.contains(&job.prepared.request.thread_id) => {
                self.settle(job.number, Err(skipped(&job.prepared)));
                false
            }
            Given::Job(job) => {
                self.ready.push_back(job);
                true
            }
        }
    }

    /// The next message of a thread is ready when the one before is finished.
    fn go_on(&mut self, thread: u64) {
        while let Some(next) = self.behind.get_mut(&thread).and_then(VecDeque::pop_front) {
            if self.begin(next) {
                return;
            }
        }
        self.behind.remove(&thread);
    }

    /// Everything that waits has its result.
    fn stop(&mut self) {
        self.ended = true;
        self.stopped = true;
        let behind = mem::take(&mut self.behind);
        let ready = mem::take(&mut self.ready).into_iter().map(Given::Job);
        for given in ready.chain(behind.into_values().flatten()) {
            match given {
                Given::Job(job) => self.settle(job.number, Err(stopped(&job.prepared, Delivery::NotSent))),
                Given::Refused(refused) => self.settle(refused.number, Err(refused.error)),
            }
        }
    }
}

impl Desk {
    pub(super) fn new(window: usize, results_count: bool, skip_after_failure: bool) -> Desk {
        Desk {
            window,
            results_count,
            skip_after_failure,
            hasher: RandomState::new(),
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn room(&self) -> usize {
        self.room_of(&self.lock())
    }

    fn room_of(&self, state: &State) -> usize {
        let taken = match self.results_count {
            true => state.results.len(),
            false => state.unfinished,
        };
        match state.ended || state.stopped {
            true => 0,
            false => self.window.saturating_sub(taken),
        }
    }

    /// So much room that it is worth asking for more messages.
    fn has_much_room(&self, state: &State) -> bool {
        self.room_of(state) * 2 >= self.window
    }

    pub(super) fn wants_more(&self) -> bool {
        self.has_much_room(&self.lock())
    }

    /// Takes messages over, also beyond the room.
    pub(super) fn put(&self, messages: Vec<(String, Result<Prepared<Receipt>>)>) {
        let mut state = self.lock();
        for (thread_id, prepared) in messages {
            let number = state.first.saturating_add(state.results.len() as u64);
            state.results.push_back(None);
            state.unfinished += 1;
            let thread = self.hasher.hash_one(&thread_id);
            let given = match prepared {
                Ok(prepared) if state.stopped => {
                    state.settle(number, Err(stopped(&prepared, Delivery::NotSent)));
                    continue;
                }
                Ok(prepared) => Given::Job(Job {
                    number,
                    thread,
                    prepared,
                }),
                Err(error) if self.skip_after_failure => Given::Refused(Refused {
                    number,
                    thread_id,
                    error,
                }),
                Err(error) => {
                    state.settle(number, Err(error));
                    continue;
                }
            };
            match state.behind.get_mut(&thread) {
                Some(waiting) => waiting.push_back(given),
                None => {
                    if state.begin(given) {
                        state.behind.insert(thread, VecDeque::new());
                    }
                }
            }
        }
        let crew = state.crew.take();
        drop(state);
        wake(crew);
    }

    /// No further message comes.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        let crew = state.crew.take();
        drop(state);
        wake(crew);
    }

    /// Everything that is not under way is not going to be sent.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.stop();
        let crew = state.crew.take();
        let waiting = [state.giver.take(), state.taker.take()];
        drop(state);
        wake(crew);
        waiting.into_iter().flatten().for_each(|one| one.waker.wake());
    }

    /// The results that are there, in the order of the messages.
    pub(super) fn take(&self) -> Vec<Outcome> {
        let mut state = self.lock();
        let count = state.results.iter().take_while(|result| result.is_some()).count();
        state.first = state.first.saturating_add(count as u64);
        state.results.drain(..count).flatten().collect()
    }

    pub(super) fn is_done(&self) -> bool {
        let state = self.lock();
        state.ended && state.results.is_empty()
    }

    /// Ready when there is what is waited for. Two may wait at a time: for results, and for anything else.
    pub(super) fn poll_change(&self, cx: &mut Context<'_>, until: Until) -> Poll<()> {
        let mut state = self.lock();
        if self.is_there(&state, until) {
            return Poll::Ready(());
        }
        let place = match until {
            Until::Results => &mut state.taker,
            Until::Room | Until::RoomOrResults => &mut state.giver,
        };
        match place {
            Some(waiting) if waiting.waker.will_wake(cx.waker()) => waiting.until = until,
            _ => {
                let waker = cx.waker().clone();
                *place = Some(Waiting { waker, until });
            }
        }
        Poll::Pending
    }

    fn is_there(&self, state: &State, until: Until) -> bool {
        let room = until != Until::Results && self.has_much_room(state);
        let results = until != Until::Room && state.has_results();
        room || results || state.is_finished()
    }

    /// A message whose turn it is.
    pub(super) fn next(self: &Arc<Desk>) -> Option<UnderWay> {
        let job = self.lock().ready.pop_front()?;
        let sent = job.prepared.sent();
        Some(UnderWay {
            desk: Arc::clone(self),
            job,
            sent,
            done: false,
        })
    }

    /// How many messages could be sent at once.
    pub(super) fn ready(&self) -> usize {
        self.lock().ready.len()
    }

    /// Called by the crew when it has done what it can; ready when its work is over. `is_free` says that it would send
    /// another message.
    pub(super) fn poll_over(&self, cx: &mut Context<'_>, is_free: bool) -> Poll<()> {
        let mut state = self.lock();
        let over = state.is_finished();
        if is_free && !state.ready.is_empty() {
            cx.waker().wake_by_ref();
        }
        if !state.crew.as_ref().is_some_and(|crew| crew.will_wake(cx.waker())) {
            state.crew = Some(cx.waker().clone());
        }
        // Once for everything that happened in this turn.
        let is_served = |waiting: &Option<Waiting>| {
            waiting
                .as_ref()
                .is_some_and(|waiting| self.is_there(&state, waiting.until))
        };
        let served = (is_served(&state.giver), is_served(&state.taker));
        let giver = if served.0 { state.giver.take() } else { None };
        let taker = if served.1 { state.taker.take() } else { None };
        drop(state);
        for one in [giver, taker].into_iter().flatten() {
            one.waker.wake();
        }
        if over { Poll::Ready(()) } else { Poll::Pending }
    }

    fn finish(&self, job: &Job, outcome: Outcome) {
        let mut state = self.lock();
        let failed = outcome.is_err();
        state.settle(job.number, outcome);
        if failed && self.skip_after_failure {
            state.failed.insert(job.prepared.request.thread_id.clone());
        }
        state.go_on(job.thread);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

fn stopped(prepared: &Prepared<Receipt>, delivery: Delivery) -> Error {
    let problem = match delivery {
        Delivery::NotSent => "sending was stopped before its turn",
        _ => "sending was stopped before it was answered",
    };
    unsent(prepared, problem, delivery)
}

fn skipped(prepared: &Prepared<Receipt>) -> Error {
    let problem = "skipped, since an earlier message of its thread failed";
    unsent(prepared, problem, Delivery::NotSent)
}

fn unsent(prepared: &Prepared<Receipt>, problem: &str, delivery: Delivery) -> Error {
    Error::new(ErrorKind::Cancelled, problem)
        .with_operation(prepared.operation)
        .with_trace_id(prepared.request.trace_id)
        .with_retryable(delivery == Delivery::NotSent)
        .with_delivery(Some(delivery))
}

/// A message in the hands of a worker. When it is dropped without a result, what is known of it is its result.
pub(super) struct UnderWay {
    desk: Arc<Desk>,
    job: Job,
    sent: Sent,
    done: bool,
}

impl UnderWay {
    pub(super) async fn send(mut self) {
        let outcome = self.job.prepared.run(None, &mut self.sent).await;
        self.done = true;
        self.desk.finish(&self.job, outcome);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.done {
            let stopped = stopped(&self.job.prepared, self.sent.delivery());
            self.desk.finish(&self.job, Err(stopped));
        }
    }
}
