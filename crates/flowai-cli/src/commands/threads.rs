//! `flowai threads` and `create-thread` (later versions of the API).

use clap::Args;
use serde_json::{Value, json};

use super::Context;
use crate::exit::{self, Failure};

#[derive(Args)]
pub(crate) struct ThreadsArgs {
    /// The number of the page [default: the first]; a page has at most 20 threads
    #[arg(long, value_name = "N", conflicts_with_all = ["all", "limit"])]
    page: Option<u64>,
    /// All pages; as JSON one thread a line
    #[arg(long)]
    all: bool,
    /// As many threads, from as many pages as it takes; as JSON one thread a line
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only ask: the page comes by webhook
    #[arg(long = "async", conflicts_with_all = ["all", "limit"])]
    by_webhook: bool,
}

pub(crate) fn run(context: &Context<'_>, args: &ThreadsArgs) -> Result<(), Failure> {
    let client = context.connection.client()?;
    if args.by_webhook {
        let receipt = context.wait(client.request_threads(args.page))?;
        let sentence = "asked: the page comes to the webhook, as a threads event";
        return context.acknowledged(&receipt, sentence);
    }
    if args.all || args.limit.is_some() {
        let mut threads = client.iter_threads(args.limit);
        while let Some(thread) = threads.next_item(|call| context.wait(call))? {
            context
                .output
                .result(|| Value::String(thread.clone()), || vec![&thread])?;
        }
        return Ok(());
    }
    let page = context.wait(client.threads(args.page))?;
    context.output.result(
        || json!({"threads": page.threads, "page": page.page, "pages": page.pages}),
        || page.threads.iter().collect(),
    )?;
    if let (false, Some(number), Some(pages)) = (context.output.is_json(), page.page, page.pages)
        && number < pages
    {
        // Not among the ids, which scripts read.
        exit::say(&format!(
            "page {number} of {pages}; --page {} has the next, --all has all",
            number + 1
        ));
    }
    Ok(())
}

pub(crate) fn create(context: &Context<'_>) -> Result<(), Failure> {
    let thread = context.wait(context.connection.client()?.create_thread())?;
    context
        .output
        .result(|| json!({"thread_id": thread}), || vec![&thread])
}
