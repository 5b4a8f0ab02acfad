//! Broadcasts: the same message to many people at once (later versions of the API).

use std::{mem::MaybeUninit, sync::RwLock};

use flowai::{Call, Channel, Client, Document, Error, Message, Receipt, Recipient, Result, Segment};
use serde_json::Value;

use crate::{
    client::{acknowledged, flowai_client},
    config::in_use,
    error::flowai_error,
    guard::{Operation, blocking, call, free, make},
    list::{Items, flowai_list},
    message::flowai_message,
    options::{MESSAGE, Options, flowai_send_options},
    receipt::flowai_receipt,
    registry::{self, handle},
    status::flowai_status,
    strings::{Text, place},
};

/// Whom a broadcast goes to: people, or segments of people. One may be used for any number of broadcasts, by several
/// threads at once as long as none changes it. Free it with flowai_audience_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_audience {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_audience => RwLock<Audience>, 20);

#[derive(Clone, Default)]
pub(crate) struct Audience {
    people: Vec<Recipient>,
    segments: Vec<Segment>,
}

fn add(
    audience: flowai_audience,
    err: Option<&mut MaybeUninit<flowai_error>>,
    change: impl FnOnce(&mut Audience) -> Result<()>,
) -> flowai_status {
    call(err, || {
        let audience = registry::get(audience)?;
        let mut audience = audience.try_write().map_err(|_| in_use("audience"))?;
        change(&mut audience)
    })
}

fn document<D: Document>(text: &Text, name: &'static str) -> Result<D> {
    match text.json(name)? {
        Value::Object(object) => Ok(D::from_object(object)),
        _ => Err(Error::argument(name, "must be an object")),
    }
}

/// Makes an audience of nobody.
///
/// @param err  Receives an error on failure; may be NULL.
/// @param out  Receives the audience, which the caller frees.
/// @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_audience_new(
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_audience>>,
) -> flowai_status {
    make(err, out, || Ok(RwLock::default()))
}

/// Adds somebody by phone number. It is checked when the broadcast is sent.
///
/// @param audience      An audience.
/// @param name          The name of the person.
/// @param phone_number  In E.164 form, such as "+31612345678".
/// @param err           Receives an error on failure; may be NULL.
/// @return              FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_audience_add_phone_number(
    audience: flowai_audience,
    name: Text,
    phone_number: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    add(audience, err, |audience| {
        let phone_number = phone_number.required("phone_number")?;
        let person = Recipient::by_phone_number(name.required("name")?, phone_number);
        audience.people.push(person);
        Ok(())
    })
}

/// Adds somebody by the identifier that the channel uses.
///
/// @param audience    An audience.
/// @param name        The name of the person.
/// @param identifier  How the channel knows the person.
/// @param err         Receives an error on failure; may be NULL.
/// @return            FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_audience_add_identifier(
    audience: flowai_audience,
    name: Text,
    identifier: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    add(audience, err, |audience| {
        let identifier = identifier.required("identifier")?;
        let person = Recipient::by_identifier(name.required("name")?, identifier);
        audience.people.push(person);
        Ok(())
    })
}

/// Adds somebody with everything that a broadcast may tell about a person.
///
/// @param audience  An audience.
/// @param document  A JSON object: {"name": ..., "phoneNumber" or "identifier": ..., "profile": {...}}.
/// @param err       Receives an error on failure; may be NULL.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_audience_add_recipient_json(
    audience: flowai_audience,
    document: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    add(audience, err, |audience| {
        audience.people.push(self::document(&document, "audience")?);
        Ok(())
    })
}

/// Adds everybody in a segment.
///
/// @param audience  An audience.
/// @param name      The name of the segment in the dashboard.
/// @param err       Receives an error on failure; may be NULL.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_audience_add_segment(
    audience: flowai_audience,
    name: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    add(audience, err, |audience| {
        audience.segments.push(Segment::by_name(name.required("name")?));
        Ok(())
    })
}

