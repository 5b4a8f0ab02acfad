//! The numbers that functions return.

use std::ffi::c_char;

use flowai::{Delivery, Error, ErrorKind};

/// What a function returns: FLOWAI_OK or one of FLOWAI_ERR_... . The numbers never change; later versions may add
/// some.
pub type flowai_status = i32;

/// Done.
pub const FLOWAI_OK: flowai_status = 0;
/// An argument was refused before anything was sent; flowai_error_argument() names it.
pub const FLOWAI_ERR_INVALID_ARGUMENT: flowai_status = 1;
/// No connection, or a connection that failed.
pub const FLOWAI_ERR_CONNECTION: flowai_status = 2;
/// The deadline passed.
pub const FLOWAI_ERR_TIMEOUT: flowai_status = 3;
/// The caller gave up.
pub const FLOWAI_ERR_CANCELLED: flowai_status = 4;
/// The service refused the request: HTTP status 400, 422 and other 4xx.
pub const FLOWAI_ERR_BAD_REQUEST: flowai_status = 10;
/// The API key was refused: HTTP status 401, 402, 403.
pub const FLOWAI_ERR_AUTHENTICATION: flowai_status = 11;
/// HTTP status 404.
pub const FLOWAI_ERR_NOT_FOUND: flowai_status = 12;
/// HTTP status 413.
pub const FLOWAI_ERR_PAYLOAD_TOO_LARGE: flowai_status = 13;
/// HTTP status 429; see flowai_error_retry_after_ms().
pub const FLOWAI_ERR_RATE_LIMITED: flowai_status = 14;
/// HTTP status 5xx.
pub const FLOWAI_ERR_SERVER: flowai_status = 15;
/// HTTP status 3xx. Redirects are never followed: that would carry the key and the message elsewhere.
pub const FLOWAI_ERR_REDIRECT: flowai_status = 16;
/// An answer that makes no sense.
pub const FLOWAI_ERR_RESPONSE: flowai_status = 17;
/// A webhook body that is not an event.
pub const FLOWAI_ERR_WEBHOOK_PARSE: flowai_status = 20;
/// A webhook call that does not prove where it comes from. Answer it with HTTP status 401.
pub const FLOWAI_ERR_WEBHOOK_VERIFICATION: flowai_status = 21;
/// A file or database failed.
pub const FLOWAI_ERR_STORAGE: flowai_status = 30;
/// A bounded queue is full.
pub const FLOWAI_ERR_QUEUE_FULL: flowai_status = 31;
/// The object was closed or stopped.
pub const FLOWAI_ERR_CLOSED: flowai_status = 40;
/// The object belongs to the process that this one was forked from.
pub const FLOWAI_ERR_FORKED: flowai_status = 41;
/// The handle is {0}, was freed, or never was one of this type.
pub const FLOWAI_ERR_BAD_HANDLE: flowai_status = 42;
/// A defect of this library.
pub const FLOWAI_ERR_INTERNAL: flowai_status = 99;

/// What became of a message whose send failed: one of FLOWAI_DELIVERY_... .
pub type flowai_delivery = i32;

/// The call was not a send.
pub const FLOWAI_DELIVERY_NONE: flowai_delivery = 0;
/// The message certainly did not reach the service.
pub const FLOWAI_DELIVERY_NOT_SENT: flowai_delivery = 1;
/// The service answered that it did not take the message.
pub const FLOWAI_DELIVERY_REJECTED: flowai_delivery = 2;
/// The message left, and nobody knows what became of it. The library never repeats it unasked.
pub const FLOWAI_DELIVERY_MAYBE_SENT: flowai_delivery = 3;
/// The service took the message; what failed came after that, such as the wait for a reply.
pub const FLOWAI_DELIVERY_SENT: flowai_delivery = 4;

pub(crate) fn status_of(error: &Error) -> flowai_status {
    error.kind().code()
}

