//! Keeps SIGPIPE from the host while a call may write to sockets.
//!
//! Uploads and servers write with plain `write` calls, which raise the signal on the writing thread when the other side
//! has gone away; by default it ends the program. Whichever thread drives the runtime does all of the library's work, so
//! each needs this, not only those that write themselves. Messages are written with a flag in place of it: a send that
//! does without the runtime leaves the signals alone, which saves it six system calls.

use std::mem::MaybeUninit;

use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// Blocks the signal on this thread as long as it lives, and takes away one that came meanwhile.
pub(crate) struct NoSigpipe {
    before: Option<SigSet>,
    /// Somebody else's signal, which must not be taken away.
    was_pending: bool,
}

impl NoSigpipe {
    pub(crate) fn new() -> NoSigpipe {
        let before = pipe_alone().thread_swap_mask(SigmaskHow::SIG_BLOCK).ok();
        // A signal can only have been pending if the host itself blocks it.
        let was_pending = before.is_some_and(|mask| mask.contains(Signal::SIGPIPE)) && is_pending();
        NoSigpipe { before, was_pending }
    }
}

impl Drop for NoSigpipe {
    fn drop(&mut self) {
        let Some(before) = self.before else { return };
        if !self.was_pending && is_pending() {
            take_pending();
        }
        let _ = before.thread_set_mask();
    }
}

fn pipe_alone() -> SigSet {
    let mut set = SigSet::empty();
    set.add(Signal::SIGPIPE);
    set
}

fn is_pending() -> bool {
    let mut pending = MaybeUninit::uninit();
    // SAFETY: the pointer is valid for writing a signal set.
    if unsafe { libc::sigpending(pending.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: sigpending succeeded, so it has written the whole set.
    let pending = unsafe { SigSet::from_sigset_t_unchecked(pending.assume_init()) };
    pending.contains(Signal::SIGPIPE)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn take_pending() {
    let at_once = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: both references are valid for the call, and no information about the signal is asked for.
    unsafe { libc::sigtimedwait(pipe_alone().as_ref(), std::ptr::null_mut(), &at_once) };
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn take_pending() {
    let _ = pipe_alone().wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raise() {
        // SAFETY: the signal is blocked on this thread by the caller.
        unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGPIPE) };
    }

    #[test]
    fn a_signal_meanwhile_is_taken_away_and_the_mask_is_as_before() {
        let before = SigSet::thread_get_mask();
        {
            let _guard = NoSigpipe::new();
            raise();
        }
        assert_eq!(SigSet::thread_get_mask(), before);
        assert!(!is_pending());
    }

    #[test]
    fn a_signal_that_the_host_holds_back_stays() {
        let blocked = pipe_alone().thread_swap_mask(SigmaskHow::SIG_BLOCK);
        raise();
        drop(NoSigpipe::new());
        assert!(is_pending());
        take_pending();
        drop(NoSigpipe::new());
        assert!(!is_pending());
        let _ = blocked.map(|mask| mask.thread_set_mask());
    }
}
