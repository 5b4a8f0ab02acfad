//! `flowai history`: what was said in a thread ("Thread messages" of the API document).

use clap::Args;
use flowai::{Document, HistoryEntry, HistoryOptions, HistoryPage};
use serde_json::{Value, json};

use super::{Context, speech};
use crate::exit::Failure;

#[derive(Args)]
pub(crate) struct HistoryArgs {
    /// The conversation
    #[arg(allow_negative_numbers = true)]
    thread: String,
    /// The number of the page [default: the first]; a page has at most 20 entries
    #[arg(long, value_name = "N", conflicts_with_all = ["all", "limit"])]
    page: Option<u64>,
    /// All pages; as JSON one entry a line
    #[arg(long)]
    all: bool,
    /// As many entries, from as many pages as it takes; as JSON one entry a line
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Show the events that were triggered, too
    #[arg(long)]
    events: bool,
    /// Only ask: the page comes by webhook
    #[arg(long = "async", conflicts_with_all = ["all", "limit"])]
    by_webhook: bool,
}

pub(crate) fn run(context: &Context<'_>, args: &HistoryArgs) -> Result<(), Failure> {
    let client = context.connection.client()?;
    let options = HistoryOptions::from(args.page).events(args.events);
    if args.by_webhook {
        let receipt = context.wait(client.request_history(&args.thread, options))?;
        return context.acknowledged(
            &receipt,
            "asked: the page comes to the webhook, as a history event",
        );
    }
    if args.all || args.limit.is_some() {
        let mut entries = client.iter_history_with(&args.thread, args.limit, options);
        while let Some(entry) = entries.next_item(|call| context.wait(call))? {
            context.output.result(
                || Value::Object(entry.as_object().clone()),
                || speech::entry_lines(&entry),
            )?;
        }
        return Ok(());
    }
    let page = context.wait(client.history(&args.thread, options))?;
    context.output.result(|| document(&page), || lines(&page))
}

fn document(page: &HistoryPage) -> Value {
    json!({
        "thread_id": page.thread_id,
        "page": page.page,
        "pages": page.pages,
        "entries": page.entries.iter().map(HistoryEntry::as_object).collect::<Vec<_>>(),
    })
}

pub(crate) fn lines(page: &HistoryPage) -> Vec<String> {
    let mut lines: Vec<String> = page.entries.iter().flat_map(speech::entry_lines).collect();
    if lines.is_empty() {
        lines.push("nothing was said on this page".into());
    }
    if let (Some(number), Some(pages)) = (page.page, page.pages)
        && number < pages
    {
        lines.push(format!(
            "page {number} of {pages}; --page {} has the next, --all has all",
            number + 1
        ));
    }
    lines
}
