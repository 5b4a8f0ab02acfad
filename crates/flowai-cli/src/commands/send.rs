//! `flowai send`: texts, events, locations, media by URL, and messages as JSON ("Sending messages" of the API document).

use clap::{Args, Subcommand};
use flowai::{Message, Result};

use super::{
    Context,
    post::{self, PostArgs},
    upload,
};
use crate::{
    args::MessageOptions,
    exit::Failure,
    input::{json, typed_or_read},
};

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
    #[command(flatten)]
    post: PostArgs,
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
    #[command(flatten)]
    post: PostArgs,
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
    #[command(flatten)]
    post: PostArgs,
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
    #[command(flatten)]
    post: PostArgs,
}

#[derive(Args)]
pub(crate) struct MessageArgs {
    /// The conversation
    #[arg(allow_negative_numbers = true)]
    thread: String,
    /// Such as '{"type": "text", "speech": "Hello"}'; - reads standard input
    #[arg(allow_hyphen_values = true)]
    message: String,
    #[command(flatten)]
    post: PostArgs,
}

pub(crate) fn run(context: &Context<'_>, command: SendCommand) -> Result<(), Failure> {
    let (thread, message, how) = match command {
        SendCommand::File(args) => return upload::run(context, args),
        SendCommand::Text(args) => {
            let message = Message::text(typed_or_read(&context.interrupt, args.text, "text")?);
            (args.thread, args.options.apply(message), args.post)
        }
        SendCommand::Event(args) => {
            let message = args.options.apply(Message::event(args.event));
            (args.thread, message, args.post)
        }
        SendCommand::Location(args) => {
            let message = titled(Message::location(args.lat, args.long), args.title);
            (args.thread, args.options.apply(message), args.post)
        }
        SendCommand::Media(args) => {
            let mut message = titled(Message::media(args.url, args.media_type), args.title);
            if let Some(mime_type) = args.mime_type {
                message = message.mime_type(mime_type);
            }
            (args.thread, args.options.apply(message), args.post)
        }
        SendCommand::Message(args) => {
            let message = message_document(context, args.message)?;
            (args.thread, message, args.post)
        }
    };
    post::post(context, &thread, message, &how)
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

/// A message as the document that goes over the wire, typed or on standard input.
pub(crate) fn message_document(context: &Context<'_>, typed: String) -> Result<Message> {
    let text = typed_or_read(&context.interrupt, typed, "message")?;
    Message::from_value(json(&text, "message")?)
}
