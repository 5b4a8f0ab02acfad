//! Putting messages into an outbox ("Sending messages" of the API document).

use std::mem::MaybeUninit;

use flowai::{Error, Message, Result, Upload};
use flowai_delivery::{Enqueue, KeepFile, Outbox, OutboxReceipt};

use super::outbox::flowai_outbox;
use crate::{
    error::flowai_error,
    guard::{Operation, blocking, free, read},
    message::flowai_message,
    options::{MESSAGE, Options, flowai_send_options},
    registry::{self, handle},
    status::flowai_status,
    strings::{Data, Owned, Text, flowai_str, number, place},
    upload::described,
};

/// What is known of a message once it is in an outbox. Free it with flowai_outbox_receipt_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_outbox_receipt {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_outbox_receipt => Taken, 31);

pub(crate) struct Taken {
    id: i64,
    thread_id: Owned,
    trace_id: Option<u64>,
}

impl From<OutboxReceipt> for Taken {
    fn from(receipt: OutboxReceipt) -> Taken {
        Taken {
            id: receipt.id,
            thread_id: Owned::new(receipt.thread_id),
            trace_id: receipt.trace_id,
        }
    }
}

/// How an outbox keeps a file that is to be uploaded: one of FLOWAI_KEEP_... .
pub type flowai_keep_file = i32;

/// A copy of its own, removed when the message is settled.
pub const FLOWAI_KEEP_COPY: flowai_keep_file = 0;
/// Its path, size and time of change. If it is gone or has changed when its turn comes, the message fails.
pub const FLOWAI_KEEP_REFERENCE: flowai_keep_file = 1;

fn keep_of(keep: flowai_keep_file) -> Result<KeepFile> {
    match keep {
        FLOWAI_KEEP_COPY => Ok(KeepFile::Copy),
        FLOWAI_KEEP_REFERENCE => Ok(KeepFile::Reference),
        _ => Err(Error::argument("keep", "is not one of FLOWAI_KEEP_...")),
    }
}

/// What goes along with an upload that is sent later, when there is nobody to tell how far it is.
const WITH_UPLOAD: [&str; 6] = [
    "title",
    "mime_type",
    "media_type",
    "filename",
    "url",
    "idle_timeout_ms",
];

/// Where a message goes: outbox, thread, and what goes along.
struct Way<'a> {
    operation: &'static str,
    outbox: flowai_outbox,
    thread_id: &'a Text,
    options: flowai_send_options,
    belonging: &'a [&'static str],
}

impl Way<'_> {
    fn put(
        self,
        err: Option<&mut MaybeUninit<flowai_error>>,
        out: Option<&mut MaybeUninit<flowai_outbox_receipt>>,
        content: impl FnOnce(&Outbox, &str, &Options) -> Result<Enqueue>,
    ) -> flowai_status {
        blocking(Operation::call(self.operation), err, || {
            let out = place(out, "out")?;
            let outbox = registry::get(self.outbox)?;
            let thread_id = self.thread_id.required("thread_id")?;
            let options = Options::of(self.options)?;
            options.only(&[self.belonging, &["expires_in_ms"]].concat())?;
            let mut enqueue = content(&outbox, thread_id, &options)?;
            if let Some(time) = options.expires_in {
                enqueue = enqueue.expires_in(time);
            }
            out.write(registry::insert(enqueue.wait()?.into())?);
            Ok(())
        })
    }

    fn put_message(
        self,
        err: Option<&mut MaybeUninit<flowai_error>>,
        out: Option<&mut MaybeUninit<flowai_outbox_receipt>>,
        message: impl FnOnce() -> Result<Message>,
    ) -> flowai_status {
        self.put(err, out, |outbox, thread_id, options| {
            Ok(outbox.send(thread_id, options.apply(message()?)))
        })
    }
}

