//! Who may post to the webhook.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::HeaderName;
use ring::hmac;
use ring::rand::SystemRandom;

use super::event::{Event, parse_event};
use super::jwt::{Jwt, JwtOptions};
use super::view::{self, View};
use crate::error::{Error, ErrorKind, Result};

/// The headers in which a token may come.
const TOKEN_HEADERS: [&str; 2] = ["authorization", "x-access-token"];

/// The keys of the body in which a shared secret may come, in different versions of the API.
const BODY_KEYS: [&str; 2] = ["verifyKey", "verifyToken"];

/// Decides whether a webhook call comes from Flow.ai. Clones are cheap.
///
/// Secrets are compared in constant time, are never part of an error or of `Debug`, and are not kept: only the keys made of them.
///
/// ```
/// use flowai::Verifier;
/// let verifier = Verifier::jwt("a secret that has thirty-two bytes")?;
/// assert!(verifier.verify(b"{}", &[("Authorization", b"Bearer not.a.token")]).is_err());
/// # Ok::<(), flowai::Error>(())
/// ```
#[derive(Clone)]
pub struct Verifier(Arc<Check>);

enum Check {
    Jwt(Jwt),
    Header(HeaderName, Secret),
    BodyKey(Secret),
    Any(Vec<Verifier>),
}

/// A shared secret as its digest under a random key: comparing digests takes the same time whatever the candidate
/// has in common with the secret, its length included.
struct Secret {
    key: hmac::Key,
    digest: hmac::Tag,
}

impl Secret {
    fn new(secret: &[u8]) -> Result<Secret> {
        if secret.is_empty() {
            return Err(Error::argument("secret", "is empty"));
        }
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| Error::new(ErrorKind::Internal, "the system gives no random numbers"))?;
        Ok(Secret {
            digest: hmac::sign(&key, secret),
            key,
        })
    }

    fn is(&self, candidate: &[u8]) -> bool {
        hmac::verify(&self.key, candidate, self.digest.as_ref()).is_ok()
    }
}

impl Verifier {
    /// Wants a JSON Web Token signed with this secret (HS256 and nothing else), in the header `Authorization`,
    /// after an optional `Bearer `, or in `x-access-token`. With both headers one valid token is enough, since a
    /// proxy may use `Authorization` for itself; a header that comes twice is refused.
    ///
    /// `exp`, `nbf` and `iat` count when the token has them, with 60 seconds of leeway. Other claims are not read.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] naming `secret` when it has less than 32 bytes or is a PEM key.
    pub fn jwt(secret: impl AsRef<[u8]>) -> Result<Verifier> {
        Verifier::jwt_with([secret], JwtOptions::default())
    }

    /// As [`Verifier::jwt`], with several secrets that are valid at the same time: the old and the new one while
    /// they are exchanged.
    ///
    /// # Errors
    ///
    /// As [`Verifier::jwt`], for each of the secrets; and when there is none.
    pub fn jwt_rotating<S: AsRef<[u8]>>(secrets: impl IntoIterator<Item = S>) -> Result<Verifier> {
        Verifier::jwt_with(secrets, JwtOptions::default())
    }

    /// As [`Verifier::jwt_rotating`], with options.
    ///
    /// # Errors
    ///
    /// As [`Verifier::jwt_rotating`], with the least length of the options.
    pub fn jwt_with<S: AsRef<[u8]>>(
        secrets: impl IntoIterator<Item = S>,
        options: JwtOptions,
    ) -> Result<Verifier> {
        Ok(Verifier(Arc::new(Check::Jwt(Jwt::new(secrets, options)?))))
    }

