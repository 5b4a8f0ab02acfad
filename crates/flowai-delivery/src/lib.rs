//! What must not be lost: the receiver of Flow.ai webhook calls.
//!
//! [`Receiver`] is an HTTP or HTTPS server for the calls that the section "Webhooks" of the API document describes. It
//! checks each call with a [`Verifier`](flowai::webhook::Verifier), parses it and hands out its events:
//!
//! ```no_run
//! use flowai::webhook::Verifier;
//! use flowai_delivery::Receiver;
//!
//! # fn main() -> flowai::Result<()> {
//! let receiver = Receiver::builder()
//!     .verifier(Verifier::jwt("a secret of at least thirty-two bytes")?)
//!     .listen("127.0.0.1:9000")
//!     .path("/webhook")
//!     .start()?;
//! while let Some(event) = receiver.next(None)? {
//!     println!("{:?}: {}", event.kind(), event.text());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What the receiver promises
//!
//! A call is acknowledged (2xx) only after its events are in the queue. The queue is in memory: **it is not durable**.
//! Events that were acknowledged and not yet taken are gone when the process ends, and Flow.ai does not send them
//! again. When the queue is full the call is answered 503, and Flow.ai retries it for up to four hours ("Responding to a
//! call" of the API document).
//!
//! # How it is built
//!
//! [`Receiver`] and [`ReceiverBuilder`] are the handle; `server` accepts and ends, `connections` decides who may stay,
//! `connection` carries one client, `gate` and `strict` watch its bytes, `service` answers one request, `queue` holds
//! the events.
#![forbid(unsafe_code)]

mod builder;
mod connection;
mod connections;
mod gate;
mod health;
mod inbox;
mod limits;
mod outage;
mod outbox;
mod progress;
mod queue;
mod receiver;
mod server;
mod service;
mod signal;
mod socket;
mod stats;
mod storage;
mod strict;
#[cfg(test)]
mod testing;
mod tls;

pub use builder::ReceiverBuilder;
pub use inbox::{Delivery, Entry, EventState, Filter, Inbox, InboxOptions, InboxStats, StoredEvent};
pub use limits::Limits;
pub use outbox::{
    Enqueue, KeepFile, OnAmbiguous, Outbox, OutboxEntry, OutboxFilter, OutboxOptions, OutboxReceipt,
    OutboxState, OutboxStats, Outcome, Report, Reports,
};
pub use receiver::Receiver;
pub use stats::Stats;
