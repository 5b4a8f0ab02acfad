//! The client, and sending messages ("Sending messages" of the API document).

use std::mem::MaybeUninit;

use flowai::{Call, Client, Message, Receipt, Result};

use crate::{
    config::flowai_config,
    error::flowai_error,
    guard::{Operation, blocking, free, make, read, waiting},
    message::flowai_message,
    options::{MESSAGE, Options, flowai_send_options},
    receipt::flowai_receipt,
    registry::{self, handle},
    status::flowai_status,
    strings::{Owned, Text, flowai_str, place},
};

/// Talks to one Flow.ai project. Make one and share it: any number of threads may use it at the same time, and it
/// keeps connections. Free it with flowai_client_free(). In a forked child it works too, with connections of its own.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_client {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_client => Connected, 5);

pub(crate) struct Connected {
    pub(crate) client: Client,
    base_url: Owned,
}

impl From<Client> for Connected {
    fn from(client: Client) -> Connected {
        Connected {
            base_url: Owned::new(client.base_url()),
            client,
        }
    }
}

/// Makes a client. Nothing is connected yet.
///
/// @param config  Settings, which are copied; {0} for all defaults and the environment.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives the client, which the caller frees.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (flowai_error_argument() names the setting),
///                FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread. The environment is read: no other thread may change it meanwhile.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_new(
    config: flowai_config,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_client>>,
) -> flowai_status {
    make(err, out, || {
        let builder = match registry::get_optional(config)? {
            Some(config) => config.builder()?,
            None => Client::builder(),
        };
        Ok(builder.build()?.into())
    })
}

/// Where a client sends to.
///
/// @param client  A client.
/// @param out     Receives text that lives as long as the client.
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_base_url(
    client: flowai_client,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(client, out, |client| Ok(client.base_url.lend()))
}

/// Closes every connection of a client. Calls made from now on fail with FLOWAI_ERR_CLOSED; those that other threads
/// are in go on. Nobody has to call this before flowai_client_free().
///
/// @param client  A client.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       While the system closes the connections.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_close(
    client: flowai_client,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    waiting(err, || {
        registry::get(client)?.client.close();
        Ok(())
    })
}

/// Frees a client. Calls that other threads are in go on to their end. {0} and a client that was freed before are left
/// alone.
///
/// @param client  A client.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_free(client: flowai_client) {
    free(client);
}

/// Makes a call that is acknowledged.
pub(crate) fn acknowledged(
    operation: Operation,
    client: flowai_client,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
    make: impl FnOnce(&Client) -> Result<Call<Receipt>>,
) -> flowai_status {
    blocking(operation, err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        let receipt = make(&client.client)?.wait()?;
        out.write(registry::insert(receipt.into())?);
        Ok(())
    })
}

#[expect(
    clippy::too_many_arguments,
    reason = "the arguments of the exported functions"
)]
fn send(
    operation: Operation,
    client: flowai_client,
    thread_id: Text,
    options: flowai_send_options,
    belonging: &[&str],
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
    message: impl FnOnce() -> Result<Message>,
) -> flowai_status {
    acknowledged(operation, client, err, out, |client| {
        let thread_id = thread_id.required("thread_id")?;
        let options = Options::of(options)?;
        options.only_for_call(&[belonging, &["write_concern"]].concat())?;
        let call = client.send(thread_id, options.apply(message()?));
        Ok(options.sending(call))
    })
}

/// Sends a text ("Text message" of the API document).
///
/// @param client       A client.
/// @param thread_id    The thread; any text of at most 1,024 bytes without control characters.
/// @param text         At most 255 code points, unless the settings allow more.
/// @param options      What goes along; {0} for nothing.
/// @param err          Receives an error on failure; may be NULL.
/// @param out          Receives a receipt, which the caller frees.
/// @return             FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message.
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_send_text(
    client: flowai_client,
    thread_id: Text,
    text: Text,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    send(
        Operation::send("send_text"),
        client,
        thread_id,
        options,
        &[],
        err,
        out,
        || Ok(Message::text(text.required("text")?)),
    )
}

/// Triggers an event within the project ("Event message" of the API document).
///
/// @param client       A client.
/// @param thread_id    The thread; any text of at most 1,024 bytes without control characters.
/// @param event_name   The name of the event.
/// @param options      What goes along; {0} for nothing.
/// @param err          Receives an error on failure; may be NULL.
/// @param out          Receives a receipt, which the caller frees.
/// @return             FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message.
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_send_event(
    client: flowai_client,
    thread_id: Text,
    event_name: Text,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    send(
        Operation::send("send_event"),
        client,
        thread_id,
        options,
        &[],
        err,
        out,
        || Ok(Message::event(event_name.required("event_name")?)),
    )
}

/// Sends a place ("Location message" of the API document). Its options may have a title.
///
/// @param client       A client.
/// @param thread_id    The thread; any text of at most 1,024 bytes without control characters.
/// @param lat          The latitude as a decimal number.
/// @param lng          The longitude as a decimal number.
/// @param options      What goes along; {0} for nothing.
/// @param err          Receives an error on failure; may be NULL.
/// @param out          Receives a receipt, which the caller frees.
/// @return             FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message.
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_send_location(
    client: flowai_client,
    thread_id: Text,
    lat: Text,
    lng: Text,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    send(
        Operation::send("send_location"),
        client,
        thread_id,
        options,
        &["title"],
        err,
        out,
        || Ok(Message::location(lat.required("lat")?, lng.required("long")?)),
    )
}

/// Sends media by URL ("Media message" of the API document). Its options may have a title and a MIME type.
///
/// @param client       A client.
/// @param thread_id    The thread; any text of at most 1,024 bytes without control characters.
/// @param url          Where it is: an http or https URL.
/// @param media_type   "image", "file", "audio" or "video".
/// @param options      What goes along; {0} for nothing.
/// @param err          Receives an error on failure; may be NULL.
/// @param out          Receives a receipt, which the caller frees.
/// @return             FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message.
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_send_media(
    client: flowai_client,
    thread_id: Text,
    url: Text,
    media_type: Text,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    send(
        Operation::send("send_media"),
        client,
        thread_id,
        options,
        &["title", "mime_type"],
        err,
        out,
        || {
            Ok(Message::media(
                url.required("url")?,
                media_type.required("media_type")?,
            ))
        },
    )
}

/// Sends a message of any kind. What the options have takes the place of what the message has.
///
/// @param client       A client.
/// @param thread_id    The thread; any text of at most 1,024 bytes without control characters.
/// @param message      A message.
/// @param options      What goes along; {0} for nothing.
/// @param err          Receives an error on failure; may be NULL.
/// @param out          Receives a receipt, which the caller frees.
/// @return             FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message.
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_send(
    client: flowai_client,
    thread_id: Text,
    message: flowai_message,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    send(
        Operation::send("send"),
        client,
        thread_id,
        options,
        &MESSAGE,
        err,
        out,
        || Ok(registry::get(message)?.clone()),
    )
}
