//! The client's calls about business hours.

use pyo3::prelude::*;

use crate::{
    client::{Client, Given},
    errors::{Outcome, guard},
    models,
    results::Receipt,
};

#[pymethods]
impl Client {
    /// Reads the business hours of the project as a list of BusinessHours ("Business hours" of the API document).
    ///
    #[doc = timeout!()]
    ///
    #[doc = raises!()]
    ///
    /// >>> [hours.label for hours in client.business_hours()]
    /// ['Office', 'Night line']
    #[pyo3(signature = (*, timeout=None))]
    fn business_hours<'py>(
        &self,
        py: Python<'py>,
        timeout: Given<'_, 'py>,
    ) -> Outcome<Vec<Bound<'py, PyAny>>> {
        let hours = self.run(py, "business_hours", || Ok(self.client.business_hours()), timeout)?;
        guard(|| Ok(models::list(py, hours)?))
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
    fn request_business_hours(&self, py: Python<'_>, timeout: Given<'_, '_>) -> Outcome<Receipt> {
        let call = || Ok(self.client.request_business_hours());
        self.run(py, "request_business_hours", call, timeout).map(Receipt)
    }
}
