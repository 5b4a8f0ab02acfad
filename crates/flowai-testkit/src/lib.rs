//! Servers that the tests of every language talk to: one that checks requests against the vectors, one that
//! fails on purpose.
//!
//! The formats are described in `tests/vectors/README.md`. Rust tests start everything in their own process:
//!
//! ```no_run
//! let server = flowai_testkit::TestServer::start("tests/vectors")?;
//! let base = format!("{}/vector/text-minimal/run1/rest/v1/", server.http());
//! // ... make the call of the vector `text-minimal` there ...
//! assert_eq!(server.verdict("text-minimal", "run1").problems, Vec::<String>::new());
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Other languages start the program of this crate, `flowai-testkit serve`.
//!
//! How a connection travels through the modules: `server` (ports) → `connection` (requests, one after the
//! other, read by `wire`) → `checker` (against `vector`, by `matching` and `multipart`) or `faults`
//! (misbehaviour, counted by `counts`). `ports` and `proxy` fail before there is a request.
#![forbid(unsafe_code)]

mod certificates;
mod checker;
mod connection;
mod counts;
mod faults;
mod io;
mod matching;
mod multipart;
mod ports;
mod proxy;
mod server;
mod vector;
mod wire;

pub use checker::Verdict;
pub use counts::{Counts, SeenBody};
pub use matching::{compare, mismatches};
pub use server::TestServer;
pub use vector::{Exchange, Vector, event_body, fill_in, load_dir, load_file, load_sources};
