//! The client's calls about events that are triggered by hand.

use std::convert::identity;

use pyo3::prelude::*;

use crate::{
    client::{Answer, Calls, Given},
    convert::text,
    results::Receipt,
};

#[pymethods]
impl Calls {
    /// Reads the names of the events that can be triggered by hand as a list of str (later versions of the API).
    ///
    #[doc = timeout!()]
    ///
    #[doc = raises!()]
    ///
    /// >>> client.trigger_events()
    /// ['ORDER_SHIPPED']
    #[pyo3(signature = (*, timeout=None))]
    fn trigger_events(&self, py: Python<'_>, timeout: Given<'_, '_>) -> Answer {
        let call = || Ok(self.client.trigger_events());
        self.run(py, "trigger_events", call, timeout, identity)
    }

    /// Asks for the names of the events that can be triggered by hand, which then arrive as an event of the kind
    /// TRIGGER_EVENTS (later versions of the API).
    ///
    #[doc = timeout!()]
    ///
    #[doc = raises!()]
    ///
    /// >>> client.request_trigger_events().status
    /// 'ok'
    #[pyo3(signature = (*, timeout=None))]
    fn request_trigger_events(&self, py: Python<'_>, timeout: Given<'_, '_>) -> Answer {
        let call = || Ok(self.client.request_trigger_events());
        self.run(py, "request_trigger_events", call, timeout, Receipt)
    }

    /// Triggers an event in a conversation by hand (later versions of the API). An event that a flow waits for is sent
    /// with send_event.
    ///
    #[doc = thread_id!()]
    /// event_name: str, one of trigger_events().
    #[doc = timeout!()]
    ///
    #[doc = raises_delivery!()]
    ///
    /// >>> receipt = client.trigger_event("thread-1", "ORDER_SHIPPED")
    #[pyo3(signature = (thread_id, event_name, *, timeout=None))]
    fn trigger_event(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        event_name: &Bound<'_, PyAny>,
        timeout: Given<'_, '_>,
    ) -> Answer {
        let call = || {
            let thread_id = text(thread_id, "thread_id")?;
            let event_name = text(event_name, "event_name")?;
            Ok(self.client.trigger_event(&thread_id, &event_name))
        };
        self.run_send(py, "trigger_event", call, timeout, Receipt)
    }
}
