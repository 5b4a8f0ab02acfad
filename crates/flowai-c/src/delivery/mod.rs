//! What must not be lost: the receiver, the inbox and the outbox.
//!
//! `settings` is what the handles of settings have in common, `waits` what functions that wait have, `rows` the names of
//! what is told about events and messages.

pub mod inbox;
pub mod inbox_delivery;
pub mod inbox_handle;
pub mod inbox_options;
pub mod outbox;
pub mod outbox_options;
pub mod outbox_report;
pub mod outbox_sends;
pub mod receiver;
pub mod receiver_config;
mod rows;
mod settings;
mod waits;
pub mod watch;
