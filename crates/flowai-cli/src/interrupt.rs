//! Being asked to stop.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use flowai::{Error, ErrorKind, Result};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};

/// What a shell tells of a process that Ctrl-C ended.
const ENDED_BY_SIGNAL: i32 = 130;

/// Asks whether to stop, wherever a command waits.
pub(crate) struct Interrupt<'a> {
    stop: &'a dyn Fn() -> bool,
    /// Whether signals are ours to handle.
    owns_process: bool,
}

impl<'a> Interrupt<'a> {
    pub(crate) fn new(stop: &'a dyn Fn() -> bool, owns_process: bool) -> Interrupt<'a> {
        Interrupt { stop, owns_process }
    }

    /// Whether to stop.
    pub(crate) fn asked(&self) -> bool {
        (self.stop)()
    }

    /// Notes SIGHUP from now on, which would end the process else. Nothing is noted in a process that is not ours.
    pub(crate) fn hangups(&self) -> Result<Hangups> {
        let noted = Arc::new(AtomicBool::new(false));
        if self.owns_process {
            flag::register(SIGHUP, Arc::clone(&noted)).map_err(|error| {
                Error::new(ErrorKind::Internal, "SIGHUP cannot be handled").with_source(error)
            })?;
        }
        Ok(Hangups(noted))
    }

    /// The same as an error, which ends a wait.
    pub(crate) fn check(&self) -> Result<()> {
        if self.asked() {
            return Err(Error::new(ErrorKind::Cancelled, "interrupted"));
        }
        Ok(())
    }
}

/// Whether SIGHUP came.
pub(crate) struct Hangups(Arc<AtomicBool>);

impl Hangups {
    /// Whether one came since this was asked last.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
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
