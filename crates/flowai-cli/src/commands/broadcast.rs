//! `flowai broadcast`, `broadcast-to-segments` and `segments`: messages to many people (later versions of the API).

use std::path::PathBuf;

use clap::Args;
use flowai::{Channel, Document, Error, Message, Recipient, Result, Segment};
use serde_json::json;

use super::{Context, aligned, send};
use crate::{
    args::MessageOptions,
    exit::Failure,
    input::{documents, file_or_read, typed_or_read},
};

#[derive(Args)]
pub(crate) struct BroadcastArgs {
    /// Name of the channel: rbm, messagemedia, telekom, twilio, whatsapp, khoros or messenger
    #[arg(long, value_name = "NAME")]
    channel: String,
    /// What the channel is known by: its phone number, or its project, bot or page id
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    external_id: String,
    /// Somebody, such as "John Doe=+31612345678"; what does not begin with + is an identifier. May be given several times
    #[arg(long, value_name = "NAME=ADDRESS", required_unless_present = "audience")]
    to: Vec<String>,
    /// JSON file of [{"name", "phoneNumber" or "identifier", "profile"}, ...]; - reads standard input
    #[arg(long, value_name = "FILE")]
    audience: Option<PathBuf>,
    #[command(flatten)]
    said: Said,
    #[command(flatten)]
    options: MessageOptions,
}

#[derive(Args)]
pub(crate) struct ToSegmentsArgs {
    /// Name of a segment. May be given several times
    #[arg(long, value_name = "NAME", required_unless_present_any = ["segment_id", "segments"])]
    segment: Vec<String>,
    /// Identifier of a segment. May be given several times
    #[arg(long, value_name = "ID")]
    segment_id: Vec<String>,
    /// JSON file of [{"name" or "id"}, ...], as segments --json prints it; - reads standard input
    #[arg(long, value_name = "FILE")]
    segments: Option<PathBuf>,
    #[command(flatten)]
    said: Said,
    #[command(flatten)]
    options: MessageOptions,
}

/// What to say to many people.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Said {
    /// A text; - reads standard input, without the last line end
    #[arg(long, allow_hyphen_values = true)]
    text: Option<String>,
    /// The name of an event to trigger
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    event: Option<String>,
    /// Any message as a JSON document; - reads standard input
    #[arg(long, value_name = "JSON")]
    message: Option<String>,
}

impl Said {
    fn message(self, context: &Context<'_>) -> Result<Message> {
        match (self.text, self.event, self.message) {
            (Some(text), ..) => Ok(Message::text(typed_or_read(&context.interrupt, text, "text")?)),
            (_, Some(event), _) => Ok(Message::event(event)),
            (.., document) => send::message_document(context, document.unwrap_or_default()),
        }
    }
}

pub(crate) fn run(context: &Context<'_>, args: BroadcastArgs) -> Result<(), Failure> {
    let mut audience = args
        .to
        .iter()
        .map(|to| recipient(to))
        .collect::<Result<Vec<_>>>()?;
    audience.append(&mut listed(context, args.audience, "audience")?);
    let people = audience.len();
    let message = args.options.apply(args.said.message(context)?);
    let channel = Channel::new(args.channel, args.external_id);
    let client = context.connection.client()?;
    let receipt = context.wait(client.broadcast(audience, channel, message))?;
    context.acknowledged(&receipt, &format!("sent to {}", count(people, "recipient")))
}

pub(crate) fn to_segments(context: &Context<'_>, args: ToSegmentsArgs) -> Result<(), Failure> {
    let mut segments: Vec<Segment> = args.segment.into_iter().map(Segment::by_name).collect();
    segments.extend(args.segment_id.into_iter().map(Segment::by_id));
    segments.append(&mut listed(context, args.segments, "segments")?);
    let groups = segments.len();
    let message = args.options.apply(args.said.message(context)?);
    let client = context.connection.client()?;
    let receipt = context.wait(client.broadcast_to_segments(segments, message))?;
    context.acknowledged(&receipt, &format!("sent to {}", count(groups, "segment")))
}

pub(crate) fn segments(context: &Context<'_>) -> Result<(), Failure> {
    let segments = context.wait(context.connection.client()?.segments())?;
    context.output.result(
        || json!(segments.iter().map(Segment::as_object).collect::<Vec<_>>()),
        || {
            let row = |segment: &Segment| {
                let text = |field: Option<&str>| field.unwrap_or("?").to_owned();
                (text(segment.id()), text(segment.name()))
            };
            aligned::<2>(segments.iter().map(row).collect())
        },
    )
}

fn recipient(typed: &str) -> Result<Recipient> {
    let (name, address) = typed
        .split_once('=')
        .ok_or_else(|| Error::argument("to", "must be NAME=+PHONE or NAME=IDENTIFIER"))?;
    Ok(if address.starts_with('+') {
        Recipient::by_phone_number(name, address)
    } else {
        Recipient::by_identifier(name, address)
    })
}

fn listed<D: Document>(context: &Context<'_>, path: Option<PathBuf>, argument: &str) -> Result<Vec<D>> {
    match path {
        Some(path) => documents(&file_or_read(&context.interrupt, &path, argument)?, argument),
        None => Ok(Vec::new()),
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
