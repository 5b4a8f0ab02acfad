//! Flow.ai on this machine: a server that behaves like the REST API and calls webhooks.
//!
//! A [`Sandbox`] answers every endpoint of the API document and of its later versions, keeps the conversation and the
//! state of each thread, runs a bot that answers by the rules of a [`Seed`] and delivers its events to a webhook with the retries that "Responding to a call"
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
//! - The asynchronous queries are answered by events named `history`, `threads`, `trigger.events`, `businessHours`,
//!   `segments` and `isPaused`, with the fields of the synchronous results.
//! - A `moderator` pauses the bot, and so does a handover: by a call, by a rule, or by an event message `HANDOVER` that
//!   no rule is for. Each time that a bot is paused that was not, and at every call of "Pause" and "Resume",
//!   `control.pause` or `control.resume` follows. A paused bot does not reply.
//! - A handover is told by `control.handover` (a takeover by `takeover`) and ends when the bot is resumed: by a call, or
//!   when its seconds have passed. Without seconds it lasts as long as the seed says, or until it is ended. Resolving
//!   resumes the bot, and the thread stays resolved whatever follows, see [`ThreadState`].
//! - A message with `sync=true` is answered with the reply, which is not told to the webhook then; with an
//!   acknowledgement if the bot says nothing. What a rule delays is left out of such an answer.
//! - A broadcast is heard in a thread of each recipient, `ADDRESS|CHANNEL_EXTERNALID` (`ADDRESS|o_CHANNELID` for
//!   segments), and answered by events named `outbound`.
//! - An answer comes when the action is done, with `writeConcern` and without.
//! - History is in the order of time; pages count from 1, an unknown thread has one empty page. Triggered events are in it
//!   with `events=true` alone. Threads are listed in the order of their first use.
//! - Webhook calls carry a JWT (HS256) in `Authorization: Bearer`. The first retry comes after one second, each
//!   wait is twice the one before it up to ten minutes, and after four hours the event is given up. Events
//!   of one thread are delivered one after another, so a failing one holds back those behind it; threads
//!   do not wait for each other.
//! - Errors are `{"status":"error","payload":{"message":"..."}}` with 400, 401, 404, 405, 408 or 413.
//!
//! # The modules
//!
//! How a request travels through the modules: `server` (connections and their limits) → `routes` (`auth`,
//! `cors`, `failures`) → `endpoints` and `query` (which call) → `calls` → `body` and `multipart` (bytes) →
//! `messages` and `broadcast` (what was said) → `conversation` (a turn of it) → `bot` and `seed` (what the bot makes of it)
//! and `control` (what becomes of the thread) → `threads` (the conversation) and `webhooks` (events to deliver, through
//! `http_out`) by way of `documents` (their shapes). `made` makes events that nobody said. `journal` and `deliveries` remember.
#![forbid(unsafe_code)]

mod answer;
mod auth;
mod body;
mod bot;
mod broadcast;
mod builder;
mod business_hours;
mod calls;
mod clock;
mod control;
mod conversation;
mod cors;
mod deliveries;
mod documents;
mod endpoints;
mod error;
mod failures;
mod http_out;
mod ids;
mod journal;
mod jwt;
mod made;
mod messages;
mod multipart;
mod originator;
mod part;
mod query;
#[cfg(doctest)]
mod readme;
mod recipient;
mod routes;
mod sandbox;
mod seed;
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
pub use seed::Seed;
pub use threads::ThreadState;
