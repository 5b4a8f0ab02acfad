//! libflowai: the C library of flowai. It converts and delegates; it decides nothing.
//!
//! The contract with C programmers is the header `include/flowai.h`, which is made of the documentation of the items here;
//! its first comment holds the rules that all functions share. How the rules are kept:
//! - `status`: the numbers of errors. `error`: an error as an object with accessors.
//! - `registry`: handles. Index, generation and type in one number, so that misuse is an error code; no locks.
//! - `guard`: every exported function runs in it. Panics become codes, errno stays. `sigpipe`: that signal stays away.
//! - `strings`: text and bytes in both directions.
//! - The rest is one file for each kind of object, named like its functions.
#![allow(non_camel_case_types, reason = "types have the names that C programmers see")]

pub mod bot;
pub mod business_hours;
pub mod client;
pub mod config;
pub mod error;
pub mod event;
pub mod event_fields;
mod guard;
pub mod history;
pub mod options;
pub mod receipt;
pub mod receiver;
pub mod receiver_config;
mod registry;
mod sigpipe;
pub mod status;
pub mod strings;
pub mod upload;
pub mod verifier;
pub mod version;
