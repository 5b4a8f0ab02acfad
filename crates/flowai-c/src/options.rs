//! What goes along with a message.

use std::{ffi::c_void, mem::MaybeUninit, sync::RwLock, time::Duration};

use flowai::{Call, Cancel, Error, Message, Object, Originator, Receipt, Result};
use serde_json::Value;

use crate::{
    cancel::{copy_of, flowai_cancel},
    config::{in_use, originator_of},
    error::flowai_error,
    guard::{call, free, make},
    registry::{self, handle},
    status::flowai_status,
    strings::Text,
    user_data::UserData,
};

/// What goes along with a message: sender, trace id and so on. One may be used for any number of messages, by several
/// threads at once as long as none changes it. Free it with flowai_send_options_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_send_options {
    /// 0 is none: all defaults.
    pub id: u64,
}
handle!(flowai_send_options => SendOptions, 3);

/// Called while an upload goes on, at least every 50 ms, and once at its end, on the thread that made the call. It may
/// call the library, the same client too. Its arguments: the user_data that was given with it; the bytes that were
/// handed to the connection so far; the bytes of the whole file, 0 when that is not known. It returns 0 to go on;
/// anything else gives the upload up with FLOWAI_ERR_CANCELLED.
pub type flowai_progress = Option<extern "C" fn(user_data: *mut c_void, done: u64, total: u64) -> i32>;

/// Never waited for, like the settings of a client.
#[derive(Default)]
pub(crate) struct SendOptions(RwLock<Options>);

#[derive(Clone, Default)]
pub(crate) struct Options {
    originator: Option<Originator>,
    trace_id: Option<u64>,
    lang: Option<String>,
    timezone: Option<i64>,
    params: Option<Object>,
    timeout: Option<Duration>,
    cancel: Option<Cancel>,
    pub(crate) expires_in: Option<Duration>,
    write_concern: bool,
    title: Option<String>,
    pub(crate) mime_type: Option<String>,
    pub(crate) media_type: Option<String>,
    pub(crate) filename: Option<String>,
    url: Option<String>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) progress: Option<Progress>,
}

/// A function of the host that is told how far an upload is.
#[derive(Clone)]
#[cfg_attr(not(feature = "upload"), allow(dead_code, reason = "no call is told of it"))]
pub(crate) struct Progress {
    call: extern "C" fn(*mut c_void, u64, u64) -> i32,
    user_data: UserData,
}

#[cfg(feature = "upload")]
impl Progress {
    /// Whether to go on.
    pub(crate) fn tell(&self, done: u64, total: u64) -> bool {
        (self.call)(self.user_data.get(), done, total) == 0
    }
}

/// What belongs to a message of any kind.
pub(crate) const MESSAGE: [&str; 3] = ["title", "mime_type", "url"];

impl Options {
    /// What was set in a handle; `{0}` is nothing.
    pub(crate) fn of(handle: flowai_send_options) -> Result<Options> {
        match registry::get_optional(handle)? {
            None => Ok(Options::default()),
            Some(options) => match options.0.try_read() {
                Ok(options) => Ok(options.clone()),
                Err(_) => Err(in_use("options")),
            },
        }
    }

    /// As [`only`](Self::only), for a call, which may have a deadline and be given up.
    pub(crate) fn only_for_call(&self, belonging: &[&str]) -> Result<()> {
        self.only(&[belonging, &["timeout_ms", "cancel"]].concat())
    }

    /// Refuses what was set and does not belong to an operation: it would be lost silently.
    pub(crate) fn only(&self, belonging: &[&str]) -> Result<()> {
        let set = [
            ("timeout_ms", self.timeout.is_some()),
            ("cancel", self.cancel.is_some()),
            ("expires_in_ms", self.expires_in.is_some()),
            ("write_concern", self.write_concern),
            ("title", self.title.is_some()),
            ("mime_type", self.mime_type.is_some()),
            ("media_type", self.media_type.is_some()),
            ("filename", self.filename.is_some()),
            ("url", self.url.is_some()),
            ("idle_timeout_ms", self.idle_timeout.is_some()),
            ("progress", self.progress.is_some()),
        ];
        match set
            .iter()
            .find(|(name, is_set)| *is_set && !belonging.contains(name))
        {
            Some((name, _)) => Err(Error::argument(*name, "does not belong to this operation")),
            None => Ok(()),
        }
    }

