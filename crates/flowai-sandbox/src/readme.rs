//! The Rust of the README and of the page on the sandbox, run as tests: against a sandbox, which is why it is here.
#![doc = include_str!("../../../README.md")]
#![doc = include_str!("../../../docs/sandbox.md")]
