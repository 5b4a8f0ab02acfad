//! What functions of the host are called with.

use std::{
    ffi::c_void,
    sync::atomic::{AtomicPtr, Ordering},
};

/// A pointer of the host, which is handed back to it and never looked at.
pub(crate) struct UserData(AtomicPtr<c_void>);

impl UserData {
    pub(crate) fn new(pointer: *mut c_void) -> UserData {
        UserData(AtomicPtr::new(pointer))
    }

    pub(crate) fn get(&self) -> *mut c_void {
        self.0.load(Ordering::Relaxed)
    }
}

impl Clone for UserData {
    fn clone(&self) -> UserData {
        UserData::new(self.get())
    }
}
