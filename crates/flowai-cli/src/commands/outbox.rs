//! `flowai outbox`: looks into an outbox, and sends what waits there.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::{Args, Subcommand, ValueEnum};
use flowai::{Error, ErrorKind, Result, parse_event};
use flowai_delivery::{
    OnAmbiguous, Outbox, OutboxEntry, OutboxFilter, OutboxOptions, OutboxStats, Outcome, Report,
};
use serde_json::{Value, json};

use super::{Context, aligned, speech};
use crate::{
    args::seconds,
    exit::{self, Failure},
    input::file_or_read,
};

/// How many messages are asked for at a time.
const PAGE: u32 = 500;

#[derive(Subcommand)]
pub(crate) enum OutboxCommand {
    /// List messages that wait, in their order: number, state, attempts, time (UTC), thread, last error
    List(ListArgs),
    /// Show a message that waits
    Show(MessageArgs),
    /// Remove messages that wait, for good and without a report
    Drop(DropArgs),
    /// Show how many messages wait, for how long, and what went wrong last
    Stats(FileArgs),
    /// Take note of a delivery event (message.delivered) on standard input, such as a command of listen --exec has
    ///
    /// A message that may have been sent is reported as sent then. Any other event changes nothing.
    Confirm(FileArgs),
    /// Send what waits now, and print and acknowledge the reports
    ///
    /// Exit codes: 0 everything was sent; 1 something still waits, or failed; 3 the service refused a message; 4 a message
    /// may have been sent.
    Flush(FlushArgs),
    /// Send what is put into the outbox until this is stopped, and print and acknowledge the reports
    ///
    /// It makes the outbox when there is none.
    Run(SendingArgs),
}

#[derive(Args)]
pub(crate) struct FileArgs {
    /// The file of the outbox
    file: PathBuf,
}

#[derive(Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    at: FileArgs,
    /// Only messages for this thread
    #[arg(long, allow_hyphen_values = true)]
    thread: Option<String>,
}

#[derive(Args)]
pub(crate) struct MessageArgs {
    #[command(flatten)]
    at: FileArgs,
    /// The number of the message
    id: i64,
}

#[derive(Args)]
pub(crate) struct DropArgs {
    #[command(flatten)]
    at: FileArgs,
    /// The numbers of the messages
    #[arg(required = true)]
    ids: Vec<i64>,
}

#[derive(Args)]
pub(crate) struct FlushArgs {
    #[command(flatten)]
    sending: SendingArgs,
    /// How long to try
    #[arg(long = "for", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    lasts: Duration,
}

#[derive(Args)]
pub(crate) struct SendingArgs {
    #[command(flatten)]
    at: FileArgs,
    /// What to do with a message that left and may have been taken or not: report it, or send it again, when it may
    /// arrive twice
    #[arg(long, default_value = "surface", value_name = "POLICY")]
    on_ambiguous: Policy,
    /// How many messages are sent at the same time, each of another thread [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: Option<u16>,
    /// How old a message may get before it is given up [default: any age]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    max_age: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Policy {
    Surface,
    Repeat,
}

pub(crate) fn run(context: &Context<'_>, command: OutboxCommand) -> Result<(), Failure> {
    match command {
        OutboxCommand::List(args) => list(context, &args),
        OutboxCommand::Show(args) => {
            let entry = args.at.attach(context)?.show(args.id)?;
            let entry = entry.ok_or_else(|| missing(args.id))?;
            show(context, &entry)
        }
        OutboxCommand::Drop(args) => {
            let outbox = args.at.attach(context)?;
            for id in &args.ids {
                if !outbox.discard(*id)? {
                    return Err(missing(*id).into());
                }
                context
                    .output
                    .result(|| json!({"id": id}), || vec![format!("message {id} removed")])?;
            }
            Ok(())
        }
        OutboxCommand::Stats(args) => {
            let stats = args.attach(context)?.stats()?;
            tell_stats(context, &stats)
        }
        OutboxCommand::Confirm(args) => confirm(context, &args),
        OutboxCommand::Flush(args) => flush(context, &args),
        OutboxCommand::Run(args) => send_until_stopped(context, &args),
    }
}

impl FileArgs {
    fn attach(&self, context: &Context<'_>) -> Result<Outbox> {
        Outbox::attach(&self.file, context.connection.client_that_sends_nothing()?)
    }
}

impl SendingArgs {
    /// The outbox, which begins to send.
    fn open(&self, context: &Context<'_>) -> Result<Outbox> {
        let mut options = OutboxOptions::default();
        options.on_ambiguous = match self.on_ambiguous {
            Policy::Surface => OnAmbiguous::Surface,
            Policy::Repeat => OnAmbiguous::Repeat,
        };
        if let Some(concurrency) = self.concurrency {
            options.concurrency = usize::from(concurrency);
        }
        options.max_age = self.max_age;
        Outbox::open_with(&self.at.file, context.connection.client()?, options)
    }
}

fn missing(id: i64) -> Error {
    Error::argument("id", format_args!("no message {id} waits in the outbox"))
}

