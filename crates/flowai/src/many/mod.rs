//! Many messages at a time: order within a thread, threads in parallel, one result a message.
//!
//! [`courier`] is the engine, which languages with iterators of their own use; `desk` keeps the order, `crew` does the
//! sending.

mod courier;
mod crew;
mod desk;

use std::{
    fmt,
    time::{Duration, Instant},
};

use self::desk::Outcome;
pub use self::{courier::Courier, desk::Until};
use crate::{
    client::{Client, Receipt},
    error::{Error, Result},
    payload::Message,
};

/// The most requests that [`Client::send_many`] has under way at the same time.
pub const MAX_CONCURRENCY: usize = crate::transport::MAX_CONNECTIONS;

const CONCURRENCY: usize = 64;

/// How many messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Many {
    concurrency: usize,
    timeout: Option<Duration>,
    skip_after_failure: bool,
}

impl Default for Many {
    fn default() -> Many {
        Many {
            concurrency: CONCURRENCY,
            timeout: None,
            skip_after_failure: false,
        }
    }
}

impl Many {
    /// The usual: 64 requests under way, and a failure holds nothing else back.
    pub fn new() -> Many {
        Many::default()
    }

    /// How many requests are under way at the same time, 1 to [`MAX_CONCURRENCY`].
    pub fn concurrency(mut self, concurrency: usize) -> Many {
        self.concurrency = concurrency;
        self
    }

    /// The deadline of each message, from when its turn comes, in place of the client's.
    pub fn timeout(mut self, timeout: Duration) -> Many {
        self.timeout = Some(timeout);
        self
    }

    /// Whether the messages of a thread that follow one that failed are left out. They are `not_sent` then.
    pub fn skip_after_failure(mut self, skip: bool) -> Many {
        self.skip_after_failure = skip;
        self
    }

    fn checked_concurrency(&self) -> Result<usize> {
        match self.concurrency {
            1..=MAX_CONCURRENCY => Ok(self.concurrency),
            _ => Err(Error::argument(
                "concurrency",
                format_args!("must be from 1 to {MAX_CONCURRENCY}"),
            )),
        }
    }
}

impl Client {
    /// Sends many messages, several at a time: those of one thread one after another in their order, threads in
    /// parallel. Each has a result of its own, in the order of the messages.
    ///
    /// The messages are read as they are needed, about a thousand ahead, so there may be millions of them.
    ///
    /// ```no_run
    /// let client = flowai::Client::builder().build()?;
    /// let messages = [("thread-1", "Hello"), ("thread-2", "Hello"), ("thread-1", "Are you there?")];
    /// for result in client.send_many(messages).wait()? {
    ///     match result {
    ///         Ok(receipt) => println!("{}: {}", receipt.thread_id, receipt.status),
    ///         Err(error) => println!("{error}"),
    ///     }
    /// }
    /// # Ok::<_, flowai::Error>(())
    /// ```
    pub fn send_many<I, T, M>(&self, messages: I) -> SendMany<I::IntoIter>
    where
        I: IntoIterator<Item = (T, M)>,
        T: Into<String>,
        M: Into<Message>,
    {
        SendMany {
            client: self.clone(),
            many: Many::new(),
            messages: messages.into_iter(),
        }
    }
}

/// Messages that are going to be sent. Nothing happens before [`wait`](SendMany::wait) or [`start`](SendMany::start).
#[must_use = "nothing is sent before .wait() or .start()"]
pub struct SendMany<I> {
    client: Client,
    many: Many,
    messages: I,
}

impl<I, T, M> SendMany<I>
where
    I: Iterator<Item = (T, M)>,
    T: Into<String>,
    M: Into<Message>,
{
    /// How they are sent.
    pub fn options(mut self, many: Many) -> SendMany<I> {
        self.many = many;
        self
    }

    /// Sends all of them on this thread, and gives all results.
    ///
    /// # Errors
    /// `InvalidArgument` for options that are not allowed, and inside an asynchronous runtime. What became of each message
    /// is in its result.
    pub fn wait(self) -> Result<Vec<Result<Receipt>>> {
        self.wait_with(|| Ok(()))
    }

    /// Like [`wait`](SendMany::wait), and calls `tick` at least every 50 ms, unless the iterator of the messages takes
    /// longer. An error of `tick` ends it and is returned; who wants the results all the same takes them from
    /// [`start`](SendMany::start).
    pub fn wait_with(self, mut tick: impl FnMut() -> Result<()>) -> Result<Vec<Result<Receipt>>> {
        let mut sending = Sending::new(self, true)?;
        let mut results = Vec::new();
        loop {
            sending.feed()?;
            sending.courier.wait(Until::Room, &mut tick)?;
            results.append(&mut sending.courier.take()?);
            if sending.courier.is_done()? {
                return Ok(results);
            }
        }
    }

    /// Sends them in the background, and gives results as they come, in the order of the messages. While nobody takes
    /// results no further messages are read. Dropping what this gives stops the sending.
    ///
    /// # Errors
    /// `InvalidArgument` for options that are not allowed.
    pub fn start(self) -> Result<Sending<I>> {
        let mut sending = Sending::new(self, false)?;
        sending.courier.start()?;
        Ok(sending)
    }
}

