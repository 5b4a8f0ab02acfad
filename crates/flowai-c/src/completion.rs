//! What became of a call that was not waited for.

use std::{ffi::c_void, mem::MaybeUninit, sync::Mutex};

use flowai::{Delivery, Error, Outcome, Result};

use crate::{
    ask::{Replied, flowai_reply},
    bot::flowai_bot_status,
    business_hours::flowai_business_hours,
    config::in_use,
    error::{Failure, flowai_error},
    guard::{free, read},
    list::{Items, flowai_list},
    page::flowai_page,
    receipt::flowai_receipt,
    registry::{self, Handle, handle},
    request::flowai_response,
    status::{FLOWAI_OK, flowai_status},
    string::flowai_string,
    strings::{Lazy, Owned, flowai_str},
    user_data::UserData,
};

/// A call that is finished: what it gives, or why it failed. Free it with flowai_completion_free(), unless it was given to
/// a function, after which the library frees it. What is taken from it lives on by itself.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_completion {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_completion => Completion, 42);

/// What something that is finished gives.
pub(crate) enum Fruit {
    Called(Outcome),
    #[cfg(feature = "delivery")]
    Event(flowai::Event),
    #[cfg(feature = "delivery")]
    Delivery(std::sync::Arc<flowai_delivery::Delivery>),
    #[cfg(feature = "delivery")]
    Report(crate::delivery::outbox_report::Told),
}

pub(crate) struct Completion {
    operation: Owned,
    status: flowai_status,
    user_data: UserData,
    json: Lazy,
    rest: Mutex<Rest>,
}

/// What can be taken once.
struct Rest {
    fruit: Option<Fruit>,
    error: Option<Failure>,
}

impl Completion {
    pub(crate) fn new(
        operation: &'static str,
        is_send: bool,
        result: Result<Fruit>,
        user_data: UserData,
    ) -> Completion {
        let (status, fruit, error) = match result {
            Ok(fruit) => (FLOWAI_OK, Some(fruit), None),
            Err(error) => {
                // What ended without the core knowing why may have been sent.
                let delivery = is_send.then_some(Delivery::MaybeSent);
                let failure = Failure::new(error, Some(operation), delivery);
                (failure.status(), None, Some(failure))
            }
        };
        Completion {
            operation: Owned::new(operation),
            status,
            user_data,
            json: Lazy::default(),
            rest: Mutex::new(Rest { fruit, error }),
        }
    }
}

/// Takes the result out of a completion, as one kind of object; `object` gives back what it is not.
pub(crate) fn take<H: Handle>(
    completion: flowai_completion,
    out: Option<&mut MaybeUninit<H>>,
    object: impl FnOnce(Fruit) -> Result<H::Object, Box<Fruit>>,
) -> flowai_status {
    read(completion, out, |completion| {
        let mut rest = completion.rest.try_lock().map_err(|_| in_use("completion"))?;
        let nothing = || Error::argument("completion", "has nothing to give, or it was taken");
        match object(rest.fruit.take().ok_or_else(nothing)?) {
            Ok(object) => registry::insert(object),
            Err(other) => {
                rest.fruit = Some(*other);
                let problem = format_args!("does not give a {}", H::NAME);
                Err(Error::argument("completion", problem))
            }
        }
    })
}

/// How a call ended, as the function that waits for it would have returned it.
///
/// @param completion  A completion.
/// @param out         Receives FLOWAI_OK or one of FLOWAI_ERR_... .
/// @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_completion_status(
    completion: flowai_completion,
    out: Option<&mut MaybeUninit<flowai_status>>,
) -> flowai_status {
    read(completion, out, |completion| Ok(completion.status))
}

/// What the call was submitted with.
///
/// @param completion  A completion.
/// @param out         Receives the user_data, which was never looked at.
/// @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_completion_user_data(
    completion: flowai_completion,
    out: Option<&mut MaybeUninit<*mut c_void>>,
) -> flowai_status {
    read(completion, out, |completion| Ok(completion.user_data.get()))
}

/// What was called, such as "send_text"; "receiver_next", "inbox_next" and "outbox_next_report" for what is watched.
///
/// @param completion  A completion.
/// @param out         Receives text that lives as long as the completion.
/// @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_completion_operation(
    completion: flowai_completion,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(completion, out, |completion| Ok(completion.operation.lend()))
}

/// Takes why a call failed.
///
/// @param completion  A completion.
/// @param out         Receives the error, which the caller frees; {0} when the call did not fail, or it was taken before.
/// @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_completion_error(
    completion: flowai_completion,
    out: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    read(completion, out, |completion| {
        let mut rest = completion.rest.try_lock().map_err(|_| in_use("completion"))?;
        let error = rest.error.take().map(registry::insert);
        error.unwrap_or(Ok(flowai_error { id: 0 }))
    })
}

