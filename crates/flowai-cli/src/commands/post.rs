//! How a message leaves: at once, or through an outbox.

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use flowai::{Error, Message, Result, runtime};
use flowai_delivery::{Enqueue, Outbox, OutboxReceipt};
use serde_json::{Value, json};

use super::{
    Context,
    outbox::{report_code, report_document, report_line, report_of},
};
use crate::{
    args::{WriteConcern, seconds},
    exit::{self, Failure},
};

/// How long another process may take to make an outbox.
const MAKING: Duration = Duration::from_secs(2);

#[derive(Args)]
pub(crate) struct PostArgs {
    #[command(flatten)]
    pub(super) write_concern: WriteConcern,
    #[command(flatten)]
    pub(super) outbox: OutboxArgs,
}

#[derive(Args)]
#[command(next_help_heading = "Outbox")]
pub(crate) struct OutboxArgs {
    /// Put the message into this file, which survives crashes and power loss, and return. It is sent, after those that
    /// were put there before it for the same thread, by flowai outbox run or flush, or by a program that owns the outbox
    #[arg(long, value_name = "FILE", conflicts_with = "write_concern")]
    outbox: Option<PathBuf>,
    /// Send it now, if no other process owns the outbox, and wait so long for what becomes of it; 0 does not send
    #[arg(long, value_name = "SECONDS", requires = "outbox", default_value = "0", value_parser = seconds)]
    wait: Duration,
    /// Give the message up when it could not be sent within this time
    #[arg(long, value_name = "SECONDS", requires = "outbox", value_parser = seconds)]
    expires_in: Option<Duration>,
}

/// Sends the message, or puts it into the outbox.
pub(super) fn post(
    context: &Context<'_>,
    thread: &str,
    message: Message,
    args: &PostArgs,
) -> Result<(), Failure> {
    if args.outbox.is_given() {
        return args.outbox.put(context, |outbox| outbox.send(thread, message));
    }
    let client = context.connection.client()?;
    let receipt = context.wait(args.write_concern.apply(client.send(thread, message)))?;
    context.acknowledged(&receipt, &super::send::sentence(&receipt))
}

impl OutboxArgs {
    pub(super) fn is_given(&self) -> bool {
        self.outbox.is_some()
    }

    /// Puts something into the outbox and tells what became of it.
    pub(super) fn put(
        &self,
        context: &Context<'_>,
        make: impl FnOnce(&Outbox) -> Enqueue,
    ) -> Result<(), Failure> {
        let path = self
            .outbox
            .as_deref()
            .ok_or_else(|| Error::argument("outbox", "is missing"))?;
        let sender = match self.wait.is_zero() {
            true => None,
            false => Some(context.connection.client()?),
        };
        let outbox = attach(context, path)?;
        let mut enqueue = make(&outbox);
        if let Some(time) = self.expires_in {
            enqueue = enqueue.expires_in(time);
        }
        let receipt = enqueue.wait()?;
        // It is in the outbox whatever happens from now on, so that is what is told.
        let report = match sender.map(|sender| Outbox::open(path, sender)) {
            Some(Ok(owner)) => report_of(context, &owner, receipt.id, self.wait).unwrap_or_default(),
            // Somebody else sends.
            Some(Err(_)) | None => None,
        };
        let Some(report) = report else {
            let sentence = format!("message {} for {} waits", receipt.id, receipt.thread_id);
            return context.done(|| queued_document(&receipt), &sentence);
        };
        context.done(|| report_document(&report), &report_line(&report))?;
        match report_code(&report) {
            exit::DONE => Ok(()),
            code => Err(Failure::Told(code)),
        }
    }
}

/// The outbox in this file, which is made when it is missing, beside its owner: so messages keep the order in which they
/// were put there, whichever process did it.
fn attach(context: &Context<'_>, path: &Path) -> Result<Outbox> {
    let client = context.connection.client_that_sends_nothing()?;
    let deadline = Instant::now() + MAKING;
    loop {
        if path.exists()
            && let Ok(outbox) = Outbox::attach(path, client.clone())
        {
            return Ok(outbox);
        }
        let made = Outbox::open(path, client.clone()).and_then(|outbox| outbox.close());
        match made.and_then(|()| Outbox::attach(path, client.clone())) {
            // Others who make it at the same time are done soon.
            Err(_) if path.exists() && Instant::now() < deadline => thread::sleep(runtime::TICK),
            outcome => return outcome,
        }
    }
}

fn queued_document(receipt: &OutboxReceipt) -> Value {
    json!({
        "id": receipt.id,
        "thread_id": receipt.thread_id,
        "trace_id": receipt.trace_id,
        "outcome": "queued",
    })
}
