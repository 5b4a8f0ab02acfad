//! What every exported function runs in.

use std::{
    any::Any,
    mem::MaybeUninit,
    panic::{AssertUnwindSafe, catch_unwind},
};

use flowai::{Delivery, Error, ErrorKind, Result, runtime};
use nix::errno::Errno;

use crate::{
    error::{Failure, flowai_error},
    registry,
    sigpipe::NoSigpipe,
    status::{FLOWAI_ERR_BAD_HANDLE, FLOWAI_OK, flowai_status, status_of},
    strings::place,
};

/// What a function does, for its errors.
#[derive(Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) name: Option<&'static str>,
    pub(crate) is_send: bool,
}

impl Operation {
    /// A function that calls the service.
    pub(crate) const fn call(name: &'static str) -> Operation {
        Operation {
            name: Some(name),
            is_send: false,
        }
    }

    /// A function that sends a message.
    pub(crate) const fn send(name: &'static str) -> Operation {
        Operation {
            name: Some(name),
            is_send: true,
        }
    }
}

/// A function that calls nobody.
const LOCAL: Operation = Operation {
    name: None,
    is_send: false,
};

type ErrorPlace<'a> = Option<&'a mut MaybeUninit<flowai_error>>;

fn caught<T>(body: impl FnOnce() -> Result<T>) -> Result<T, (Error, bool)> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result.map_err(|error| (error, false)),
        Err(payload) => Err((defect(payload), true)),
    }
}

/// What becomes of a panic.
#[cold]
#[inline(never)]
fn defect(payload: Box<dyn Any + Send>) -> Error {
    // Dropping it could panic again.
    std::mem::forget(payload);
    Error::new(ErrorKind::Internal, "a defect of the library was caught")
}

fn with_errno_kept<T>(body: impl FnOnce() -> T) -> T {
    let errno = Errno::last_raw();
    let result = body();
    Errno::set_raw(errno);
    result
}

fn run(operation: Operation, err: ErrorPlace<'_>, body: impl FnOnce() -> Result<()>) -> flowai_status {
    match caught(body) {
        Ok(()) => FLOWAI_OK,
        Err((error, panicked)) => failed(operation, err, error, panicked),
    }
}

/// What a function returns that failed. Each has its own [`run`], and would have its own of this.
#[cold]
#[inline(never)]
fn failed(operation: Operation, err: ErrorPlace<'_>, error: Error, panicked: bool) -> flowai_status {
    let status = status_of(&error);
    let Some(err) = err else { return status };
    // What a panic interrupted may have been sent; everything else that fails outside of the core fails before.
    let delivery = if panicked {
        Delivery::MaybeSent
    } else {
        Delivery::NotSent
    };
    let kept = caught(|| {
        let failure = Failure::new(error, operation.name, operation.is_send.then_some(delivery));
        registry::insert::<flowai_error>(failure)
    });
    err.write(kept.unwrap_or(flowai_error { id: 0 }));
    status
}

/// A function that answers at once.
pub(crate) fn call(err: ErrorPlace<'_>, body: impl FnOnce() -> Result<()>) -> flowai_status {
    with_errno_kept(|| run(LOCAL, err, body))
}

/// A function that may wait, and does the library's work meanwhile.
pub(crate) fn blocking(
    operation: Operation,
    err: ErrorPlace<'_>,
    body: impl FnOnce() -> Result<()>,
) -> flowai_status {
    with_errno_kept(|| {
        shielded();
        run(operation, err, body)
    })
}

/// Whoever drives the runtime does the work of everybody, and may write to sockets that raise the signal.
fn shielded() {
    runtime::shield_drivers(|| Box::new(NoSigpipe::new()));
}

/// As [`blocking`], for a function that calls nobody.
pub(crate) fn waiting(err: ErrorPlace<'_>, body: impl FnOnce() -> Result<()>) -> flowai_status {
    blocking(LOCAL, err, body)
}

/// A function that reads one thing from an object.
pub(crate) fn read<H: registry::Handle, T>(
    handle: H,
    out: Option<&mut MaybeUninit<T>>,
    value: impl FnOnce(&H::Object) -> Result<T>,
) -> flowai_status {
    call(None, || {
        let out = place(out, "out")?;
        let object = registry::get(handle)?;
        out.write(value(&object)?);
        Ok(())
    })
}

/// A function that makes an object.
pub(crate) fn make<H: registry::Handle>(
    err: ErrorPlace<'_>,
    out: Option<&mut MaybeUninit<H>>,
    object: impl FnOnce() -> Result<H::Object>,
) -> flowai_status {
    call(err, || {
        let out = place(out, "out")?;
        out.write(registry::insert(object()?)?);
        Ok(())
    })
}

/// A function that frees a handle. `{0}` and what was freed before are left alone.
pub(crate) fn free<H: registry::Handle>(handle: H) {
    with_errno_kept(|| {
        shielded();
        let _ = caught(|| {
            registry::remove(handle);
            Ok(())
        });
    });
}

/// A function that a signal handler may call: it takes no lock and allocates nothing.
pub(crate) fn signal_safe<H: registry::Handle>(handle: H, body: impl FnOnce(&H::Object)) -> flowai_status {
    with_errno_kept(|| match registry::visit(handle, body) {
        true => FLOWAI_OK,
        false => FLOWAI_ERR_BAD_HANDLE,
    })
}

/// A function without a result.
pub(crate) fn quiet(body: impl FnOnce()) {
    with_errno_kept(|| {
        shielded();
        let _ = caught(|| {
            body();
            Ok(())
        });
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    #[test]
    fn a_panic_is_a_code_and_errno_stays() {
        Errno::set_raw(1234);
        let status = call(None, || panic!("a test of panics"));
        assert_eq!(status, crate::status::FLOWAI_ERR_INTERNAL);
        assert_eq!(Errno::last_raw(), 1234);
        Errno::set_raw(0);
    }
}
