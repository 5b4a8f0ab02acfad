//! `flowai send`: texts, events, locations, media by URL, and messages as JSON ("Sending messages" of the API document).

use std::{
    io::{self, Read},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use clap::{Args, Subcommand};
use flowai::{Error, Message, Result};
use serde_json::Value;

use super::{Context, upload};
use crate::{args::MessageOptions, exit::Failure};

/// More than any message has; what is piped in by mistake shall not fill the memory.
const MAX_STANDARD_INPUT: u64 = 1024 * 1024;
/// How often somebody may ask to stop while standard input is read.
const TICK: Duration = Duration::from_millis(50);

#[derive(Subcommand)]
pub(crate) enum SendCommand {
    /// Send a text
    Text(TextArgs),
    /// Trigger an event
    Event(EventArgs),
    /// Send a place
    Location(LocationArgs),
    /// Send media by URL
    Media(MediaArgs),
    /// Send a message as the JSON document that the API document describes
    Message(MessageArgs),
    /// Upload a file (the same as upload-media)
    File(upload::UploadArgs),
}

#[derive(Args)]
pub(crate) struct TextArgs {
    /// The conversation
    #[arg(allow_negative_numbers = true)]
    thread: String,
    /// What to say; - reads standard input, without the last line end. Options go before a -- in front of the THREAD when
    /// the text may be one itself: flowai send text -- "$THREAD" "$TEXT"
    #[arg(allow_hyphen_values = true)]
    text: String,
    #[command(flatten)]
    options: MessageOptions,
}

#[derive(Args)]
pub(crate) struct EventArgs {
    /// The conversation
    #[arg(allow_negative_numbers = true)]
    thread: String,
    /// The name of the event
    #[arg(allow_hyphen_values = true)]
    event: String,
    #[command(flatten)]
    options: MessageOptions,
}

#[derive(Args)]
pub(crate) struct LocationArgs {
    /// The conversation
    #[arg(allow_negative_numbers = true)]
    thread: String,
    /// Latitude
    #[arg(allow_negative_numbers = true)]
    lat: String,
    /// Longitude
    #[arg(allow_negative_numbers = true)]
    long: String,
    /// A name for the place
    #[arg(long)]
    title: Option<String>,
    #[command(flatten)]
    options: MessageOptions,
}

#[derive(Args)]
pub(crate) struct MediaArgs {
    /// The conversation
    #[arg(allow_negative_numbers = true)]
    thread: String,
    /// Where the media is
    #[arg(allow_hyphen_values = true)]
    url: String,
    /// image, file, audio or video
    #[arg(long = "type", value_name = "TYPE")]
    media_type: String,
    /// MIME type, such as image/png
    #[arg(long)]
    mime_type: Option<String>,
    /// A name for the media
    #[arg(long)]
    title: Option<String>,
    #[command(flatten)]
    options: MessageOptions,
}

#[derive(Args)]
pub(crate) struct MessageArgs {
    /// The conversation
    #[arg(allow_negative_numbers = true)]
    thread: String,
    /// Such as '{"type": "text", "speech": "Hello"}'; - reads standard input
    #[arg(allow_hyphen_values = true)]
    message: String,
}

pub(crate) fn run(context: &Context<'_>, command: SendCommand) -> Result<(), Failure> {
    let (thread, message) = match command {
        SendCommand::File(args) => return upload::run(context, args),
        SendCommand::Text(args) => {
            let message = Message::text(typed_or_read(context, args.text, "text")?);
            (args.thread, args.options.apply(message))
        }
        SendCommand::Event(args) => (args.thread, args.options.apply(Message::event(args.event))),
        SendCommand::Location(args) => {
            let message = titled(Message::location(args.lat, args.long), args.title);
            (args.thread, args.options.apply(message))
        }
        SendCommand::Media(args) => {
            let mut message = titled(Message::media(args.url, args.media_type), args.title);
            if let Some(mime_type) = args.mime_type {
                message = message.mime_type(mime_type);
            }
            (args.thread, args.options.apply(message))
        }
        SendCommand::Message(args) => (
            args.thread,
            parse(&typed_or_read(context, args.message, "message")?)?,
        ),
    };
    let client = context.connection.client()?;
    let receipt = context.wait(client.send(&thread, message))?;
    context.acknowledged(&receipt, &sentence(&receipt))
}

pub(crate) fn sentence(receipt: &flowai::Receipt) -> String {
    match receipt.trace_id {
        Some(trace_id) => format!("sent to {} (trace id {trace_id})", receipt.thread_id),
        None => format!("sent to {}", receipt.thread_id),
    }
}

pub(crate) fn titled(message: Message, title: Option<String>) -> Message {
    match title {
        Some(title) => message.title(title),
        None => message,
    }
}

fn parse(text: &str) -> Result<Message> {
    let document: Value = serde_json::from_str(text)
        .map_err(|error| Error::argument("message", format_args!("is not JSON: {error}")))?;
    Message::from_value(document)
}

fn typed_or_read(context: &Context<'_>, typed: String, argument: &str) -> Result<String> {
    if typed != "-" {
        return Ok(typed);
    }
    let unreadable =
        |problem: String| Error::argument(argument, format_args!("standard input cannot be read: {problem}"));
    // On a thread of its own, since a person who types nothing may still press Ctrl-C.
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new()
        .spawn(move || sender.send(read_standard_input()))
        .map_err(|error| unreadable(error.to_string()))?;
    loop {
        match receiver.recv_timeout(TICK) {
            Ok(text) => return text.map_err(unreadable),
            Err(RecvTimeoutError::Timeout) => context.interrupt.check()?,
            Err(RecvTimeoutError::Disconnected) => return Err(unreadable("the reader ended".to_owned())),
        }
    }
}

/// Everything up to the last line end, without it.
fn read_standard_input() -> Result<String, String> {
    let mut text = String::new();
    let length = io::stdin()
        .lock()
        .take(MAX_STANDARD_INPUT + 1)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    if length as u64 > MAX_STANDARD_INPUT {
        return Err("it has more than 1 MiB".to_owned());
    }
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}
