//! Being asked to stop.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
};

use flowai::{Error, ErrorKind, Result};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// What a shell tells of a process that Ctrl-C ended.
const ENDED_BY_SIGNAL: i32 = 130;

/// Asks whether to stop, wherever a command waits.
pub(crate) struct Interrupt<'a>(&'a dyn Fn() -> bool);

impl<'a> Interrupt<'a> {
    pub(crate) fn new(stop: &'a dyn Fn() -> bool) -> Interrupt<'a> {
        Interrupt(stop)
    }

    /// Whether to stop.
    pub(crate) fn asked(&self) -> bool {
        (self.0)()
    }

    /// The same as an error, which ends a wait.
    pub(crate) fn check(&self) -> Result<()> {
        if self.asked() {
            return Err(Error::new(ErrorKind::Cancelled, "interrupted"));
        }
        Ok(())
    }
}

/// Notes Ctrl-C and SIGTERM from now on. The second one ends the process: somebody insists.
pub(crate) fn watch() -> io::Result<Arc<AtomicBool>> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order, since the first signal must not meet the flag that it sets itself.
        flag::register_conditional_shutdown(signal, ENDED_BY_SIGNAL, Arc::clone(&asked))?;
        flag::register(signal, Arc::clone(&asked))?;
    }
    Ok(asked)
}
