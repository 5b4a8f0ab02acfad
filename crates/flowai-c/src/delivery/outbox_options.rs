//! How an outbox behaves.

use std::{mem::MaybeUninit, sync::RwLock};

use flowai::Error;
use flowai_delivery::{OnAmbiguous, OutboxOptions};

use super::settings::{milliseconds, set};
use crate::{
    error::flowai_error,
    guard::{free, make},
    registry::handle,
    status::flowai_status,
    strings::Text,
};

/// How an outbox behaves. Free it with flowai_outbox_options_free(), any time after flowai_outbox_open(), which copies
/// it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_outbox_options {
    /// 0 is none: all defaults.
    pub id: u64,
}
handle!(flowai_outbox_options => RwLock<OutboxOptions>, 28);

/// Makes options with every default. What makes no sense is refused by flowai_outbox_open().
///
/// @param err  Receives an error on failure; may be NULL.
/// @param out  Receives the options, which the caller frees.
/// @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_options_new(
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_outbox_options>>,
) -> flowai_status {
    make(err, out, || Ok(RwLock::new(OutboxOptions::default())))
}

/// Sets what to do with a message that left and may have been taken or not. Default: "surface".
///
/// @param options  Options.
/// @param policy   "surface": it is reported and never sent again, so it arrives at most once. "repeat": it is sent again
///                 with the same trace id, so it may arrive more than once.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_options_set_on_ambiguous(
    options: flowai_outbox_options,
    policy: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, "options", err, |options| {
        let name = policy.required("on_ambiguous")?;
        options.on_ambiguous = OnAmbiguous::by_name(name).ok_or_else(|| {
            Error::argument("on_ambiguous", format_args!("{name:?} is not surface or repeat"))
        })?;
        Ok(())
    })
}

/// Sets how often a message is repeated at most under "repeat"; then it is reported as maybe sent. Default: 10.
///
/// @param options  Options.
/// @param repeats  A number.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_options_set_max_repeats(
    options: flowai_outbox_options,
    repeats: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, "options", err, |options| {
        options.max_repeats = repeats;
        Ok(())
    })
}

/// Sets how old a message may get before it is reported as failed, besides the time that it was given itself
/// (flowai_send_options_set_expires_in_ms()). Default: it waits until it can be sent.
///
/// @param options  Options.
/// @param ms       Milliseconds, more than 0.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_options_set_max_age_ms(
    options: flowai_outbox_options,
    ms: u64,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, "options", err, |options| {
        options.max_age = Some(milliseconds(ms));
        Ok(())
    })
}

/// Sets how many messages may wait; then FLOWAI_ERR_QUEUE_FULL. Reports of messages that were not sent and that nobody
/// has acknowledged count too. Default: 100,000.
///
/// @param options   Options.
/// @param messages  A number, more than 0.
/// @param err       Receives an error on failure; may be NULL.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_options_set_max_messages(
    options: flowai_outbox_options,
    messages: u64,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, "options", err, |options| {
        options.max_messages = messages;
        Ok(())
    })
}

/// Sets how many bytes the waiting messages may have, copied files included; then FLOWAI_ERR_QUEUE_FULL. A larger one is
/// taken into an empty outbox. Default: 1 GiB.
///
/// @param options  Options.
/// @param bytes    Bytes, more than 0.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_options_set_max_bytes(
    options: flowai_outbox_options,
    bytes: u64,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, "options", err, |options| {
        options.max_bytes = bytes;
        Ok(())
    })
}

/// Sets how long a message waits between two attempts: a random part of a limit that begins with one and doubles up to
/// the other. Default: 500 and 300,000. The service may ask for a longer wait, of which at most an hour is granted.
///
/// @param options  Options.
/// @param min_ms   Milliseconds after the first failure.
/// @param max_ms   Milliseconds at most.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_options_set_retry_ms(
    options: flowai_outbox_options,
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

/// Sets how many messages are sent at the same time, each of another thread. Default: 8.
///
/// @param options   Options.
/// @param messages  A number, more than 0.
/// @param err       Receives an error on failure; may be NULL.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_options_set_concurrency(
    options: flowai_outbox_options,
    messages: usize,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, "options", err, |options| {
        options.concurrency = messages;
        Ok(())
    })
}

/// Sets how many reports of messages that were sent are kept until they are acknowledged, the newest ones. Default: 10,000.
///
/// @param options  Options.
/// @param reports  A number; 0 makes none.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_options_set_keep_sent(
    options: flowai_outbox_options,
    reports: u64,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, "options", err, |options| {
        options.keep_sent = reports;
        Ok(())
    })
}

/// Sets how long flowai_outbox_close() and flowai_outbox_free() wait for the messages that are on their way. Default:
/// 5,000.
///
/// @param options  Options.
/// @param ms       Milliseconds.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_options_set_close_time_ms(
    options: flowai_outbox_options,
    ms: u64,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, "options", err, |options| {
        options.close_time = milliseconds(ms);
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
pub extern "C" fn flowai_outbox_options_set_lock_time_ms(
    options: flowai_outbox_options,
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
pub extern "C" fn flowai_outbox_options_free(options: flowai_outbox_options) {
    free(options);
}