fn list(context: &Context<'_>, args: &ListArgs) -> Result<(), Failure> {
    let outbox = args.at.attach(context)?;
    let mut filter = OutboxFilter::default();
    filter.thread_id = args.thread.clone();
    filter.limit = PAGE;
    loop {
        context.interrupt.check()?;
        let entries = outbox.list(&filter)?;
        let Some(last) = entries.last() else { break };
        filter.after = last.position;
        if context.output.is_json() {
            for entry in &entries {
                context.output.result(|| document(entry), Vec::<String>::new)?;
            }
        } else {
            for line in aligned::<6>(entries.iter().map(row).collect()) {
                context.output.line(line)?;
            }
        }
    }
    let arriving = outbox.stats()?.arriving;
    if arriving > 0 {
        // Their order among the others is not known yet.
        exit::say(&format!(
            "{arriving} more were put here, and are listed once the outbox is run or flushed"
        ));
    }
    Ok(())
}

fn document(entry: &OutboxEntry) -> Value {
    json!({
        "id": entry.id,
        "thread_id": entry.thread_id,
        "trace_id": entry.trace_id,
        "message": entry.message.as_object(),
        "filename": entry.filename,
        "state": entry.state.name(),
        "attempts": entry.attempts,
        "ambiguous_attempts": entry.ambiguous_attempts,
        "enqueued_at_ms": entry.enqueued_at_ms,
        "expires_at_ms": entry.expires_at_ms,
        "next_attempt_at_ms": entry.next_attempt_at_ms,
        "error": entry.error,
        "size": entry.size,
    })
}

fn row(entry: &OutboxEntry) -> [String; 6] {
    [
        entry.id.to_string(),
        entry.state.name().to_owned(),
        entry.attempts.to_string(),
        time(entry.enqueued_at_ms),
        entry.thread_id.clone(),
        entry.error.clone().unwrap_or_default(),
    ]
}

fn time(milliseconds: i64) -> String {
    speech::from_milliseconds(milliseconds as f64).unwrap_or_default()
}

fn show(context: &Context<'_>, entry: &OutboxEntry) -> Result<(), Failure> {
    context.output.result(
        || document(entry),
        || {
            let mut facts = vec![
                ("number", entry.id.to_string()),
                ("thread", entry.thread_id.clone()),
                ("state", entry.state.name().to_owned()),
                ("attempts", entry.attempts.to_string()),
                ("put here", format!("{} UTC", time(entry.enqueued_at_ms))),
            ];
            let next = entry.next_attempt_at_ms.map(|at| format!("{} UTC", time(at)));
            facts.extend(next.map(|at| ("next attempt", at)));
            let expiry = entry.expires_at_ms.map(|at| format!("{} UTC", time(at)));
            facts.extend(expiry.map(|at| ("expires", at)));
            facts.extend(entry.error.clone().map(|error| ("last error", error)));
            facts.extend(entry.filename.clone().map(|name| ("file", name)));
            facts.push(("message", json!(entry.message.as_object()).to_string()));
            let facts = facts.into_iter().map(|(name, fact)| (name.to_owned(), fact));
            aligned::<2>(facts.collect())
        },
    )
}

fn tell_stats(context: &Context<'_>, stats: &OutboxStats) -> Result<(), Failure> {
    let oldest = stats.oldest.map(|age| age.as_secs());
    context.output.result(
        || {
            json!({"waiting": stats.waiting, "sending": stats.sending, "arriving": stats.arriving, "bytes": stats.bytes,
                "oldest_seconds": oldest, "next_attempt_at_ms": stats.next_attempt_at_ms, "error": stats.error,
                "error_kind": stats.error_kind, "ambiguous": stats.ambiguous, "reports": stats.reports})
        },
        || {
            let or_none = |fact: Option<String>| fact.unwrap_or_else(|| "-".to_owned());
            let facts = [
                ("waiting", stats.waiting.to_string()),
                ("arriving", stats.arriving.to_string()),
                ("oldest", or_none(oldest.map(|age| format!("{age} s ago")))),
                ("size", format!("{} KiB", stats.bytes.div_ceil(1024))),
                ("last error", or_none(stats.error.clone())),
                ("maybe sent", stats.ambiguous.to_string()),
                ("unread reports", stats.reports.to_string()),
            ];
            let facts = facts.into_iter().map(|(name, fact)| (name.to_owned(), fact));
            aligned::<2>(facts.collect())
        },
    )
}

fn confirm(context: &Context<'_>, args: &FileArgs) -> Result<(), Failure> {
    let outbox = args.attach(context)?;
    let event = parse_event(file_or_read(&context.interrupt, Path::new("-"), "event")?)?;
    let known = outbox.confirm(&event)?;
    context.output.result(
        || json!({"known": known}),
        || match known {
            true => vec!["a message of the outbox was delivered"],
            false => Vec::new(),
        },
    )
}

