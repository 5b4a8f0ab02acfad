//! `flowai chat`: asks in a loop.

use std::io::{self, IsTerminal, Write};

use clap::Args;
use flowai::{Delivery, Error, Message, Result};

use super::{Context, ask};
use crate::{
    args::MessageOptions,
    exit::{self, Failure},
    input::Lines,
};

#[derive(Args)]
pub(crate) struct ChatArgs {
    /// The conversation
    #[arg(allow_negative_numbers = true)]
    thread: String,
    #[command(flatten)]
    options: MessageOptions,
}

pub(crate) fn run(context: &Context<'_>, args: ChatArgs) -> Result<(), Failure> {
    let client = context.connection.client()?;
    let is_conversation = io::stdin().is_terminal();
    let lines = Lines::of_standard_input()?;
    loop {
        if is_conversation {
            prompt();
        }
        let Some(line) = next(context, &lines)? else {
            return Ok(());
        };
        if line.trim().is_empty() {
            continue;
        }
        let message = args.options.clone().apply(Message::text(line));
        match ask::ask(context, &client, &args.thread, message) {
            Err(Failure::Error(error)) if is_conversation && goes_on(&error) => exit::say(error.message()),
            result => result?,
        }
    }
}

/// The next line; none when the input ends or somebody asks to stop, which is how a chat ends.
fn next(context: &Context<'_>, lines: &Lines) -> Result<Option<String>> {
    let next = lines.next(&context.interrupt);
    if context.interrupt.asked() {
        return Ok(None);
    }
    next
}

fn prompt() {
    let mut terminal = io::stderr().lock();
    // Without a terminal nobody misses it.
    let _ = write!(terminal, "> ").and_then(|()| terminal.flush());
}

/// Whether the next line may fare better.
fn goes_on(error: &Error) -> bool {
    error.delivery() == Some(Delivery::Sent) || error.argument_name() == Some("text")
}
