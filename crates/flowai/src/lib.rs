//! Talk to a Flow.ai (Khoros Flow) bot: send messages over its REST API, read the conversation back, control the bot,
//! and understand the webhook calls by which it replies.
//!
//! ```no_run
//! let client = flowai::Client::builder().api_key("MY_MESSAGING_API_KEY").build()?;
//! client.send_text("thread-1", "Hello").wait()?;                          // blocking
//! let page = client.history("thread-1", None).wait()?;
//! let event = flowai::webhook::parse_event(r#"{"type":"message.reply"}"#)?;  // what a webhook call carries
//! # Ok::<_, flowai::Error>(())
//! ```
//!
//! Where things are:
//! - [`Client`] and its set-up: `client`, `config`, `base_url`, `secret`, `proxy`, `trace_id`.
//! - One file for each area of the API, with its endpoints and documents: `messages`, `many` (several at a time), `media`, `ask`, `history`,
//!   `threads`, [`business_hours`], `bot`, `handover`, `triggers`, `broadcast`, and `request` for anything else. What they
//!   have in common: `payload` (what a message may say), [`models`] (who speaks and what was said), [`templates`] (the
//!   parts of a reply), `operation` (an endpoint, a request), `call` (waiting for it), `cancel` (giving up), `fate` (what became of what was given up), `invoke` (any operation by its name), and [`model`] (how a JSON document
//!   with typed fields is declared).
//! - `transport`: deadline, retries, connections, TLS, uploads. It alone knows what became of a message.
//!   Files go through a library that small programs can leave out: feature `upload`, which is on by default.
//! - [`webhook`]: what arrives.
//! - [`error`]: one error for everything. [`runtime`], `doorbell` and `fork`: the one runtime of the process; `watcher`: how
//!   the event loop of a host does without it.
#![deny(unsafe_code)]
// What only awaited calls on an event loop use stays where it is; nothing of it gets into a library.
#![cfg_attr(not(feature = "watcher"), allow(dead_code))]

#[macro_use]
pub mod model;

mod ask;
mod base_url;
mod bot;
mod broadcast;
pub mod business_hours;
mod call;
mod cancel;
mod client;
mod config;
mod doorbell;
pub mod error;
mod fate;
mod fork;
mod handover;
mod history;
mod invoke;
mod many;
#[cfg(feature = "upload")]
mod media;
mod messages;
pub mod models;
mod operation;
mod options;
mod pages;
mod payload;
mod proxy;
mod request;
pub mod runtime;
mod secret;
pub mod templates;
mod threads;
mod trace_id;
mod transport;
mod triggers;
mod watcher;
pub mod webhook;

pub use ask::Reply;
pub use base_url::DEFAULT_BASE_URL;
pub use bot::BotStatus;
pub use broadcast::{CHANNEL_NAMES, Channel, Recipient, Segment};
pub use business_hours::{BusinessHours, Holiday, Interval, LocalTime, Weekday};
pub use call::{Call, Pending};
pub use cancel::Cancel;
pub use client::{Client, Receipt};
pub use config::{ClientBuilder, MetadataForm};
pub use error::{Delivery, Error, ErrorKind, ErrorResponse, Result};
pub use fate::Fate;
pub use history::{HistoryIter, HistoryOptions, HistoryPage};
pub use invoke::{Invocation, Outcome, Started, operations};
pub use many::{Courier, MAX_CONCURRENCY, Many, SendMany, Sending, Until};
#[cfg(feature = "upload")]
pub use media::{Feeder, Progress, Upload, UploadContent, UploadParts};
pub use model::{Document, Object};
pub use models::{HistoryEntry, Originator, Profile, ReplyMessage, Template};
pub use operation::{MAX_THREAD_ID_LENGTH, MAX_UPLOAD_SIZE};
pub use options::Options;
pub use pages::{Page, PageIter};
pub use payload::{Coordinate, EventMessage, LocationMessage, MediaMessage, Message, TextMessage};
pub use request::{Response, is_send_method};
pub use templates::{
    Action, AgentTextTemplate, AudioTemplate, Button, ButtonTrigger, ButtonsTemplate, Card, CardMedia,
    CardTemplate, CarouselTemplate, ChannelTemplate, Content, CustomTemplate, EventTemplate, ExpirationTime,
    FileTemplate, HandoverTemplate, ImageTemplate, KhorosPriorityTemplate, ListItem, ListTemplate,
    LocationTemplate, NoteTemplate, QuickReply, SystemReplyTemplate, TemplateKind, TextTemplate,
    VideoTemplate, WebviewTemplate,
};
pub use threads::{ThreadIter, ThreadsPage};
pub use trace_id::TRACE_ID_LIMIT;

pub use webhook::{Event, EventKind, JwtOptions, Verifier, parse_event, parse_events};

/// The version of this library.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
