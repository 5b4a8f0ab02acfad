//! Uploads of files ("Media message" of the API document).

use std::mem::MaybeUninit;

use flowai::{Error, ErrorKind, Result, Upload};

use crate::{
    client::flowai_client,
    error::flowai_error,
    guard::{Operation, blocking},
    options::{Options, flowai_send_options},
    receipt::flowai_receipt,
    registry,
    status::flowai_status,
    strings::{Data, Text, place},
};

const BELONGING: [&str; 8] = [
    "write_concern",
    "title",
    "mime_type",
    "media_type",
    "filename",
    "url",
    "idle_timeout_ms",
    "progress",
];

/// Gives an upload what was set for it.
pub(crate) fn described(mut upload: Upload, options: &Options) -> Upload {
    if let Some(filename) = &options.filename {
        upload = upload.filename(filename.as_str());
    }
    if let Some(mime_type) = &options.mime_type {
        upload = upload.mime_type(mime_type.as_str());
    }
    if let Some(media_type) = &options.media_type {
        upload = upload.media_type(media_type.as_str());
    }
    if let Some(idle_timeout) = options.idle_timeout {
        upload = upload.idle_timeout(idle_timeout);
    }
    upload.message(|message| options.apply(message))
}

fn upload(
    client: flowai_client,
    thread_id: &Text,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
    file: impl FnOnce(&Options) -> Result<Upload>,
) -> flowai_status {
    blocking(Operation::send("upload_media"), err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        let thread_id = thread_id.required("thread_id")?;
        let options = Options::of(options)?;
        options.only_for_call(&BELONGING)?;
        let upload = described(file(&options)?, &options);
        let state = upload.progress();
        let tell = || {
            let total = state.total().unwrap_or(0);
            let go_on = options
                .progress
                .as_ref()
                .is_none_or(|progress| progress.tell(state.done(), total));
            match go_on {
                true => Ok(()),
                false => Err(Error::new(
                    ErrorKind::Cancelled,
                    "the upload was given up by its progress function",
                )),
            }
        };
        let call = options.sending(client.client.upload_media(thread_id, upload));
        let receipt = match options.progress {
            Some(_) => call.wait_with(tell)?,
            None => call.wait()?,
        };
        // The file has arrived: giving up is too late.
        let _ = tell();
        out.write(registry::insert(receipt.into())?);
        Ok(())
    })
}

/// Uploads a file of at most 250 MB, streamed ("Media message" of the API document). Its options may have a title,
/// MIME type, kind of media, file name, URL, idle time limit and progress function.
///
/// @param client     A client.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param path       The file. Its name gives the MIME type and the kind of media, unless the options do.
/// @param options    What goes along; {0} for nothing.
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives a receipt, which the caller frees.
/// @return           FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message.
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered. There is no deadline unless the options have one, but the
///                     upload ends when nothing moved for the idle time limit.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_upload_media(
    client: flowai_client,
    thread_id: Text,
    path: Text,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    upload(client, &thread_id, options, err, out, |_| {
        Upload::from_path(path.required("file")?)
    })
}

/// Uploads bytes from memory, which are copied. Otherwise as flowai_client_upload_media(); the file name of the
/// options gives the MIME type and the kind of media, unless they are set.
///
/// @param client     A client.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param data       The content; may be NULL if len is 0.
/// @param len        Its length in bytes, at most 250 * 1024 * 1024.
/// @param options    What goes along; {0} for nothing.
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives a receipt, which the caller frees.
/// @return           FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message.
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       As flowai_client_upload_media().
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_upload_media_bytes(
    client: flowai_client,
    thread_id: Text,
    data: Data,
    len: usize,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    upload(client, &thread_id, options, err, out, |options| {
        let bytes = data.bytes(len, "file")?;
        Upload::from_slice(bytes, options.filename.as_deref().unwrap_or_default())
    })
}
