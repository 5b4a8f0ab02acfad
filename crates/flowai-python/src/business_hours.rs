//! The client's calls about business hours.

use pyo3::prelude::*;

use crate::{
    client::{Answer, Calls, Given},
    models::List,
    results::Receipt,
};

#[pymethods]
impl Calls {
    /// Reads the business hours of the project as a list of BusinessHours ("Business hours" of the API document).
    ///
    #[doc = timeout!()]
    ///
    #[doc = raises!()]
    ///
    /// >>> [hours.label for hours in client.business_hours()]
    /// ['Office', 'Night line']
    #[pyo3(signature = (*, timeout=None))]
    fn business_hours(&self, py: Python<'_>, timeout: Given<'_, '_>) -> Answer {
        let call = || Ok(self.client.business_hours());
        self.run(py, "business_hours", call, timeout, List)
    }

    /// Asks for the business hours, which then arrive as an event of the kind BUSINESS_HOURS ("Business hours" of the API
    /// document).
    ///
    #[doc = timeout!()]
    ///
    #[doc = raises!()]
    ///
    /// >>> client.request_business_hours().status
    /// 'ok'
    #[pyo3(signature = (*, timeout=None))]
    fn request_business_hours(&self, py: Python<'_>, timeout: Given<'_, '_>) -> Answer {
        let call = || Ok(self.client.request_business_hours());
        self.run(py, "request_business_hours", call, timeout, Receipt)
    }
}
