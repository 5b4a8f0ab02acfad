//! An event loop of its own making, which watches the connections of its calls.

use std::{
    os::fd::AsFd,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use flowai::runtime::{Doorbell, Watcher};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

struct Bell(Doorbell);

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        self.0.ring();
    }
}

/// Awaits a call on this thread.
pub fn awaited<T: IntoFuture>(watcher: &Watcher, call: T) -> T::Output {
    awaited_for(watcher, call, PollTimeout::from(20_000u16)).expect("the call goes on for ever")
}

/// The same until nothing has happened for so long; nothing if it is not over then, and it is dropped.
pub fn awaited_for<T: IntoFuture>(watcher: &Watcher, call: T, quiet: PollTimeout) -> Option<T::Output> {
    let mut future = pin!(call.into_future());
    let bell = Arc::new(Bell(Doorbell::new().unwrap()));
    let waker = Waker::from(Arc::clone(&bell));
    loop {
        if let Poll::Ready(done) = watcher.poll(future.as_mut(), &mut Context::from_waker(&waker)) {
            return Some(done);
        }
        let mut descriptors = [
            PollFd::new(watcher.as_fd(), PollFlags::POLLIN),
            PollFd::new(bell.0.as_fd(), PollFlags::POLLIN),
        ];
        if poll(&mut descriptors, quiet).unwrap() == 0 {
            return None;
        }
        watcher.attend();
        bell.0.answer();
    }
}
