//! Keys, secrets and identifiers that nobody can guess.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use crate::error::SandboxError;

fn random_bytes() -> Result<[u8; 32], SandboxError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| SandboxError::Io(std::io::Error::other(error.to_string())))?;
    Ok(bytes)
}

/// 32 random bytes as 43 URL-safe characters.
pub(crate) fn random_token() -> Result<String, SandboxError> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes()?))
}

/// A random key for HMAC-SHA256.
pub(crate) fn random_key() -> Result<hmac::Key, SandboxError> {
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &random_bytes()?))
}

/// An endless supply of UUIDs. Randomness is asked for once, when it can still be reported as missing;
/// every id is then a keyed hash of a counter.
pub(crate) struct Ids {
    key: hmac::Key,
    next: AtomicU64,
}

impl Ids {
    pub(crate) fn new() -> Result<Self, SandboxError> {
        Ok(Self {
            key: random_key()?,
            next: AtomicU64::new(0),
        })
    }

    fn next(&self) -> u128 {
        let counter = self.next.fetch_add(1, Ordering::Relaxed);
        let tag = hmac::sign(&self.key, &counter.to_be_bytes());
        u128::from_be_bytes(tag.as_ref().first_chunk::<16>().copied().unwrap_or_default())
    }

    /// An id of a span of the platform's tracing: 16 hexadecimal digits.
    pub(crate) fn span(&self) -> String {
        format!("{:016x}", self.next() >> 64)
    }

    pub(crate) fn uuid(&self) -> String {
        // Version 4, variant 1: what readers of these ids expect to see.
        let id = (self.next() & !(0xf << 76) & !(0b11 << 62)) | (0x4 << 76) | (0b10 << 62);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            id >> 96,
            (id >> 80) & 0xffff,
            (id >> 64) & 0xffff,
            (id >> 48) & 0xffff,
            id & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_look_like_random_uuids() {
        let ids = Ids::new().unwrap();
        let (a, b) = (ids.uuid(), ids.uuid());
        assert_ne!(a, b);
        assert_eq!(a.len(), 36);
        assert_eq!(a.as_bytes()[14], b'4');
        assert!(matches!(a.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }

    #[test]
    fn tokens_are_url_safe() {
        let token = random_token().unwrap();
        assert_eq!(token.len(), 43);
        assert!(
            token
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        );
    }
}
