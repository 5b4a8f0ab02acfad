//! How an inbox behaves.

use std::{mem::MaybeUninit, sync::RwLock};

use flowai_delivery::InboxOptions;

use super::settings::{milliseconds, set};
use crate::{
    error::flowai_error,
    guard::{free, make},
    registry::handle,
    status::flowai_status,
};

/// How an inbox behaves. Free it with flowai_inbox_options_free(), any time after flowai_inbox_open(), which copies it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_inbox_options {
    /// 0 is none: all defaults.
    pub id: u64,
}
handle!(flowai_inbox_options => RwLock<InboxOptions>, 25);

/// Makes options with every default. What makes no sense is refused by flowai_inbox_open().
///
/// @param err  Receives an error on failure; may be NULL.
/// @param out  Receives the options, which the caller frees.
/// @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_options_new(
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_inbox_options>>,
) -> flowai_status {
    make(err, out, || Ok(RwLock::new(InboxOptions::default())))
}

/// Sets how long an event may be held without an outcome or a heartbeat before it is handed out again. Default: 5
/// minutes.
///
/// @param options  Options.
/// @param ms       Milliseconds, more than 0.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_options_set_lease_time_ms(
    options: flowai_inbox_options,
    ms: u64,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, "options", err, |options| {
        options.lease_time = milliseconds(ms);
        Ok(())
    })
}

/// Sets how often an event is handed out before it becomes a dead letter. Default: 10.
///
/// @param options   Options.
/// @param attempts  A number, more than 0.
/// @param err       Receives an error on failure; may be NULL.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_options_set_max_attempts(
    options: flowai_inbox_options,
    attempts: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, "options", err, |options| {
        options.max_attempts = attempts;
        Ok(())
    })
}

/// Sets how long an event waits between two attempts. Default: 1 s after the first failure, then three times as long
/// each time, up to 15 minutes.
///
/// @param options  Options.
/// @param min_ms   Milliseconds after the first failure.
/// @param max_ms   Milliseconds at most.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_options_set_retry_ms(
    options: flowai_inbox_options,
    min_ms: u64,
    max_ms: u64,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, "options", err, |options| {
        options.retry_min = milliseconds(min_ms);
        options.retry_max = milliseconds(max_ms);
        Ok(())
    })
}

/// Sets how long handled events are kept, for flowai_inbox_replay(). Default: 7 days.
///
/// @param options  Options.
/// @param ms       Milliseconds.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_options_set_keep_handled_ms(
    options: flowai_inbox_options,
    ms: u64,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, "options", err, |options| {
        options.keep_handled = milliseconds(ms);
        Ok(())
    })
}

/// Sets how long dead letters are kept. Default: until they are replayed or discarded.
///
/// @param options  Options.
/// @param ms       Milliseconds.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_options_set_keep_dead_ms(
    options: flowai_inbox_options,
    ms: u64,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, "options", err, |options| {
        options.keep_dead = Some(milliseconds(ms));
        Ok(())
    })
}

/// Sets for how long an event that comes again is recognised. Default: 7 days. Flow.ai repeats a call for up to four
/// hours ("Responding to a call" of the API document).
///
/// @param options  Options.
/// @param ms       Milliseconds, at least 24 hours.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_options_set_deduplication_ms(
    options: flowai_inbox_options,
    ms: u64,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, "options", err, |options| {
        options.deduplication = milliseconds(ms);
        Ok(())
    })
}

/// Sets how many bytes of the file may be in use. Beyond that handled events are removed before their time, and when
/// that is not enough nothing more is stored and calls are answered with HTTP status 503. Default: as long as there is
/// room on the disk.
///
/// @param options  Options.
/// @param bytes    Bytes.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_options_set_max_bytes(
    options: flowai_inbox_options,
    bytes: u64,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, "options", err, |options| {
        options.max_bytes = Some(bytes);
        Ok(())
    })
}

/// Sets how long to wait for another process that has locked the database before that is FLOWAI_ERR_STORAGE. Default:
/// 2,000.
///
/// @param options  Options.
/// @param ms       Milliseconds.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_options_set_lock_time_ms(
    options: flowai_inbox_options,
    ms: u64,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, "options", err, |options| {
        options.lock_time = milliseconds(ms);
        Ok(())
    })
}

/// Frees options. {0} and what was freed before are left alone.
///
/// @param options  Options.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_options_free(options: flowai_inbox_options) {
    free(options);
}
