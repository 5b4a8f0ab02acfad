//! Calls that are not waited for, for programs with an event loop of their own.

use std::{ffi::c_void, mem::MaybeUninit, time::Duration};

use flowai::Delivery;

use crate::{
    call::flowai_call,
    completion::{Fruit, flowai_completion},
    error::flowai_error,
    guard::{call as at_once, make, quiet, read, signal_safe},
    pending::{Pending, Queue, Then},
    registry::{self, handle},
    status::flowai_status,
    strings::place,
    user_data::UserData,
};

/// Where calls end up that are not waited for: flowai_queue_submit() starts one, and flowai_poll() gives what is
/// finished, or calls a function for it, on the thread that polls. flowai_queue_fd() is a descriptor for the event loop
/// of the program. A queue is bounded: what is outstanding and what is finished and not taken count together. A thread
/// of the library does the work; it blocks all signals. Free the queue with flowai_queue_free().
///
/// In a forked child the functions fail with FLOWAI_ERR_FORKED; a queue that the child makes works.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_queue {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_queue => Queue, 43);

/// Called for what is finished, by flowai_poll() and on its thread. It may call the library: submit the next call to the
/// same queue, and free the queue too. Its arguments: the user_data that was given with it; the completion, which the
/// library frees when it returns. It must not unwind: no C++ exception may leave it.
pub type flowai_done = Option<extern "C" fn(user_data: *mut c_void, completion: flowai_completion)>;

/// Makes a queue.
///
/// @param capacity  How many calls may be outstanding, or finished and not taken, at most; more than 0.
/// @param err       Receives an error on failure; may be NULL.
/// @param out       Receives the queue, which the caller frees.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_INTERNAL (no descriptor is left).
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_queue_new(
    capacity: usize,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_queue>>,
) -> flowai_status {
    make(err, out, || Ok(Queue(Pending::new(capacity)?)))
}

/// The descriptor of a queue, for poll(), epoll and the like. It is readable as long as something is there to be taken;
/// then call flowai_poll() with a time limit of 0. Do not read from it, and do not close it.
///
/// @param queue  A queue.
/// @param out    Receives the descriptor, which lives as long as the queue.
/// @return       FLOWAI_OK, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
/// @par Thread safety  Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_queue_fd(queue: flowai_queue, out: Option<&mut MaybeUninit<i32>>) -> flowai_status {
    read(queue, out, |queue| queue.0.descriptor())
}

/// How much is outstanding, or finished and not taken.
///
/// @param queue  A queue.
/// @param out    Receives the number.
/// @return       FLOWAI_OK, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
/// @par Thread safety  Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_queue_count(
    queue: flowai_queue,
    out: Option<&mut MaybeUninit<usize>>,
) -> flowai_status {
    read(queue, out, |queue| queue.0.held())
}

/// Starts a call and returns at once. Its arguments are checked before, and copied: the call can be changed, submitted
/// again and freed. flowai_call_set_cancel() gives it up.
///
/// @param queue      A queue.
/// @param call       A call.
/// @param done       What flowai_poll() calls when it is finished; NULL to be given a completion instead.
/// @param user_data  Passed to the function, and in the completion, and never looked at; may be NULL.
/// @param err        Receives an error on failure; may be NULL.
/// @return           FLOWAI_OK, and there will be one completion, whatever happens, unless the queue is freed before;
///                   FLOWAI_ERR_INVALID_ARGUMENT; FLOWAI_ERR_QUEUE_FULL (take something first); FLOWAI_ERR_CLOSED;
///                   FLOWAI_ERR_FORKED; FLOWAI_ERR_BAD_HANDLE. When it fails nothing is sent.
/// @par Thread safety  Any thread, the same queue from several at once.
/// @par Blocking       Never.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_queue_submit(
    queue: flowai_queue,
    call: flowai_call,
    done: flowai_done,
    user_data: *mut c_void,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    at_once(err, || {
        let queue = registry::get(queue)?;
        let invocation = crate::call::copy_of(call)?;
        let started = invocation.start()?;
        let then = Then {
            done,
            user_data: UserData::new(user_data),
        };
        let (operation, is_send) = (invocation.operation(), invocation.is_send());
        let work = async move { started.await.map(Fruit::Called) };
        queue.0.submit(operation, is_send, then, work).map_err(|error| {
            let delivery = is_send.then_some(Delivery::NotSent);
            error.with_operation(operation).with_delivery(delivery)
        })
    })
}

/// Takes what is finished. Everything that has a function is given to it, in the order in which it finished, until
/// something comes that has none, which is handed out. When nothing is finished it waits.
///
/// @param queue       A queue.
/// @param timeout_ms  How long to wait at most, in milliseconds; 0 not to wait, FLOWAI_FOREVER for no limit.
/// @param err         Receives an error on failure; may be NULL.
/// @param out         Receives a completion, which the caller frees; {0} when functions were called, when the time is
///                    over, or after flowai_queue_wake().
/// @return            FLOWAI_OK, FLOWAI_ERR_CLOSED (the queue was freed meanwhile), FLOWAI_ERR_FORKED,
///                    FLOWAI_ERR_INVALID_ARGUMENT (out is NULL), FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread, several at once; each completion goes to one of them.
/// @par Blocking       For the time limit, and while functions run; flowai_queue_wake() and flowai_queue_free() end the
///                     wait.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_poll(
    queue: flowai_queue,
    timeout_ms: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_completion>>,
) -> flowai_status {
    at_once(err, || {
        let out = place(out, "out")?;
        let pending = registry::get(queue)?.0.clone();
        let time = (timeout_ms != u32::MAX).then(|| Duration::from_millis(timeout_ms.into()));
        out.write(pending.poll(time)?.unwrap_or(flowai_completion { id: 0 }));
        Ok(())
    })
}

/// Ends the flowai_poll() that waits, or else the next one that would wait.
///
/// @param queue  A queue.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread. Async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_queue_wake(queue: flowai_queue) -> flowai_status {
    signal_safe(queue, |queue| queue.0.wake())
}

/// Frees a queue. Calls that are outstanding are given up: what has left may still be handled by the service, and nobody
/// is told. What is finished and not taken is gone. When this returns no function of the program runs any more that the
/// queue has called, except on this thread, and none will: what their user_data points to can be freed. {0} and one that
/// was freed before are left alone.
///
/// @param queue  A queue.
/// @par Blocking  Until functions that other threads are in have returned; do not hold a lock that they wait for.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_queue_free(queue: flowai_queue) {
    quiet(|| {
        if let Ok(queue) = registry::get(queue) {
            // Whoever polls holds it; without this it would live until they are done.
            queue.0.close();
        }
        registry::remove(queue);
    });
}
