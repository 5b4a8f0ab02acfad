//! What can be put into an outbox: the names of the client's methods.

use flowai::{Coordinate, Message, Upload};

use super::{enqueue::Enqueue, files::KeepFile, handle::Outbox};

impl Outbox {
    /// Puts a text into the outbox ("Text message" of the API document).
    pub fn send_text(&self, thread_id: &str, text: impl Into<String>) -> Enqueue {
        self.send(thread_id, Message::text(text))
    }

    /// Puts an event into the outbox ("Event message" of the API document).
    pub fn send_event(&self, thread_id: &str, event_name: impl Into<String>) -> Enqueue {
        self.send(thread_id, Message::event(event_name))
    }

    /// Puts a place into the outbox ("Location message" of the API document).
    pub fn send_location(
        &self,
        thread_id: &str,
        lat: impl Into<Coordinate>,
        long: impl Into<Coordinate>,
    ) -> Enqueue {
        self.send(thread_id, Message::location(lat, long))
    }

    /// Puts media by URL into the outbox; `media_type` is `image`, `file`, `audio` or `video` ("Media message" of the API
    /// document).
    pub fn send_media(
        &self,
        thread_id: &str,
        url: impl Into<String>,
        media_type: impl Into<String>,
    ) -> Enqueue {
        self.send(thread_id, Message::media(url, media_type))
    }

    /// Puts any message into the outbox, with what goes along with it: see [`Message`]. It is checked now, and gets the
    /// originator of the client and a trace id if it has none; give no trace id twice.
    pub fn send(&self, thread_id: &str, message: impl Into<Message>) -> Enqueue {
        Enqueue::message(self, self.client(), thread_id, message.into())
    }

    /// Puts a file into the outbox ("Media message" of the API document).
    pub fn upload_media(&self, thread_id: &str, upload: Upload, keep: KeepFile) -> Enqueue {
        Enqueue::upload(self, self.client(), thread_id, upload, keep)
    }
}
