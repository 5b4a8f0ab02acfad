//! "Sending messages" of the API document: text, events, locations, and media by URL.

use crate::{
    call::Call,
    client::{Client, Receipt},
    error::Result,
    operation::{Body, Operation, Request},
    payload::{Coordinate, Message},
};

static SEND: Operation = Operation::send("send");
static SEND_TEXT: Operation = Operation::send("send_text");
static SEND_EVENT: Operation = Operation::send("send_event");
static SEND_LOCATION: Operation = Operation::send("send_location");
static SEND_MEDIA: Operation = Operation::send("send_media");

impl Client {
    /// Sends a text, at most 255 code points unless the client allows more ("Text message" of the API document).
    ///
    /// # Errors
    /// Every failed send says what became of the message: [`Error::delivery`](crate::Error::delivery).
    pub fn send_text(&self, thread_id: &str, text: impl Into<String>) -> Call<Receipt> {
        self.send_as(&SEND_TEXT, thread_id, Message::text(text))
    }

    /// Triggers an event ("Event message" of the API document).
    pub fn send_event(&self, thread_id: &str, event_name: impl Into<String>) -> Call<Receipt> {
        self.send_as(&SEND_EVENT, thread_id, Message::event(event_name))
    }

    /// Sends a place ("Location message" of the API document).
    pub fn send_location(
        &self,
        thread_id: &str,
        lat: impl Into<Coordinate>,
        long: impl Into<Coordinate>,
    ) -> Call<Receipt> {
        self.send_as(&SEND_LOCATION, thread_id, Message::location(lat, long))
    }

    /// Sends media by URL; `media_type` is `image`, `file`, `audio` or `video` ("Media message" of the API document).
    pub fn send_media(
        &self,
        thread_id: &str,
        url: impl Into<String>,
        media_type: impl Into<String>,
    ) -> Call<Receipt> {
        self.send_as(&SEND_MEDIA, thread_id, Message::media(url, media_type))
    }

    /// Sends any message, with what goes along with it: see [`Message`].
    pub fn send(&self, thread_id: &str, message: impl Into<Message>) -> Call<Receipt> {
        let message = message.into();
        let operation = match message.kind() {
            "text" => &SEND_TEXT,
            "event" => &SEND_EVENT,
            "location" => &SEND_LOCATION,
            "media" => &SEND_MEDIA,
            _ => &SEND,
        };
        self.send_as(operation, thread_id, message)
    }

    /// Checks a message as [`send`](Client::send) does, without sending it, and fills in what it would carry: the
    /// originator of this client and a trace id. For programs that keep messages before they send them.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the argument.
    pub fn check_message(&self, thread_id: &str, message: impl Into<Message>) -> Result<Message> {
        Request::of_thread(&SEND, "messages", thread_id)?;
        message.into().complete(self.config(), false)
    }

    fn send_as(&self, operation: &'static Operation, thread_id: &str, message: Message) -> Call<Receipt> {
        let request = self.message_request(operation, thread_id, message);
        self.acknowledged(operation, request)
    }

    pub(crate) fn message_request(
        &self,
        operation: &'static Operation,
        thread_id: &str,
        message: Message,
    ) -> Result<Request> {
        let mut request = Request::of_thread(operation, "messages", thread_id)?;
        let message = message.checked(self.config(), false)?;
        request.trace_id = message.trace_id();
        request.body = Body::Json(message.to_bytes()?);
        Ok(request)
    }
}
