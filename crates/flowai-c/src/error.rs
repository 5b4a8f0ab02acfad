//! An error as an object.

use std::mem::MaybeUninit;

use flowai::{Delivery, Error};

use crate::{
    guard::{free, read},
    registry::handle,
    status::{delivery_of, flowai_delivery, flowai_status, status_of},
    strings::{NONE, Owned, flowai_str, number},
};

/// Why a function failed. Free it with flowai_error_free(). It never contains the API key.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_error {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_error => Failure, 1);

/// An error with its texts in the form in which they are handed out.
pub(crate) struct Failure {
    error: Error,
    delivery: Option<Delivery>,
    message: Owned,
    operation: Owned,
    argument: Owned,
    server_message: Owned,
    body: Owned,
    request_id: Owned,
}

impl Failure {
    /// The operation and the delivery are for errors that the core does not know about.
    pub(crate) fn new(error: Error, operation: Option<&'static str>, delivery: Option<Delivery>) -> Failure {
        let message = match (error.operation(), operation, delivery) {
            (None, Some(operation), Some(delivery)) => format!("{operation}: {error} ({delivery})"),
            (None, Some(operation), None) => format!("{operation}: {error}"),
            _ => error.to_string(),
        };
        let operation = error.operation().or(operation);
        let response = error.response();
        let server_message = response.and_then(|response| response.server_message.as_deref());
        Failure {
            message: Owned::new(message),
            operation: Owned::new(operation.unwrap_or_default()),
            argument: Owned::new(error.argument_name().unwrap_or_default()),
            server_message: Owned::new(server_message.unwrap_or_default()),
            body: Owned::new(
                response
                    .map(|response| response.body.as_str())
                    .unwrap_or_default(),
            ),
            request_id: Owned::new(error.request_id().unwrap_or_default()),
            delivery: error.delivery().or(delivery),
            error,
        }
    }

    pub(crate) fn status(&self) -> flowai_status {
        status_of(&self.error)
    }
}

/// The status, as the function that failed returned it.
///
/// @param error  An error.
/// @param out    Receives one of FLOWAI_ERR_... .
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_error_code(
    error: flowai_error,
    out: Option<&mut MaybeUninit<flowai_status>>,
) -> flowai_status {
    read(error, out, |failure| Ok(status_of(&failure.error)))
}

/// The name of the status in snake case, such as "invalid_argument".
///
/// @param error  An error.
/// @param out    Receives text that lives as long as the error.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_error_name(
    error: flowai_error,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(error, out, |failure| {
        Ok(flowai_str {
            ptr: crate::status::flowai_status_name(status_of(&failure.error)),
            len: failure.error.kind().name().len(),
        })
    })
}

/// What happened, in one line for a person: operation, problem and, for a send, delivery. The words may change.
///
/// @param error  An error.
/// @param out    Receives text that lives as long as the error.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_error_message(
    error: flowai_error,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(error, out, |failure| Ok(failure.message.lend()))
}

/// What became of the message: every failed send says so.
///
/// @param error  An error.
/// @param out    Receives one of FLOWAI_DELIVERY_...; FLOWAI_DELIVERY_NONE if the call was not a send.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_error_delivery(
    error: flowai_error,
    out: Option<&mut MaybeUninit<flowai_delivery>>,
) -> flowai_status {
    read(error, out, |failure| Ok(delivery_of(failure.delivery)))
}

/// The trace id of the message that failed: by it a delivery event tells later that the message arrived after all.
///
/// @param error  An error.
/// @param out    Receives the number; FLOWAI_NONE if there was none.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_error_trace_id(
    error: flowai_error,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    read(error, out, |failure| Ok(number(failure.error.trace_id())))
}

/// Whether the same call may be made again without doing anything twice, and may then succeed.
///
/// @param error  An error.
/// @param out    Receives the answer.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_error_retryable(
    error: flowai_error,
    out: Option<&mut MaybeUninit<bool>>,
) -> flowai_status {
    read(error, out, |failure| Ok(failure.error.is_retryable()))
}

/// The HTTP status of the answer.
///
/// @param error  An error.
/// @param out    Receives the status, 0 if the service did not answer.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_error_http_status(
    error: flowai_error,
    out: Option<&mut MaybeUninit<i32>>,
) -> flowai_status {
    read(error, out, |failure| {
        Ok(failure.error.status().map_or(0, i32::from))
    })
}

/// The operation that failed, such as "send_text"; empty if it was none of the client's.
///
/// @param error  An error.
/// @param out    Receives text that lives as long as the error.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_error_operation(
    error: flowai_error,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(error, out, |failure| Ok(failure.operation.lend()))
}

/// The argument that was refused, such as "thread_id"; a dot and a path follow when a part of a document was refused.
///
/// @param error  An error.
/// @param out    Receives text that lives as long as the error; empty if no argument was refused.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_error_argument(
    error: flowai_error,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(error, out, |failure| Ok(failure.argument.lend()))
}

/// What the answer says went wrong.
///
/// @param error  An error.
/// @param out    Receives text that lives as long as the error; empty if the service said nothing.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_error_server_message(
    error: flowai_error,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(error, out, |failure| Ok(failure.server_message.lend()))
}

/// The start of the body of the answer, at most 4 KiB.
///
/// @param error  An error.
/// @param out    Receives text that lives as long as the error; empty if there was none.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_error_body(
    error: flowai_error,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(error, out, |failure| Ok(failure.body.lend()))
}

/// The request id that the service gave (header x-request-id).
///
/// @param error  An error.
/// @param out    Receives text that lives as long as the error; empty if the service gave none.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_error_request_id(
    error: flowai_error,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(error, out, |failure| Ok(failure.request_id.lend()))
}

/// How long the service asked to wait (header Retry-After).
///
/// @param error  An error.
/// @param out    Receives milliseconds; FLOWAI_NONE if the service did not say.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_error_retry_after_ms(
    error: flowai_error,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    read(error, out, |failure| {
        let wait = failure.error.response().and_then(|response| response.retry_after);
        Ok(wait.map_or(NONE, |wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    })
}

/// Frees an error and every text read from it. {0} and one that was freed before are left alone.
///
/// @param error  An error.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_error_free(error: flowai_error) {
    free(error);
}
