//! A message: what is said ("Sending messages" of the API document).

use std::mem::MaybeUninit;

use flowai::Message;

use crate::{
    error::flowai_error,
    guard::{free, make},
    registry::handle,
    status::flowai_status,
    strings::Text,
};

/// A message: what is said, without what goes along with it. One may be sent any number of times, by several threads
/// at once. Free it with flowai_message_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_message {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_message => Message, 19);

/// Makes a text ("Text message" of the API document).
///
/// @param text  At most 255 code points, unless the settings of the client allow more; it is checked when it is sent.
/// @param err   Receives an error on failure; may be NULL.
/// @param out   Receives the message, which the caller frees.
/// @return      FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_message_text(
    text: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_message>>,
) -> flowai_status {
    make(err, out, || Ok(Message::text(text.required("text")?)))
}

/// Makes an event ("Event message" of the API document).
///
/// @param event_name  The name of the event.
/// @param err         Receives an error on failure; may be NULL.
/// @param out         Receives the message, which the caller frees.
/// @return            FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_message_event(
    event_name: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_message>>,
) -> flowai_status {
    make(err, out, || {
        Ok(Message::event(event_name.required("event_name")?))
    })
}

/// Makes a place ("Location message" of the API document).
///
/// @param lat  The latitude as a decimal number.
/// @param lng  The longitude as a decimal number.
/// @param err  Receives an error on failure; may be NULL.
/// @param out  Receives the message, which the caller frees.
/// @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_message_location(
    lat: Text,
    lng: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_message>>,
) -> flowai_status {
    make(err, out, || {
        Ok(Message::location(lat.required("lat")?, lng.required("long")?))
    })
}

/// Makes media by URL ("Media message" of the API document).
///
/// @param url         Where it is: an http or https URL.
/// @param media_type  "image", "file", "audio" or "video".
/// @param err         Receives an error on failure; may be NULL.
/// @param out         Receives the message, which the caller frees.
/// @return            FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_message_media(
    url: Text,
    media_type: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_message>>,
) -> flowai_status {
    make(err, out, || {
        Ok(Message::media(
            url.required("url")?,
            media_type.required("media_type")?,
        ))
    })
}

/// Takes a message as it goes over the wire, such as {"type": "text", "speech": "Hello"}.
///
/// @param document  A JSON object with the members that the API document lists for its type.
/// @param err       Receives an error on failure; may be NULL.
/// @param out       Receives the message, which the caller frees.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_message_json(
    document: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_message>>,
) -> flowai_status {
    make(err, out, || Message::from_value(document.json("message")?))
}

/// Frees a message. {0} and one that was freed before are left alone.
///
/// @param message  A message.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_message_free(message: flowai_message) {
    free(message);
}
