//! Giving up what waits: from another thread, or from a signal handler.

use std::mem::MaybeUninit;

use flowai::{Cancel, Result};

use crate::{
    error::flowai_error,
    guard::{call, free, make, read, signal_safe},
    registry::{self, handle},
    status::flowai_status,
};

/// Ends waits from elsewhere: from another thread, or from a signal handler. Give it to calls with
/// flowai_send_options_set_cancel(), to all calls of a client with flowai_client_options_set_cancel(), to the waits of a
/// receiver, inbox or outbox with flowai_receiver_set_cancel(), flowai_inbox_set_cancel(), flowai_outbox_set_cancel(),
/// and to a call without waiting in a flowai_async. Any number of them may have the same one. When it is triggered each
/// of them ends soon with FLOWAI_ERR_CANCELLED, and flowai_error_delivery() says what became of a message.
/// Free it with flowai_cancel_free(); what has it keeps it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_cancel {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_cancel => Cancel, 40);

/// What a handle stands for; `{0}` is nothing.
pub(crate) fn copy_of(cancel: flowai_cancel) -> Result<Option<Cancel>> {
    let cancel = registry::get_optional(cancel)?;
    Ok(cancel.map(|cancel| cancel.clone()))
}

/// Makes a handle that nobody has triggered.
///
/// @param err  Receives an error on failure; may be NULL.
/// @param out  Receives the handle, which the caller frees.
/// @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_cancel_new(
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_cancel>>,
) -> flowai_status {
    make(err, out, || Ok(Cancel::new()))
}

/// Ends every wait that has this handle, now and from now on, until flowai_cancel_reset().
///
/// @param cancel  A handle.
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread. Async-signal-safe: it takes no lock, allocates nothing and leaves errno alone.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_cancel_trigger(cancel: flowai_cancel) -> flowai_status {
    signal_safe(cancel, Cancel::trigger)
}

/// Whether a handle was triggered.
///
/// @param cancel  A handle.
/// @param out     Receives the answer.
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
/// @par Thread safety  Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_cancel_triggered(
    cancel: flowai_cancel,
    out: Option<&mut MaybeUninit<bool>>,
) -> flowai_status {
    read(cancel, out, |cancel| Ok(cancel.is_triggered()))
}

/// Makes a handle as new, for what begins afterwards. Waits that it has ended already have seen that or not: reset it
/// when they have returned.
///
/// @param cancel  A handle.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_cancel_reset(
    cancel: flowai_cancel,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    call(err, || {
        registry::get(cancel)?.reset();
        Ok(())
    })
}

/// Frees a handle, which triggers nothing. {0} and one that was freed before are left alone.
///
/// @param cancel  A handle.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_cancel_free(cancel: flowai_cancel) {
    free(cancel);
}
