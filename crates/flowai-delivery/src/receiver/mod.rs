//! The receiver of webhook calls.
//!
//! [`Receiver`] (`handle`) and [`ReceiverBuilder`] are what users hold. `server` accepts and ends, `connections` decides who
//! may stay, `connection` carries one client, `socket` and `tls` are what it speaks through, `gate`, `strict` and `progress`
//! watch its bytes. `service` answers one request, as the crate's `intake` decides, `queue` holds the events where there is no inbox;
//! `health` and `stats` tell how it is going.

mod builder;
mod connection;
mod connections;
mod gate;
mod handle;
mod health;
mod limits;
mod progress;
mod queue;
mod server;
mod service;
mod socket;
mod stats;
mod strict;
mod tls;

pub use self::{builder::ReceiverBuilder, handle::Receiver, limits::Limits, stats::Stats};
