//! A server that receives webhook calls ("Webhooks" of the API document).

use std::{mem::MaybeUninit, sync::Arc, time::Duration};

use flowai::{Error, EventKind, Result};
use flowai_delivery::Receiver;

use super::{
    receiver_config::{ReceiverConfig, flowai_receiver_config},
    rows::document,
    waits::{Nudge, Waited, set_cancel, wait_for},
};
use crate::{
    cancel::flowai_cancel,
    document::flowai_document,
    error::flowai_error,
    event::{event_handle, flowai_event},
    event_fields::flowai_kind,
    guard::{quiet, read, waiting},
    registry::{self, handle},
    status::flowai_status,
    strings::{Owned, Text, flowai_str, place},
};

/// A server that receives the webhook calls of Flow.ai. Free it with flowai_receiver_free(). In a forked child its
/// functions fail with FLOWAI_ERR_FORKED.
///
/// With flowai_receiver_config_set_inbox() a call is acknowledged once its events are safe in the inbox. Without an
/// inbox it is acknowledged when they are in a queue in memory, from which flowai_receiver_next() takes them: what
/// nobody has taken is gone when the process ends, and Flow.ai does not send it again.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_receiver {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_receiver => Waited<Listening>, 16);

pub(crate) struct Listening {
    receiver: Arc<Receiver>,
    url: Owned,
}

impl Listening {
    pub(crate) fn shared(&self) -> Arc<Receiver> {
        self.receiver.clone()
    }
}

impl Nudge for Arc<Receiver> {
    fn nudger(&self) -> impl Fn() + Send + 'static {
        Receiver::nudger(self)
    }
}

impl Nudge for Listening {
    fn nudger(&self) -> impl Fn() + Send + 'static {
        Receiver::nudger(&self.receiver)
    }
}

/// FLOWAI_FOREVER in the header.
const FOREVER: u32 = u32::MAX;

/// In place of a kind of event: any.
pub const FLOWAI_EVENT_ANY: flowai_kind = -1;

pub(crate) fn time_limit(ms: u32) -> Option<Duration> {
    (ms != FOREVER).then(|| Duration::from_millis(ms.into()))
}

/// Starts to listen.
///
/// @param config  Settings, which are copied. They must say how calls are verified.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives the receiver, which the caller frees.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (flowai_error_argument() names the setting),
///                FLOWAI_ERR_CONNECTION (the address cannot be listened on), FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread. A thread of the library serves in the background; it blocks all signals.
/// @par Blocking       While certificate and key are read and the address is taken.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_start(
    config: flowai_receiver_config,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receiver>>,
) -> flowai_status {
    waiting(err, || {
        let out = place(out, "out")?;
        let receiver = ReceiverConfig::of(config)?.start()?;
        let url = Owned::new(receiver.url());
        let receiver = Arc::new(receiver);
        out.write(registry::insert(Listening { receiver, url }.into())?);
        Ok(())
    })
}

/// The URL of the webhook on this machine. Where the receiver listens on all addresses it names the loopback address.
///
/// @param receiver  A receiver.
/// @param out       Receives text that lives as long as the receiver.
/// @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_url(
    receiver: flowai_receiver,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(receiver, out, |listening| Ok(listening.url.lend()))
}

/// The port that the receiver listens on.
///
/// @param receiver  A receiver.
/// @param out       Receives the number.
/// @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_port(
    receiver: flowai_receiver,
    out: Option<&mut MaybeUninit<u16>>,
) -> flowai_status {
    read(receiver, out, |listening| {
        Ok(listening.receiver.local_addr().port())
    })
}

/// The next event.
///
/// @param receiver    A receiver.
/// @param timeout_ms  How long to wait at most, in milliseconds; FLOWAI_FOREVER for no limit.
/// @param err         Receives an error on failure; may be NULL.
/// @param out         Receives the event, which the caller frees; {0} when the time is over.
/// @return            FLOWAI_OK, FLOWAI_ERR_CLOSED (the receiver was stopped and all its events were taken),
///                    FLOWAI_ERR_CANCELLED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT (also where events go to an
///                    inbox), FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread, several at once; each event is handed out once.
/// @par Blocking       For the time limit; flowai_receiver_stop() and flowai_receiver_free() on another thread and
///                     flowai_receiver_set_cancel() end the wait.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_next(
    receiver: flowai_receiver,
    timeout_ms: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_event>>,
) -> flowai_status {
    wait_for(receiver, err, out, |listening| {
        let time = time_limit(timeout_ms);
        event_handle(listening.wait(time, |listening, tick| listening.receiver.next_with(time, tick))?)
    })
}

