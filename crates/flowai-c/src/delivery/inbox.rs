//! Events that were received and are to be handled, in a file.

use std::mem::MaybeUninit;

use flowai::{Error, Result};
use flowai_delivery::{EventState, Filter, Inbox};

use super::{
    inbox_delivery::{delivery_handle, flowai_inbox_delivery},
    inbox_options::flowai_inbox_options,
    receiver::time_limit,
    rows::{Copied, document, items, row_document},
    settings::copy_or_default,
    waits::{Nudge, Waited, set_cancel, wait_for},
};
use crate::{
    cancel::flowai_cancel,
    document::flowai_document,
    error::flowai_error,
    guard::{free, waiting},
    list::flowai_list,
    registry::{self, handle},
    status::flowai_status,
    string::flowai_string,
    strings::{Data, Owned, Text, place},
};

/// Events that were received and are to be handled, at least once each, in a file. Free it with flowai_inbox_free().
///
/// What was put in survives crashes and power loss. An event that comes again is stored once, if it carries an
/// identity (flowai_event_dedupe_key()); one without is always stored, and marked if the same bytes came within 24
/// hours. The events of a thread are handed out one at a time, in the order in which they were stored; different
/// threads in parallel. An event that is not acknowledged is handed out again, later and later, and becomes a dead
/// letter in the end; then its thread goes on. After a crash events are handed out that had been handled and not yet
/// acknowledged.
///
/// A file has one owner. In a forked child the functions fail with FLOWAI_ERR_FORKED, and no inbox can be opened there:
/// fork before the first one is opened.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_inbox {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_inbox => Waited<Inbox>, 26);

impl Nudge for Inbox {
    fn nudger(&self) -> impl Fn() + Send + 'static {
        self.nudger()
    }
}

/// Opens the inbox in a file, which is created when it is missing.
///
/// @param path     The file, on a disk of this machine.
/// @param options  How it behaves, which is copied; {0} for all defaults.
/// @param err      Receives an error on failure; may be NULL.
/// @param out      Receives the inbox, which the caller frees.
/// @return         FLOWAI_OK, FLOWAI_ERR_STORAGE (another process has it open, or the file is damaged, is of another
///                 application or a newer version of this library, or cannot be made to survive power failures),
///                 FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread. A thread of the library writes in the background; it blocks all signals.
/// @par Blocking       While the file is checked and the disk works.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_open(
    path: Text,
    options: flowai_inbox_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_inbox>>,
) -> flowai_status {
    waiting(err, || {
        let out = place(out, "out")?;
        let path = path.required("path")?;
        let options = copy_or_default(options, "options")?;
        out.write(registry::insert(Inbox::open_with(path, options)?.into())?);
        Ok(())
    })
}

/// Opens an inbox that another process may own, to look at it and to mend it: its events are listed, replayed,
/// discarded, forgotten and put, and not handed out. The owner notices within a second.
///
/// @param path  The file, which must exist.
/// @param err   Receives an error on failure; may be NULL.
/// @param out   Receives the inbox, which the caller frees.
/// @return      FLOWAI_OK, FLOWAI_ERR_STORAGE as flowai_inbox_open() (there is no such file, or one of an older version,
///              too), FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_FORKED.
/// @par Thread safety  Any thread. A thread of the library writes in the background; it blocks all signals.
/// @par Blocking       While the disk works.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_attach(
    path: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_inbox>>,
) -> flowai_status {
    waiting(err, || {
        let out = place(out, "out")?;
        out.write(registry::insert(Inbox::attach(path.required("path")?)?.into())?);
        Ok(())
    })
}

/// The next event to handle.
///
/// @param inbox       An inbox.
/// @param timeout_ms  How long to wait at most, in milliseconds; FLOWAI_FOREVER for no limit.
/// @param err         Receives an error on failure; may be NULL.
/// @param out         Receives the delivery, which the caller settles and frees; {0} when the time is over.
/// @return            FLOWAI_OK, FLOWAI_ERR_STORAGE (the event is handed out later), FLOWAI_ERR_CLOSED,
///                    FLOWAI_ERR_CANCELLED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT (also where the inbox was only attached to),
///                    FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread, several at once; each event is handed out to one of them.
/// @par Blocking       For the time limit; flowai_inbox_close() on another thread and flowai_inbox_set_cancel() end the
///                     wait.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_next(
    inbox: flowai_inbox,
    timeout_ms: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_inbox_delivery>>,
) -> flowai_status {
    wait_for(inbox, err, out, |inbox| {
        let time = time_limit(timeout_ms);
        let delivery = inbox.wait(time, |inbox, tick| inbox.next_with(time, tick))?;
        delivery.map_or(Ok(flowai_inbox_delivery { id: 0 }), |delivery| {
            delivery_handle(delivery.into())
        })
    })
}

