//! A message on its way into the outbox.

use std::{fmt, future::IntoFuture, pin::Pin, sync::Arc, thread, time::Duration};

use flowai::{Client, Error, ErrorKind, Message, Result, Upload, UploadParts};

use super::{
    durable::{Claim, reach},
    entry::OutboxReceipt,
    files::{Files, KeepFile},
    handle::Outbox,
    letter::Letter,
    options::OutboxOptions,
    shared::Shared,
    spool::Spool,
    store::{self, Inserted, Limits},
};
use crate::storage::{Clock, Done, Durability, awaited, millis, wait};

/// A message that is about to be put into an outbox. Nothing is stored before [`wait`](Enqueue::wait) or `.await`.
#[must_use = "nothing is stored before .wait() or .await"]
pub struct Enqueue {
    outbox: Outbox,
    content: Result<Content>,
    expires_in: Option<Duration>,
}

struct Content {
    thread_id: String,
    body: Body,
}

enum Body {
    Message(Message),
    Upload(Box<UploadParts>, KeepFile),
}

impl Enqueue {
    pub(crate) fn message(outbox: &Outbox, client: &Client, thread_id: &str, message: Message) -> Enqueue {
        let checked = client.check_message(thread_id, message);
        Enqueue::new(outbox, thread_id, checked.map(Body::Message))
    }

    pub(crate) fn upload(
        outbox: &Outbox,
        client: &Client,
        thread_id: &str,
        upload: Upload,
        keep: KeepFile,
    ) -> Enqueue {
        let checked = client.check_upload(thread_id, upload);
        Enqueue::new(
            outbox,
            thread_id,
            checked.map(|parts| Body::Upload(Box::new(parts), keep)),
        )
    }

    fn new(outbox: &Outbox, thread_id: &str, body: Result<Body>) -> Enqueue {
        Enqueue {
            outbox: outbox.clone(),
            content: body.map(|body| Content {
                thread_id: thread_id.to_owned(),
                body,
            }),
            expires_in: None,
        }
    }

    /// Fails the message (`expired`) if it could not be sent within this time.
    pub fn expires_in(mut self, time: Duration) -> Enqueue {
        self.expires_in = Some(time);
        self
    }

    /// Puts the message into the outbox; it survives crashes and power loss once this has returned.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`], naming the argument; [`ErrorKind::QueueFull`] when as much waits as
    /// [`OutboxOptions`](crate::OutboxOptions) allow; [`ErrorKind::Storage`]; [`ErrorKind::Closed`].
    pub fn wait(self) -> Result<OutboxReceipt> {
        wait(|done| self.start(done))
    }

    fn start(self, done: Done<OutboxReceipt>) {
        let place = match self.outbox.place() {
            Ok(place) => place,
            Err(error) => return done(Err(error)),
        };
        let letter = self.content.and_then(|content| {
            let (message, file, claim) = match content.body {
                Body::Message(message) => (message, None, None),
                Body::Upload(parts, keep) => {
                    place.check_room()?;
                    let message = parts.message.clone();
                    let (file, claim) = place.files().keep(*parts, keep)?;
                    (message, Some(file), claim)
                }
            };
            let mut letter = Letter::new(&content.thread_id, &message, file)?;
            letter.enqueued_at = place.now();
            letter.expires_at = self
                .expires_in
                .map(|time| letter.enqueued_at.saturating_add(millis(time)));
            Ok((letter, claim))
        });
        match letter {
            Ok((letter, claim)) => place.put(letter, claim, done),
            Err(error) => done(Err(error)),
        }
    }

    /// Whether starting takes longer than a moment: it reads or writes files.
    fn is_slow(&self) -> bool {
        let upload = self
            .content
            .as_ref()
            .is_ok_and(|content| matches!(content.body, Body::Upload(..)));
        upload || !matches!(self.outbox.place(), Ok(Place::Database(_)))
    }
}

impl IntoFuture for Enqueue {
    type Output = Result<OutboxReceipt>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<OutboxReceipt>> + Send>>;

