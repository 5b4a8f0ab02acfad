//! The engine of `send_many`, for whoever gives messages and takes results a few at a time.

use std::{
    fmt,
    future::poll_fn,
    mem,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Many, crew,
    desk::{Desk, Outcome, Until},
};
use crate::{
    call::Prepared,
    client::{Client, Receipt},
    error::{Delivery, Error, ErrorKind, Result},
    payload::Message,
    runtime::{self, Task},
};

const OPERATION: &str = "send_many";

/// Messages that are read ahead, for each request that may be under way: enough to keep all of them busy when several
/// messages of one thread follow each other.
const AHEAD: usize = 16;
/// Who takes longer than [`Courier::PATIENCE`], and longer than this for each message, is slow: the requests that are under
/// way must not wait for it.
const SLOW_EACH: Duration = Duration::from_micros(100);
/// Once may be a hiccup of the machine, unless it is as long as this.
const VERY_SLOW: Duration = Duration::from_millis(50);
/// How long results of requests that are given up may take.
const LAST: Duration = Duration::from_secs(1);

/// Sends many messages: give them with [`give`](Courier::give), wait with [`wait`](Courier::wait), take what became
/// of them with [`take`](Courier::take). [`Client::send_many`] does that; this is for programs that cannot hand over an
/// iterator.
///
/// Nobody's code is run in here, so it may do what it likes between two calls, such as making calls of its own.
pub struct Courier {
    client: Client,
    many: Many,
    desk: Arc<Desk>,
    engine: Engine,
    asked_at: Option<Instant>,
    is_slow: bool,
    generation: u64,
}

enum Engine {
    /// Driven by who waits.
    Here(Pin<Box<dyn Future<Output = ()> + Send>>),
    /// Driven in the background for as long as the task is there.
    Apart {
        _task: Task<()>,
    },
    Over,
}

impl Courier {
    /// How long messages should be got before those that are there are given.
    pub const PATIENCE: Duration = Duration::from_millis(5);

    /// `keep_results` says that results may pile up until they are taken. Otherwise no further message is asked for while
    /// many of them wait.
    ///
    /// # Errors
    /// `InvalidArgument` for a concurrency that is not allowed.
    pub fn new(client: &Client, many: Many, keep_results: bool) -> Result<Courier> {
        let concurrency = many.checked_concurrency()?;
        let window = concurrency.saturating_mul(AHEAD);
        let desk = Arc::new(Desk::new(window, !keep_results, many.skip_after_failure));
        Ok(Courier {
            client: client.clone(),
            engine: Engine::Here(Box::pin(crew::work(Arc::clone(&desk), concurrency))),
            many,
            desk,
            asked_at: None,
            is_slow: false,
            generation: runtime::generation(),
        })
    }

    fn check(&self) -> Result<()> {
        match self.generation == runtime::generation() {
            true => Ok(()),
            false => Err(Error::new(
                ErrorKind::Forked,
                "these messages are sent by the process that this one was forked from",
            )),
        }
    }

