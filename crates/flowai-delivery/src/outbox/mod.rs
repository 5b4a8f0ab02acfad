//! The outbox: messages that are sent sooner or later, from a file that survives crashes and power loss.
//!
//! [`Outbox`] is the handle. `enqueue` puts a message in (`letter` is its stored form, `files` keeps what is uploaded with
//! it, `spool` takes what other processes put there, `durable` is what both know of files); `drain` is the thread that
//! sends, `attempt` one attempt, `gate` decides when to try again, `shared` connects them. `store` is the database,
//! `entry` what is told about messages. `awaited` waits for those who do not block.

mod attempt;
mod awaited;
mod drain;
mod durable;
mod enqueue;
mod entry;
mod files;
mod gate;
mod handle;
mod letter;
mod options;
mod reports;
mod sends;
mod shared;
mod spool;
mod store;

#[cfg(test)]
mod tests;

pub use self::{
    enqueue::Enqueue,
    entry::{OutboxEntry, OutboxFilter, OutboxReceipt, OutboxState, OutboxStats, Outcome, Report},
    files::KeepFile,
    handle::Outbox,
    options::{OnAmbiguous, OutboxOptions},
    reports::Reports,
};
