//! The outbox, against a sandbox and against servers that fail on purpose.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod ambiguous;
mod figures;
mod limits;
mod network;
mod order;
mod processes;
mod reports;
mod support;
mod uploads;
