//! `flowai handover`, `resolve` and `takeover`: who leads a conversation (later versions of the API).

use clap::Args;

use super::{Context, bot::ControlArgs};
use crate::{args::WriteConcern, exit::Failure};

#[derive(Args)]
pub(crate) struct HandoverArgs {
    /// The conversation
    #[arg(allow_negative_numbers = true)]
    thread: String,
    /// How long the bot pauses [default: what the dashboard says]
    #[arg(long, visible_alias = "seconds", value_name = "N")]
    seconds_to_pause: Option<u64>,
}

#[derive(Args)]
pub(crate) struct ResolveArgs {
    /// The conversation
    #[arg(allow_negative_numbers = true)]
    thread: String,
    #[command(flatten)]
    write_concern: WriteConcern,
}

pub(crate) fn run(context: &Context<'_>, args: &HandoverArgs) -> Result<(), Failure> {
    let client = context.connection.client()?;
    let receipt = context.wait(client.handover(&args.thread, args.seconds_to_pause))?;
    let pause = match args.seconds_to_pause {
        Some(seconds) => format!(", and its bot pauses for {seconds} seconds"),
        None => String::new(),
    };
    context.acknowledged(&receipt, &format!("{} is handed over{pause}", args.thread))
}

pub(crate) fn resolve(context: &Context<'_>, args: &ResolveArgs) -> Result<(), Failure> {
    let call = context.connection.client()?.resolve(&args.thread);
    let receipt = context.wait(args.write_concern.apply(call))?;
    context.acknowledged(&receipt, &format!("{} is resolved", args.thread))
}

pub(crate) fn takeover(context: &Context<'_>, args: &ControlArgs) -> Result<(), Failure> {
    // Whoever types it asks for exactly this.
    #[expect(deprecated)]
    let call = context.connection.client()?.takeover(&args.thread);
    let receipt = context.wait(call)?;
    context.acknowledged(&receipt, &format!("{} is taken over", args.thread))
}