/// Sets what gives up flowai_inbox_next() and flowai_inbox_handle(), when they begin afterwards. The inbox itself goes on.
///
/// @param inbox   An inbox.
/// @param cancel  A handle, which stays the caller's and may be freed at once; {0} for none.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_set_cancel(
    inbox: flowai_inbox,
    cancel: flowai_cancel,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set_cancel(inbox, cancel, err)
}

/// Stores the event or the array of events that a webhook call carries, all or none, for a program that has an HTTP
/// server of its own; a receiver does it by itself. Check with a verifier first who has sent it. A body that cannot be
/// read is stored as a dead letter, since its sender would only repeat it. Answer the call with a status of 2xx once
/// this has succeeded, and with 503 when it failed.
///
/// Fields of StoredEvent: "id", the number of the event or of the one that it repeats; "duplicate", whether it had been
/// stored before and was not stored again; "dead", whether it cannot be read.
///
/// @param inbox  An inbox.
/// @param body   What came; may be NULL if len is 0.
/// @param len    Its length in bytes.
/// @param err    Receives an error on failure; may be NULL.
/// @param out    Receives a list of documents named StoredEvent, which the caller frees.
/// @return       FLOWAI_OK, FLOWAI_ERR_STORAGE (as far as anybody knows nothing is stored), FLOWAI_ERR_CLOSED,
///               FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread; several at once share a commit.
/// @par Blocking       Until the events are on the disk.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_put(
    inbox: flowai_inbox,
    body: Data,
    len: usize,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_list>>,
) -> flowai_status {
    wait_for(inbox, err, out, |inbox| {
        let stored = inbox.put(body.bytes(len, "body")?.to_vec())?;
        registry::insert(items(&stored))
    })
}

/// Lists events by number, oldest first.
///
/// Fields of InboxEntry: "id", the number of the event; "thread_id"; "state", which is "waiting", "handled" or "dead";
/// "received_at_ms", milliseconds since 1970 UTC; "attempts", how often it was handed out; "error", what went wrong
/// last; "maybe_duplicate", whether the same bytes came within the 24 hours before; "replay_of", the event that this
/// one is a copy of; "size", the bytes of its body.
///
/// @param inbox      An inbox.
/// @param state      Only those in this state; NULL for any.
/// @param thread_id  Only those of this thread, by its whole id; NULL for any.
/// @param after      Only those with a larger number: the last one of the page before, at first 0.
/// @param limit      How many at most.
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives a list of documents named InboxEntry, which the caller frees.
/// @return           FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED,
///                   FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       While the disk works.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_list(
    inbox: flowai_inbox,
    state: Text,
    thread_id: Text,
    after: i64,
    limit: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_list>>,
) -> flowai_status {
    wait_for(inbox, err, out, |inbox| {
        let mut filter = Filter::default();
        filter.state = state.optional("state")?.map(state_of).transpose()?;
        filter.thread_id = thread_id.optional("thread_id")?.map(str::to_owned);
        filter.after = after;
        filter.limit = limit;
        registry::insert(items(&inbox.list(&filter)?))
    })
}

fn state_of(name: &str) -> Result<EventState> {
    EventState::by_name(name)
        .ok_or_else(|| Error::argument("state", format_args!("{name:?} is not waiting, handled or dead")))
}

/// One event; flowai_inbox_body() is what it says.
///
/// @param inbox  An inbox.
/// @param id     The number of the event.
/// @param err    Receives an error on failure; may be NULL.
/// @param out    Receives a document named InboxEntry, see flowai_inbox_list(), which the caller frees; {0} if there is
///               no such event.
/// @return       FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT,
///               FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       While the disk works.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_show(
    inbox: flowai_inbox,
    id: i64,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_document>>,
) -> flowai_status {
    wait_for(inbox, err, out, |inbox| {
        let shown = inbox.show(id)?;
        row_document(shown.as_ref().map(|(entry, _)| entry))
    })
}

