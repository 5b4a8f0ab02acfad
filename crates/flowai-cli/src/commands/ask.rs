//! `flowai ask`: a message and its reply in one command.

use std::io;

use clap::Args;
use flowai::{Client, Delivery, Document, Error, ErrorKind, Message, Result};
use serde_json::{Value, json};

use super::{Context, parts, send};
use crate::{args::MessageOptions, exit::Failure, input::typed_or_read};

#[derive(Args)]
pub(crate) struct AskArgs {
    /// The conversation
    #[arg(allow_negative_numbers = true)]
    thread: String,
    /// What to say; - reads standard input, without the last line end. Options go before a -- in front of the THREAD when
    /// the text may be one itself
    #[arg(allow_hyphen_values = true, required_unless_present_any = ["event", "message"])]
    text: Option<String>,
    /// Trigger this event, in place of a text
    #[arg(long, value_name = "NAME", conflicts_with = "text")]
    event: Option<String>,
    /// Any message as a JSON document, in place of a text; - reads standard input
    #[arg(long, value_name = "JSON", conflicts_with_all = ["text", "event"])]
    message: Option<String>,
    #[command(flatten)]
    options: MessageOptions,
}

pub(crate) fn run(context: &Context<'_>, args: AskArgs) -> Result<(), Failure> {
    let message = match (args.text, args.event, args.message) {
        (_, Some(event), _) => Message::event(event),
        (_, _, Some(document)) => send::message_document(context, document)?,
        (text, ..) => Message::text(typed_or_read(
            &context.interrupt,
            text.unwrap_or_default(),
            "text",
        )?),
    };
    let client = context.connection.client()?;
    ask(context, &client, &args.thread, args.options.apply(message))
}

/// Asks, and prints the reply.
pub(crate) fn ask(
    context: &Context<'_>,
    client: &Client,
    thread: &str,
    message: Message,
) -> Result<(), Failure> {
    let reply = context.wait(client.ask(thread, message))?;
    let messages = reply.messages();
    let told = context.output.result(
        || {
            json!({
                "thread_id": reply.thread_id(),
                "trace_id": reply.trace_id(),
                "text": reply.text(),
                "quick_replies": documents(&reply.quick_replies()),
                "messages": documents(&messages),
            })
        },
        || messages.iter().flat_map(parts::message_lines).collect::<Vec<_>>(),
    );
    match told {
        Err(Failure::Output(problem)) => Err(untold(&problem).into()),
        told => told,
    }
}

fn documents<D: Document>(documents: &[D]) -> Vec<Value> {
    let value = |document: &D| Value::Object(document.as_object().clone());
    documents.iter().map(value).collect()
}

/// A reply that nobody was told is none, but the message was sent all the same.
fn untold(problem: &io::Error) -> Error {
    let message = format!("the reply came, but the output cannot be written: {problem}");
    Error::new(ErrorKind::Storage, message).with_delivery(Some(Delivery::Sent))
}
