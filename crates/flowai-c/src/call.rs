//! A call of any operation, by its name.

use std::{mem::MaybeUninit, sync::RwLock};

use flowai::{Delivery, Error, Invocation, MAX_UPLOAD_SIZE, Result};
use serde_json::Value;

use crate::{
    cancel::{copy_of as cancel_of, flowai_cancel},
    client::flowai_client,
    completion::{Completion, Fruit, flowai_completion},
    config::in_use,
    error::flowai_error,
    guard::{call as at_once, free, waiting},
    registry::{self, handle},
    status::flowai_status,
    string::flowai_string,
    strings::{Data, NONE, Owned, Text, place},
    user_data::UserData,
};

/// A call of an operation, with its arguments, that can be made any number of times: flowai_queue_submit() starts it
/// without waiting, flowai_call_wait() waits for it. Every function flowai_client_... that talks to the service is an
/// operation, by the rest of its name; the arguments are the parameters of that function, and what its options can have,
/// by their names: flowai_client_send_text() is the operation "send_text" with "thread_id", "text", and if need be
/// "trace_id", "timeout" and so on. Except:
///
/// - "message" of "send", "ask" and broadcasts, "originator", "channel", "audience" and "segments" are JSON, as they go
///   over the wire; an "originator" may be a name, and the "message" of "ask" a text.
/// - "timeout" and "idle_timeout" are seconds, and may have a fraction.
/// - "upload_media" has its file from flowai_call_set_path() or flowai_call_set_bytes(), or as the argument "file": a path,
///   or an object with "path", "text" or "base64", and "filename".
/// - The longitude of "send_location" is "long".
/// - "query" of "request" is an object.
/// - "iter_history" and "iter_threads" read everything, up to "limit".
///
/// Free it with flowai_call_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_call {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_call => RwLock<Invocation>, 41);

/// The call behind a handle, as it is now.
pub(crate) fn copy_of(call: flowai_call) -> Result<Invocation> {
    let call = registry::get(call)?;
    let call = call.try_read().map_err(|_| in_use("call"))?;
    Ok(call.clone())
}

fn set(
    call: flowai_call,
    err: Option<&mut MaybeUninit<flowai_error>>,
    change: impl FnOnce(&mut Invocation) -> Result<()>,
) -> flowai_status {
    at_once(err, || {
        let call = registry::get(call)?;
        let mut call = call.try_write().map_err(|_| in_use("call"))?;
        change(&mut call)
    })
}

/// Sets one argument.
fn set_to(
    call: flowai_call,
    name: &Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    value: impl FnOnce() -> Result<Value>,
) -> flowai_status {
    set(call, err, |call| {
        call.set(name.required("name")?, value()?);
        Ok(())
    })
}

/// Prepares a call.
///
/// @param client     A client; the call works on when it is freed.
/// @param operation  The name of the operation, such as "send_text".
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives the call, which the caller frees.
/// @return           FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (there is no such operation), FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_call_new(
    client: flowai_client,
    operation: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_call>>,
) -> flowai_status {
    at_once(err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        let invocation = client.client.invoke(operation.required("operation")?)?;
        out.write(registry::insert(RwLock::new(invocation))?);
        Ok(())
    })
}

/// Sets an argument that is a text.
///
/// @param call   A call.
/// @param name   The name of the argument.
/// @param value  A text; NULL to leave the argument out.
/// @param err    Receives an error on failure; may be NULL.
/// @return       FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_call_set_text(
    call: flowai_call,
    name: Text,
    value: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set_to(call, &name, err, || {
        let text = value.optional("value")?;
        Ok(text.map_or(Value::Null, Value::from))
    })
}

/// Sets an argument that is a whole number.
///
/// @param call   A call.
/// @param name   The name of the argument.
/// @param value  A number; FLOWAI_NONE to leave the argument out.
/// @param err    Receives an error on failure; may be NULL.
/// @return       FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_call_set_integer(
    call: flowai_call,
    name: Text,
    value: i64,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set_to(call, &name, err, || {
        Ok(if value == NONE { Value::Null } else { value.into() })
    })
}

/// Sets an argument that is a number with a fraction, such as "timeout", in seconds.
///
/// @param call   A call.
/// @param name   The name of the argument.
/// @param value  A finite number.
/// @param err    Receives an error on failure; may be NULL.
/// @return       FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_call_set_number(
    call: flowai_call,
    name: Text,
    value: f64,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set_to(call, &name, err, || match Value::from(value) {
        Value::Null => Err(Error::argument("value", "is not a finite number")),
        number => Ok(number),
    })
}

