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
