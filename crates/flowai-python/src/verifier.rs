//! Who may post to the webhook.

use flowai::JwtOptions;
use pyo3::{
    prelude::*,
    types::{PyList, PyTuple},
};

use crate::{
    convert::{body, headers, seconds_or_zero, secret, small_count, text},
    errors::{Outcome, guard},
    event::Event,
};

/// Decides whether a webhook call comes from Flow.ai ("Receiving calls" of the API document).
///
/// Made by one of ``Verifier.jwt``, ``Verifier.header``, ``Verifier.body_key`` and ``Verifier.any``. Secrets are compared in
/// constant time and are never part of an error or a repr.
///
/// >>> verifier = flowai.Verifier.jwt("a secret that has thirty-two bytes")
#[pyclass(module = "flowai", frozen)]
pub struct Verifier(pub flowai::Verifier);

#[pymethods]
impl Verifier {
    /// Wants a JSON Web Token signed with this secret (HS256 and nothing else) in the header ``Authorization``, after an
    /// optional ``Bearer``, or in ``x-access-token``.
    ///
    /// secret: str or bytes; a list or tuple of them while one is exchanged for another.
    /// require_exp: whether a token without an expiry is refused.
    /// leeway: seconds by which the clocks of the two sides may differ.
    /// min_secret_bytes: how long a secret must be at least; a short one can be guessed from any token.
    ///
    /// Raises InvalidArgumentError when a secret is too short or there is none.
    #[staticmethod]
    #[pyo3(signature = (secret, *, require_exp=false, leeway=None, min_secret_bytes=None),
           text_signature = "(secret, *, require_exp=False, leeway=60, min_secret_bytes=32)")]
    fn jwt(
        secret: &Bound<'_, PyAny>,
        require_exp: bool,
        leeway: Option<&Bound<'_, PyAny>>,
        min_secret_bytes: Option<&Bound<'_, PyAny>>,
    ) -> Outcome<Verifier> {
        let mut options = JwtOptions::default().require_exp(require_exp);
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
        guard(|| Ok(Verifier(flowai::Verifier::jwt_with(secrets, options)?)))
    }

    /// Wants the header ``name`` to hold the secret, a str or bytes, byte for byte.
    #[staticmethod]
    fn header(name: &Bound<'_, PyAny>, secret: &Bound<'_, PyAny>) -> Outcome<Verifier> {
        let (name, secret) = (text(name, "name")?, self::secret(secret, "secret")?);
        guard(|| Ok(Verifier(flowai::Verifier::header(&name, secret)?)))
    }

    /// Wants the root of the JSON body to have the secret, a str or bytes, as ``verifyKey`` or ``verifyToken``.
    #[staticmethod]
    fn body_key(secret: &Bound<'_, PyAny>) -> Outcome<Verifier> {
        let secret = self::secret(secret, "secret")?;
        guard(|| Ok(Verifier(flowai::Verifier::body_key(secret)?)))
    }

    /// Accepts what one of these verifiers accepts.
    #[staticmethod]
    #[pyo3(signature = (*verifiers))]
    fn any(verifiers: Vec<PyRef<'_, Verifier>>) -> Outcome<Verifier> {
        guard(|| {
            Ok(Verifier(flowai::Verifier::any(
                verifiers.iter().map(|verifier| verifier.0.clone()),
            )?))
        })
    }

    /// Checks a webhook call; returns nothing when it is genuine.
    ///
    /// body: bytes, bytearray, memoryview or str, as it came.
    /// headers: a mapping or pairs of names and values, each str or bytes; names in any case.
    ///
    /// Raises WebhookVerificationError, which says what is wrong without quoting it. Answer such a call with status 401.
    fn verify(&self, body: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> Outcome<()> {
        let (body, headers) = (self::body(body)?, self::headers(headers)?);
        guard(|| Ok(self.0.verify(&body, &borrowed(&headers))?))
    }

    /// Checks a webhook call like verify(), then reads its event like parse_event().
    fn unwrap(&self, body: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> Outcome<Event> {
        let (body, headers) = (self::body(body)?, self::headers(headers)?);
        guard(|| Ok(Event(self.0.unwrap(body, &borrowed(&headers))?)))
    }

    fn __repr__(&self) -> String {
        format!("<flowai.{:?}>", self.0)
    }
}

fn borrowed(headers: &[(String, Vec<u8>)]) -> Vec<(&str, &[u8])> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .collect()
}
