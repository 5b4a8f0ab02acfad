//! The token that each webhook call carries.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::json;

use crate::clock;

/// Who the token says is calling.
pub(crate) struct Claims<'a> {
    pub(crate) agent_id: &'a str,
    pub(crate) channel_id: &'a str,
}

/// A JWT signed with HS256. Like the token in "Example" of the API document it carries `agentId`,
/// `channelId` and `iat`, and no `exp`.
pub(crate) fn sign(secret: &str, claims: &Claims<'_>) -> String {
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "typ": "JWT"}).to_string());
    let claims = json!({
        "agentId": claims.agent_id,
        "channelId": claims.channel_id,
        "iat": clock::now_ms() / 1000,
    });
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
        signed.as_bytes(),
    );
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}
