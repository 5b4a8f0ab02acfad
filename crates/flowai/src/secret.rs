//! The API key: held so that it cannot be printed, and wiped when it is dropped.

use std::fmt;

use http::HeaderValue;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

const SHORTEST_SECRET: usize = 6;

#[derive(Clone)]
pub(crate) struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// A key as the user typed it; [`checked`](ApiKey::checked) says whether it can be one.
    pub(crate) fn typed(text: &str) -> ApiKey {
        ApiKey(Zeroizing::new(text.to_owned()))
    }

    /// Accepts a key as users paste it: with spaces around it, or with the word `Bearer` in front.
    pub(crate) fn checked(&self) -> Result<ApiKey> {
        let trimmed = self.0.trim();
        let bare = match trimmed.split_once(' ') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim_start(),
            None if trimmed.eq_ignore_ascii_case("bearer") => "",
            _ => trimmed,
        };
        if bare.is_empty() {
            return Err(Error::argument(
                "api_key",
                "is missing: give it, or set FLOWAI_API_KEY",
            ));
        }
        if !bare.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::argument("api_key", "must be visible ASCII without spaces"));
        }
        Ok(ApiKey::typed(bare))
    }

    /// The text without the key, should a service repeat it. A few letters are no secret, and would be found in words.
    pub(crate) fn redact(&self, text: &str) -> String {
        if self.0.len() < SHORTEST_SECRET {
            return text.to_owned();
        }
        text.replace(self.0.as_str(), "***")
    }

    /// The value of the `Authorization` header. An empty scheme sends the bare key.
    pub(crate) fn authorization(&self, scheme: &str) -> Result<HeaderValue> {
        let value = if scheme.is_empty() {
            Zeroizing::new(self.0.as_str().to_owned())
        } else {
            Zeroizing::new(format!("{scheme} {}", self.0.as_str()))
        };
        let mut header = HeaderValue::from_str(&value)
            .map_err(|_| Error::argument("auth_scheme", "must be visible ASCII"))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(***)")
    }
}
