//! One file for each thing to do.

pub(crate) mod ask;
pub(crate) mod bot;
pub(crate) mod broadcast;
pub(crate) mod chat;
pub(crate) mod demo;
mod event;
pub(crate) mod handover;
pub(crate) mod history;
pub(crate) mod hours;
pub(crate) mod inbox;
pub(crate) mod listen;
pub(crate) mod outbox;
mod parts;
mod post;
pub(crate) mod request;
pub(crate) mod sandbox;
pub(crate) mod send;
mod speech;
pub(crate) mod threads;
pub(crate) mod triggers;
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
        self.done(|| receipt_document(receipt), sentence)
    }

    /// Writes what was done. That this cannot be written changes nothing about it.
    fn done(&self, document: impl FnOnce() -> Value, sentence: &str) -> Result<(), Failure> {
        let told = self.output.result(document, || vec![sentence]);
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

/// Columns, of which the last one is as wide as it likes.
fn aligned<const N: usize>(rows: Vec<impl Into<[String; N]>>) -> Vec<String> {
    let rows: Vec<[String; N]> = rows.into_iter().map(Into::into).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: [String; N]| {
        let cells = row.iter().zip(widths);
        let cells: Vec<_> = cells.map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.into_iter().map(line).collect()
}

pub(crate) fn dispatch(context: &Context<'_>, command: Command) -> Result<(), Failure> {
    match command {
        Command::Send(command) => send::run(context, command),
        Command::UploadMedia(args) => upload::run(context, args),
        Command::Ask(args) => ask::run(context, args),
        Command::Chat(args) => chat::run(context, args),
        Command::History(args) => history::run(context, &args),
        Command::Threads(args) => threads::run(context, &args),
        Command::CreateThread => threads::create(context),
        Command::BusinessHours(args) => hours::run(context, &args),
        Command::Pause(args) => bot::pause(context, &args),
        Command::Resume(args) => bot::resume(context, &args),
        Command::BotStatus(args) => bot::status(context, &args),
        Command::Handover(args) => handover::run(context, &args),
        Command::Resolve(args) => handover::resolve(context, &args),
        Command::Takeover(args) => handover::takeover(context, &args),
        Command::TriggerEvents(args) => triggers::list(context, &args),
        Command::TriggerEvent(args) => triggers::trigger(context, &args),
        Command::Broadcast(args) => broadcast::run(context, args),
        Command::BroadcastToSegments(args) => broadcast::to_segments(context, args),
        Command::Segments => broadcast::segments(context),
        Command::Request(args) => request::run(context, args),
        Command::Listen(args) => listen::run(context, &args),
        Command::Inbox(command) => inbox::run(context, command),
        Command::Outbox(command) => outbox::run(context, command),
        Command::Sandbox(args) => sandbox::run(context, args),
        Command::Demo => demo::run(context),
    }
}
