//! Who may post to the webhook.

use flowai::JwtOptions;
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyBool, PyDict, PyFloat, PyList, PyString, PyTuple},
};

use crate::{
    convert::{body, headers, seconds_or_zero, secret, small_count, text, truth},
    errors::{Outcome, guard},
    event::Event,
    repr::Repr,
};

/// Decides whether a webhook call comes from Flow.ai ("Receiving calls" of the API document).
///
/// Made by one of ``Verifier.jwt``, ``Verifier.header``, ``Verifier.body_key`` and ``Verifier.any``. Secrets are compared in
/// constant time and are never part of an error or a repr.
///
/// >>> verifier = flowai.Verifier.jwt("a secret that has thirty-two bytes")
#[pyclass(module = "flowai", frozen)]
pub struct Verifier {
    pub verifier: flowai::Verifier,
    /// The call that made it, without the secrets.
    shown: String,
}

#[pymethods]
impl Verifier {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<Verifier> {
        Err(PyTypeError::new_err(
            "a Verifier is made by Verifier.jwt, Verifier.header, Verifier.body_key or Verifier.any",
        ))
    }

    /// Wants a JSON Web Token signed with this secret (HS256 and nothing else) in the header ``Authorization``, after an
    /// optional ``Bearer``, or in ``x-access-token``.
    ///
    /// secret: str or bytes; a list or tuple of them while one is exchanged for another.
    /// require_exp: whether a token without an expiry is refused.
    /// leeway: seconds by which the clocks of the two sides may differ.
    /// min_secret_bytes: how long a secret must be at least; a short one can be guessed from any token.
    ///
    /// Raises InvalidArgumentError when a secret is too short or there is none.
    ///
    /// >>> verifier = flowai.Verifier.jwt("the secret you gave Flow.ai, at least 32 bytes")
    #[staticmethod]
    #[pyo3(signature = (secret, *, require_exp=None, leeway=None, min_secret_bytes=None),
           text_signature = "(secret, *, require_exp=False, leeway=60, min_secret_bytes=32)")]
    fn jwt(
        secret: &Bound<'_, PyAny>,
        require_exp: Option<&Bound<'_, PyAny>>,
        leeway: Option<&Bound<'_, PyAny>>,
        min_secret_bytes: Option<&Bound<'_, PyAny>>,
    ) -> Outcome<Verifier> {
        let mut options = JwtOptions::default();
        if let Some(require) = require_exp {
            options = options.require_exp(truth(require, "require_exp")?);
        }
        if let Some(leeway) = leeway {
            options = options.leeway(seconds_or_zero(leeway, "leeway")?);
        }
        if let Some(bytes) = min_secret_bytes {
            options = options.min_secret_bytes(small_count(bytes, "min_secret_bytes")?);
        }
        let secrets: Vec<Vec<u8>> = if secret.is_instance_of::<PyList>() || secret.is_instance_of::<PyTuple>()
        {
            let each = secret.try_iter()?.map(|item| self::secret(&item?, "secret"));
            each.collect::<Outcome<_>>()?
        } else {
            vec![self::secret(secret, "secret")?]
        };
        let py = secret.py();
        let mut repr = Repr::new("Verifier.jwt");
        repr.part(&format!("secrets={}", secrets.len()));
        repr.field("require_exp", &PyBool::new(py, options.require_exp))?;
        repr.field("leeway", &PyFloat::new(py, options.leeway.as_secs_f64()))?;
        guard(|| {
            Ok(Verifier {
                verifier: flowai::Verifier::jwt_with(secrets, options)?,
                shown: repr.finish(),
            })
        })
    }

    /// Wants the header ``name`` to hold the secret, a str or bytes, byte for byte.
    ///
    /// >>> verifier = flowai.Verifier.header("x-webhook-secret", "a secret")
    #[staticmethod]
    fn header(name: &Bound<'_, PyAny>, secret: &Bound<'_, PyAny>) -> Outcome<Verifier> {
        let py = name.py();
        let (name, secret) = (text(name, "name")?, self::secret(secret, "secret")?);
        let mut repr = Repr::new("Verifier.header");
        repr.field("name", &PyString::new(py, &name))?;
        guard(|| {
            Ok(Verifier {
                verifier: flowai::Verifier::header(&name, secret)?,
                shown: repr.finish(),
            })
        })
    }

    /// Wants the root of the JSON body to have the secret, a str or bytes, as ``verifyKey`` or ``verifyToken``.
    ///
    /// >>> verifier = flowai.Verifier.body_key("a secret")
    #[staticmethod]
    fn body_key(secret: &Bound<'_, PyAny>) -> Outcome<Verifier> {
        let secret = self::secret(secret, "secret")?;
        guard(|| {
            Ok(Verifier {
                verifier: flowai::Verifier::body_key(secret)?,
                shown: Repr::new("Verifier.body_key").finish(),
            })
        })
    }

    /// Accepts what one of these verifiers accepts.
    ///
    /// Raises InvalidArgumentError when there is none.
    ///
    /// >>> verifier = flowai.Verifier.any(flowai.Verifier.jwt(secret), flowai.Verifier.body_key("a key"))
    #[staticmethod]
    #[pyo3(signature = (*verifiers))]
    fn any(verifiers: Vec<PyRef<'_, Verifier>>) -> Outcome<Verifier> {
        let mut repr = Repr::new("Verifier.any");
        for verifier in &verifiers {
            repr.part(&verifier.shown);
        }
        guard(|| {
            Ok(Verifier {
                verifier: flowai::Verifier::any(verifiers.iter().map(|verifier| verifier.verifier.clone()))?,
                shown: repr.finish(),
            })
        })
    }

    /// Checks a webhook call; returns None when it is genuine ("Receiving calls" of the API document).
    ///
    /// body: the body of the request as it came: bytes, bytearray, memoryview or str.
    /// headers: all its headers: a mapping or pairs of names and values, each str or bytes; names in any case.
    ///
    /// Raises WebhookVerificationError, which says what is wrong without quoting it. Answer such a call with status 401.
    ///
    /// The body is not read as an event: see unwrap(), which also says where a web framework has body and headers.
    ///
    /// >>> try:
    /// ...     verifier.verify(request.body, request.headers)
    /// ... except flowai.WebhookVerificationError as error:
    /// ...     print("refused:", error)
    fn verify(&self, body: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> Outcome<()> {
        let (body, headers) = (self::body(body)?, self::headers(headers)?);
        guard(|| Ok(self.verifier.verify(&body, &borrowed(&headers))?))
    }

    /// Checks a webhook call, then reads its event ("Receiving calls" of the API document). A Webhook and a
    /// Receiver do all this themselves.
    ///
    /// body: the body of the request as it came, before anything parsed it: bytes, bytearray, memoryview or str. It is
    ///     ``request.get_data()`` in Flask, ``request.body`` in Django, ``await request.body()`` in FastAPI.
    /// headers: all its headers: a mapping or pairs of names and values, each str or bytes; names in any case. They are
    ///     ``request.headers`` in all three.
    ///
    /// Returns the Event, as parse_event() does.
    ///
    /// Raises WebhookVerificationError when the call is not genuine (answer 401), WebhookParseError when it is but its body
    /// is not an event (answer 400).
    ///
    /// >>> def webhook(request):
    /// ...     try:
    /// ...         event = verifier.unwrap(request.body, request.headers)
    /// ...     except flowai.WebhookVerificationError:
    /// ...         return 401
    /// ...     except flowai.WebhookParseError:
    /// ...         return 400
    /// ...     events.append(event)
    /// ...     return 200
    fn unwrap(&self, body: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> Outcome<Event> {
        let (body, headers) = (self::body(body)?, self::headers(headers)?);
        guard(|| Ok(Event(self.verifier.unwrap(body, &borrowed(&headers))?)))
    }

    fn __repr__(&self) -> &str {
        &self.shown
    }
}

/// Headers as the core takes them.
pub fn borrowed(headers: &[(String, Vec<u8>)]) -> Vec<(&str, &[u8])> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .collect()
}
