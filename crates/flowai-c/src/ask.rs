//! A message and its reply in one call (later versions of the API).

use std::mem::MaybeUninit;

use flowai::{Message, Reply, Result};

use crate::{
    client::flowai_client,
    error::flowai_error,
    event::{Parsed, flowai_event},
    guard::{Operation, blocking, free, read},
    list::{Items, flowai_list},
    message::flowai_message,
    options::{MESSAGE, Options, flowai_send_options},
    registry::{self, handle},
    status::flowai_status,
    strings::{Lazy, Owned, Text, flowai_str, number, place},
};

/// What the bot replied. Free it with flowai_reply_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_reply {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_reply => Replied, 21);

pub(crate) struct Replied {
    reply: Reply,
    thread_id: Owned,
    text: Lazy,
    json: Lazy,
}

impl From<Reply> for Replied {
    fn from(reply: Reply) -> Replied {
        Replied {
            thread_id: Owned::new(reply.thread_id()),
            reply,
            text: Lazy::default(),
            json: Lazy::default(),
        }
    }
}

fn ask(
    client: flowai_client,
    thread_id: &Text,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_reply>>,
    message: impl FnOnce() -> Result<Message>,
) -> flowai_status {
    blocking(Operation::send("ask"), err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        let thread_id = thread_id.required("thread_id")?;
        let options = Options::of(options)?;
        options.only_for_call(&MESSAGE)?;
        let call = client.client.ask(thread_id, options.apply(message()?));
        let reply = options.timed(call).wait()?;
        out.write(registry::insert(reply.into())?);
        Ok(())
    })
}

/// Sends a text and waits for the reply of the bot.
///
/// The service is asked to answer at once. When it only acknowledges, the history of the thread is read until the reply
/// shows up there. The message itself is never sent twice.
///
/// @param client       A client.
/// @param thread_id    The thread; any text of at most 1,024 bytes without control characters.
/// @param text         At most 255 code points, unless the settings allow more.
/// @param options      What goes along, and the deadline; {0} for nothing.
/// @param err          Receives an error on failure; may be NULL.
/// @param out          Receives the reply, which the caller frees.
/// @return             FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message. When
///                     the service took it and no reply came in time: FLOWAI_ERR_TIMEOUT, FLOWAI_DELIVERY_SENT.
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the bot has replied, at most for the deadline.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_ask(
    client: flowai_client,
    thread_id: Text,
    text: Text,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_reply>>,
) -> flowai_status {
    ask(client, &thread_id, options, err, out, || {
        Ok(Message::text(text.required("text")?))
    })
}

/// As flowai_client_ask(), with any message in place of a text.
///
/// @param client       A client.
/// @param thread_id    The thread; any text of at most 1,024 bytes without control characters.
/// @param message      A message.
/// @param options      What goes along, and the deadline; {0} for nothing.
/// @param err          Receives an error on failure; may be NULL.
/// @param out          Receives the reply, which the caller frees.
/// @return             As flowai_client_ask().
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the bot has replied, at most for the deadline.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_ask_message(
    client: flowai_client,
    thread_id: Text,
    message: flowai_message,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_reply>>,
) -> flowai_status {
    ask(client, &thread_id, options, err, out, || {
        Ok(registry::get(message)?.clone())
    })
}

/// What the bot said: the texts of all messages, one a line, where a message without text has its fallback.
///
/// @param reply  A reply.
/// @param out    Receives text that lives as long as the reply; empty if nothing was said.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_reply_text(
    reply: flowai_reply,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(reply, out, |reply| Ok(reply.text.lend(|| reply.reply.text())))
}

/// The thread that was asked.
///
/// @param reply  A reply.
/// @param out    Receives text that lives as long as the reply.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_reply_thread_id(
    reply: flowai_reply,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(reply, out, |reply| Ok(reply.thread_id.lend()))
}

/// The trace id that went along with the message.
///
/// @param reply  A reply.
/// @param out    Receives the number; FLOWAI_NONE if there was none.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_reply_trace_id(
    reply: flowai_reply,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    read(reply, out, |reply| Ok(number(reply.reply.trace_id())))
}

/// The parts of all messages (texts, cards and so on), in their order.
///
/// @param reply  A reply.
/// @param out    Receives a list of documents named Template, which the caller frees.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_reply_templates(
    reply: flowai_reply,
    out: Option<&mut MaybeUninit<flowai_list>>,
) -> flowai_status {
    read(reply, out, |reply| {
        registry::insert(Items::of_documents(reply.reply.templates()))
    })
}

/// The answers that the bot offers.
///
/// @param reply  A reply.
/// @param out    Receives a list of documents named QuickReply, which the caller frees.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_reply_quick_replies(
    reply: flowai_reply,
    out: Option<&mut MaybeUninit<flowai_list>>,
) -> flowai_status {
    read(reply, out, |reply| {
        registry::insert(Items::of_documents(reply.reply.quick_replies()))
    })
}

/// The reply as the event that a webhook would have received: its messages and everything else.
///
/// @param reply  A reply.
/// @param out    Receives the event, which the caller frees.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_reply_event(
    reply: flowai_reply,
    out: Option<&mut MaybeUninit<flowai_event>>,
) -> flowai_status {
    read(reply, out, |reply| {
        registry::insert(Parsed::from(reply.reply.event().clone()))
    })
}

/// The JSON document that the reply was read from.
///
/// @param reply  A reply.
/// @param out    Receives text that lives as long as the reply.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_reply_json(
    reply: flowai_reply,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(reply, out, |reply| {
        Ok(reply.json.lend(|| reply.reply.raw().to_vec()))
    })
}

/// Frees a reply and every text read from it. {0} and one that was freed before are left alone.
///
/// @param reply  A reply.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_reply_free(reply: flowai_reply) {
    free(reply);
}
