//! Webhook calls: reading the events that Flow.ai posts and proving that they come from it ("Webhooks" of the API document).
//!
//! ```
//! use flowai::{EventKind, parse_event};
//!
//! let body = r#"{"type": "message.reply", "threadId": "7c1f0c52|w_caRv7zQ_1",
//!     "messages": [{"fallback": "It arrives tomorrow.",
//!                   "responses": [{"type": "text", "payload": {"text": "It arrives tomorrow."}}]}]}"#;
//! let event = parse_event(body)?;
//! assert_eq!(event.kind(), EventKind::Reply);
//! assert_eq!(event.text(), "It arrives tomorrow.");
//! assert!(event.is_for("7c1f0c52"));
//! # Ok::<(), flowai::Error>(())
//! ```

mod envelope;
mod escapes;
mod event;
mod identity;
mod jwt;
mod kind;
mod tape;
mod text;
pub(crate) mod time;
mod unique;
mod verify;
mod view;

pub use event::{Event, parse_event, parse_events};
pub use jwt::JwtOptions;
pub use kind::EventKind;
pub use verify::Verifier;