/// The result of a call as a JSON document, with the names that its fields have in every language.
///
/// @param completion  A completion.
/// @param out         Receives text that lives as long as the completion; empty when the call failed, when its result
///                    was taken before, and for what is watched.
/// @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_completion_json(
    completion: flowai_completion,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(completion, out, |completion| {
        let rest = completion.rest.try_lock().map_err(|_| in_use("completion"))?;
        Ok(match &rest.fruit {
            Some(Fruit::Called(outcome)) => completion.json.lend(|| outcome.to_value().to_string()),
            _ => completion.json.lend(String::new),
        })
    })
}

/// Takes the receipt of a call that was acknowledged: a send, pause, resume, handover and so on.
///
/// @param completion  A completion.
/// @param out         Receives the receipt, which the caller frees.
/// @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
///                    gives no such thing, or it was taken before).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_completion_receipt(
    completion: flowai_completion,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    take(completion, out, |fruit| match fruit {
        Fruit::Called(Outcome::Receipt(receipt)) => Ok(receipt.into()),
        other => Err(other.into()),
    })
}

/// Takes the reply to "ask".
///
/// @param completion  A completion.
/// @param out         Receives the reply, which the caller frees.
/// @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
///                    gives no such thing, or it was taken before).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_completion_reply(
    completion: flowai_completion,
    out: Option<&mut MaybeUninit<flowai_reply>>,
) -> flowai_status {
    take(completion, out, |fruit| match fruit {
        Fruit::Called(Outcome::Reply(reply)) => Ok(Replied::from(reply)),
        other => Err(other.into()),
    })
}

/// Takes the page of "history" or "threads".
///
/// @param completion  A completion.
/// @param out         Receives the page, which the caller frees.
/// @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
///                    gives no such thing, or it was taken before).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_completion_page(
    completion: flowai_completion,
    out: Option<&mut MaybeUninit<flowai_page>>,
) -> flowai_status {
    take(completion, out, |fruit| match fruit {
        Fruit::Called(Outcome::HistoryPage(page)) => Ok(page.into()),
        Fruit::Called(Outcome::ThreadsPage(page)) => Ok(page.into()),
        other => Err(other.into()),
    })
}

/// Takes the list of "iter_history" (documents named HistoryEntry), "iter_threads" and "trigger_events" (texts), and
/// "segments" (documents named Segment).
///
/// @param completion  A completion.
/// @param out         Receives the list, which the caller frees.
/// @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
///                    gives no such thing, or it was taken before).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_completion_list(
    completion: flowai_completion,
    out: Option<&mut MaybeUninit<flowai_list>>,
) -> flowai_status {
    take(completion, out, |fruit| match fruit {
        Fruit::Called(Outcome::HistoryEntries(entries)) => Ok(Items::of_documents(entries)),
        Fruit::Called(Outcome::Segments(segments)) => Ok(Items::of_documents(segments)),
        Fruit::Called(Outcome::Names(names) | Outcome::ThreadIds(names)) => Ok(Items::of_texts(names)),
        other => Err(other.into()),
    })
}

/// Takes the thread id of "create_thread".
///
/// @param completion  A completion.
/// @param out         Receives the text, which the caller frees.
/// @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
///                    gives no such thing, or it was taken before).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_completion_string(
    completion: flowai_completion,
    out: Option<&mut MaybeUninit<flowai_string>>,
) -> flowai_status {
    take(completion, out, |fruit| match fruit {
        Fruit::Called(Outcome::ThreadId(id)) => Ok(Owned::new(id)),
        other => Err(other.into()),
    })
}

/// Takes the result of "business_hours".
///
/// @param completion  A completion.
/// @param out         Receives the business hours, which the caller frees.
/// @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
///                    gives no such thing, or it was taken before).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_completion_business_hours(
    completion: flowai_completion,
    out: Option<&mut MaybeUninit<flowai_business_hours>>,
) -> flowai_status {
    take(completion, out, |fruit| match fruit {
        Fruit::Called(Outcome::BusinessHours(sets)) => Ok(sets.into()),
        other => Err(other.into()),
    })
}

/// Takes the result of "bot_status".
///
/// @param completion  A completion.
/// @param out         Receives the status, which the caller frees.
/// @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
///                    gives no such thing, or it was taken before).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_completion_bot_status(
    completion: flowai_completion,
    out: Option<&mut MaybeUninit<flowai_bot_status>>,
) -> flowai_status {
    take(completion, out, |fruit| match fruit {
        Fruit::Called(Outcome::BotStatus(status)) => Ok(status.into()),
        other => Err(other.into()),
    })
}

/// Takes the result of "request".
///
/// @param completion  A completion.
/// @param out         Receives the response, which the caller frees.
/// @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
///                    gives no such thing, or it was taken before).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_completion_response(
    completion: flowai_completion,
    out: Option<&mut MaybeUninit<flowai_response>>,
) -> flowai_status {
    take(completion, out, |fruit| match fruit {
        Fruit::Called(Outcome::Response(response)) => Ok(response.into()),
        other => Err(other.into()),
    })
}

/// Frees a completion and what was not taken from it. {0} and one that was freed before are left alone.
///
/// @param completion  A completion.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_completion_free(completion: flowai_completion) {
    free(completion);
}
