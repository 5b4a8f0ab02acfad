//! `flowai pause`, `resume` and `bot-status` ("Bot control" of the API document).

use clap::Args;
use serde_json::json;

use super::Context;
use crate::exit::Failure;

#[derive(Args)]
pub(crate) struct ControlArgs {
    /// The conversation
    #[arg(allow_negative_numbers = true)]
    pub(crate) thread: String,
}

#[derive(Args)]
pub(crate) struct StatusArgs {
    /// The conversation
    #[arg(allow_negative_numbers = true)]
    thread: String,
    /// Only ask: the status comes by webhook
    #[arg(long = "async")]
    by_webhook: bool,
}

pub(crate) fn pause(context: &Context<'_>, args: &ControlArgs) -> Result<(), Failure> {
    let receipt = context.wait(context.connection.client()?.pause(&args.thread))?;
    context.acknowledged(&receipt, &format!("the bot of {} is paused", args.thread))
}

pub(crate) fn resume(context: &Context<'_>, args: &ControlArgs) -> Result<(), Failure> {
    let receipt = context.wait(context.connection.client()?.resume(&args.thread))?;
    context.acknowledged(&receipt, &format!("the bot of {} is resumed", args.thread))
}

pub(crate) fn status(context: &Context<'_>, args: &StatusArgs) -> Result<(), Failure> {
    let client = context.connection.client()?;
    if args.by_webhook {
        let receipt = context.wait(client.request_bot_status(&args.thread))?;
        return context.acknowledged(
            &receipt,
            "asked: the status comes to the webhook, as a bot_status event",
        );
    }
    let status = context.wait(client.bot_status(&args.thread))?;
    context.output.result(
        || json!({"thread_id": status.thread_id, "is_paused": status.is_paused}),
        || {
            let state = match status.is_paused {
                Some(true) => "is paused",
                Some(false) => "is running",
                None => "is in a state that the service did not tell",
            };
            vec![format!("the bot of {} {state}", args.thread)]
        },
    )
}
