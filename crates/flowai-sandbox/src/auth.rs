//! The API key of a request ("Authentication" of the API document).

use http::{HeaderMap, header};
use ring::hmac;

use crate::answer::Refusal;
use crate::error::SandboxError;
use crate::ids;

/// The one key that opens the API.
pub(crate) struct ApiKey {
    value: String,
    // Comparing keyed hashes takes the same time wherever the keys differ, and however long they are.
    hash_key: hmac::Key,
    hash: hmac::Tag,
}

impl ApiKey {
    pub(crate) fn new(value: String) -> Result<Self, SandboxError> {
        if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SandboxError::invalid(
                "api_key",
                "must be visible ASCII without spaces, and not empty",
            ));
        }
        let hash_key = ids::random_key()?;
        let hash = hmac::sign(&hash_key, value.as_bytes());
        Ok(Self {
            value,
            hash_key,
            hash,
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.value
    }

    /// Accepts `Bearer KEY`, as the samples write it, and the bare `KEY`, as the prose does.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else {
            return Err(Refusal::unauthorized(
                "Missing API key: send it in the Authorization header",
            ));
        };
        let key = without_prefix(value.as_bytes().trim_ascii());
        if hmac::verify(&self.hash_key, key, self.hash.as_ref()).is_ok() {
            Ok(())
        } else {
            Err(Refusal::unauthorized("Invalid API key"))
        }
    }
}

fn without_prefix(value: &[u8]) -> &[u8] {
    match value.split_at_checked(b"bearer ".len()) {
        Some((prefix, key)) if prefix.eq_ignore_ascii_case(b"bearer ") => key.trim_ascii_start(),
        _ => value,
    }
}