/// The body of an event, byte for byte as it came. That of a dead letter may be anything, not even UTF-8: rely on len.
///
/// @param inbox  An inbox.
/// @param id     The number of the event.
/// @param err    Receives an error on failure; may be NULL.
/// @param out    Receives the body, which the caller frees; {0} if there is no such event.
/// @return       FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT,
///               FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       While the disk works.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_body(
    inbox: flowai_inbox,
    id: i64,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_string>>,
) -> flowai_status {
    wait_for(inbox, err, out, |inbox| {
        let shown = inbox.show(id)?;
        shown.map_or(Ok(flowai_string { id: 0 }), |(_, body)| {
            registry::insert(Owned::new(body))
        })
    })
}

/// Stores a copy of an event, with the same bytes, to be handled after everything that waits now; a dead letter is
/// handled then. Who handles the copy sees it: flowai_inbox_delivery_replayed().
///
/// Fields of ReplayedEvent: "id", the number of the copy.
///
/// @param inbox  An inbox.
/// @param id     The number of the event.
/// @param err    Receives an error on failure; may be NULL.
/// @param out    Receives a list of documents named ReplayedEvent, which the caller frees: one, or several when a dead
///               letter that could not be read turns out to be an array, or none if there is no such event.
/// @return       FLOWAI_OK, FLOWAI_ERR_WEBHOOK_PARSE (it still cannot be read), FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED,
///               FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       While the disk works.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_replay(
    inbox: flowai_inbox,
    id: i64,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_list>>,
) -> flowai_status {
    wait_for(inbox, err, out, |inbox| {
        let copies: Vec<Copied> = inbox.replay(id)?.into_iter().map(Copied).collect();
        registry::insert(items(&copies))
    })
}

/// Removes an event for good.
///
/// @param inbox  An inbox.
/// @param id     The number of the event.
/// @param err    Receives an error on failure; may be NULL.
/// @param out    Receives whether there was such an event.
/// @return       FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (it is being handled), FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED,
///               FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       While the disk works.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_discard(
    inbox: flowai_inbox,
    id: i64,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<bool>>,
) -> flowai_status {
    wait_for(inbox, err, out, |inbox| inbox.discard(id))
}

/// Removes all events of a conversation for good, handled or not, and overwrites them in the file. Bodies that could not
/// be read belong to no conversation.
///
/// @param inbox      An inbox.
/// @param thread_id  The thread; an id without a channel (the part after "|") means the conversation in every channel.
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives how many events there were.
/// @return           FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT,
///                   FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       While the disk works.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_forget(
    inbox: flowai_inbox,
    thread_id: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<u64>>,
) -> flowai_status {
    wait_for(inbox, err, out, |inbox| {
        inbox.forget(thread_id.required("thread_id")?)
    })
}

/// How an inbox is doing.
///
/// Fields of InboxStats: "waiting", the events that are not handled yet; "leased", those of them that this process is
/// handling now; "oldest_waiting_ms", how long ago the oldest of them was received, absent if none waits; "dead", the
/// dead letters; "bytes", the size of the database.
///
/// @param inbox  An inbox.
/// @param err    Receives an error on failure; may be NULL.
/// @param out    Receives a document named InboxStats, which the caller frees.
/// @return       FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT,
///               FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       While the disk works.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_stats(
    inbox: flowai_inbox,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_document>>,
) -> flowai_status {
    wait_for(inbox, err, out, |inbox| document(&inbox.stats()?))
}

/// Closes an inbox, also for the receiver that stores in it: who waits for events gets FLOWAI_ERR_CLOSED, writes that
/// have begun are finished, and another process can open the file. Events that are being handled will be handed out
/// again.
///
/// @param inbox  An inbox.
/// @param err    Receives an error on failure; may be NULL.
/// @return       FLOWAI_OK, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread, several times too.
/// @par Blocking       While the disk works.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_close(
    inbox: flowai_inbox,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    waiting(err, || registry::get(inbox)?.close())
}

/// Frees an inbox. It is closed when nobody uses it any more: receivers that store in it, deliveries, and threads that
/// wait for events go on. {0} and one that was freed before are left alone.
///
/// @param inbox  An inbox.
/// @par Blocking  While the disk works.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_free(inbox: flowai_inbox) {
    free(inbox);
}
