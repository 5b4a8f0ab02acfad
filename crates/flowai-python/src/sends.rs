//! The client's sends: every kind of message, and what may go along with it.

use flowai::{Document, LocationMessage, MediaMessage, Message, Object, model};
use pyo3::{IntoPyObjectExt, prelude::*};

use crate::{
    aio,
    client::{Answer, Calls, Face, Given, with_timeout},
    convert::{flag, text},
    errors::{Failure, Outcome, guard},
    fields,
    results::Receipt,
    upload,
};

/// What may go along with every message.
pub struct Along<'a, 'py> {
    pub originator: Given<'a, 'py>,
    pub trace_id: Given<'a, 'py>,
    pub lang: Given<'a, 'py>,
    pub timezone: Given<'a, 'py>,
    pub params: Given<'a, 'py>,
}

impl<'a, 'py> Along<'a, 'py> {
    pub fn fill(&self, object: &mut Object) -> Outcome<()> {
        let values: [(&'static str, Given<'a, 'py>); 5] = [
            ("originator", self.originator),
            ("trace_id", self.trace_id),
            ("lang", self.lang),
            ("timezone", self.timezone),
            ("params", self.params),
        ];
        // These fields are those of every message.
        fields::fill(object, flowai::TextMessage::MODEL, values)
    }

    /// A message with what goes along with it.
    pub fn with(&self, message: Message) -> Outcome<Message> {
        self.message(message, flowai::TextMessage::MODEL, [])
    }

    /// A message with these fields and what goes along with it.
    fn message<const N: usize>(
        &self,
        start: Message,
        table: &'static model::Model,
        values: [(&'static str, Given<'a, 'py>); N],
    ) -> Outcome<Message> {
        let mut object = start.into_object();
        fields::fill(&mut object, table, values)?;
        self.fill(&mut object)?;
        Ok(Message::from_value(object.into())?)
    }

    /// The message of `send_text`.
    pub fn text(&self, text: &Bound<'py, PyAny>) -> Outcome<Message> {
        self.with(Message::text(self::text(text, "text")?))
    }

    /// The message of `send_event`.
    pub fn event(&self, event_name: &Bound<'py, PyAny>) -> Outcome<Message> {
        self.with(Message::event(text(event_name, "event_name")?))
    }

    /// The message of `send_location`.
    pub fn location(
        &self,
        lat: &'a Bound<'py, PyAny>,
        long: &'a Bound<'py, PyAny>,
        title: Given<'a, 'py>,
    ) -> Outcome<Message> {
        let values = [("lat", Some(lat)), ("long", Some(long)), ("title", title)];
        self.message(Message::location("", ""), LocationMessage::MODEL, values)
    }

    /// The message of `send_media`.
    pub fn media(
        &self,
        url: &Bound<'py, PyAny>,
        media_type: &Bound<'py, PyAny>,
        mime_type: Given<'a, 'py>,
        title: Given<'a, 'py>,
    ) -> Outcome<Message> {
        let start = Message::media(text(url, "url")?, text(media_type, "media_type")?);
        let values = [("mime_type", mime_type), ("title", title)];
        self.message(start, MediaMessage::MODEL, values)
    }
}

impl Calls {
    fn send_message(
        &self,
        py: Python<'_>,
        operation: &'static str,
        thread_id: &Bound<'_, PyAny>,
        message: impl FnOnce() -> Outcome<Message>,
        write_concern: bool,
        timeout: Given<'_, '_>,
    ) -> Answer {
        let call = || {
            let thread_id = text(thread_id, "thread_id")?;
            Ok(self
                .client
                .send(&thread_id, message()?)
                .write_concern(write_concern))
        };
        self.run_send(py, operation, call, timeout, Receipt)
    }
}

#[pymethods]
#[allow(clippy::too_many_arguments, reason = "keyword arguments, as Python has them")]
impl Calls {
    /// Sends a text ("Text message" of the API document). The bot's reply arrives later, at the webhook.
    ///
    #[doc = thread_id!()]
    /// text: str of at most 255 code points, unless the client allows more.
    /// originator: who says it, in place of the client's: a str (a name), Originator or dict.
    /// trace_id: int below 2**53 that comes back with the delivery, in place of a generated one.
    /// lang: str, a language code of two letters.
    /// timezone: int, hours from UTC, -12 to 14.
    /// params: dict of free parameters.
    #[doc = timeout!()]
    /// write_concern: whether the service answers only when the message is processed, not as soon as it was understood
    ///     (later versions of the API).
    ///
    /// Raises FlowAIError; its ``delivery`` says what became of the message. A message is never sent twice.
    ///
    /// >>> receipt = client.send_text("thread-1", "Hello", originator="John Doe")
    /// >>> receipt.status
    /// 'ok'
    #[pyo3(signature = (thread_id, text, *, originator=None, trace_id=None, lang=None, timezone=None, params=None,
                        timeout=None, write_concern=false))]
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
        timeout: Given<'_, '_>,
        #[pyo3(from_py_with = flag::write_concern)] write_concern: bool,
    ) -> Answer {
        let along = Along {
            originator,
            trace_id,
            lang,
            timezone,
            params,
        };
        let message = || along.text(text);
        self.send_message(py, "send_text", thread_id, message, write_concern, timeout)
    }

    /// Triggers an event in a flow ("Event message" of the API document).
    ///
    /// event_name: str, the name of the event. The other arguments and the errors are those of send_text.
    ///
    /// >>> client.send_event("thread-1", "MY_EVENT").status
    /// 'ok'
    #[pyo3(signature = (thread_id, event_name, *, originator=None, trace_id=None, lang=None, timezone=None, params=None,
                        timeout=None, write_concern=false))]
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
        timeout: Given<'_, '_>,
        #[pyo3(from_py_with = flag::write_concern)] write_concern: bool,
    ) -> Answer {
        let along = Along {
            originator,
            trace_id,
            lang,
            timezone,
            params,
        };
        let message = || along.event(event_name);
        self.send_message(py, "send_event", thread_id, message, write_concern, timeout)
    }

    /// Sends a place ("Location message" of the API document).
    ///
    /// lat, long: str, int or float; sent as text, as the API document has it. Only what is no finite number is refused:
    ///     the sample of the API document is itself outside of what latitudes can be.
    /// title: str, a name for the place (later versions of the API).
    /// The other arguments and the errors are those of send_text.
    ///
    /// >>> client.send_location("thread-1", 52.37, 4.89, title="Amsterdam").status
    /// 'ok'
    #[pyo3(signature = (thread_id, lat, long, *, title=None, originator=None, trace_id=None, lang=None, timezone=None,
                        params=None, timeout=None, write_concern=false))]
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
        timeout: Given<'_, '_>,
        #[pyo3(from_py_with = flag::write_concern)] write_concern: bool,
    ) -> Answer {
        let along = Along {
            originator,
            trace_id,
            lang,
            timezone,
            params,
        };
        let message = || along.location(lat, long, title);
        self.send_message(py, "send_location", thread_id, message, write_concern, timeout)
    }

    /// Sends an image, file, audio or video by its URL ("Media message" of the API document).
    ///
    /// url: str that begins with https:// or http://.
    /// media_type: ``image``, ``file``, ``audio`` or ``video``.
    /// mime_type: str such as ``image/png``.
    /// title: str, a name for it (later versions of the API).
    /// The other arguments and the errors are those of send_text. To send a file itself see upload_media.
    ///
    /// >>> client.send_media("thread-1", "https://example.com/photo.png", media_type="image").status
    /// 'ok'
    #[pyo3(signature = (thread_id, url, *, media_type, mime_type=None, title=None, originator=None, trace_id=None,
                        lang=None, timezone=None, params=None, timeout=None, write_concern=false))]
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
        timeout: Given<'_, '_>,
        #[pyo3(from_py_with = flag::write_concern)] write_concern: bool,
    ) -> Answer {
        let along = Along {
            originator,
            trace_id,
            lang,
            timezone,
            params,
        };
        let message = || along.media(url, media_type, mime_type, title);
        self.send_message(py, "send_media", thread_id, message, write_concern, timeout)
    }

    /// Uploads a file of at most 250 MB, streamed ("Media message" of the API document).
    ///
    /// file: a path (str or os.PathLike), the content (bytes, bytearray, memoryview), a binary file object, or an iterable
    ///     of bytes, such as a generator. The last two are read in pieces on this thread; AsyncClient reads them in another
    ///     one, and takes asynchronous iterables and files whose ``read`` is a coroutine function too.
    /// media_type: ``image``, ``file``, ``audio`` or ``video``; by the MIME type if not given.
    /// mime_type: str such as ``image/png``; by the name of the file if not given.
    /// filename: str, the name that the service is told.
    /// url: str, where the file can be found too.
    /// title: str, a name for it (later versions of the API).
    /// progress: called on this thread as progress(done, total) in bytes; total is None when it is not known. An exception
    ///     that it raises ends the upload and comes out of this call; what it returns does not matter.
    /// idle_timeout: seconds without any progress after which the upload ends.
    /// timeout: seconds for the whole upload, which has no limit if not given.
    /// The other arguments and the errors are those of send_text.
    ///
    /// >>> client.upload_media("thread-1", b"...", filename="photo.png").status
    /// 'ok'
    #[pyo3(
        signature = (thread_id, file, *, media_type=None, mime_type=None, filename=None, url=None, title=None,
                     progress=None, idle_timeout=None, timeout=None, originator=None, trace_id=None, lang=None,
                     timezone=None, params=None, write_concern=false),
        text_signature = "($self, thread_id, file, *, media_type=None, mime_type=None, filename=None, url=None, \
                          title=None, progress=None, idle_timeout=30.0, timeout=None, originator=None, trace_id=None, \
                          lang=None, timezone=None, params=None, write_concern=False)"
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
        progress: Given<'_, '_>,
        idle_timeout: Given<'_, '_>,
        timeout: Given<'_, '_>,
        originator: Given<'_, '_>,
        trace_id: Given<'_, '_>,
        lang: Given<'_, '_>,
        timezone: Given<'_, '_>,
        params: Given<'_, '_>,
        #[pyo3(from_py_with = flag::write_concern)] write_concern: bool,
    ) -> Answer {
        guard(|| {
            let prepare = || {
                let thread_id = text(thread_id, "thread_id")?;
                if let Some(callback) = progress.filter(|callback| !callback.is_callable()) {
                    return Err(Failure::wrong_type("progress", "callable", callback));
                }
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
                let (upload, source) = upload::upload(file, self.face)?;
                let upload = about.of(upload)?;
                let moved = upload.progress();
                let call = self.client.upload_media(&thread_id, upload);
                let call = with_timeout(call.write_concern(write_concern), timeout)?;
                Ok((call, moved, source))
            };
            let prepared = prepare().map_err(|failure| failure.refused("upload_media", true));
            let callback = progress.map(|callback| callback.clone().unbind());
            match self.face {
                Face::Blocking => {
                    let (call, moved, source) = prepared?;
                    Ok(Receipt(upload::run(py, call, moved, source, callback)?).into_py_any(py)?)
                }
                Face::Awaitable => aio::upload(py, prepared, callback),
            }
        })
    }

    /// Sends any message ("Sending messages" of the API document).
    ///
    /// message: a TextMessage, EventMessage, LocationMessage or MediaMessage, or a dict in the form in which it is sent.
    /// The other arguments, which win over what the message says itself, and the errors are those of send_text.
    ///
    /// >>> client.send("thread-1", flowai.TextMessage("Hello", lang="en")).status
    /// 'ok'
    #[pyo3(signature = (thread_id, message, *, originator=None, trace_id=None, lang=None, timezone=None, params=None,
                        timeout=None, write_concern=false))]
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
        timeout: Given<'_, '_>,
        #[pyo3(from_py_with = flag::write_concern)] write_concern: bool,
    ) -> Answer {
        let along = Along {
            originator,
            trace_id,
            lang,
            timezone,
            params,
        };
        let document = || along.with(fields::message(message, "a message or dict")?);
        self.send_message(py, "send", thread_id, document, write_concern, timeout)
    }
}
