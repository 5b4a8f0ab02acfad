//! Uploads of files ("Media message" of the API document).

use std::{ffi::c_void, mem::MaybeUninit};

use flowai::{Error, ErrorKind, Feeder, Result, Upload};

use crate::{
    client::flowai_client,
    error::flowai_error,
    guard::{Operation, blocking},
    options::{Options, flowai_send_options},
    receipt::flowai_receipt,
    registry,
    status::flowai_status,
    strings::{Data, Text, optional_number, place},
    user_data::UserData,
};

/// Called for the next bytes of a file, on the thread that made the call, while the upload goes on. It may call the
/// library, the same client too. Its arguments: the user_data that was given with it; where the bytes go; how many fit
/// there. It returns how many it has put there, at least one; 0 at the end of the file; a negative number gives the upload
/// up with FLOWAI_ERR_CANCELLED. It must not unwind: no C++ exception may leave it.
pub type flowai_read = Option<extern "C" fn(user_data: *mut c_void, buffer: *mut c_void, size: usize) -> i64>;

/// How much is read at a time.
const CHUNK: usize = 64 * 1024;

/// A file that the host reads.
struct Source {
    read: extern "C" fn(*mut c_void, *mut c_void, usize) -> i64,
    user_data: UserData,
    feeder: Feeder,
}

impl Source {
    /// Reads as much as the upload takes now.
    fn feed(&mut self) -> Result<()> {
        while self.feeder.wants_more() {
            let mut chunk = vec![0; CHUNK];
            let count = (self.read)(self.user_data.get(), chunk.as_mut_ptr().cast(), CHUNK);
            let Ok(count) = usize::try_from(count) else {
                return Err(given_up("read"));
            };
            if count > CHUNK {
                return Err(Error::argument("read", "returned more than there was room for"));
            }
            chunk.truncate(count);
            self.feeder.feed(chunk);
        }
        Ok(())
    }
}

fn given_up(function: &str) -> Error {
    let problem = format!("the upload was given up by its {function} function");
    Error::new(ErrorKind::Cancelled, problem)
}

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
    file: impl FnOnce(&Options) -> Result<(Upload, Option<Source>)>,
) -> flowai_status {
    blocking(Operation::send("upload_media"), err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        let thread_id = thread_id.required("thread_id")?;
        let options = Options::of(options)?;
        options.only_for_call(&BELONGING)?;
        let (upload, mut source) = file(&options)?;
        let upload = described(upload, &options);
        let state = upload.progress();
        let tell = || {
            // Who reads more than was announced is refused, and told of no more until then.
            let total = state.total();
            let done = state.done().min(total.unwrap_or(u64::MAX));
            let go_on = options
                .progress
                .as_ref()
                .is_none_or(|progress| progress.tell(done, total.unwrap_or(0)));
            match go_on {
                true => Ok(()),
                false => Err(given_up("progress")),
            }
        };
        let attends = source.is_some() || options.progress.is_some();
        let call = options.sending(client.client.upload_media(thread_id, upload));
        let receipt = match attends {
            true => call.wait_with(|| {
                source.as_mut().map_or(Ok(()), Source::feed)?;
                tell()
            })?,
            false => call.wait()?,
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
        Ok((Upload::from_path(path.required("file")?)?, None))
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
        let name = options.filename.as_deref().unwrap_or_default();
        Ok((Upload::from_slice(bytes, name)?, None))
    })
}

/// Uploads what a function reads, piece by piece, so that nothing has to be in memory as a whole. Otherwise as
/// flowai_client_upload_media_bytes(). It is not repeated when it fails: what was read is gone.
///
/// @param client     A client.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param read       What reads the file. Not NULL.
/// @param user_data  Passed to the function and never looked at; may be NULL.
/// @param length     How many bytes there are, at most 250 * 1024 * 1024; FLOWAI_NONE when that is not known.
/// @param options    What goes along; {0} for nothing.
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives a receipt, which the caller frees.
/// @return           FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message.
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       As flowai_client_upload_media().
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_upload_media_read(
    client: flowai_client,
    thread_id: Text,
    read: flowai_read,
    user_data: *mut c_void,
    length: i64,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    upload(client, &thread_id, options, err, out, |options| {
        let read = read.ok_or_else(|| Error::argument("read", "is NULL"))?;
        let length = optional_number(length, "length")?;
        let name = options.filename.as_deref().unwrap_or_default();
        let (upload, feeder) = Upload::from_chunks(length, name)?;
        let source = Source {
            read,
            user_data: UserData::new(user_data),
            feeder,
        };
        Ok((upload, Some(source)))
    })
}