fn flush(context: &Context<'_>, args: &FlushArgs) -> Result<(), Failure> {
    let outbox = args.sending.open(context)?;
    let told = Reports::new(context);
    let left = outbox.flush_with(Some(args.lasts), &mut || {
        told.tell(&outbox)?;
        context.interrupt.check()
    });
    told.tell(&outbox)?;
    let error = match &left {
        Ok(0) => None,
        _ => outbox.stats().ok().and_then(|stats| stats.error),
    };
    outbox.close()?;
    // What was on its way has been answered by now, and its report waits for the next time.
    let worst = told.finish()?;
    match left? {
        0 if worst == exit::DONE => Ok(()),
        0 => Err(Failure::Told(worst)),
        left => {
            let why = error.map_or_else(String::new, |error| format!(": {error}"));
            exit::say(&format!("{left} still waiting{why}"));
            Err(Failure::Told(worst.max(exit::FAILED)))
        }
    }
}

fn send_until_stopped(context: &Context<'_>, args: &SendingArgs) -> Result<(), Failure> {
    let outbox = args.open(context)?;
    exit::say(&format!("sending from {}", outbox.path().display()));
    let told = Reports::new(context);
    let outcome = loop {
        let next = outbox.next_report_with(None, &mut || context.interrupt.check());
        match next.and_then(|report| told.print(&outbox, report)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Cancelled => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    outbox.close()?;
    told.finish()?;
    Ok(outcome?)
}

/// Prints reports, and acknowledges each once it is printed.
struct Reports<'a> {
    context: &'a Context<'a>,
    /// What a script is to be told.
    worst: RefCell<Result<i32, Failure>>,
}

impl<'a> Reports<'a> {
    fn new(context: &'a Context<'a>) -> Reports<'a> {
        Reports {
            context,
            worst: RefCell::new(Ok(exit::DONE)),
        }
    }

    /// Those that are there now.
    fn tell(&self, outbox: &Outbox) -> Result<()> {
        while let Some(report) = outbox.next_report(Some(Duration::ZERO))? {
            self.print(outbox, Some(report))?;
        }
        Ok(())
    }

    fn print(&self, outbox: &Outbox, report: Option<Report>) -> Result<()> {
        let Some(report) = report else { return Ok(()) };
        let printed = self
            .context
            .output
            .result(|| report_document(&report), || vec![report_line(&report)]);
        let mut worst = self.worst.borrow_mut();
        match (printed, &mut *worst) {
            (Ok(()), Ok(code)) => *code = report_code(&report).max(*code),
            (Ok(()), Err(_)) => {}
            (Err(failure), _) => {
                *worst = Err(failure);
                return Err(Error::new(ErrorKind::Cancelled, "nobody reads the reports"));
            }
        }
        outbox.acknowledge(report.number).map(drop)
    }

    fn finish(self) -> Result<i32, Failure> {
        self.worst.into_inner()
    }
}

pub(crate) fn report_document(report: &Report) -> Value {
    json!({
        "id": report.id,
        "thread_id": report.thread_id,
        "trace_id": report.trace_id,
        "outcome": report.outcome.name(),
        "message": report.message.as_object(),
        "error": report.error,
        "error_kind": report.error_kind,
        "status": report.status,
        "request_id": report.request_id,
        "attempts": report.attempts,
        "ambiguous_attempts": report.ambiguous_attempts,
        "enqueued_at_ms": report.enqueued_at_ms,
        "attempted_at_ms": report.attempted_at_ms,
        "settled_at_ms": report.settled_at_ms,
        "confirmed_at_ms": report.confirmed_at_ms,
    })
}

pub(crate) fn report_line(report: &Report) -> String {
    let outcome = match report.outcome {
        Outcome::Sent if report.confirmed_at_ms.is_some() => "delivered",
        Outcome::Sent => "sent",
        Outcome::MaybeSent => "maybe sent",
        _ => "failed",
    };
    let why = match &report.error {
        Some(error) if report.outcome != Outcome::Sent => format!(": {error}"),
        _ => String::new(),
    };
    format!("message {} for {}: {outcome}{why}", report.id, report.thread_id)
}

pub(crate) fn report_code(report: &Report) -> i32 {
    match report.outcome {
        Outcome::Sent => exit::DONE,
        Outcome::MaybeSent => exit::MAYBE_SENT,
        _ if report.status.is_some_and(|status| (300..500).contains(&status)) => exit::REJECTED,
        _ => exit::FAILED,
    }
}

/// Waits for the report of this message, and acknowledges it; those of others stay. Nothing when the time is over.
pub(crate) fn report_of(
    context: &Context<'_>,
    outbox: &Outbox,
    id: i64,
    time: Duration,
) -> Result<Option<Report>> {
    let deadline = Instant::now().checked_add(time);
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match outbox.next_report_with(left, &mut || context.interrupt.check())? {
            None => return Ok(None),
            Some(report) if report.id == id => {
                outbox.acknowledge(report.number)?;
                return Ok(Some(report));
            }
            Some(_) => {}
        }
    }
}
