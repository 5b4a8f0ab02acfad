//! Any request below the base URL, for endpoints that this library does not know.

use std::mem::MaybeUninit;

use flowai::Response;

use crate::{
    client::flowai_client,
    error::flowai_error,
    guard::{Operation, blocking, call, free, read},
    registry::{self, handle},
    status::flowai_status,
    strings::{Owned, Pairs, Text, flowai_str, place},
};

/// What the service answered to flowai_client_request(). Free it with flowai_response_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_response {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_response => Answered, 22);

pub(crate) struct Answered {
    status: u16,
    headers: Vec<(String, Owned)>,
    body: Owned,
}

impl From<Response> for Answered {
    fn from(response: Response) -> Answered {
        let headers = response.headers.into_iter();
        Answered {
            status: response.status,
            headers: headers.map(|(name, value)| (name, Owned::new(value))).collect(),
            body: Owned::new(response.body),
        }
    }
}

/// Makes any request below the base URL, with the key, the deadline, the retries and the errors of every other call.
/// GET, HEAD, PUT and DELETE are repeated when that can help; POST and PATCH are treated as messages: they are never
/// repeated once they may have left, and their errors tell the delivery.
///
/// @param client  A client.
/// @param method  "GET", "HEAD", "POST", "PUT", "PATCH" or "DELETE".
/// @param path    Where, relative to the base URL and encoded, without query: "threads".
/// @param query   The parameters of the query, which are encoded; may be NULL if count is 0.
/// @param count   The number of parameters.
/// @param json    The body, a JSON document; NULL for none.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives the response, which the caller frees.
/// @return        FLOWAI_OK or any FLOWAI_ERR_...; an answer outside of 200 to 299 is an error.
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_request(
    client: flowai_client,
    method: Text,
    path: Text,
    query: Pairs,
    count: usize,
    json: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_response>>,
) -> flowai_status {
    blocking(Operation::call("request"), err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        let query = query.texts(count, "query")?;
        let json = json.bytes().map(|_| json.json("json")).transpose()?;
        let call = client.client.request(
            method.required("method")?,
            path.required("path")?,
            &query,
            json.as_ref(),
        );
        out.write(registry::insert(call.wait()?.into())?);
        Ok(())
    })
}

/// The HTTP status of a response.
///
/// @param response  A response.
/// @param out       Receives the status, 200 to 299.
/// @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_response_status(
    response: flowai_response,
    out: Option<&mut MaybeUninit<i32>>,
) -> flowai_status {
    read(response, out, |response| Ok(response.status.into()))
}

/// A header of a response, the first one with this name.
///
/// @param response  A response.
/// @param name      The name of the header, in any case.
/// @param err       Receives an error on failure; may be NULL.
/// @param out       Receives text that lives as long as the response; empty if there is no such header.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_response_header(
    response: flowai_response,
    name: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    call(err, || {
        let out = place(out, "out")?;
        let response = registry::get(response)?;
        let name = name.required("name")?;
        let mut headers = response.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        out.write(found.map_or_else(flowai_str::empty, |(_, value)| value.lend()));
        Ok(())
    })
}

/// The body of a response, byte for byte. It need not be text; it ends with a NUL all the same.
///
/// @param response  A response.
/// @param out       Receives bytes that live as long as the response; empty if there was none.
/// @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_response_body(
    response: flowai_response,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(response, out, |response| Ok(response.body.lend()))
}

/// Frees a response and everything read from it. {0} and one that was freed before are left alone.
///
/// @param response  A response.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_response_free(response: flowai_response) {
    free(response);
}
