//! Messages that are sent sooner or later, from a file.

use std::mem::MaybeUninit;

use flowai::{Client, Result};
use flowai_delivery::{Outbox, OutboxFilter, OutboxOptions};

use super::{
    outbox_options::flowai_outbox_options,
    outbox_report::{Told, flowai_outbox_report},
    receiver::time_limit,
    rows::{document, items, row_document},
    settings::copy_or_default,
    waits::{Nudge, Waited, set_cancel, wait_for},
};
use crate::{
    cancel::flowai_cancel,
    client::flowai_client,
    document::flowai_document,
    error::flowai_error,
    event::flowai_event,
    guard::{quiet, waiting},
    list::flowai_list,
    registry::{self, handle},
    status::flowai_status,
    strings::{Text, place},
};

/// Messages that are sent sooner or later, from a file. Free it with flowai_outbox_free().
///
/// What was put in survives crashes and power loss. The messages of a thread leave one at a time, in their order;
/// different threads in parallel. A message that cannot be sent now is tried again, later and later; its thread waits,
/// the others go on. That a message leaves is written down before its first byte does, so after a crash it is known
/// which ones may have been taken: they are not sent again unless flowai_outbox_options_set_on_ambiguous() says so. What
/// became of each message is a report, kept until it is acknowledged.
///
/// A file has one owner, which sends. Other processes attach to it. In a forked child messages can be put in, which the
/// owner sends; the other functions fail with FLOWAI_ERR_FORKED.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_outbox {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_outbox => Waited<Outbox>, 29);

impl Nudge for Outbox {
    fn nudger(&self) -> impl Fn() + Send + 'static {
        self.nudger()
    }
}

/// Opens the outbox in a file, which is created when it is missing, and begins to send what waits there. Two directories
/// beside it, FILE.spool and FILE.files, belong to it.
///
/// @param path     The file, on a disk of this machine.
/// @param client   Checks, completes and sends the messages; it stays the caller's and may be freed at once.
/// @param options  How it behaves, which is copied; {0} for all defaults.
/// @param err      Receives an error on failure; may be NULL.
/// @param out      Receives the outbox, which the caller frees.
/// @return         FLOWAI_OK, FLOWAI_ERR_STORAGE (another process has it open, or the file is damaged, is of another
///                 application or a newer version of this library, or cannot be made to survive power failures),
///                 FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread. Threads of the library write and send in the background; they block all signals.
/// @par Blocking       While the file is checked and the disk works.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_open(
    path: Text,
    client: flowai_client,
    options: flowai_outbox_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_outbox>>,
) -> flowai_status {
    open(&path, client, options, err, out, |path, client, options| {
        Outbox::open_with(path, client, options)
    })
}

/// Opens an outbox that another process owns, to put messages into it and to look at it. They are durable at once, and
/// sent when the owner runs; it notices within a second.
///
/// @param path     The file, which must exist.
/// @param client   Checks and completes the messages; it stays the caller's and may be freed at once.
/// @param options  How it behaves, which is copied; {0} for all defaults. What concerns sending is decided by the owner.
/// @param err      Receives an error on failure; may be NULL.
/// @param out      Receives the outbox, which the caller frees.
/// @return         FLOWAI_OK, FLOWAI_ERR_STORAGE as flowai_outbox_open() (there is no such file, or one of an older
///                 version, too), FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       While the disk works.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_attach(
    path: Text,
    client: flowai_client,
    options: flowai_outbox_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_outbox>>,
) -> flowai_status {
    open(&path, client, options, err, out, |path, client, options| {
        Outbox::attach_with(path, client, options)
    })
}

fn open(
    path: &Text,
    client: flowai_client,
    options: flowai_outbox_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_outbox>>,
    open: impl FnOnce(&str, Client, OutboxOptions) -> Result<Outbox>,
) -> flowai_status {
    waiting(err, || {
        let out = place(out, "out")?;
        let path = path.required("path")?;
        let client = registry::get(client)?.client.clone();
        let options = copy_or_default(options, "options")?;
        out.write(registry::insert(open(path, client, options)?.into())?);
        Ok(())
    })
}

/// The next report that nobody has acknowledged and that was not handed out since the outbox was opened.
///
/// @param outbox      An outbox.
/// @param timeout_ms  How long to wait at most, in milliseconds; FLOWAI_FOREVER for no limit.
/// @param err         Receives an error on failure; may be NULL.
/// @param out         Receives the report, which the caller acknowledges and frees; {0} when the time is over.
/// @return            FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_CANCELLED, FLOWAI_ERR_FORKED,
///                    FLOWAI_ERR_INVALID_ARGUMENT (also where the outbox was only attached to), FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread, several at once; each report is handed out once.
/// @par Blocking       For the time limit; flowai_outbox_close() and flowai_outbox_free() on another thread and
///                     flowai_outbox_set_cancel() end the wait.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_next_report(
    outbox: flowai_outbox,
    timeout_ms: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_outbox_report>>,
) -> flowai_status {
    wait_for(outbox, err, out, |outbox| {
        let time = time_limit(timeout_ms);
        let report = outbox.wait(time, |outbox, tick| outbox.next_report_with(time, tick))?;
        report.map_or(Ok(flowai_outbox_report { id: 0 }), |report| {
            registry::insert(Told::new(outbox, report))
        })
    })
}

/// Sets what gives up flowai_outbox_next_report() and flowai_outbox_flush(), when they begin afterwards. The outbox itself goes on.
///
/// @param outbox  An outbox.
/// @param cancel  A handle, which stays the caller's and may be freed at once; {0} for none.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_set_cancel(
    outbox: flowai_outbox,
    cancel: flowai_cancel,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set_cancel(outbox, cancel, err)
}

