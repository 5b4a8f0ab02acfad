//! The Rust of the README, run as a test: against a sandbox, which is why it is here.
#![doc = include_str!("../../../README.md")]
