//! Calls that an event loop of asyncio waits for.
//!
//! `awaitable` is what a call gives: a coroutine around a future of the core, which it polls on the thread of its loop.
//! `bridge` wakes the loop when a future can go on; there is one for each loop. The threads of the core know of a bridge
//! only a list of numbers and a descriptor to ring at (`doorbell`): they hold no Python object, never enter the
//! interpreter, and may outlive it.
//!
//! `client`, `pages` and `upload` are what users see of it.

mod awaitable;
mod bridge;
mod client;
mod pages;
mod upload;

pub use self::{
    awaitable::Awaitable,
    client::{AsyncClient, call, close},
    pages::{AsyncHistoryIterator, AsyncThreadIterator},
    upload::upload,
};
