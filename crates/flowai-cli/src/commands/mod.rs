//! One file for each thing to do.

pub(crate) mod bot;
pub(crate) mod demo;
pub(crate) mod history;
pub(crate) mod hours;
pub(crate) mod listen;
pub(crate) mod sandbox;
pub(crate) mod send;
mod speech;
pub(crate) mod upload;

use flowai::{Call, Receipt, Result};
use serde_json::{Value, json};

use crate::{
    args::{Command, ConnectionOptions},
    exit::{self, Failure},
    interrupt::Interrupt,
    output::Output,
};

/// What every command is given.
pub(crate) struct Context<'a> {
    pub(crate) output: Output,
    pub(crate) connection: ConnectionOptions,
    pub(crate) interrupt: Interrupt<'a>,
}

impl Context<'_> {
    /// Waits for a call until somebody asks to stop.
    pub(crate) fn wait<T>(&self, call: Call<T>) -> Result<T> {
        self.interrupt.check()?;
        call.wait_with(|| self.interrupt.check())
    }

    /// Writes what the service said when it took something over.
    pub(crate) fn acknowledged(&self, receipt: &Receipt, sentence: &str) -> Result<(), Failure> {
        let told = self
            .output
            .result(|| receipt_document(receipt), || vec![sentence]);
        if let Err(Failure::Output(problem)) = &told {
            exit::done_untold(sentence, problem, self.output.is_json());
            return Ok(());
        }
        told
    }
}

pub(crate) fn receipt_document(receipt: &Receipt) -> Value {
    json!({
        "thread_id": Some(&receipt.thread_id).filter(|id| !id.is_empty()),
        "trace_id": receipt.trace_id,
        "status": receipt.status,
        "request_id": receipt.request_id,
    })
}

pub(crate) fn dispatch(context: &Context<'_>, command: Command) -> Result<(), Failure> {
    match command {
        Command::Send(command) => send::run(context, command),
        Command::UploadMedia(args) => upload::run(context, args),
        Command::History(args) => history::run(context, &args),
        Command::BusinessHours(args) => hours::run(context, &args),
        Command::Pause(args) => bot::pause(context, &args),
        Command::Resume(args) => bot::resume(context, &args),
        Command::BotStatus(args) => bot::status(context, &args),
        Command::Listen(args) => listen::run(context, &args),
        Command::Sandbox(args) => sandbox::run(context, args),
        Command::Demo => demo::run(context),
    }
}
