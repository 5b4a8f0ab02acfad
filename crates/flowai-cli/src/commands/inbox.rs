//! `flowai inbox`: looks into the inbox of a `flowai listen`, and mends it, whether that runs or not.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use flowai::{Error, Result, parse_event};
use flowai_delivery::{Entry, EventState, Filter, Inbox};
use serde_json::{Value, json};

use super::{Context, aligned, event, speech};
use crate::{
    exit::{self, Failure},
    output,
};

/// How many events are asked for at a time.
const PAGE: u32 = 500;

#[derive(Subcommand)]
pub(crate) enum InboxCommand {
    /// List events, oldest first: number, state, attempts, time (UTC), thread, last error
    List(ListArgs),
    /// Show an event
    Show(ShowArgs),
    /// Have dead letters handled again, by listen
    Retry(SelectionArgs),
    /// Have an event handled once more, whatever became of it
    ///
    /// A copy with the same bytes is handled after everything that waits now.
    Replay(EventsArgs),
    /// Remove events for good
    Drop(SelectionArgs),
    /// Remove everything of a thread for good, and overwrite it in the file
    Forget(ForgetArgs),
    /// Show how many events wait, for how long, and how many are dead letters
    Stats(FileArgs),
}

#[derive(Args)]
pub(crate) struct FileArgs {
    /// The file that was given to listen --inbox
    file: PathBuf,
}

#[derive(Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    at: FileArgs,
    /// Only events in this state
    #[arg(long)]
    state: Option<State>,
    /// Only events of this thread, by its whole id
    #[arg(long, allow_hyphen_values = true)]
    thread: Option<String>,
    /// Only events with a larger number
    #[arg(long, value_name = "ID", default_value_t = 0)]
    after: i64,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum State {
    Waiting,
    Handled,
    Dead,
}

impl From<State> for EventState {
    fn from(state: State) -> EventState {
        match state {
            State::Waiting => EventState::Waiting,
            State::Handled => EventState::Handled,
            State::Dead => EventState::Dead,
        }
    }
}

#[derive(Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    at: FileArgs,
    /// The number of the event
    id: i64,
    /// Only what came, byte for byte
    #[arg(long)]
    body: bool,
}

#[derive(Args)]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    at: FileArgs,
    /// The numbers of the events
    #[arg(required = true)]
    ids: Vec<i64>,
}

#[derive(Args)]
pub(crate) struct SelectionArgs {
    #[command(flatten)]
    at: FileArgs,
    /// The numbers of the events
    #[arg(required_unless_present = "dead")]
    ids: Vec<i64>,
    /// All dead letters
    #[arg(long, conflicts_with = "ids")]
    dead: bool,
}

#[derive(Args)]
pub(crate) struct ForgetArgs {
    #[command(flatten)]
    at: FileArgs,
    /// The conversation; without a channel (|) in all channels
    #[arg(allow_hyphen_values = true)]
    thread: String,
}

pub(crate) fn run(context: &Context<'_>, command: InboxCommand) -> Result<(), Failure> {
    match command {
        InboxCommand::List(args) => list(context, &args),
        InboxCommand::Show(args) => show(context, &args),
        InboxCommand::Retry(args) => retry(context, &args),
        InboxCommand::Replay(args) => {
            let inbox = args.at.attach()?;
            args.ids.iter().try_for_each(|id| replay(context, &inbox, *id))
        }
        InboxCommand::Drop(args) => remove(context, &args),
        InboxCommand::Forget(args) => {
            let count = args.at.attach()?.forget(&args.thread)?;
            let events = if count == 1 { "event" } else { "events" };
            context.output.result(
                || json!({"thread_id": args.thread, "removed": count}),
                || vec![format!("{count} {events} of {} removed", args.thread)],
            )
        }
        InboxCommand::Stats(args) => stats(context, &args),
    }
}

impl FileArgs {
    fn attach(&self) -> Result<Inbox> {
        Inbox::attach(&self.file)
    }
}