/// Takes note of a delivery event ("Events" of the API document, message.delivered), whoever has received it: give it
/// every event. A message that was reported as maybe sent is reported as sent then; one that would be repeated is not.
///
/// @param outbox  An outbox.
/// @param event   An event, which stays the caller's.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives whether the event is about a message of this outbox.
/// @return        FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT,
///                FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       Until that is on the disk.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_confirm(
    outbox: flowai_outbox,
    event: flowai_event,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<bool>>,
) -> flowai_status {
    wait_for(outbox, err, out, |outbox| {
        outbox.confirm(&registry::get(event)?.event)
    })
}

/// Tries everything now, whatever it waits for, and again until nothing is left or the time is over.
///
/// @param outbox      An outbox.
/// @param timeout_ms  How long to wait at most, in milliseconds; FLOWAI_FOREVER for no limit.
/// @param err         Receives an error on failure; may be NULL.
/// @param out         Receives how many messages are left.
/// @return            FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_CANCELLED, FLOWAI_ERR_FORKED,
///                    FLOWAI_ERR_INVALID_ARGUMENT (also where the outbox was only attached to), FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       For the time limit; flowai_outbox_close() and flowai_outbox_free() on another thread and
///                     flowai_outbox_set_cancel() end the wait.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_flush(
    outbox: flowai_outbox,
    timeout_ms: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<u64>>,
) -> flowai_status {
    wait_for(outbox, err, out, |outbox| {
        let time = time_limit(timeout_ms);
        outbox.wait(time, |outbox, tick| outbox.flush_with(time, tick))
    })
}

/// Lists the messages that wait, in the order in which they were taken in.
///
/// Fields of OutboxEntry: "position", larger for messages that were taken in later; "id", the number of the message, as
/// in its receipt; "thread_id"; "trace_id"; "message", the message as a document; "filename", the name of the file that
/// is uploaded with it; "state", which is "queued" or "sending"; "attempts", how often it was tried;
/// "ambiguous_attempts", those of which nobody knows whether it was taken; "enqueued_at_ms", "expires_at_ms" and
/// "next_attempt_at_ms", milliseconds since 1970 UTC; "error", what went wrong last; "size", its bytes, a copied file
/// included.
///
/// @param outbox     An outbox.
/// @param thread_id  Only those for this thread; NULL for any.
/// @param after      Only those behind this position: the last one of the page before, at first 0.
/// @param limit      How many at most.
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives a list of documents named OutboxEntry, which the caller frees.
/// @return           FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED,
///                   FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       While the disk works.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_list(
    outbox: flowai_outbox,
    thread_id: Text,
    after: i64,
    limit: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_list>>,
) -> flowai_status {
    wait_for(outbox, err, out, |outbox| {
        let mut filter = OutboxFilter::default();
        filter.thread_id = thread_id.optional("thread_id")?.map(str::to_owned);
        filter.after = after;
        filter.limit = limit;
        registry::insert(items(&outbox.list(&filter)?))
    })
}

/// One message that waits.
///
/// @param outbox  An outbox.
/// @param id      The number of the message, as in its receipt.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives a document named OutboxEntry, see flowai_outbox_list(), which the caller frees; {0} if no such
///                message waits.
/// @return        FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT,
///                FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       While the disk works.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_show(
    outbox: flowai_outbox,
    id: i64,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_document>>,
) -> flowai_status {
    wait_for(outbox, err, out, |outbox| row_document(outbox.show(id)?.as_ref()))
}

/// Removes a message for good, without a report.
///
/// @param outbox  An outbox.
/// @param id      The number of the message, as in its receipt.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives whether such a message waited.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (it is leaving), FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED,
///                FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       While the disk works.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_discard(
    outbox: flowai_outbox,
    id: i64,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<bool>>,
) -> flowai_status {
    wait_for(outbox, err, out, |outbox| outbox.discard(id))
}

/// How an outbox is doing.
///
/// Fields of OutboxStats: "waiting", the messages that wait, those that are leaving included; "sending", those that are
/// leaving; "arriving", those that other processes have put there and that the owner has not taken in yet; "bytes", of
/// the waiting ones; "oldest_ms", how long ago the oldest of them was put there; "next_attempt_at_ms", milliseconds
/// since 1970 UTC; "error", what went wrong last with one that still waits, and "error_kind", the name of that error,
/// which is "authentication" when the service refuses the key; "ambiguous", the messages of which nobody knows whether
/// they were taken; "reports", the reports that wait to be acknowledged.
///
/// @param outbox  An outbox.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives a document named OutboxStats, which the caller frees.
/// @return        FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_INVALID_ARGUMENT,
///                FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       While the disk works.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_stats(
    outbox: flowai_outbox,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_document>>,
) -> flowai_status {
    wait_for(outbox, err, out, |outbox| document(&outbox.stats()?))
}

/// Closes an outbox: who waits gets FLOWAI_ERR_CLOSED, and another process can open the file. What waits stays in the
/// file.
///
/// @param outbox  An outbox.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread, several times too.
/// @par Blocking       Until the messages that are on their way are answered, at most for
///                     flowai_outbox_options_set_close_time_ms() and a moment.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_close(
    outbox: flowai_outbox,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    waiting(err, || registry::get(outbox)?.close())
}

/// Closes an outbox and frees it; its reports can no longer be acknowledged. {0} and one that was freed before are left
/// alone.
///
/// @param outbox  An outbox.
/// @par Blocking  As flowai_outbox_close().
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_free(outbox: flowai_outbox) {
    quiet(|| {
        if let Ok(outbox) = registry::get(outbox) {
            // Who waits for a report, and every report, holds the outbox; without this it would go on for them.
            let _ = outbox.close();
        }
        registry::remove(outbox);
    });
}