impl<I> fmt::Debug for SendMany<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendMany")
            .field("many", &self.many)
            .finish_non_exhaustive()
    }
}

/// Messages that are being sent: an iterator over what became of them, which waits on this thread.
pub struct Sending<I> {
    courier: Courier,
    messages: I,
    results: std::vec::IntoIter<Outcome>,
    /// The messages have come to their end.
    ended: bool,
    /// As an iterator it has said why it cannot go on.
    broken: bool,
}

impl<I, T, M> Sending<I>
where
    I: Iterator<Item = (T, M)>,
    T: Into<String>,
    M: Into<Message>,
{
    fn new(send: SendMany<I>, keep_results: bool) -> Result<Sending<I>> {
        Ok(Sending {
            courier: Courier::new(&send.client, send.many, keep_results)?,
            messages: send.messages,
            results: Vec::new().into_iter(),
            ended: false,
            broken: false,
        })
    }

    fn feed(&mut self) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        let wanted = self.courier.wants()?;
        if wanted == 0 {
            return Ok(());
        }
        let patience = Instant::now() + Courier::PATIENCE;
        let mut given = Vec::new();
        while given.len() < wanted && !self.ended {
            match self.messages.next() {
                Some(message) => given.push(message),
                None => self.ended = true,
            }
            if Instant::now() > patience {
                break;
            }
        }
        self.courier.got(given.len())?;
        let into = |(thread_id, message): (T, M)| (thread_id.into(), Ok(message.into()));
        self.courier.give(given.into_iter().map(into))?;
        if self.ended {
            self.courier.end()?;
        }
        Ok(())
    }

    /// Results that are there, and then messages to send, unless their iterator is slow and somebody waits for results.
    fn advance(&mut self) -> Result<()> {
        self.results = self.courier.take()?.into_iter();
        if self.results.len() == 0 || !self.courier.is_slow() {
            self.feed()?;
        }
        Ok(())
    }

    /// The next result; `None` when there are no more. Calls `tick` as [`SendMany::wait_with`] does.
    ///
    /// # Errors
    /// Those of `tick`, after which one can go on, and `Forked`.
    pub fn next_with(&mut self, mut tick: impl FnMut() -> Result<()>) -> Result<Option<Outcome>> {
        loop {
            if let Some(result) = self.results.next() {
                return Ok(Some(result));
            }
            self.advance()?;
            if self.results.len() == 0 {
                if self.courier.is_done()? {
                    return Ok(None);
                }
                self.courier.wait(Until::RoomOrResults, &mut tick)?;
            }
        }
    }

    /// The same for who can await, in any asynchronous runtime. The iterator of the messages runs where this is awaited.
    ///
    /// # Errors
    /// `Forked`.
    pub async fn next_awaited(&mut self) -> Result<Option<Outcome>> {
        loop {
            if let Some(result) = self.results.next() {
                return Ok(Some(result));
            }
            self.advance()?;
            if self.results.len() == 0 {
                if self.courier.is_done()? {
                    return Ok(None);
                }
                self.courier.changed(Until::RoomOrResults).await;
            }
        }
    }

    /// Stops the sending. The results of what was given already can be taken: what was not answered has as its result what
    /// is known of it.
    pub fn stop(&mut self) {
        self.ended = true;
        self.courier.stop();
    }
}

impl<I, T, M> Iterator for Sending<I>
where
    I: Iterator<Item = (T, M)>,
    T: Into<String>,
    M: Into<Message>,
{
    type Item = Result<Receipt>;

    fn next(&mut self) -> Option<Result<Receipt>> {
        if self.broken {
            return None;
        }
        self.next_with(|| Ok(())).unwrap_or_else(|error| {
            self.broken = true;
            Some(Err(error))
        })
    }
}

impl<I> fmt::Debug for Sending<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending")
            .field("courier", &self.courier)
            .finish_non_exhaustive()
    }
}
