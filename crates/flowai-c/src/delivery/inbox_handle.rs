//! Handling the events of an inbox on several threads.

use std::{ffi::c_void, mem::MaybeUninit, sync::Arc};

use flowai::{Error, ErrorKind, Result};
use flowai_delivery::Delivery;

use super::{
    inbox::flowai_inbox,
    inbox_delivery::{delivery_handle, flowai_inbox_delivery},
};
use crate::{error::flowai_error, guard::waiting, registry, status::flowai_status, user_data::UserData};

/// Called for each event, on a thread of the library that blocks all signals, several at once. It may call the library,
/// the same inbox too. Its arguments: the user_data that was given with it; the event, which the library frees when it
/// returns. It returns 0 when the event is handled; anything else is a failure, and the event is handed out again later.
/// A function that has said itself what became of the event returns what it likes. It must not unwind: no C++ exception
/// may leave it.
pub type flowai_inbox_handler =
    Option<extern "C" fn(user_data: *mut c_void, delivery: flowai_inbox_delivery) -> i32>;

/// Called about every 50 ms on the thread that waits, with the user_data that was given with it. It returns true to go
/// on and false to end. It must not unwind: no C++ exception may leave it.
pub type flowai_go_on = Option<extern "C" fn(user_data: *mut c_void) -> bool>;

/// Frees a delivery however the handler ends.
struct Lent(flowai_inbox_delivery);

impl Drop for Lent {
    fn drop(&mut self) {
        registry::remove(self.0);
    }
}

/// Calls a function for every event, on several threads at a time, until the inbox is closed or go_on returns false.
/// Then no further event is taken, and this returns when the functions that run have. While a function runs its event is
/// not handed out to another one, however long it takes. When the storage fails the threads go on trying.
///
/// @param inbox      An inbox.
/// @param workers    How many threads, more than 0.
/// @param handler    What handles an event. Not NULL.
/// @param go_on      Whether to go on; NULL to go on until the inbox is closed.
/// @param user_data  Passed to both functions and never looked at; may be NULL. Several threads get it at once.
/// @param err        Receives an error on failure; may be NULL.
/// @return           FLOWAI_OK at the end, FLOWAI_ERR_CANCELLED (flowai_inbox_set_cancel()), FLOWAI_ERR_INVALID_ARGUMENT (also where the inbox was only attached to),
///                   FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       Until the inbox is closed or go_on returns false.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_handle(
    inbox: flowai_inbox,
    workers: usize,
    handler: flowai_inbox_handler,
    go_on: flowai_go_on,
    user_data: *mut c_void,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    waiting(err, || {
        let handler = handler.ok_or_else(|| Error::argument("handler", "is NULL"))?;
        let inbox = registry::get(inbox)?;
        let user_data = UserData::new(user_data);
        let handle = |delivery: &Arc<Delivery>| -> Result<(), String> {
            let lent = Lent(delivery_handle(delivery.clone()).map_err(|error| error.to_string())?);
            match handler(user_data.get(), lent.0) {
                0 => Ok(()),
                code => Err(format!("the handler returned {code}")),
            }
        };
        let mut ended = false;
        let mut tick = || {
            ended = go_on.is_some_and(|go_on| !go_on(user_data.get()));
            match ended {
                true => Err(Error::new(ErrorKind::Cancelled, "the end was asked for")),
                false => Ok(()),
            }
        };
        let result = inbox.wait(None, |inbox, cancelled| {
            let mut tick = || tick().and_then(|()| cancelled());
            inbox.handle_with(workers, handle, &mut tick)
        });
        if ended { Ok(()) } else { result }
    })
}