/// Puts a text into an outbox ("Text message" of the API document). Here and in the functions below the message is
/// checked now, and is durable once the function has returned; what becomes of it is a report.
///
/// @param outbox     An outbox.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param text       At most 255 code points, unless the settings of the client allow more.
/// @param options    What goes along, and how long it may wait (flowai_send_options_set_expires_in_ms()); {0} for nothing.
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives a receipt, which the caller frees.
/// @return           FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_QUEUE_FULL (as much waits as the options of the
///                   outbox allow), FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread, also in a forked child; several at once share a commit.
/// @par Blocking       Until the message is on the disk.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_send_text(
    outbox: flowai_outbox,
    thread_id: Text,
    text: Text,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_outbox_receipt>>,
) -> flowai_status {
    let way = Way {
        operation: "send_text",
        outbox,
        thread_id: &thread_id,
        options,
        belonging: &[],
    };
    way.put_message(err, out, || Ok(Message::text(text.required("text")?)))
}

/// Puts an event into an outbox ("Event message" of the API document).
///
/// @param outbox      An outbox.
/// @param thread_id   The thread; any text of at most 1,024 bytes without control characters.
/// @param event_name  The name of the event.
/// @param options     As for flowai_outbox_send_text().
/// @param err         Receives an error on failure; may be NULL.
/// @param out         Receives a receipt, which the caller frees.
/// @return            As flowai_outbox_send_text().
/// @par Thread safety  Any thread, also in a forked child; several at once share a commit.
/// @par Blocking       Until the message is on the disk.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_send_event(
    outbox: flowai_outbox,
    thread_id: Text,
    event_name: Text,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_outbox_receipt>>,
) -> flowai_status {
    let way = Way {
        operation: "send_event",
        outbox,
        thread_id: &thread_id,
        options,
        belonging: &[],
    };
    way.put_message(err, out, || {
        Ok(Message::event(event_name.required("event_name")?))
    })
}

/// Puts a place into an outbox ("Location message" of the API document). Its options may have a title.
///
/// @param outbox     An outbox.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param lat        The latitude as a decimal number.
/// @param lng        The longitude as a decimal number.
/// @param options    As for flowai_outbox_send_text().
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives a receipt, which the caller frees.
/// @return           As flowai_outbox_send_text().
/// @par Thread safety  Any thread, also in a forked child; several at once share a commit.
/// @par Blocking       Until the message is on the disk.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_send_location(
    outbox: flowai_outbox,
    thread_id: Text,
    lat: Text,
    lng: Text,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_outbox_receipt>>,
) -> flowai_status {
    let way = Way {
        operation: "send_location",
        outbox,
        thread_id: &thread_id,
        options,
        belonging: &["title"],
    };
    way.put_message(err, out, || {
        Ok(Message::location(lat.required("lat")?, lng.required("long")?))
    })
}

/// Puts media by URL into an outbox ("Media message" of the API document). Its options may have a title and a MIME type.
///
/// @param outbox      An outbox.
/// @param thread_id   The thread; any text of at most 1,024 bytes without control characters.
/// @param url         Where it is: an http or https URL.
/// @param media_type  "image", "file", "audio" or "video".
/// @param options     As for flowai_outbox_send_text().
/// @param err         Receives an error on failure; may be NULL.
/// @param out         Receives a receipt, which the caller frees.
/// @return            As flowai_outbox_send_text().
/// @par Thread safety  Any thread, also in a forked child; several at once share a commit.
/// @par Blocking       Until the message is on the disk.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_send_media(
    outbox: flowai_outbox,
    thread_id: Text,
    url: Text,
    media_type: Text,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_outbox_receipt>>,
) -> flowai_status {
    let way = Way {
        operation: "send_media",
        outbox,
        thread_id: &thread_id,
        options,
        belonging: &["title", "mime_type"],
    };
    way.put_message(err, out, || {
        Ok(Message::media(
            url.required("url")?,
            media_type.required("media_type")?,
        ))
    })
}