/// Sets an argument that is true or false.
///
/// @param call   A call.
/// @param name   The name of the argument.
/// @param value  Which.
/// @param err    Receives an error on failure; may be NULL.
/// @return       FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_call_set_boolean(
    call: flowai_call,
    name: Text,
    value: bool,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set_to(call, &name, err, || Ok(value.into()))
}

/// Sets an argument of any kind.
///
/// @param call   A call.
/// @param name   The name of the argument.
/// @param value  A JSON document; null to leave the argument out.
/// @param err    Receives an error on failure; may be NULL.
/// @return       FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_call_set_json(
    call: flowai_call,
    name: Text,
    value: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set_to(call, &name, err, || value.json("value"))
}

/// Sets several arguments; those that are not named stay as they are.
///
/// @param call       A call.
/// @param arguments  A JSON object of arguments by their names.
/// @param err        Receives an error on failure; may be NULL.
/// @return           FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_call_set_arguments(
    call: flowai_call,
    arguments: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(call, err, |call| given(&arguments, call))
}

/// Sets the file of an upload, in place of what was set before. It is read while the call is made.
///
/// @param call  A call.
/// @param path  A path.
/// @param err   Receives an error on failure; may be NULL.
/// @return      FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_call_set_path(
    call: flowai_call,
    path: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(call, err, |call| {
        call.set_path(path.required("path")?);
        Ok(())
    })
}

/// Sets the content of an upload, which is copied, in place of what was set before. The argument "filename" gives the
/// MIME type and the kind of media, unless they are set.
///
/// @param call  A call.
/// @param data  The content; may be NULL if len is 0.
/// @param len   Its length in bytes, at most 250 * 1024 * 1024.
/// @param err   Receives an error on failure; may be NULL.
/// @return      FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_call_set_bytes(
    call: flowai_call,
    data: Data,
    len: usize,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(call, err, |call| {
        if len as u64 > MAX_UPLOAD_SIZE {
            let delivery = call.is_send().then_some(Delivery::NotSent);
            let refused = Error::argument("file", "is larger than 250 MB");
            return Err(refused.with_operation(call.operation()).with_delivery(delivery));
        }
        call.set_bytes(data.bytes(len, "file")?.to_vec());
        Ok(())
    })
}

/// Sets what gives the call up.
///
/// @param call    A call.
/// @param cancel  A handle, which stays the caller's and may be freed at once; {0} for none.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread; not while another one uses the call, which gives FLOWAI_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_call_set_cancel(
    call: flowai_call,
    cancel: flowai_cancel,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(call, err, |call| {
        call.set_cancel(cancel_of(cancel)?.as_ref());
        Ok(())
    })
}

/// Makes a call and waits for its result. It can be made again.
///
/// @param call  A call.
/// @param err   Receives an error on failure; may be NULL.
/// @param out   Receives a completion, which the caller frees: flowai_completion_receipt() and so on take the result from
///              it, flowai_completion_json() reads it.
/// @return      As the function of the operation. A call that fails gives an error and no completion.
/// @par Thread safety  Any thread, the same call from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_call_wait(
    call: flowai_call,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_completion>>,
) -> flowai_status {
    waiting(err, || {
        let out = place(out, "out")?;
        let call = copy_of(call)?;
        let outcome = call.wait()?;
        let user_data = UserData::new(std::ptr::null_mut());
        let completion = Completion::new(call.operation(), false, Ok(Fruit::Called(outcome)), user_data);
        out.write(registry::insert(completion)?);
        Ok(())
    })
}

/// Frees a call. Those that were submitted go on. {0} and one that was freed before are left alone.
///
/// @param call  A call.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_call_free(call: flowai_call) {
    free(call);
}

/// Makes any call, with JSON in and JSON out: arguments and operations as flowai_call has them. So a program can be
/// written that need not know the operations, and new ones can be called without a new version of this header.
///
/// @param client     A client.
/// @param operation  The name of the operation, such as "send_text".
/// @param arguments  A JSON object of arguments by their names: {"thread_id": "thread-1", "text": "Hello"}. NULL for none.
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives the result, a JSON document, which the caller frees.
/// @return           As the function of the operation.
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_call_json(
    client: flowai_client,
    operation: Text,
    arguments: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_string>>,
) -> flowai_status {
    waiting(err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        let mut call = client.client.invoke(operation.required("operation")?)?;
        if arguments.bytes().is_some() {
            given(&arguments, &mut call)?;
        }
        let result = call.wait()?.to_value();
        out.write(registry::insert(Owned::json(&result))?);
        Ok(())
    })
}

/// Takes arguments from a JSON object.
fn given(arguments: &Text, call: &mut Invocation) -> Result<()> {
    let Value::Object(arguments) = arguments.json("arguments")? else {
        return Err(Error::argument("arguments", "must be an object"));
    };
    for (name, value) in arguments {
        call.set(&name, value);
    }
    Ok(())
}
