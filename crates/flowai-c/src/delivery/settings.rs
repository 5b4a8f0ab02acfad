//! Settings that are changed one by one, behind handles.

use std::{mem::MaybeUninit, sync::RwLock, time::Duration};

use flowai::Result;

use crate::{
    config::in_use,
    error::flowai_error,
    guard::call,
    registry::{self, Handle},
    status::flowai_status,
};

/// A function that changes a setting. Like those of a client they are never waited for.
pub(crate) fn set<T: Send + Sync + 'static, H: Handle<Object = RwLock<T>>>(
    handle: H,
    name: &'static str,
    err: Option<&mut MaybeUninit<flowai_error>>,
    change: impl FnOnce(&mut T) -> Result<()>,
) -> flowai_status {
    call(err, || {
        let settings = registry::get(handle)?;
        let mut settings = settings.try_write().map_err(|_| in_use(name))?;
        change(&mut settings)
    })
}

/// The settings behind a handle.
pub(crate) fn copy<T: Clone + Send + Sync + 'static, H: Handle<Object = RwLock<T>>>(
    handle: H,
    name: &'static str,
) -> Result<T> {
    let settings = registry::get(handle)?;
    let settings = settings.try_read().map_err(|_| in_use(name))?;
    Ok(settings.clone())
}

/// As [`copy`]; `{0}` stands for every default.
pub(crate) fn copy_or_default<T, H>(handle: H, name: &'static str) -> Result<T>
where
    T: Clone + Default + Send + Sync + 'static,
    H: Handle<Object = RwLock<T>>,
{
    match registry::is_none(handle) {
        true => Ok(T::default()),
        false => copy(handle, name),
    }
}

pub(crate) fn milliseconds(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
