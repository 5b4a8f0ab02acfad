//! Talk to a Flow.ai (Khoros Flow) bot.
#![deny(unsafe_code)]

#[macro_use]
pub mod model;
pub mod business_hours;
pub mod error;
pub mod models;
pub mod webhook;

pub use business_hours::{BusinessHours, Holiday, Interval, Weekday};
pub use error::{Delivery, Error, ErrorKind, ErrorResponse, Result};
pub use models::{HistoryEntry, Originator, Profile, ReplyMessage, Template};
