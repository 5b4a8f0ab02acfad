//! Functions that wait for something: the network, another thread, the disk.

use std::{
    mem::MaybeUninit,
    ops::Deref,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use flowai::{Cancel, Result};

use crate::{
    cancel::{copy_of, flowai_cancel},
    error::flowai_error,
    guard::{call, waiting},
    registry::{self, Handle},
    status::flowai_status,
    strings::place,
};

/// What was set for the waits of an object. Without a lock: see `registry`.
#[derive(Default)]
struct CancelSlot(AtomicU64);

impl CancelSlot {
    /// Takes a copy of what the handle stands for; `{0}` is nothing.
    fn set(&self, cancel: flowai_cancel) -> Result<()> {
        let copy = match copy_of(cancel)? {
            Some(cancel) => registry::insert(cancel)?,
            None => flowai_cancel { id: 0 },
        };
        registry::remove(flowai_cancel {
            id: self.0.swap(copy.id, Ordering::AcqRel),
        });
        Ok(())
    }

    fn get(&self) -> Option<Cancel> {
        let id = self.0.load(Ordering::Acquire);
        registry::get(flowai_cancel { id })
            .ok()
            .map(|cancel| cancel.clone())
    }
}

impl Drop for CancelSlot {
    fn drop(&mut self) {
        registry::remove(flowai_cancel {
            id: *self.0.get_mut(),
        });
    }
}

/// An object that is waited on, and what gives the waits up.
pub(crate) struct Waited<T> {
    object: T,
    cancel: CancelSlot,
}

impl<T> From<T> for Waited<T> {
    fn from(object: T) -> Waited<T> {
        Waited {
            object,
            cancel: CancelSlot::default(),
        }
    }
}

impl<T> Deref for Waited<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object
    }
}

/// What can have those who wait on it look again.
pub(crate) trait Nudge {
    fn nudger(&self) -> impl Fn() + Send + 'static;
}

impl<T: Nudge> Waited<T> {
    /// Waits with a function that is called when there is reason to look whether to go on.
    pub(crate) fn wait<R>(
        &self,
        time: Option<Duration>,
        wait: impl FnOnce(&T, &mut dyn FnMut() -> Result<()>) -> Result<R>,
    ) -> Result<R> {
        let cancel = self.cancel.get().filter(|_| time != Some(Duration::ZERO));
        let Some(cancel) = cancel else {
            return wait(&self.object, &mut || Ok(()));
        };
        given_up_by(&cancel, self.object.nudger(), |tick| wait(&self.object, tick))
    }
}

/// Waits until something else ends the wait, or the handle does.
pub(crate) fn given_up_by<R>(
    cancel: &Cancel,
    nudge: impl FnOnce() + Send + 'static,
    wait: impl FnOnce(&mut dyn FnMut() -> Result<()>) -> Result<R>,
) -> Result<R> {
    cancel.check()?;
    let _watch = cancel.watch(nudge)?;
    wait(&mut || cancel.check())
}

/// A function that sets what gives up the waits on an object.
pub(crate) fn set_cancel<T: 'static, H: Handle<Object = Waited<T>>>(
    handle: H,
    cancel: flowai_cancel,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    call(err, || registry::get(handle)?.cancel.set(cancel))
}

/// A function that may wait, and gives one thing that an object has or does.
pub(crate) fn wait_for<H: Handle, T>(
    handle: H,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<T>>,
    value: impl FnOnce(&H::Object) -> Result<T>,
) -> flowai_status {
    waiting(err, || {
        let out = place(out, "out")?;
        let object = registry::get(handle)?;
        out.write(value(&object)?);
        Ok(())
    })
}
