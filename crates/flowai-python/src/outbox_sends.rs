//! What can be put into an outbox: the client's sends.

use std::future::IntoFuture;

use flowai::Message;
use flowai_delivery::{Enqueue, KeepFile};
use pyo3::{IntoPyObjectExt, prelude::*};

use crate::{
    client::Given,
    convert::{optional, seconds, text},
    errors::{Failure, Outcome, guard},
    face::Answer,
    fields,
    outbox::{Outgoing, name},
    outbox_records::OutboxReceipt,
    sends::Along,
    upload, wait,
};

impl Outgoing {
    fn enqueue_message(
        &self,
        py: Python<'_>,
        operation: &'static str,
        thread_id: &Bound<'_, PyAny>,
        message: impl FnOnce() -> Outcome<Message>,
        expires_in: Given<'_, '_>,
    ) -> Answer {
        let prepare = || {
            let thread_id = text(thread_id, "thread_id")?;
            expiring(self.held.get()?.send(&thread_id, message()?), expires_in)
        };
        let blocking = |py: Python<'_>, enqueue: Enqueue| wait::released(py, || enqueue.wait());
        self.enqueue(py, operation, prepare, blocking)
    }

    fn enqueue(
        &self,
        py: Python<'_>,
        operation: &'static str,
        prepare: impl FnOnce() -> Outcome<Enqueue>,
        blocking: impl FnOnce(Python<'_>, Enqueue) -> Outcome<flowai_delivery::OutboxReceipt>,
    ) -> Answer {
        let then = move |py: Python<'_>, receipt: Outcome<_>| {
            let receipt = receipt.map_err(|failure: Failure| failure.refused(operation, true))?;
            Ok(OutboxReceipt::from(receipt).into_py_any(py)?)
        };
        self.face.either(
            py,
            name(operation),
            guard(prepare),
            blocking,
            Enqueue::into_future,
            then,
        )
    }
}

fn expiring(enqueue: Enqueue, expires_in: Given<'_, '_>) -> Outcome<Enqueue> {
    Ok(match optional(expires_in, "expires_in", seconds)? {
        Some(time) => enqueue.expires_in(time),
        None => enqueue,
    })
}