pub(crate) fn delivery_of(delivery: Option<Delivery>) -> flowai_delivery {
    match delivery {
        None => FLOWAI_DELIVERY_NONE,
        Some(Delivery::NotSent) => FLOWAI_DELIVERY_NOT_SENT,
        Some(Delivery::Rejected) => FLOWAI_DELIVERY_REJECTED,
        Some(Delivery::MaybeSent) => FLOWAI_DELIVERY_MAYBE_SENT,
        Some(Delivery::Sent) => FLOWAI_DELIVERY_SENT,
    }
}

/// The names of the kinds with a NUL at the end, as C needs them.
static NAMES: [&str; 20] = [
    "invalid_argument\0",
    "connection\0",
    "timeout\0",
    "cancelled\0",
    "bad_request\0",
    "authentication\0",
    "not_found\0",
    "payload_too_large\0",
    "rate_limited\0",
    "server\0",
    "redirect\0",
    "response\0",
    "webhook_parse\0",
    "webhook_verification\0",
    "storage\0",
    "queue_full\0",
    "closed\0",
    "forked\0",
    "bad_handle\0",
    "internal\0",
];

/// The name of a status in snake case, such as "invalid_argument", the same in every language.
///
/// @param status  Any number.
/// @return        A string that lives for ever; "ok" for FLOWAI_OK, "unknown" for a number that is none. Never NULL.
/// @par Thread safety  Any thread; async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_status_name(status: flowai_status) -> *const c_char {
    let name = match status {
        FLOWAI_OK => "ok\0",
        _ => ErrorKind::ALL
            .iter()
            .position(|kind| kind.code() == status)
            .and_then(|place| NAMES.get(place))
            .map_or("unknown\0", |name| *name),
    };
    name.as_ptr().cast()
}

/// The name of a delivery: "not_sent", "rejected", "maybe_sent" or "sent".
///
/// @param delivery  Any number.
/// @return          A string that lives for ever; "none" for FLOWAI_DELIVERY_NONE, "unknown" for a number that is none
///                  of them. Never NULL.
/// @par Thread safety  Any thread; async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_delivery_name(delivery: flowai_delivery) -> *const c_char {
    let name = match delivery {
        FLOWAI_DELIVERY_NONE => "none\0",
        FLOWAI_DELIVERY_NOT_SENT => "not_sent\0",
        FLOWAI_DELIVERY_REJECTED => "rejected\0",
        FLOWAI_DELIVERY_MAYBE_SENT => "maybe_sent\0",
        FLOWAI_DELIVERY_SENT => "sent\0",
        _ => "unknown\0",
    };
    name.as_ptr().cast()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::ffi::CStr;

    use super::*;

    fn name_of(status: flowai_status) -> &'static str {
        // SAFETY: the function returns static strings that end with a NUL.
        unsafe { CStr::from_ptr(flowai_status_name(status)) }
            .to_str()
            .unwrap()
    }

    #[test]
    fn every_kind_of_error_has_its_name_here() {
        for kind in ErrorKind::ALL {
            assert_eq!(name_of(kind.code()), kind.name());
        }
        assert_eq!(
            (name_of(0), name_of(-1), name_of(98)),
            ("ok", "unknown", "unknown")
        );
    }

    #[test]
    fn every_constant_has_the_number_of_its_kind() {
        let source = include_str!("status.rs");
        let constants: Vec<(String, i32)> = source
            .lines()
            .filter_map(|line| {
                line.strip_prefix("pub const FLOWAI_ERR_")?
                    .split_once(": flowai_status = ")
            })
            .map(|(name, number)| (name.to_lowercase(), number.trim_end_matches(';').parse().unwrap()))
            .collect();
        let kinds: Vec<(String, i32)> = ErrorKind::ALL
            .iter()
            .map(|k| (k.name().to_owned(), k.code()))
            .collect();
        assert_eq!(constants, kinds);
    }
}