    /// Gives a call the deadline that was set, and what gives it up.
    pub(crate) fn timed<T>(&self, mut call: Call<T>) -> Call<T> {
        if let Some(timeout) = self.timeout {
            call = call.timeout(timeout);
        }
        if let Some(cancel) = &self.cancel {
            call = call.cancel(cancel);
        }
        call
    }

    /// Gives a call that sends a message what was set for it.
    pub(crate) fn sending(&self, call: Call<Receipt>) -> Call<Receipt> {
        self.timed(call).write_concern(self.write_concern)
    }

    /// Adds to a message what goes along with every kind of it.
    pub(crate) fn apply(&self, mut message: Message) -> Message {
        if let Some(originator) = &self.originator {
            message = message.originator(originator.clone());
        }
        if let Some(trace_id) = self.trace_id {
            message = message.trace_id(trace_id);
        }
        if let Some(lang) = &self.lang {
            message = message.lang(lang.as_str());
        }
        if let Some(timezone) = self.timezone {
            message = message.timezone(timezone);
        }
        if let Some(params) = &self.params {
            message = message.params(params.clone());
        }
        if let Some(title) = &self.title {
            message = message.title(title.as_str());
        }
        if let Some(mime_type) = &self.mime_type {
            message = message.mime_type(mime_type.as_str());
        }
        if let Some(url) = &self.url {
            message = message.url(url.as_str());
        }
        message
    }
}

fn set(
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    change: impl FnOnce(&mut Options) -> Result<()>,
) -> flowai_status {
    call(err, || {
        let options = registry::get(options)?;
        let mut options = options.0.try_write().map_err(|_| in_use("options"))?;
        change(&mut options)
    })
}

fn milliseconds(ms: u32) -> Option<Duration> {
    Some(Duration::from_millis(ms.into()))
}

/// Makes options with every default.
///
/// @param err  Receives an error on failure; may be NULL.
/// @param out  Receives the options, which the caller frees.
/// @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_new(
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_send_options>>,
) -> flowai_status {
    make(err, out, || Ok(SendOptions::default()))
}

/// Sets the name of the sender; the role is external. Default: the sender of the client.
///
/// @param options  Options.
/// @param name     A name.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_set_originator_name(
    options: flowai_send_options,
    name: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        options.originator = Some(name.required("originator")?.into());
        Ok(())
    })
}

/// Sets the sender with role, profile and metadata ("Originator" of the API document).
///
/// @param options   Options.
/// @param document  A JSON object: {"name": "John Doe", "role": "external", "profile": {...}}.
/// @param err       Receives an error on failure; may be NULL.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_set_originator_json(
    options: flowai_send_options,
    document: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        options.originator = Some(originator_of(&document)?);
        Ok(())
    })
}

/// Sets the number that comes back with the delivery event. Use it for one message. Default: a unique one.
///
/// @param options   Options.
/// @param trace_id  A number below 2^53.
/// @param err       Receives an error on failure; may be NULL.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_set_trace_id(
    options: flowai_send_options,
    trace_id: u64,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        options.trace_id = Some(trace_id);
        Ok(())
    })
}

/// Sets the language.
///
/// @param options  Options.
/// @param lang     A two-letter code (ISO 639-1).
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_set_lang(
    options: flowai_send_options,
    lang: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        options.lang = Some(lang.required("lang")?.into());
        Ok(())
    })
}

/// Sets the timezone of the user.
///
/// @param options  Options.
/// @param hours    Hours from UTC, -12 to 14.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_set_timezone(
    options: flowai_send_options,
    hours: i32,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        options.timezone = Some(hours.into());
        Ok(())
    })
}

/// Sets parameters ("Text message" of the API document).
///
/// @param options   Options.
/// @param document  A JSON object.
/// @param err       Receives an error on failure; may be NULL.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_set_params_json(
    options: flowai_send_options,
    document: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        match document.json("params")? {
            Value::Object(params) => options.params = Some(params),
            _ => return Err(Error::argument("params", "must be an object")),
        }
        Ok(())
    })
}