    /// As [`wait`](Enqueue::wait), awaited in any asynchronous runtime. Dropping the future does not undo it.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(awaited(|done| {
            if !self.is_slow() {
                return self.start(done);
            }
            let work = move || {
                flowai::runtime::block_signals();
                self.start(done);
            };
            // When there is no thread, `done` is dropped with the work, which the future reports.
            if let Err(error) = thread::Builder::new().name("flowai-outbox".into()).spawn(work) {
                log::warn!("cannot start a thread: {error}");
            }
        }))
    }
}

impl fmt::Debug for Enqueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enqueue")
            .field("outbox", &self.outbox)
            .finish_non_exhaustive()
    }
}

/// Where messages are put.
pub(crate) enum Place {
    /// Into the database, which this process owns.
    Database(Arc<Shared>),
    /// Beside it, for its owner.
    Spool(Spool, Files, OutboxOptions),
}

impl Place {
    fn now(&self) -> i64 {
        match self {
            Place::Database(shared) => shared.clock.steady_ms(),
            Place::Spool(..) => Clock::system().wall_ms(),
        }
    }

    fn files(&self) -> &Files {
        match self {
            Place::Database(shared) => &shared.files,
            Place::Spool(_, files, _) => files,
        }
    }

    /// Looks before a file is copied for nothing.
    fn check_room(&self) -> Result<()> {
        match self {
            Place::Database(shared) => {
                let (messages, bytes) = shared.database.read(store::totals)?;
                check_room(&shared.options, messages, bytes)
            }
            Place::Spool(spool, _, options) => {
                let (messages, bytes) = spool.waiting()?;
                check_room(options, messages, bytes)
            }
        }
    }

    fn put(self, letter: Letter, claim: Option<Claim>, done: Done<OutboxReceipt>) {
        let receipt = OutboxReceipt {
            id: letter.id,
            thread_id: letter.thread_id.clone(),
            trace_id: letter.trace_id.and_then(|id| u64::try_from(id).ok()),
        };
        let done = move |stored: Result<()>| {
            if let (Some(claim), true) = (claim, stored.is_err()) {
                claim.discard();
            }
            done(stored.map(|()| receipt));
        };
        match self {
            Place::Database(shared) => {
                let (limits, now) = (Limits::of(&shared.options), shared.clock.steady_ms());
                let owner = shared.clone();
                shared.database.submit(
                    Durability::Synced,
                    move |db| store::insert(db, &letter, &limits, now),
                    move |inserted| {
                        let stored = inserted.and_then(no_refusal);
                        if stored.is_ok() {
                            owner.order(|orders| orders.look = true);
                        }
                        // It is stored, so there is nothing to fail here.
                        let _ = reach("outbox.enqueued", owner.database.path());
                        done(stored);
                    },
                );
            }
            Place::Spool(ref spool, ..) => {
                let room = self.check_room();
                done(room.and_then(|()| spool.put(&letter)));
            }
        }
    }
}

fn check_room(options: &OutboxOptions, messages: u64, bytes: u64) -> Result<()> {
    if messages >= options.max_messages || bytes >= options.max_bytes {
        return Err(full(format_args!("{messages} messages of {bytes} bytes wait")));
    }
    Ok(())
}

fn no_refusal(inserted: Inserted) -> Result<()> {
    match inserted {
        Inserted::Yes => Ok(()),
        Inserted::TooMany(messages, 0) => Err(full(format_args!("{messages} messages wait"))),
        Inserted::TooMany(messages, troubles) => Err(full(format_args!(
            "{messages} messages wait, and {troubles} reports of messages that were not sent are not read"
        ))),
        Inserted::TooLarge(bytes) => Err(full(format_args!("the waiting messages have {bytes} bytes"))),
    }
}

fn full(problem: impl fmt::Display) -> Error {
    Error::new(ErrorKind::QueueFull, format!("the outbox is full: {problem}"))
}