    /// Lets the messages be sent in the background from now on, so that they go on while nobody waits.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(&mut self) -> Result<()> {
        self.check()?;
        match mem::replace(&mut self.engine, Engine::Over) {
            Engine::Here(crew) => {
                self.engine = Engine::Apart {
                    _task: runtime::spawn(crew)?,
                };
            }
            other => self.engine = other,
        }
        Ok(())
    }

    /// How many messages to get and give now; 0 when there are enough for the moment. Getting them should not take longer
    /// than [`Courier::PATIENCE`] and one message.
    ///
    /// # Errors
    /// `Forked`.
    pub fn wants(&mut self) -> Result<usize> {
        self.check()?;
        let room = self.desk.room();
        let wanted = if self.is_slow || self.desk.wants_more() {
            room
        } else {
            0
        };
        self.asked_at = Some(Instant::now());
        Ok(wanted)
    }

    /// Whether the last messages were long in coming. Results should then be handed out before others are asked for.
    pub fn is_slow(&self) -> bool {
        self.is_slow
    }

    /// To be called when messages were got and before they are given: while one is waited for that is long in coming, the
    /// others are sent in the background.
    ///
    /// # Errors
    /// Those of [`start`](Courier::start).
    pub fn got(&mut self, count: usize) -> Result<()> {
        let took = self.asked_at.take().map_or(Duration::ZERO, |at| at.elapsed());
        let each = u32::try_from(count).unwrap_or(u32::MAX);
        let was_slow = self.is_slow;
        self.is_slow = took > Courier::PATIENCE && took > SLOW_EACH.saturating_mul(each);
        match self.is_slow && (was_slow || took > VERY_SLOW) {
            true => self.start(),
            false => Ok(()),
        }
    }

    /// Takes messages over. One that is refused, here or by who gives it, has that as its result.
    ///
    /// # Errors
    /// `Forked`.
    pub fn give(&mut self, messages: impl IntoIterator<Item = (String, Result<Message>)>) -> Result<()> {
        self.check()?;
        let prepared = messages.into_iter().map(|(thread_id, message)| {
            let prepared = message.and_then(|message| self.prepare(&thread_id, message));
            let refused = |error: Error| {
                error
                    .with_operation(OPERATION)
                    .with_delivery(Some(Delivery::NotSent))
            };
            (thread_id, prepared.map_err(refused))
        });
        let prepared = prepared.collect();
        self.desk.put(prepared);
        Ok(())
    }

    fn prepare(&self, thread_id: &str, message: Message) -> Result<Prepared<Receipt>> {
        let call = self.client.send(thread_id, message);
        let call = match self.many.timeout {
            Some(timeout) => call.timeout(timeout),
            None => call,
        };
        let mut prepared = call.prepare()?;
        prepared.operation = OPERATION;
        Ok(prepared)
    }

    /// Says that no further message comes.
    ///
    /// # Errors
    /// `Forked`.
    pub fn end(&mut self) -> Result<()> {
        self.check()?;
        self.desk.end();
        Ok(())
    }

    /// Waits on this thread, and calls `tick` at least every 50 ms; its error ends the wait.
    ///
    /// # Errors
    /// That of `tick`; `InvalidArgument` inside an asynchronous runtime.
    pub fn wait(&mut self, until: Until, tick: impl FnMut() -> Result<()>) -> Result<()> {
        self.check()?;
        let desk = &self.desk;
        let engine = &mut self.engine;
        let over = runtime::block_on_with(
            async {
                let change = async {
                    // What the sockets have to say is heard first, however often messages are given.
                    tokio::task::yield_now().await;
                    poll_fn(|cx| desk.poll_change(cx, until)).await;
                };
                match engine {
                    Engine::Here(crew) => tokio::select! {
                        biased;
                        () = crew.as_mut() => true,
                        () = change => false,
                    },
                    Engine::Apart { .. } | Engine::Over => {
                        poll_fn(|cx| desk.poll_change(cx, until)).await;
                        false
                    }
                }
            },
            tick,
        )?;
        if over {
            self.engine = Engine::Over;
        }
        Ok(())
    }

    /// Waits in any asynchronous runtime, only after [`start`](Courier::start). Two may wait at the same time: one for
    /// [`Until::Results`], one for anything else.
    pub fn changed(&self, until: Until) -> impl Future<Output = ()> + Send + 'static {
        let desk = Arc::clone(&self.desk);
        poll_fn(move |cx| desk.poll_change(cx, until))
    }

    /// The results that are there, in the order of the messages.
    ///
    /// # Errors
    /// `Forked`.
    pub fn take(&mut self) -> Result<Vec<Outcome>> {
        self.check()?;
        Ok(self.desk.take())
    }

    /// Whether nothing more comes and every result was taken.
    ///
    /// # Errors
    /// `Forked`.
    pub fn is_done(&self) -> Result<bool> {
        self.check()?;
        Ok(self.desk.is_done())
    }

    /// Ends everything at once. Messages that were not answered have as their result what is known of them. Takes no longer
    /// than a moment.
    pub fn stop(&mut self) {
        if self.check().is_err() {
            return;
        }
        self.desk.stop();
        let engine = mem::replace(&mut self.engine, Engine::Over);
        let apart = matches!(engine, Engine::Apart { .. });
        drop(engine);
        if apart {
            // Connections in the background are given up by the thread that drives them. Who must not wait here finds the
            // results a moment later.
            let finished = poll_fn(|cx| self.desk.poll_change(cx, Until::Room));
            let _ = runtime::block_on(async { tokio::time::timeout(LAST, finished).await });
        }
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        if self.check().is_err() {
            // The connections of the parent are not ours to close.
            mem::forget(mem::replace(&mut self.engine, Engine::Over));
        }
    }
}

impl fmt::Debug for Courier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Courier")
            .field("many", &self.many)
            .finish_non_exhaustive()
    }
}
