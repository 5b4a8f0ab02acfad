//! Flow.ai on this machine: a server that behaves like the REST API and calls webhooks.
//!
//! A [`Sandbox`] answers every endpoint of the API document, keeps the conversation of each thread,
//! runs a small bot and delivers its events to a webhook with the retries that "Responding to a call"
//! of the API document describes. It keeps a journal of what it was asked and of what it delivered, and
//! fails on request, so that a program can be tested against all of it without an account.
//!
//! ```
//! use flowai_sandbox::Sandbox;
//!
//! let sandbox = Sandbox::builder().api_key("MY_MESSAGING_API_KEY").start()?;
//! assert!(sandbox.base_url().ends_with("/rest/v1/"));
//! # Ok::<(), flowai_sandbox::SandboxError>(())
//! ```
//!
//! # Where the document is silent
//!
//! - The echo replies with the text that was sent; every type of message is described at [`Bot`].
//! - A message causes `message.delivered`, which repeats it, then the bot's `message.reply`. Both carry the
//!   thread id as it was sent. Events are flat objects with their name under `type`.
//! - The asynchronous queries are answered by events named `history`, `businessHours` and `isPaused`, with
//!   the fields of the synchronous results.
//! - An event message `HANDOVER` causes `control.handover` and pauses the bot; a `moderator` pauses it, too.
//!   Each time that a message pauses a bot that was not, and at every call of "Pause" and "Resume",
//!   `control.pause` or `control.resume` follows. A paused bot does not reply.
//! - History is in the order of time; pages count from 1, an unknown thread has one empty page.
//! - Webhook calls carry a JWT (HS256) in `Authorization: Bearer`. The first retry comes after one second, each
//!   wait is twice the one before it up to ten minutes, and after four hours the event is given up. Events
//!   of one thread are delivered one after another, so a failing one holds back those behind it; threads
//!   do not wait for each other.
//! - Errors are `{"status":"error","payload":{"message":"..."}}` with 400, 401, 404, 405, 408 or 413.
//!
//! # The modules
//!
//! How a request travels through the modules: `server` (connections and their limits) → `routes` (which
//! endpoint, `auth`, `cors`, `failures`) → `body` and `multipart` (bytes) → `messages` (what was said) →
//! `bot` (what follows from it) → `threads` (the conversation) and `webhooks` (events to deliver, through
//! `http_out`). `journal` and `deliveries` remember.
#![forbid(unsafe_code)]

mod answer;
mod auth;
mod body;
mod bot;
mod builder;
mod business_hours;
mod clock;
mod cors;
mod deliveries;
mod error;
mod failures;
mod http_out;
mod ids;
mod journal;
mod jwt;
mod messages;
mod multipart;
mod originator;
#[cfg(doctest)]
mod readme;
mod routes;
mod sandbox;
mod server;
mod shared;
mod threads;
mod tls;
mod webhooks;

pub use bot::Bot;
pub use builder::SandboxBuilder;
pub use deliveries::{Attempt, Delivery, DeliveryState};
pub use error::SandboxError;
pub use failures::Failure;
pub use journal::{RecordedRequest, UploadedFile};
pub use sandbox::Sandbox;
