//! The client's way to endpoints that this version does not know.

use std::{
    cell::Cell,
    hash::{DefaultHasher, Hash, Hasher},
};

use bytes::Bytes;
use pyo3::{
    prelude::*,
    types::{PyBool, PyBytes, PyDict, PyFloat, PyString, PyType},
};

use crate::{
    client::{Answer, Calls, Given},
    convert::{is_number, optional, text},
    errors::{Failure, Outcome, guard},
    json,
    repr::Repr,
};

/// What the service answered to Client.request.
///
/// >>> client.request("GET", "threads").status
/// 200
#[pyclass(module = "flowai", frozen)]
pub struct Response(flowai::Response);

/// The query as text: what is `None` is not given.
fn query(value: &Bound<'_, PyAny>, name: &str) -> Outcome<Vec<(String, String)>> {
    let dict = value
        .cast::<PyDict>()
        .map_err(|_| Failure::wrong_type(name, "a dict", value))?;
    let mut query = Vec::new();
    for (key, value) in dict.iter() {
        let value = if value.is_none() {
            continue;
        } else if let Ok(truth) = value.cast::<PyBool>() {
            truth.is_true().to_string()
        } else if value.is_instance_of::<PyString>() {
            text(&value, name)?
        } else if is_number(&value) {
            if value
                .cast::<PyFloat>()
                .is_ok_and(|number| !number.value().is_finite())
            {
                return Err(Failure::argument(name, "must have finite numbers"));
            }
            value.str()?.to_string()
        } else {
            return Err(Failure::wrong_type(
                "a value of query",
                "a str, number or bool",
                &value,
            ));
        };
        query.push((text(&key, name)?, value));
    }
    Ok(query)
}

#[pymethods]
impl Calls {
    /// Makes any request below the base URL, with the key, the deadline, the retries and the errors of every other call:
    /// for endpoints that this version does not know (later versions of the API).
    ///
    /// method: str, ``GET``, ``HEAD``, ``POST``, ``PUT``, ``PATCH`` or ``DELETE``. POST and PATCH are treated as messages:
    ///     they are never repeated once they may have left, and their errors tell the delivery.
    /// path: str, relative to the base URL and percent-encoded already.
    /// query: dict of str to str, number or bool; what is None is left out.
    /// json: any JSON value for the body.
    #[doc = timeout!()]
    ///
    #[doc = raises!()]
    ///
    /// >>> client.request("GET", "threads", query={"sync": True}).json()["status"]
    /// 'ok'
    #[pyo3(signature = (method, path, *, query=None, json=None, timeout=None))]
    fn request(
        &self,
        py: Python<'_>,
        method: &Bound<'_, PyAny>,
        path: &Bound<'_, PyAny>,
        query: Given<'_, '_>,
        json: Given<'_, '_>,
        timeout: Given<'_, '_>,
    ) -> Answer {
        let is_send = Cell::new(false);
        let call = || {
            let method = text(method, "method")?;
            is_send.set(flowai::is_send_method(&method));
            let path = text(path, "path")?;
            let query = optional(query, "query", self::query)?.unwrap_or_default();
            let query: Vec<_> = query
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            let json = optional(json, "json", json::from_python)?;
            Ok(self.client.request(&method, &path, &query, json.as_ref()))
        };
        let refused = |failure: Failure| failure.refused("request", is_send.get());
        self.make(py, "request", call, timeout, refused, Response)
    }
}

#[pymethods]
impl Response {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str, &'static str) {
        ("status", "headers", "body")
    }

    /// int: The HTTP status, 200 to 299.
    #[getter]
    fn status(&self) -> u16 {
        self.0.status
    }

    /// dict: The headers, names in lower case. Of a header that came twice the first one.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        json::headers(py, &self.0.headers)
    }

    /// bytes: The body as it came.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.body)
    }

    /// The body as a JSON value.
    ///
    /// Raises APIResponseError when it is not JSON.
    ///
    /// >>> client.request("GET", "threads").json()["status"]
    /// 'ok'
    fn json<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyAny>> {
        guard(|| Ok(json::to_python(py, &self.0.json()?)?))
    }

    fn __eq__<'py>(&self, other: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
        let py = other.py();
        match other.cast::<Response>() {
            Ok(other) => PyBool::new(py, self.0 == other.get().0).to_owned().into_any(),
            Err(_) => py.NotImplemented().into_bound(py),
        }
    }

    fn __hash__(&self) -> u64 {
        let mut state = DefaultHasher::new();
        (self.0.status, &self.0.body).hash(&mut state);
        state.finish()
    }

    /// Without the body, which has no place in a log.
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut repr = Repr::new("Response");
        repr.field("status", self.0.status.into_pyobject(py)?.as_any())?;
        repr.field("length", self.0.body.len().into_pyobject(py)?.as_any())?;
        Ok(repr.finish())
    }

    #[classmethod]
    fn _restore(
        _cls: &Bound<'_, PyType>,
        status: u16,
        headers: Vec<(String, String)>,
        body: &Bound<'_, PyBytes>,
    ) -> Response {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Response(flowai::Response {
            status,
            headers,
            body,
        })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Response>) -> PyResult<(Bound<'py, PyAny>, Restored<'py>)> {
        let (py, this) = (slf.py(), &slf.get().0);
        let restore = slf.get_type().getattr(interned!(py, "_restore"))?;
        Ok((
            restore,
            (this.status, this.headers.clone(), PyBytes::new(py, &this.body)),
        ))
    }

    fn __copy__(slf: Bound<'_, Response>) -> Bound<'_, Response> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Response>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Response> {
        slf
    }
}

/// What a pickled response is made of again.
type Restored<'py> = (u16, Vec<(String, String)>, Bound<'py, PyBytes>);
