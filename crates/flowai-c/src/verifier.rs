//! Who may post to the webhook.

use std::{mem::MaybeUninit, sync::RwLock, time::Duration};

use flowai::{Error, JwtOptions, Result, Verifier};

use crate::{
    config::in_use,
    error::flowai_error,
    event::flowai_event,
    guard::{call, free, make},
    registry::{self, handle},
    status::flowai_status,
    strings::{Data, Pairs, Text},
};

/// Decides whether a webhook call comes from Flow.ai. Free it with flowai_verifier_free(). It never prints a secret.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_verifier {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_verifier => Verifier, 13);

/// How tokens are checked. Free it with flowai_jwt_options_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_jwt_options {
    /// 0 is none: all defaults.
    pub id: u64,
}
handle!(flowai_jwt_options => RwLock<JwtOptions>, 14);

/// Makes options with every default.
///
/// @param err  Receives an error on failure; may be NULL.
/// @param out  Receives the options, which the caller frees.
/// @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_jwt_options_new(
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_jwt_options>>,
) -> flowai_status {
    make(err, out, || Ok(RwLock::new(JwtOptions::default())))
}

fn set(
    options: flowai_jwt_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    change: impl FnOnce(JwtOptions) -> JwtOptions,
) -> flowai_status {
    call(err, || {
        let options = registry::get(options)?;
        let mut options = options.try_write().map_err(|_| in_use("options"))?;
        *options = change(*options);
        Ok(())
    })
}

/// Sets whether a token without an expiry is refused. Default: false, since the tokens that are known have none.
///
/// @param options  Options.
/// @param require  true or false.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_jwt_options_set_require_exp(
    options: flowai_jwt_options,
    require: bool,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| options.require_exp(require))
}

/// Sets by how much the clocks of the two sides may differ. Default: 60.
///
/// @param options  Options.
/// @param seconds  Seconds.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_jwt_options_set_leeway(
    options: flowai_jwt_options,
    seconds: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| {
        options.leeway(Duration::from_secs(seconds.into()))
    })
}

/// Sets how long a secret must be at least. Default: 32; a shorter one can be guessed by anybody who sees one token.
///
/// @param options  Options.
/// @param bytes    Bytes.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_jwt_options_set_min_secret_bytes(
    options: flowai_jwt_options,
    bytes: usize,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(options, err, |options| options.min_secret_bytes(bytes))
}

/// Frees options. {0} and what was freed before are left alone.
///
/// @param options  Options.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_jwt_options_free(options: flowai_jwt_options) {
    free(options);
}

/// Wants a JSON Web Token signed with a secret (HS256 and nothing else), in the header Authorization, after an
/// optional "Bearer ", or in x-access-token. exp, nbf and iat count when the token has them. To accept two secrets
/// while they are exchanged see flowai_verifier_any().
///
/// @param secret   The secret, at least 32 bytes unless the options say otherwise. It is not kept.
/// @param options  How tokens are checked; {0} for all defaults.
/// @param err      Receives an error on failure; may be NULL.
/// @param out      Receives the verifier, which the caller frees.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_verifier_jwt(
    secret: Text,
    options: flowai_jwt_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_verifier>>,
) -> flowai_status {
    make(err, out, || {
        let options = match registry::get_optional(options)? {
            Some(options) => *options.try_read().map_err(|_| in_use("options"))?,
            None => JwtOptions::default(),
        };
        Verifier::jwt_with([secret_of(&secret)?], options)
    })
}

/// A secret is bytes; it need not be UTF-8.
fn secret_of(secret: &Text) -> Result<&[u8]> {
    secret.bytes().ok_or_else(|| Error::argument("secret", "is NULL"))
}

/// Wants a header to hold a secret, byte for byte.
///
/// @param name    The name of the header, in any case.
/// @param secret  The secret. It is not kept.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives the verifier, which the caller frees.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_verifier_header(
    name: Text,
    secret: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_verifier>>,
) -> flowai_status {
    make(err, out, || {
        Verifier::header(name.required("name")?, secret_of(&secret)?)
    })
}

/// Wants the root of the JSON body to have a secret as "verifyKey" or "verifyToken".
///
/// @param secret  The secret. It is not kept.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives the verifier, which the caller frees.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_verifier_body_key(
    secret: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_verifier>>,
) -> flowai_status {
    make(err, out, || Verifier::body_key(secret_of(&secret)?))
}

/// Accepts what one of two verifiers accepts.
///
/// @param first   A verifier, which stays the caller's.
/// @param second  Another one, which stays the caller's.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives the verifier, which the caller frees.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_verifier_any(
    first: flowai_verifier,
    second: flowai_verifier,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_verifier>>,
) -> flowai_status {
    make(err, out, || {
        let (first, second) = (registry::get(first)?, registry::get(second)?);
        Verifier::any([first.clone(), second.clone()])
    })
}

/// Checks a webhook call.
///
/// @param verifier  A verifier.
/// @param body      The body of the request as it came; may be NULL if len is 0.
/// @param len       Its length in bytes.
/// @param headers   The headers of the request, all of them; may be NULL if count is 0.
/// @param count     The number of headers.
/// @param err       Receives an error on failure; may be NULL. It says what is wrong without quoting it.
/// @return          FLOWAI_OK, FLOWAI_ERR_WEBHOOK_VERIFICATION (answer the request with HTTP status 401),
///                  FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread, the same verifier from several at once.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_verifier_verify(
    verifier: flowai_verifier,
    body: Data,
    len: usize,
    headers: Pairs,
    count: usize,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    call(err, || {
        let verifier = registry::get(verifier)?;
        verifier.verify(body.bytes(len, "body")?, &headers.read(count, "headers")?)
    })
}

/// Checks a webhook call, then reads its event.
///
/// @param verifier  A verifier.
/// @param body      The body of the request as it came; may be NULL if len is 0.
/// @param len       Its length in bytes.
/// @param headers   The headers of the request, all of them; may be NULL if count is 0.
/// @param count     The number of headers.
/// @param err       Receives an error on failure; may be NULL.
/// @param out       Receives the event, which the caller frees.
/// @return          As flowai_verifier_verify() and flowai_event_parse().
/// @par Thread safety  Any thread, the same verifier from several at once.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_verifier_unwrap(
    verifier: flowai_verifier,
    body: Data,
    len: usize,
    headers: Pairs,
    count: usize,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_event>>,
) -> flowai_status {
    make(err, out, || {
        let verifier = registry::get(verifier)?;
        let body = body.bytes(len, "body")?.to_vec();
        Ok(verifier.unwrap(body, &headers.read(count, "headers")?)?.into())
    })
}

/// Frees a verifier. {0} and one that was freed before are left alone.
///
/// @param verifier  A verifier.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_verifier_free(verifier: flowai_verifier) {
    free(verifier);
}
