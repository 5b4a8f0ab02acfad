//! What a client does differently from the one that it is made from.

use std::{mem::MaybeUninit, sync::RwLock, time::Duration};

use flowai::{Client, Options, Result};

use crate::{
    cancel::flowai_cancel,
    client::flowai_client,
    config::{in_use, originator_of},
    error::flowai_error,
    guard::{call, free, make},
    registry::{self, handle},
    status::flowai_status,
    strings::Text,
};

/// What a client made by flowai_client_with_options() does differently. Free it with flowai_client_options_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_client_options {
    /// 0 is none: no difference.
    pub id: u64,
}
handle!(flowai_client_options => RwLock<Options>, 23);

fn set(
    options: flowai_client_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    change: impl FnOnce(Options) -> Result<Options>,
) -> flowai_status {
    call(err, || {
        let options = registry::get(options)?;
        let mut options = options.try_write().map_err(|_| in_use("options"))?;
        *options = change(options.clone())?;
        Ok(())
    })
}

/// Makes options without any difference.
///
/// @param err  Receives an error on failure; may be NULL.
/// @param out  Receives the options, which the caller frees.
/// @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_options_new(
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_client_options>>,
) -> flowai_status {
    make(err, out, || Ok(RwLock::default()))
}

/// Sets the deadline over all attempts of a call.
///
/// @param options  Options.
/// @param ms       Milliseconds, more than 0.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_options_set_timeout_ms(
    options: flowai_client_options,
    ms: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        Ok(options.timeout(Duration::from_millis(ms.into())))
    })
}

/// Sets how often a call is repeated when that is safe.
///
/// @param options  Options.
/// @param retries  A number; 0 for never.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_options_set_max_retries(
    options: flowai_client_options,
    retries: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| Ok(options.max_retries(retries)))
}

/// Sets the name of the sender of messages that name none themselves; the role is external.
///
/// @param options  Options.
/// @param name     A name.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_options_set_originator_name(
    options: flowai_client_options,
    name: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        Ok(options.originator(name.required("originator")?))
    })
}

/// Sets the sender with role, profile and metadata ("Originator" of the API document).
///
/// @param options   Options.
/// @param document  A JSON object: {"name": "John Doe", "role": "external", "profile": {...}}.
/// @param err       Receives an error on failure; may be NULL.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_options_set_originator_json(
    options: flowai_client_options,
    document: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        Ok(options.originator(originator_of(&document)?))
    })
}

/// Sets what gives up every call of the client, those of its iterators too, beside what the call is given itself.
///
/// @param options  Options.
/// @param cancel   A handle, which stays the caller's and may be freed at once.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_options_set_cancel(
    options: flowai_client_options,
    cancel: flowai_cancel,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        Ok(options.cancel(&*registry::get(cancel)?))
    })
}

/// Frees options. {0} and what was freed before are left alone.
///
/// @param options  Options.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_options_free(options: flowai_client_options) {
    free(options);
}

/// Makes a client that does some things differently. It shares the connections of the other one and is closed with it.
///
/// @param client   A client; the new one works on when it is freed.
/// @param options  What is different, which is copied; {0} for nothing.
/// @param err      Receives an error on failure; may be NULL.
/// @param out      Receives the new client, which the caller frees.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (flowai_error_argument() names the option),
///                 FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread, the same client from several at once.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_with_options(
    client: flowai_client,
    options: flowai_client_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_client>>,
) -> flowai_status {
    make(err, out, || {
        let client: &Client = &registry::get(client)?.client;
        let options = match registry::get_optional(options)? {
            Some(options) => options.try_read().map_err(|_| in_use("options"))?.clone(),
            None => Options::new(),
        };
        Ok(client.with_options(options)?.into())
    })
}
