//! The client's messages to many people at once.

use pyo3::prelude::*;

use crate::{
    client::{Answer, Calls, Given},
    fields,
    models::List,
    results::Receipt,
};

#[pymethods]
impl Calls {
    /// Sends a text or an event to people by phone number or identifier (later versions of the API). Each of them gets a
    /// thread.
    ///
    /// audience: whom it goes to: Recipients or dicts, at least one.
    /// channel: a Channel or dict, what it goes through.
    /// message: a str (a text), TextMessage or EventMessage, or a dict in the form in which it is sent.
    #[doc = timeout!()]
    ///
    #[doc = raises_delivery!()]
    ///
    /// >>> john = flowai.Recipient("John Doe", phone_number="+31612345678")
    /// >>> channel = flowai.Channel("whatsapp", "+31201234567")
    /// >>> client.broadcast([john], channel, "Your order was shipped").status
    /// 'ok'
    #[pyo3(signature = (audience, channel, message, *, timeout=None))]
    fn broadcast(
        &self,
        py: Python<'_>,
        audience: &Bound<'_, PyAny>,
        channel: &Bound<'_, PyAny>,
        message: &Bound<'_, PyAny>,
        timeout: Given<'_, '_>,
    ) -> Answer {
        let call = || {
            let audience = fields::documents::<flowai::Recipient>(audience, "audience")?;
            let channel = fields::document(channel, "channel")?;
            let message = fields::message_or_text(message)?;
            Ok(self.client.broadcast(audience, channel, message))
        };
        self.run_send(py, "broadcast", call, timeout, Receipt)
    }

    /// Sends a text, an event, a location or media to everybody in some segments (later versions of the API).
    ///
    /// segments: whom it goes to: Segments, names or dicts, at least one.
    /// message: a str (a text), a message, or a dict in the form in which it is sent.
    #[doc = timeout!()]
    ///
    #[doc = raises_delivery!()]
    ///
    /// >>> receipt = client.broadcast_to_segments(["Customers"], flowai.EventMessage("ORDER_SHIPPED"))
    #[pyo3(signature = (segments, message, *, timeout=None))]
    fn broadcast_to_segments(
        &self,
        py: Python<'_>,
        segments: &Bound<'_, PyAny>,
        message: &Bound<'_, PyAny>,
        timeout: Given<'_, '_>,
    ) -> Answer {
        let call = || {
            let segments = fields::documents::<flowai::Segment>(segments, "segments")?;
            let message = fields::message_or_text(message)?;
            Ok(self.client.broadcast_to_segments(segments, message))
        };
        self.run_send(py, "broadcast_to_segments", call, timeout, Receipt)
    }

    /// Reads the segments that a message can go to as a list of Segment (later versions of the API).
    ///
    #[doc = timeout!()]
    ///
    #[doc = raises!()]
    ///
    /// >>> [segment.name for segment in client.segments()]
    /// ['Customers']
    #[pyo3(signature = (*, timeout=None))]
    fn segments(&self, py: Python<'_>, timeout: Given<'_, '_>) -> Answer {
        self.run(py, "segments", || Ok(self.client.segments()), timeout, List)
    }
}
