//! A descriptor that becomes readable when any thread rings, so that whoever waits for descriptors can wait for us too.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
};

#[cfg(target_os = "linux")]
pub use self::linux::Doorbell;
#[cfg(not(target_os = "linux"))]
pub use self::other::Doorbell;

impl Doorbell {
    /// What to wait for. It is readable from the first ring until [`Doorbell::answer`].
    pub fn descriptor(&self) -> RawFd {
        self.waited_for().as_raw_fd()
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.waited_for()
    }
}

impl AsRawFd for Doorbell {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor()
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use nix::sys::eventfd::{EfdFlags, EventFd};

    use super::{AsFd, BorrowedFd, io};

    /// A descriptor that becomes readable when any thread rings.
    #[derive(Debug)]
    pub struct Doorbell(EventFd);

    impl Doorbell {
        /// One that nobody has rung.
        pub fn new() -> io::Result<Doorbell> {
            let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
            Ok(Doorbell(EventFd::from_flags(flags)?))
        }

        /// Makes it readable. A single `write`, which a signal handler may make too.
        pub fn ring(&self) {
            // It fails only when the counter is full, and then it rings already.
            let _ = self.0.write(1);
        }

        /// Forgets every ring so far.
        pub fn answer(&self) {
            let _ = self.0.read();
        }

        pub(super) fn waited_for(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::{
        io::{Read, Write},
        os::unix::net::UnixStream,
    };

    use super::{AsFd, BorrowedFd, io};

    /// A descriptor that becomes readable when any thread rings.
    #[derive(Debug)]
    pub struct Doorbell {
        button: UnixStream,
        bell: UnixStream,
    }

    impl Doorbell {
        /// One that nobody has rung.
        pub fn new() -> io::Result<Doorbell> {
            let (button, bell) = UnixStream::pair()?;
            button.set_nonblocking(true)?;
            bell.set_nonblocking(true)?;
            Ok(Doorbell { button, bell })
        }

        /// Makes it readable. A single `write`, which a signal handler may make too.
        pub fn ring(&self) {
            // It fails only when so many rings are unanswered that it rings already.
            let _ = (&self.button).write(&[1]);
        }

        /// Forgets every ring so far.
        pub fn answer(&self) {
            let mut rings = [0; 64];
            while (&self.bell)
                .read(&mut rings)
                .is_ok_and(|count| count == rings.len())
            {}
        }

        pub(super) fn waited_for(&self) -> BorrowedFd<'_> {
            self.bell.as_fd()
        }
    }
}