/// Sets the deadline over all attempts, in place of that of the client. An upload has none otherwise.
///
/// @param options  Options.
/// @param ms       Milliseconds, more than 0.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_set_timeout_ms(
    options: flowai_send_options,
    ms: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        options.timeout = milliseconds(ms);
        Ok(())
    })
}

/// Sets what gives a call up. For every function of a client that takes options.
///
/// @param options  Options.
/// @param cancel   A handle, which stays the caller's and may be freed at once; {0} for none.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_set_cancel(
    options: flowai_send_options,
    cancel: flowai_cancel,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        options.cancel = copy_of(cancel)?;
        Ok(())
    })
}

/// Sets how long a message may wait in an outbox; then it is reported as failed. Default: the longest time that the
/// options of the outbox have. For the functions flowai_outbox_send... and uploads.
///
/// @param options  Options.
/// @param ms       Milliseconds.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_set_expires_in_ms(
    options: flowai_send_options,
    ms: u64,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        options.expires_in = Some(Duration::from_millis(ms));
        Ok(())
    })
}

/// Sets whether the service answers only when a message is completed and saved, in place of as soon as it was
/// understood (later versions of the API). For the functions flowai_client_send... and uploads.
///
/// @param options        Options.
/// @param write_concern  Whether to wait for that.
/// @param err            Receives an error on failure; may be NULL.
/// @return               FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_set_write_concern(
    options: flowai_send_options,
    write_concern: bool,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        options.write_concern = write_concern;
        Ok(())
    })
}

/// Sets a name for a location or for media (later versions of the API).
///
/// @param options  Options.
/// @param title    A name.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_set_title(
    options: flowai_send_options,
    title: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        options.title = Some(title.required("title")?.into());
        Ok(())
    })
}

/// Sets the MIME type of media. Default for an upload: what the name of the file says.
///
/// @param options    Options.
/// @param mime_type  A MIME type such as image/png.
/// @param err        Receives an error on failure; may be NULL.
/// @return           FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_set_mime_type(
    options: flowai_send_options,
    mime_type: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        options.mime_type = Some(mime_type.required("mime_type")?.into());
        Ok(())
    })
}

/// Sets the kind of an uploaded file. Default: what the MIME type says.
///
/// @param options     Options.
/// @param media_type  "image", "file", "audio" or "video".
/// @param err         Receives an error on failure; may be NULL.
/// @return            FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_set_media_type(
    options: flowai_send_options,
    media_type: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        options.media_type = Some(media_type.required("media_type")?.into());
        Ok(())
    })
}

/// Sets the name of an uploaded file that the service is told. Default: that of the file.
///
/// @param options   Options.
/// @param filename  A name without control characters.
/// @param err       Receives an error on failure; may be NULL.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_set_filename(
    options: flowai_send_options,
    filename: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        options.filename = Some(filename.required("filename")?.into());
        Ok(())
    })
}

/// Sets where an uploaded file can be found too.
///
/// @param options  Options.
/// @param url      An http or https URL.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_set_url(
    options: flowai_send_options,
    url: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        options.url = Some(url.required("url")?.into());
        Ok(())
    })
}

/// Sets after how long an upload ends when nothing moved. Default: 30,000.
///
/// @param options  Options.
/// @param ms       Milliseconds, more than 0.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_set_idle_timeout_ms(
    options: flowai_send_options,
    ms: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        options.idle_timeout = milliseconds(ms);
        Ok(())
    })
}

/// Sets a function that is told how far an upload is, and that may give it up.
///
/// @param options    Options.
/// @param progress   The function; NULL for none. It must not unwind: no C++ exception may leave it.
/// @param user_data  Passed to the function and never looked at; may be NULL. It must live as long as uploads use it.
/// @param err        Receives an error on failure; may be NULL.
/// @return           FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_set_progress(
    options: flowai_send_options,
    progress: flowai_progress,
    user_data: *mut c_void,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        options.progress = progress.map(|call| Progress {
            call,
            user_data: UserData::new(user_data),
        });
        Ok(())
    })
}

/// Frees options. {0} and what was freed before are left alone.
///
/// @param options  Options.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_send_options_free(options: flowai_send_options) {
    free(options);
}
