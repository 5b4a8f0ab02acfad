//! JSON Web Tokens signed with a shared secret (RFC 7519, HS256), as strictly as a receiver of webhooks can read them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use super::tape::Node;
use super::view::{self, View};
use crate::error::{Error, Result};

/// A token is a few hundred bytes; more is somebody else's idea.
const MAX_TOKEN: usize = 8 * 1024;

/// How tokens are checked by [`Verifier::jwt_with`](super::Verifier::jwt_with).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JwtOptions {
    /// Whether a token without `exp` is refused. Not by default: the tokens that are known have none.
    pub require_exp: bool,
    /// By how much the clocks of the two sides may differ: 60 seconds unless set.
    pub leeway: Duration,
    /// How long a secret must be at least: 32 bytes unless set, the size of the hash. A shorter one can be guessed
    /// offline by anybody who sees one token.
    pub min_secret_bytes: usize,
}

impl Default for JwtOptions {
    fn default() -> JwtOptions {
        JwtOptions {
            require_exp: false,
            leeway: Duration::from_secs(60),
            min_secret_bytes: 32,
        }
    }
}

impl JwtOptions {
    /// Sets [`JwtOptions::require_exp`].
    pub fn require_exp(mut self, require: bool) -> JwtOptions {
        self.require_exp = require;
        self
    }

    /// Sets [`JwtOptions::leeway`].
    pub fn leeway(mut self, leeway: Duration) -> JwtOptions {
        self.leeway = leeway;
        self
    }

    /// Sets [`JwtOptions::min_secret_bytes`].
    pub fn min_secret_bytes(mut self, bytes: usize) -> JwtOptions {
        self.min_secret_bytes = bytes;
        self
    }
}

/// The keys and the options. The secrets themselves are not kept.
pub(crate) struct Jwt {
    keys: Vec<hmac::Key>,
    options: JwtOptions,
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("secrets", &self.keys.len())
            .field("options", &self.options)
            .finish()
    }
}

impl Jwt {
    pub(crate) fn new<S: AsRef<[u8]>>(
        secrets: impl IntoIterator<Item = S>,
        options: JwtOptions,
    ) -> Result<Jwt> {
        let mut keys = Vec::new();
        for secret in secrets {
            let secret = secret.as_ref();
            if secret.is_empty() {
                return Err(Error::argument("secret", "is empty"));
            }
            if secret.len() < options.min_secret_bytes {
                let problem =
                    format_args!("must have at least {} bytes", options.min_secret_bytes).to_string();
                return Err(Error::argument("secret", problem));
            }
            // Anybody has the public key of a key pair: as a shared secret it would let everybody sign.
            if secret.trim_ascii_start().starts_with(b"-----BEGIN") {
                return Err(Error::argument("secret", "is a PEM key, not a shared secret"));
            }
            keys.push(hmac::Key::new(hmac::HMAC_SHA256, secret));
        }
        if keys.is_empty() {
            return Err(Error::argument("secret", "is missing"));
        }
        Ok(Jwt { keys, options })
    }

    /// Checks one token; the error says what is wrong with it and contains nothing of it.
    pub(crate) fn check(&self, token: &[u8], now: SystemTime) -> Result<(), &'static str> {
        if token.len() > MAX_TOKEN {
            return Err("the token is too long");
        }
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("the token does not have three parts");
        };
        let signed = token.get(..header.len() + 1 + claims.len()).unwrap_or_default();
        let header = decode(header)?;
        let claims = decode(claims)?;
        let signature = decode(signature)?;
        let nodes = object(&header)?;
        let root = View::root(&header, &nodes);
        if root.get("alg").and_then(View::str).as_deref() != Some("HS256") {
            return Err("the token is not signed with HS256");
        }
        // `crit` lists extensions that must be understood, and none is; `cty` announces a token in the token.
        if root.has("crit") || root.has("cty") {
            return Err("the token's header asks for an extension");
        }
        if !self
            .keys
            .iter()
            .any(|key| hmac::verify(key, signed, &signature).is_ok())
        {
            return Err("the token's signature is wrong");
        }
        let nodes = object(&claims)?;
        self.check_times(View::root(&claims, &nodes), now)
    }

    fn check_times(&self, claims: View<'_>, now: SystemTime) -> Result<(), &'static str> {
        let now = match now.duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_secs_f64(),
            Err(before) => -before.duration().as_secs_f64(),
        };
        let leeway = self.options.leeway.as_secs_f64();
        let time = |key: &str| match claims.has(key) {
            false => Ok(None),
            true => match claims.get(key).and_then(View::number) {
                Some(time) => Ok(Some(time)),
                None => Err("a time in the token is not a number"),
            },
        };
        match time("exp")? {
            Some(exp) if now >= exp + leeway => return Err("the token has expired"),
            None if self.options.require_exp => return Err("the token has no expiry"),
            _ => {}
        }
        if time("nbf")?.is_some_and(|nbf| nbf > now + leeway) {
            return Err("the token is not valid yet");
        }
        if time("iat")?.is_some_and(|iat| iat > now + leeway) {
            return Err("the token was issued in the future");
        }
        Ok(())
    }
}

fn decode(part: &[u8]) -> Result<Vec<u8>, &'static str> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| "the token is not base64url")
}

/// The nodes of a part of the token. A key that comes twice is refused, since two readers could take different ones.
fn object(json: &[u8]) -> Result<Vec<Node>, &'static str> {
    view::parse_object(json).map_err(|_| "the token does not hold JSON objects")
}
