//! `flowai trigger-events` and `trigger-event` (later versions of the API).

use clap::Args;
use serde_json::json;

use super::Context;
use crate::exit::Failure;

#[derive(Args)]
pub(crate) struct TriggersArgs {
    /// Only ask: the names come by webhook
    #[arg(long = "async")]
    by_webhook: bool,
}

#[derive(Args)]
pub(crate) struct TriggerArgs {
    /// The conversation
    #[arg(allow_negative_numbers = true)]
    thread: String,
    /// The name of the event, as trigger-events shows it
    #[arg(allow_hyphen_values = true)]
    event_name: String,
}

pub(crate) fn list(context: &Context<'_>, args: &TriggersArgs) -> Result<(), Failure> {
    let client = context.connection.client()?;
    if args.by_webhook {
        let receipt = context.wait(client.request_trigger_events())?;
        let sentence = "asked: the names come to the webhook, as a trigger_events event";
        return context.acknowledged(&receipt, sentence);
    }
    let names = context.wait(client.trigger_events())?;
    context.output.result(|| json!(names), || names.iter().collect())
}

pub(crate) fn trigger(context: &Context<'_>, args: &TriggerArgs) -> Result<(), Failure> {
    let client = context.connection.client()?;
    let receipt = context.wait(client.trigger_event(&args.thread, &args.event_name))?;
    context.acknowledged(
        &receipt,
        &format!("{} is triggered in {}", args.event_name, args.thread),
    )
}