    /// Wants the header `name` to hold the secret, byte for byte.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] naming `name` or `secret`.
    pub fn header(name: &str, secret: impl AsRef<[u8]>) -> Result<Verifier> {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Error::argument("name", "is not the name of a header"))?;
        Ok(Verifier(Arc::new(Check::Header(
            name,
            Secret::new(secret.as_ref())?,
        ))))
    }

    /// Wants the root of the JSON body to have the secret as `verifyKey` or `verifyToken`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] naming `secret`.
    pub fn body_key(secret: impl AsRef<[u8]>) -> Result<Verifier> {
        Ok(Verifier(Arc::new(Check::BodyKey(Secret::new(secret.as_ref())?))))
    }

    /// Accepts what one of these accepts.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] naming `verifiers` when there is none.
    pub fn any(verifiers: impl IntoIterator<Item = Verifier>) -> Result<Verifier> {
        let verifiers: Vec<Verifier> = verifiers.into_iter().collect();
        if verifiers.is_empty() {
            return Err(Error::argument("verifiers", "is empty"));
        }
        Ok(Verifier(Arc::new(Check::Any(verifiers))))
    }

    /// Checks a call. Names of headers are compared without regard to case.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WebhookVerification`], saying what is wrong without quoting it. Answer it with status 401.
    pub fn verify(&self, body: &[u8], headers: &[(&str, &[u8])]) -> Result<()> {
        self.verify_at(body, headers, SystemTime::now())
    }

    /// As [`Verifier::verify`], at another time than now.
    ///
    /// # Errors
    ///
    /// As [`Verifier::verify`].
    pub fn verify_at(&self, body: &[u8], headers: &[(&str, &[u8])], now: SystemTime) -> Result<()> {
        self.check(body, headers, now)
            .map_err(|problem| Error::new(ErrorKind::WebhookVerification, problem))
    }

    /// Checks a call, then reads its event.
    ///
    /// # Errors
    ///
    /// As [`Verifier::verify`] and [`parse_event`].
    pub fn unwrap(&self, body: impl Into<Bytes>, headers: &[(&str, &[u8])]) -> Result<Event> {
        let body = body.into();
        self.verify(&body, headers)?;
        parse_event(body)
    }

    fn check(&self, body: &[u8], headers: &[(&str, &[u8])], now: SystemTime) -> Result<(), String> {
        match &*self.0 {
            Check::Jwt(jwt) => check_tokens(jwt, headers, now),
            Check::Header(name, secret) => match single(headers, name.as_str())? {
                Some(value) if secret.is(value) => Ok(()),
                Some(_) => Err(format!("the header {name} has the wrong secret")),
                None => Err(format!("the header {name} is missing")),
            },
            Check::BodyKey(secret) => check_body(secret, body),
            Check::Any(verifiers) => {
                let mut problems = Vec::new();
                for verifier in verifiers {
                    match verifier.check(body, headers, now) {
                        Ok(()) => return Ok(()),
                        Err(problem) => problems.push(problem),
                    }
                }
                Err(problems.join("; "))
            }
        }
    }
}

/// The value of a header that may come once: of two different readers each could take another one.
fn single<'a>(headers: &[(&str, &'a [u8])], name: &str) -> Result<Option<&'a [u8]>, String> {
    let mut values = headers
        .iter()
        .filter(|(other, _)| other.eq_ignore_ascii_case(name));
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Err(format!("the header {name} comes more than once")),
        (first, _) => Ok(first.map(|(_, value)| *value)),
    }
}

fn check_tokens(jwt: &Jwt, headers: &[(&str, &[u8])], now: SystemTime) -> Result<(), String> {
    let mut problem = "the call has no token".to_owned();
    let mut tokens = Vec::new();
    for name in TOKEN_HEADERS {
        tokens.extend(single(headers, name)?.map(|value| (name, value)));
    }
    for (name, value) in tokens {
        match jwt.check(without_scheme(value), now) {
            Ok(()) => return Ok(()),
            Err(wrong) => problem = format!("{wrong} ({name})"),
        }
    }
    Err(problem)
}

/// The token of `Bearer TOKEN` or of the bare `TOKEN`.
fn without_scheme(value: &[u8]) -> &[u8] {
    match value.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token,
        _ => value,
    }
}

fn check_body(secret: &Secret, body: &[u8]) -> Result<(), String> {
    let nodes = view::parse_object(body).map_err(|fault| {
        format!(
            "the body is not a JSON object: {} at byte {}",
            fault.what, fault.at
        )
    })?;
    let root = View::root(body, &nodes);
    let mut found = BODY_KEYS.iter().filter_map(|key| root.get(key)?.str()).peekable();
    if found.peek().is_none() {
        return Err("the body has no verification key".to_owned());
    }
    if found.any(|candidate| secret.is(candidate.as_bytes())) {
        Ok(())
    } else {
        Err("the body has the wrong verification key".to_owned())
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier::")?;
        match &*self.0 {
            Check::Jwt(jwt) => jwt.fmt(f),
            Check::Header(name, _) => write!(f, "Header({name})"),
            Check::BodyKey(_) => f.write_str("BodyKey"),
            Check::Any(verifiers) => f.debug_tuple("Any").field(verifiers).finish(),
        }
    }
}