fn list(context: &Context<'_>, args: &ListArgs) -> Result<(), Failure> {
    let inbox = args.at.attach()?;
    let mut left = if args.all { u64::MAX } else { u64::from(args.limit) };
    let mut filter = Filter::default();
    filter.state = args.state.map(EventState::from);
    filter.thread_id = args.thread.clone();
    filter.after = args.after;
    while left > 0 {
        context.interrupt.check()?;
        filter.limit = PAGE.min(u32::try_from(left).unwrap_or(PAGE));
        let entries = inbox.list(&filter)?;
        let Some(last) = entries.last() else {
            return Ok(());
        };
        filter.after = last.id;
        left -= entries.len() as u64;
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
    filter.limit = 1;
    if !args.all && !inbox.list(&filter)?.is_empty() {
        // Not among the events, which scripts read.
        exit::say(&format!(
            "there are more: --after {} has the next, --all has all",
            filter.after
        ));
    }
    Ok(())
}

fn document(entry: &Entry) -> Value {
    json!({
        "id": entry.id,
        "thread_id": entry.thread_id,
        "state": entry.state.name(),
        "received_at_ms": entry.received_at_ms,
        "attempts": entry.attempts,
        "error": entry.error,
        "maybe_duplicate": entry.maybe_duplicate,
        "replay_of": entry.replay_of,
        "size": entry.size,
    })
}

fn row(entry: &Entry) -> [String; 6] {
    let thread = match entry.thread_id.as_str() {
        "" => "-",
        thread => thread,
    };
    [
        entry.id.to_string(),
        entry.state.name().to_owned(),
        entry.attempts.to_string(),
        received(entry),
        thread.to_owned(),
        entry.error.clone().unwrap_or_default(),
    ]
}

fn received(entry: &Entry) -> String {
    speech::from_milliseconds(entry.received_at_ms as f64).unwrap_or_default()
}

fn show(context: &Context<'_>, args: &ShowArgs) -> Result<(), Failure> {
    let (entry, body) = args.at.attach()?.show(args.id)?.ok_or_else(|| missing(args.id))?;
    if args.body {
        return output::raw(&body);
    }
    let read = parse_event(body.clone());
    context.output.result(
        || {
            let (name, content) = match &read {
                Ok(read) => ("event", event::document(read)),
                Err(_) => ("body", String::from_utf8_lossy(&body).into()),
            };
            let mut document = document(&entry);
            if let Value::Object(members) = &mut document {
                members.insert(name.to_owned(), content);
            }
            document
        },
        || {
            let mut facts = vec![
                ("number", entry.id.to_string()),
                ("state", entry.state.name().to_owned()),
                ("attempts", entry.attempts.to_string()),
                ("received", format!("{} UTC", received(&entry))),
                ("size", format!("{} bytes", entry.size)),
            ];
            facts.extend(entry.error.clone().map(|error| ("last error", error)));
            facts.extend(entry.replay_of.map(|id| ("replay of", id.to_string())));
            if entry.maybe_duplicate {
                let what = "maybe: the same bytes came within the 24 hours before";
                facts.push(("duplicate", what.to_owned()));
            }
            let facts = facts.into_iter().map(|(name, fact)| (name.to_owned(), fact));
            let mut lines = aligned::<2>(facts.collect());
            match &read {
                Ok(read) => lines.extend(event::lines(read)),
                Err(_) => lines.push(String::from_utf8_lossy(&body).into_owned()),
            }
            lines
        },
    )
}

fn missing(id: i64) -> Error {
    Error::argument("id", format_args!("there is no event {id}"))
}

impl SelectionArgs {
    /// The numbers that were typed, or those of all dead letters.
    fn ids(&self, inbox: &Inbox) -> Result<Vec<i64>> {
        if !self.dead {
            return Ok(self.ids.clone());
        }
        let mut ids = Vec::new();
        let mut filter = Filter::default();
        filter.state = Some(EventState::Dead);
        filter.limit = PAGE;
        loop {
            let page = inbox.list(&filter)?;
            let Some(last) = page.last() else {
                return Ok(ids);
            };
            filter.after = last.id;
            ids.extend(page.iter().map(|entry| entry.id));
        }
    }
}

fn retry(context: &Context<'_>, args: &SelectionArgs) -> Result<(), Failure> {
    let inbox = args.at.attach()?;
    for id in args.ids(&inbox)? {
        let (entry, _) = inbox.show(id)?.ok_or_else(|| missing(id))?;
        let problem = match entry.state {
            EventState::Waiting => format!("event {id} is no dead letter: it waits, and is tried by itself"),
            EventState::Handled => format!("event {id} was handled; flowai inbox replay has that done again"),
            _ => {
                match replay(context, &inbox, id) {
                    // One that still cannot be read must not keep the others from being handled.
                    Err(Failure::Error(error)) if args.dead => exit::say(&format!("event {id}: {error}")),
                    outcome => outcome?,
                }
                continue;
            }
        };
        return Err(Error::argument("id", problem).into());
    }
    Ok(())
}

fn replay(context: &Context<'_>, inbox: &Inbox, id: i64) -> Result<(), Failure> {
    let copies = inbox.replay(id)?;
    if copies.is_empty() {
        return Err(missing(id).into());
    }
    context.output.result(
        || json!({"id": id, "copies": copies}),
        || {
            let numbers: Vec<_> = copies.iter().map(i64::to_string).collect();
            vec![format!("event {id} is handled again as {}", numbers.join(", "))]
        },
    )
}

fn remove(context: &Context<'_>, args: &SelectionArgs) -> Result<(), Failure> {
    let inbox = args.at.attach()?;
    for id in args.ids(&inbox)? {
        let removed = inbox.discard(id).or_else(|error| {
            // It is said to be handled after a crash of its owner too, until there is another one.
            match Inbox::open(&args.at.file) {
                Ok(owner) => owner.discard(id),
                Err(_) => Err(error),
            }
        });
        if !removed? {
            return Err(missing(id).into());
        }
        context
            .output
            .result(|| json!({"id": id}), || vec![format!("event {id} removed")])?;
    }
    Ok(())
}

fn stats(context: &Context<'_>, args: &FileArgs) -> Result<(), Failure> {
    let stats = args.attach()?.stats()?;
    let oldest = stats.oldest_waiting.map(|age| age.as_secs());
    context.output.result(
        || {
            json!({"waiting": stats.waiting, "oldest_waiting_seconds": oldest, "dead": stats.dead,
                "bytes": stats.bytes})
        },
        || {
            let oldest = oldest.map_or("-".to_owned(), |age| format!("{age} s ago"));
            aligned::<2>(vec![
                ("waiting".to_owned(), stats.waiting.to_string()),
                ("oldest waiting".to_owned(), oldest),
                ("dead letters".to_owned(), stats.dead.to_string()),
                ("size".to_owned(), format!("{} KiB", stats.bytes.div_ceil(1024))),
            ])
        },
    )
}
