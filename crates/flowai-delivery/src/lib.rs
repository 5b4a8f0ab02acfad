//! What must not be lost: the webhook calls that Flow.ai makes, and the messages that it is sent.
//!
//! [`Receiver`] is an HTTP or HTTPS server for the calls that the section "Webhooks" of the API document describes. It
//! checks each call with a [`Verifier`](flowai::webhook::Verifier), stores its events in an [`Inbox`], and acknowledges it
//! once they are safe there. From the inbox they are handled:
//!
//! ```no_run
//! use flowai::webhook::Verifier;
//! use flowai_delivery::{Inbox, Receiver};
//!
//! # fn main() -> flowai::Result<()> {
//! let inbox = Inbox::open("flowai.db")?;
//! let receiver = Receiver::builder()
//!     .verifier(Verifier::jwt("a secret of at least thirty-two bytes")?)
//!     .inbox(inbox.clone())
//!     .listen("127.0.0.1:9000")
//!     .path("/webhook")
//!     .start()?;
//! inbox.handle(4, |delivery| {
//!     println!("{}: {}", delivery.event().thread_id(), delivery.event().text());
//!     Ok::<_, flowai::Error>(())   // an error, or a panic, and it is handed out again later
//! })?;
//! # Ok(())
//! # }
//! ```
//!
//! # What the receiver promises
//!
//! With an inbox, a call is acknowledged (2xx) only after its events have survived a power failure; what that means for
//! handling them is said at [`Inbox`]. While they cannot be stored calls are answered 503, and Flow.ai retries them for up
//! to four hours ("Responding to a call" of the API document).
//!
//! Without an inbox the events are in a queue in memory, and [`Receiver::next`] hands them out: **that is not durable**.
//! Events that were acknowledged and not yet taken are gone when the process ends, and Flow.ai does not send them again. When
//! the queue is full the call is answered 503.
//!
//! # What the outbox promises
//!
//! A message that was put into an [`Outbox`] survives crashes and power failures, and is sent as soon as that is possible,
//! in the order of its thread. It is sent at most once unless repeating was asked for, and what became of it is reported:
//! sent, failed, or that nobody knows.
//!
//! # How it is built
//!
//! `receiver` takes calls, and `intake` decides about them, as it does for web servers of others; `inbox` keeps events,
//! `outbox` keeps messages until they are sent; `storage` is the database file that both stand on, and `signal` wakes
//! those who wait for a change in it.
#![forbid(unsafe_code)]

mod inbox;
mod intake;
mod outbox;
mod receiver;
mod signal;
mod storage;
#[cfg(test)]
mod testing;

pub use inbox::{Delivery, Entry, EventState, Filter, Inbox, InboxOptions, InboxStats, StoredEvent};
pub use intake::{Answer, Fault, Intake, Next};
pub use outbox::{
    Enqueue, KeepFile, OnAmbiguous, Outbox, OutboxEntry, OutboxFilter, OutboxOptions, OutboxReceipt,
    OutboxState, OutboxStats, Outcome, Report, Reports,
};
pub use receiver::{Limits, Receiver, ReceiverBuilder, Stats};