/// Puts a message of any kind into an outbox. What the options have takes the place of what the message has.
///
/// @param outbox     An outbox.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param message    A message.
/// @param options    As for flowai_outbox_send_text().
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives a receipt, which the caller frees.
/// @return           As flowai_outbox_send_text().
/// @par Thread safety  Any thread, also in a forked child; several at once share a commit.
/// @par Blocking       Until the message is on the disk.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_send(
    outbox: flowai_outbox,
    thread_id: Text,
    message: flowai_message,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_outbox_receipt>>,
) -> flowai_status {
    let way = Way {
        operation: "send",
        outbox,
        thread_id: &thread_id,
        options,
        belonging: &MESSAGE,
    };
    way.put_message(err, out, || Ok(registry::get(message)?.clone()))
}

/// Puts a file of at most 250 MB into an outbox ("Media message" of the API document). Its options may have a title, MIME
/// type, kind of media, file name, URL and idle time limit.
///
/// @param outbox     An outbox.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param path       The file. Its name gives the MIME type and the kind of media, unless the options do.
/// @param keep       FLOWAI_KEEP_COPY or FLOWAI_KEEP_REFERENCE.
/// @param options    As for flowai_outbox_send_text().
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives a receipt, which the caller frees.
/// @return           As flowai_outbox_send_text().
/// @par Thread safety  Any thread, also in a forked child.
/// @par Blocking       Until the message, and the copy of the file if one is made, are on the disk.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_upload_media(
    outbox: flowai_outbox,
    thread_id: Text,
    path: Text,
    keep: flowai_keep_file,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_outbox_receipt>>,
) -> flowai_status {
    let way = Way {
        operation: "upload_media",
        outbox,
        thread_id: &thread_id,
        options,
        belonging: &WITH_UPLOAD,
    };
    way.put(err, out, |outbox, thread_id, options| {
        let upload = described(Upload::from_path(path.required("file")?)?, options);
        Ok(outbox.upload_media(thread_id, upload, keep_of(keep)?))
    })
}

/// Puts bytes from memory into an outbox as a file, which are copied. Otherwise as flowai_outbox_upload_media(); the file
/// name of the options gives the MIME type and the kind of media, unless they are set.
///
/// @param outbox     An outbox.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param data       The content; may be NULL if len is 0.
/// @param len        Its length in bytes, at most 250 * 1024 * 1024.
/// @param options    As for flowai_outbox_send_text().
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives a receipt, which the caller frees.
/// @return           As flowai_outbox_send_text().
/// @par Thread safety  Any thread, also in a forked child.
/// @par Blocking       Until the message and the bytes are on the disk.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_upload_media_bytes(
    outbox: flowai_outbox,
    thread_id: Text,
    data: Data,
    len: usize,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_outbox_receipt>>,
) -> flowai_status {
    let way = Way {
        operation: "upload_media",
        outbox,
        thread_id: &thread_id,
        options,
        belonging: &WITH_UPLOAD,
    };
    way.put(err, out, |outbox, thread_id, options| {
        let name = options.filename.as_deref().unwrap_or_default();
        let upload = Upload::from_slice(data.bytes(len, "file")?, name)?;
        Ok(outbox.upload_media(thread_id, described(upload, options), KeepFile::Copy))
    })
}

/// The number of the message in its outbox; the report of it has it too.
///
/// @param receipt  A receipt.
/// @param out      Receives the number, from 1 to 2^53 - 1, in no order.
/// @return         FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_receipt_id(
    receipt: flowai_outbox_receipt,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    read(receipt, out, |taken| Ok(taken.id))
}

/// The thread that the message is for.
///
/// @param receipt  A receipt.
/// @param out      Receives text that lives as long as the receipt.
/// @return         FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_receipt_thread_id(
    receipt: flowai_outbox_receipt,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(receipt, out, |taken| Ok(taken.thread_id.lend()))
}

/// The trace id that goes along; the delivery event carries it too.
///
/// @param receipt  A receipt.
/// @param out      Receives the number; FLOWAI_NONE if the client gives none.
/// @return         FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_receipt_trace_id(
    receipt: flowai_outbox_receipt,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    read(receipt, out, |taken| Ok(number(taken.trace_id)))
}

/// Frees a receipt and every text read from it. {0} and one that was freed before are left alone.
///
/// @param receipt  A receipt.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_receipt_free(receipt: flowai_outbox_receipt) {
    free(receipt);
}