/// The next event of a kind and of a conversation. The others stay in the queue, in their order.
///
/// @param receiver    A receiver.
/// @param kind        One of FLOWAI_EVENT_...; FLOWAI_EVENT_ANY for any.
/// @param thread_id   A thread, see flowai_event_is_for(); NULL for any.
/// @param timeout_ms  How long to wait at most, in milliseconds; FLOWAI_FOREVER for no limit.
/// @param err         Receives an error on failure; may be NULL.
/// @param out         Receives the event, which the caller frees; {0} when the time is over.
/// @return            As flowai_receiver_next().
/// @par Thread safety  Any thread, several at once; each event is handed out once.
/// @par Blocking       As flowai_receiver_next().
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_wait(
    receiver: flowai_receiver,
    kind: flowai_kind,
    thread_id: Text,
    timeout_ms: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_event>>,
) -> flowai_status {
    wait_for(receiver, err, out, |listening| {
        let thread_id = thread_id.optional("thread_id")?;
        let (kind, time) = (kind_of(kind)?, time_limit(timeout_ms));
        event_handle(listening.wait(time, |listening, tick| {
            listening.receiver.wait(kind, thread_id, time, tick)
        })?)
    })
}

fn kind_of(kind: flowai_kind) -> Result<Option<EventKind>> {
    match kind {
        FLOWAI_EVENT_ANY => Ok(None),
        _ => EventKind::from_code(kind)
            .map(Some)
            .ok_or_else(|| Error::argument("kind", "is not one of FLOWAI_EVENT_...")),
    }
}

/// Sets what gives up flowai_receiver_next(), flowai_receiver_wait() and flowai_receiver_stop(), when they begin
/// afterwards. The receiver itself goes on.
///
/// @param receiver  A receiver.
/// @param cancel    A handle, which stays the caller's and may be freed at once; {0} for none.
/// @param err       Receives an error on failure; may be NULL.
/// @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_set_cancel(
    receiver: flowai_receiver,
    cancel: flowai_cancel,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set_cancel(receiver, cancel, err)
}

/// Loads certificate and key from their files now, for the connections that come; those that are open stay. This happens
/// by itself within a second after the files have changed.
///
/// @param receiver  A receiver.
/// @param err       Receives an error on failure; may be NULL.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (the files are no good, and the old certificate stays; or the
///                  receiver speaks HTTP), FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       While the files are read.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_reload_tls(
    receiver: flowai_receiver,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    waiting(err, || registry::get(receiver)?.receiver.reload_tls())
}

/// What a receiver has done since it was started.
///
/// Fields of ReceiverStats: "accepted", the events that were queued or stored; "repeated", those that were acknowledged
/// and not stored again, since the inbox had them; "rejected", a document with the number of refused requests for each
/// HTTP status; "dropped", the connections that were ended because the client was too slow or had to make room;
/// "queued", the events in the queue now.
///
/// @param receiver  A receiver.
/// @param err       Receives an error on failure; may be NULL.
/// @param out       Receives a document named ReceiverStats, which the caller frees.
/// @return          FLOWAI_OK, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       Hardly: while another thread changes the numbers.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_stats(
    receiver: flowai_receiver,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_document>>,
) -> flowai_status {
    wait_for(receiver, err, out, |listening| {
        document(&listening.receiver.stats()?)
    })
}

/// Stops gracefully: accepts nothing more, answers the requests in flight, and returns when that is done. Events that
/// are queued can still be taken; those that were acknowledged are in the inbox if there is one.
///
/// @param receiver  A receiver.
/// @param err       Receives an error on failure; may be NULL.
/// @return          FLOWAI_OK, FLOWAI_ERR_CANCELLED (it goes on to stop), FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread, several times too.
/// @par Blocking       Until the requests in flight are answered, at most for
///                     flowai_receiver_config_set_drain_time_ms(); flowai_receiver_set_cancel() ends the wait.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_stop(
    receiver: flowai_receiver,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    waiting(err, || {
        registry::get(receiver)?.wait(None, |listening, tick| listening.receiver.stop_with(tick))
    })
}

/// Stops a receiver at once and frees it: requests in flight are cut off unanswered, so that Flow.ai sends them again,
/// and events in the queue that nobody took are gone. Threads that wait for events return with FLOWAI_ERR_CLOSED. {0} and one that
/// was freed before are left alone.
///
/// @param receiver  A receiver.
/// @par Blocking    At most a second.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_free(receiver: flowai_receiver) {
    quiet(|| {
        if let Ok(listening) = registry::get(receiver) {
            // Whoever waits for an event holds the receiver; without this it would live until they are done.
            let _ = listening.receiver.close();
        }
        registry::remove(receiver);
    });
}
