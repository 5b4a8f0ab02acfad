//! What becomes of webhook calls that a web application takes: the native half of `flowai._webhook`.

use std::sync::Arc;

use flowai_delivery::{Answer, Fault, Limits, Next};
use pyo3::{
    IntoPyObjectExt,
    prelude::*,
    types::{PyBytes, PyDict},
};

use crate::{
    aio::{Awaitable, Finish},
    convert::{body, headers, small_count, text},
    errors::{Failure, Outcome, guard},
    event::Event,
    face::Name,
    inbox::Mailbox,
    verifier::{Verifier, borrowed},
    wait::released,
};

/// Decides about webhook calls. An answer is a tuple of status, headers and body.
#[pyclass(module = "flowai", name = "_Intake", frozen)]
pub struct Intake(Arc<flowai_delivery::Intake>);

#[pymethods]
impl Intake {
    /// verifier: a Verifier, or None to take calls from everybody.
    /// max_body: the largest body that is taken, in bytes.
    #[new]
    fn new(verifier: Option<PyRef<'_, Verifier>>, max_body: &Bound<'_, PyAny>) -> Outcome<Intake> {
        let verifier = verifier.map(|verifier| verifier.verifier.clone());
        let intake =
            flowai_delivery::Intake::new(verifier).with_max_body(small_count(max_body, "max_body")?)?;
        Ok(Intake(Arc::new(intake)))
    }

    /// int: The largest body that is taken, in bytes.
    #[getter]
    fn max_body(&self) -> usize {
        self.0.max_body()
    }

    /// float: How many seconds a body may take to arrive.
    #[getter]
    fn body_time(&self) -> f64 {
        Limits::default().body_time.as_secs_f64()
    }

    /// The answer to a call, or None when its body has to be read first; and the length of that, where it is known.
    ///
    /// method: the method of the request.
    /// content_length: the value of its Content-Length, a str or bytes.
    #[pyo3(signature = (method, content_length=None))]
    fn begin<'py>(
        &self,
        py: Python<'py>,
        method: &Bound<'py, PyAny>,
        content_length: Option<&Bound<'py, PyAny>>,
    ) -> Outcome<(Option<Told<'py>>, Option<usize>)> {
        let method = text(method, "method")?;
        let length = content_length.map(body).transpose()?;
        match guard(|| Ok(self.0.begin(&method, length.as_deref())))? {
            Next::Answer(answer) => Ok((Some(told(py, answer)?), None)),
            Next::Read(length) => Ok((None, length)),
        }
    }

    /// The answer to a call that went wrong: ``too_large``, ``incomplete``, ``slow``, ``endless`` or ``not_handled``.
    fn refuse<'py>(&self, py: Python<'py>, fault: &str) -> Outcome<Told<'py>> {
        let fault = match fault {
            "too_large" => Fault::TooLarge,
            "incomplete" => Fault::Incomplete,
            "slow" => Fault::Slow,
            "endless" => Fault::Endless,
            "not_handled" => Fault::NotHandled,
            _ => return Err(Failure::argument("fault", "is unknown")),
        };
        told(py, self.0.refuse(fault))
    }

    /// The answer to a call, or None when there are events to handle first; and these.
    fn events<'py>(
        &self,
        py: Python<'py>,
        headers: &Bound<'py, PyAny>,
        body: &Bound<'py, PyAny>,
    ) -> Outcome<(Option<Told<'py>>, Vec<Event>)> {
        let (body, headers) = (self::body(body)?, self::headers(headers)?);
        match guard(|| Ok(self.0.events(&borrowed(&headers), body)))? {
            Ok(events) => Ok((None, events.into_iter().map(Event).collect())),
            Err(answer) => Ok((Some(told(py, answer)?), Vec::new())),
        }
    }

    /// The answer to a call whose events are handled.
    fn acknowledge<'py>(&self, py: Python<'py>) -> Outcome<Told<'py>> {
        told(py, self.0.acknowledge())
    }

    /// Stores what a call carries, and gives the answer.
    fn store<'py>(
        &self,
        py: Python<'py>,
        inbox: &Bound<'py, Mailbox>,
        headers: &Bound<'py, PyAny>,
        body: &Bound<'py, PyAny>,
    ) -> Outcome<Told<'py>> {
        let (body, headers) = (self::body(body)?, self::headers(headers)?);
        let inbox = inbox.get().inbox.clone();
        let answer = released(py, || Ok(self.0.store(&inbox, &borrowed(&headers), body)))?;
        told(py, answer)
    }

    /// Stores what a call carries, and gives the answer, to be awaited.
    fn store_async(
        &self,
        inbox: &Bound<'_, Mailbox>,
        headers: &Bound<'_, PyAny>,
        body: &Bound<'_, PyAny>,
    ) -> Outcome<Awaitable> {
        let (body, headers) = (self::body(body)?, self::headers(headers)?);
        let (intake, inbox) = (Arc::clone(&self.0), inbox.get().inbox.clone());
        Ok(Awaitable::new(Name::new("Webhook", "store"), async move {
            let answer = intake.store_async(&inbox, &borrowed(&headers), body).await;
            Box::new(move |py: Python<'_>| Ok(told(py, answer)?.into_py_any(py)?)) as Finish
        }))
    }

    /// The answer to a call that is refused before anything is stored, else None.
    fn check<'py>(
        &self,
        py: Python<'py>,
        headers: &Bound<'py, PyAny>,
        body: &Bound<'py, PyAny>,
    ) -> Outcome<Option<Told<'py>>> {
        let (body, headers) = (self::body(body)?, self::headers(headers)?);
        let refused = guard(|| Ok(self.0.check(&borrowed(&headers), body)))?;
        refused.map(|answer| told(py, answer)).transpose()
    }

    /// The answer to a call while there is no inbox to store it in, for this reason.
    fn unavailable<'py>(&self, py: Python<'py>, reason: &str) -> Outcome<Told<'py>> {
        told(py, self.0.unavailable(reason))
    }
}

/// An answer, as it is given to Python.
type Told<'py> = (u16, Bound<'py, PyDict>, Bound<'py, PyBytes>);

fn told(py: Python<'_>, answer: Answer) -> Outcome<Told<'_>> {
    let headers = PyDict::new(py);
    for (name, value) in answer.headers {
        headers.set_item(name, value)?;
    }
    Ok((answer.status, headers, PyBytes::new(py, answer.body.as_bytes())))
}
