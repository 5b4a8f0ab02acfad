//! Functions that wait for something: the network, another thread, the disk.

use std::mem::MaybeUninit;

use flowai::Result;

use crate::{
    error::flowai_error,
    guard::waiting,
    registry::{self, Handle},
    status::flowai_status,
    strings::place,
};

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