/// Adds everybody in a segment, which is given by its id, or as flowai_client_segments() gave it.
///
/// @param audience  An audience.
/// @param document  A JSON object: {"id": ...}, {"name": ...} or both; flowai_document_json() of a segment.
/// @param err       Receives an error on failure; may be NULL.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_audience_add_segment_json(
    audience: flowai_audience,
    document: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    add(audience, err, |audience| {
        audience.segments.push(self::document(&document, "segments")?);
        Ok(())
    })
}

/// Frees an audience. {0} and one that was freed before are left alone.
///
/// @param audience  An audience.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_audience_free(audience: flowai_audience) {
    free(audience);
}

fn broadcast(
    operation: &'static str,
    client: flowai_client,
    message: flowai_message,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
    make: impl FnOnce(&Client, Message) -> Result<Call<Receipt>>,
) -> flowai_status {
    acknowledged(Operation::send(operation), client, err, out, |client| {
        let options = Options::of(options)?;
        options.only_for_call(&MESSAGE)?;
        let message = options.apply(registry::get(message)?.clone());
        Ok(options.timed(make(client, message)?))
    })
}

fn audience_of(audience: flowai_audience) -> Result<Audience> {
    let audience = registry::get(audience)?;
    let audience = audience.try_read().map_err(|_| in_use("audience"))?;
    Ok(audience.clone())
}

/// Sends a text or an event to people by phone number or identifier. Each of them gets a thread.
///
/// @param client        A client.
/// @param audience      The people.
/// @param channel_name  "rbm", "messagemedia", "telekom", "twilio", "whatsapp", "khoros" or "messenger". Others are
///                      taken as they are.
/// @param external_id   What the channel is known by: the phone number of messagemedia, twilio, whatsapp and khoros,
///                      the project id of rbm, the bot id of telekom, the page id of messenger.
/// @param message       A text or an event.
/// @param options       What goes along; {0} for nothing.
/// @param err           Receives an error on failure; may be NULL.
/// @param out           Receives a receipt, which the caller frees.
/// @return              FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message, and
///                      flowai_error_argument() which recipient was refused, such as "audience[3].phoneNumber".
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_broadcast(
    client: flowai_client,
    audience: flowai_audience,
    channel_name: Text,
    external_id: Text,
    message: flowai_message,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    broadcast(
        "broadcast",
        client,
        message,
        options,
        err,
        out,
        |client, message| {
            let audience = audience_of(audience)?;
            if !audience.segments.is_empty() {
                let problem = "has segments, which are for flowai_client_broadcast_to_segments()";
                return Err(Error::argument("audience", problem));
            }
            let channel = Channel::new(
                channel_name.required("channel.channelName")?,
                external_id.required("channel.externalId")?,
            );
            Ok(client.broadcast(audience.people, channel, message))
        },
    )
}

/// Sends a text, an event, a location or media to everybody in the segments of an audience.
///
/// @param client    A client.
/// @param audience  The segments.
/// @param message   A message.
/// @param options   What goes along; {0} for nothing.
/// @param err       Receives an error on failure; may be NULL.
/// @param out       Receives a receipt, which the caller frees.
/// @return          FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the message, and
///                  flowai_error_argument() which segment was refused, such as "segments[0]".
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_broadcast_to_segments(
    client: flowai_client,
    audience: flowai_audience,
    message: flowai_message,
    options: flowai_send_options,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    let operation = "broadcast_to_segments";
    broadcast(
        operation,
        client,
        message,
        options,
        err,
        out,
        |client, message| {
            let audience = audience_of(audience)?;
            if !audience.people.is_empty() {
                let problem = "has people, who are for flowai_client_broadcast()";
                return Err(Error::argument("audience", problem));
            }
            Ok(client.broadcast_to_segments(audience.segments, message))
        },
    )
}

/// Reads the segments that a broadcast can go to. Reading does no harm, so it is retried.
///
/// @param client  A client.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives a list of documents named Segment, which the caller frees.
/// @return        FLOWAI_OK or any FLOWAI_ERR_... .
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_segments(
    client: flowai_client,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_list>>,
) -> flowai_status {
    blocking(Operation::call("segments"), err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        let segments = client.client.segments().wait()?;
        out.write(registry::insert(Items::of_documents(segments))?);
        Ok(())
    })
}
