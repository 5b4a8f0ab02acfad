//! Forked children, for tests that are alone in their file.

use std::{
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, fork},
};

const LIMIT: Duration = Duration::from_secs(60);

/// Runs `work` in a child that ends with the number it returns.
pub fn in_child(work: impl FnOnce() -> i32) -> Pid {
    // SAFETY: the child only does what a forked Python process does too: it calls the library, allocates (which the C
    // library supports after a fork) and leaves without running the destructors of the parent.
    match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            let code = work();
            // SAFETY: ends the process without exit handlers; nothing runs afterwards.
            unsafe { nix::libc::_exit(code) }
        }
    }
}

/// The number that the child ended with; a child that hangs is killed.
pub fn result_of(child: Pid) -> Option<i32> {
    let began = Instant::now();
    while began.elapsed() < LIMIT {
        if let WaitStatus::Exited(_, code) = waitpid(child, Some(WaitPidFlag::WNOHANG)).unwrap() {
            return Some(code);
        }
        thread::sleep(Duration::from_millis(5));
    }
    end(child);
    None
}

/// Kills a child.
pub fn end(child: Pid) {
    kill(child, Signal::SIGKILL).unwrap();
    waitpid(child, None).unwrap();
}