#[pymethods]
#[allow(clippy::too_many_arguments, reason = "keyword arguments, as Python has them")]
impl Outgoing {
    /// Puts a text into the outbox ("Text message" of the API document), and returns when it is durable.
    ///
    /// thread_id, text, originator, trace_id, lang, timezone, params: as for Client.send_text. Give no trace id twice.
    /// expires_in: seconds after which the message fails (``expired``) if it could not be sent.
    ///
    /// Raises InvalidArgumentError, naming the argument; QueueFullError when as much waits as is allowed; StorageError;
    /// ClosedError.
    ///
    /// >>> receipt = outbox.send_text("thread-1", "Hello", originator="John Doe")
    /// >>> receipt.thread_id
    /// 'thread-1'
    #[pyo3(signature = (thread_id, text, *, originator=None, trace_id=None, lang=None, timezone=None, params=None,
                        expires_in=None))]
    fn send_text(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        text: &Bound<'_, PyAny>,
        originator: Given<'_, '_>,
        trace_id: Given<'_, '_>,
        lang: Given<'_, '_>,
        timezone: Given<'_, '_>,
        params: Given<'_, '_>,
        expires_in: Given<'_, '_>,
    ) -> Answer {
        let along = Along {
            originator,
            trace_id,
            lang,
            timezone,
            params,
        };
        let message = || along.text(text);
        self.enqueue_message(py, "send_text", thread_id, message, expires_in)
    }

    /// Puts an event into the outbox ("Event message" of the API document).
    ///
    /// The arguments are those of Client.send_event; ``expires_in`` and the errors are those of send_text.
    ///
    /// >>> receipt = outbox.send_event("thread-1", "MY_EVENT")
    #[pyo3(signature = (thread_id, event_name, *, originator=None, trace_id=None, lang=None, timezone=None, params=None,
                        expires_in=None))]
    fn send_event(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        event_name: &Bound<'_, PyAny>,
        originator: Given<'_, '_>,
        trace_id: Given<'_, '_>,
        lang: Given<'_, '_>,
        timezone: Given<'_, '_>,
        params: Given<'_, '_>,
        expires_in: Given<'_, '_>,
    ) -> Answer {
        let along = Along {
            originator,
            trace_id,
            lang,
            timezone,
            params,
        };
        let message = || along.event(event_name);
        self.enqueue_message(py, "send_event", thread_id, message, expires_in)
    }

    /// Puts a place into the outbox ("Location message" of the API document).
    ///
    /// The arguments are those of Client.send_location; ``expires_in`` and the errors are those of send_text.
    ///
    /// >>> receipt = outbox.send_location("thread-1", 52.37, 4.89, title="Amsterdam")
    #[pyo3(signature = (thread_id, lat, long, *, title=None, originator=None, trace_id=None, lang=None, timezone=None,
                        params=None, expires_in=None))]
    fn send_location(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        lat: &Bound<'_, PyAny>,
        long: &Bound<'_, PyAny>,
        title: Given<'_, '_>,
        originator: Given<'_, '_>,
        trace_id: Given<'_, '_>,
        lang: Given<'_, '_>,
        timezone: Given<'_, '_>,
        params: Given<'_, '_>,
        expires_in: Given<'_, '_>,
    ) -> Answer {
        let along = Along {
            originator,
            trace_id,
            lang,
            timezone,
            params,
        };
        let message = || along.location(lat, long, title);
        self.enqueue_message(py, "send_location", thread_id, message, expires_in)
    }

    /// Puts media by URL into the outbox ("Media message" of the API document).
    ///
    /// The arguments are those of Client.send_media; ``expires_in`` and the errors are those of send_text.
    ///
    /// >>> receipt = outbox.send_media("thread-1", "https://example.com/photo.png", media_type="image")
    #[pyo3(signature = (thread_id, url, *, media_type, mime_type=None, title=None, originator=None, trace_id=None,
                        lang=None, timezone=None, params=None, expires_in=None))]
    fn send_media(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        url: &Bound<'_, PyAny>,
        media_type: &Bound<'_, PyAny>,
        mime_type: Given<'_, '_>,
        title: Given<'_, '_>,
        originator: Given<'_, '_>,
        trace_id: Given<'_, '_>,
        lang: Given<'_, '_>,
        timezone: Given<'_, '_>,
        params: Given<'_, '_>,
        expires_in: Given<'_, '_>,
    ) -> Answer {
        let along = Along {
            originator,
            trace_id,
            lang,
            timezone,
            params,
        };
        let message = || along.media(url, media_type, mime_type, title);
        self.enqueue_message(py, "send_media", thread_id, message, expires_in)
    }

    /// Puts a file of at most 250 MB into the outbox ("Media message" of the API document).
    ///
    /// file: a path (str or os.PathLike) or the content (bytes, bytearray, memoryview); a file object cannot wait.
    /// keep: ``copy`` keeps a copy of the file, which is removed when the message is settled; ``reference`` keeps only
    ///     the path, and the message fails if the file is gone or has changed when its turn comes. Bytes are always
    ///     copied.
    /// The other arguments are those of Client.upload_media; ``expires_in`` and the errors are those of send_text.
    ///
    /// >>> receipt = outbox.upload_media("thread-1", b"...", filename="photo.png")
    #[pyo3(
        signature = (thread_id, file, *, media_type=None, mime_type=None, filename=None, url=None, title=None,
                     idle_timeout=None, originator=None, trace_id=None, lang=None, timezone=None, params=None,
                     expires_in=None, keep=None),
        text_signature = "($self, thread_id, file, *, media_type=None, mime_type=None, filename=None, url=None, \
                          title=None, idle_timeout=30.0, originator=None, trace_id=None, lang=None, timezone=None, \
                          params=None, expires_in=None, keep='copy')"
    )]
    fn upload_media(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        file: &Bound<'_, PyAny>,
        media_type: Given<'_, '_>,
        mime_type: Given<'_, '_>,
        filename: Given<'_, '_>,
        url: Given<'_, '_>,
        title: Given<'_, '_>,
        idle_timeout: Given<'_, '_>,
        originator: Given<'_, '_>,
        trace_id: Given<'_, '_>,
        lang: Given<'_, '_>,
        timezone: Given<'_, '_>,
        params: Given<'_, '_>,
        expires_in: Given<'_, '_>,
        keep: Given<'_, '_>,
    ) -> Answer {
        let prepare = || {
            let thread_id = text(thread_id, "thread_id")?;
            let keep = optional(keep, "keep", keep_by_name)?.unwrap_or_default();
            let about = upload::About {
                media_type,
                mime_type,
                filename,
                url,
                title,
                idle_timeout,
                along: Along {
                    originator,
                    trace_id,
                    lang,
                    timezone,
                    params,
                },
            };
            let (upload, _) = upload::upload(file, self.face)?;
            let enqueue = self.held.get()?.upload_media(&thread_id, about.of(upload)?, keep);
            expiring(enqueue, expires_in)
        };
        // Copying a large file takes a while.
        let blocking = |py: Python<'_>, enqueue: Enqueue| wait::in_thread(py, move || enqueue.wait());
        self.enqueue(py, "upload_media", prepare, blocking)
    }

    /// Puts any message into the outbox ("Sending messages" of the API document).
    ///
    /// message: a TextMessage, EventMessage, LocationMessage or MediaMessage, or a dict in the form in which it is
    ///     sent.
    /// The other arguments, which win over what the message says itself, and the errors are those of send_text.
    ///
    /// >>> receipt = outbox.send("thread-1", flowai.TextMessage("Hello", lang="en"))
    #[pyo3(signature = (thread_id, message, *, originator=None, trace_id=None, lang=None, timezone=None, params=None,
                        expires_in=None))]
    fn send(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        message: &Bound<'_, PyAny>,
        originator: Given<'_, '_>,
        trace_id: Given<'_, '_>,
        lang: Given<'_, '_>,
        timezone: Given<'_, '_>,
        params: Given<'_, '_>,
        expires_in: Given<'_, '_>,
    ) -> Answer {
        let along = Along {
            originator,
            trace_id,
            lang,
            timezone,
            params,
        };
        let message = || along.with(fields::message(message, "a message or dict")?);
        self.enqueue_message(py, "send", thread_id, message, expires_in)
    }
}

fn keep_by_name(value: &Bound<'_, PyAny>, name: &str) -> Outcome<KeepFile> {
    match text(value, name)?.as_str() {
        "copy" => Ok(KeepFile::Copy),
        "reference" => Ok(KeepFile::Reference),
        _ => Err(Failure::argument(name, "must be copy or reference")),
    }
}
