//! libflowai: the C library of flowai. It converts and delegates; it decides nothing.
//!
//! The contract with C programmers is the header `include/flowai.h`, which is made of the documentation of the items here;
//! its first comment holds the rules that all functions share. How the rules are kept:
//! - `status`: the numbers of errors. `error`: an error as an object with accessors.
//! - `registry`: handles. Index, generation and type in one number, so that misuse is an error code; no locks.
//! - `guard`: every exported function runs in it. Panics become codes, errno stays. `sigpipe`: that signal stays away.
//! - `strings`: text and bytes in both directions.
//! - `document`, `list`: what comes in any number and shape, with `record`, which finds the fields of a document.
//! - `call`, `queue` and `completion`: calls that are not waited for, over `pending`, which holds them. `cancel` ends waits.
//! - `delivery`: the receiver, inbox and outbox; a library without that feature has none of them. `upload`: the same.
//! - The rest is one file for each kind of object, named like its functions.
#![allow(non_camel_case_types, reason = "types have the names that C programmers see")]

pub mod ask;
mod atomic;
pub mod bot;
pub mod broadcast;
pub mod business_hours;
pub mod call;
pub mod cancel;
pub mod client;
pub mod client_options;
pub mod completion;
pub mod config;
#[cfg(feature = "delivery")]
pub mod delivery;
pub mod document;
pub mod error;
pub mod event;
pub mod event_fields;
pub mod event_lists;
mod guard;
pub mod handover;
pub mod history;
pub mod list;
pub mod log;
pub mod message;
pub mod options;
pub mod page;
mod pending;
pub mod queue;
pub mod receipt;
mod record;
mod registry;
#[cfg(test)]
mod registry_tests;
pub mod request;
mod sigpipe;
pub mod status;
pub mod string;
pub mod strings;
pub mod templates;
pub mod threads;
pub mod triggers;
#[cfg(feature = "upload")]
pub mod upload;
mod user_data;
pub mod verifier;
pub mod version;
