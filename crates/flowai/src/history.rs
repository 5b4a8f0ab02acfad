//! "Thread messages" of the API document: what was said in a thread.

use serde_json::{Value, json};

use crate::{
    call::Call,
    client::{Client, Receipt},
    error::Result,
    model::{read_list, tolerant_u64},
    models::HistoryEntry,
    operation::{Operation, Request, thread_named_by},
    pages::{Page, PageIter},
    transport::Response,
};

pub(crate) static HISTORY: Operation = Operation::get("history");
static REQUEST_HISTORY: Operation = Operation::get("request_history");

/// One page of a thread's history, at most 20 entries.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryPage {
    /// What was said, in the order of the service.
    pub entries: Vec<HistoryEntry>,
    /// The number of this page.
    pub page: Option<u64>,
    /// How many pages there are.
    pub pages: Option<u64>,
    /// The thread, as the service names it.
    pub thread_id: String,
    /// The result as it came.
    pub raw: Value,
}

impl HistoryPage {
    pub(crate) fn read(request: &Request, response: Response) -> Result<HistoryPage> {
        let raw = response.result_with_list("history")?;
        Ok(HistoryPage::from_value(raw, &request.thread_id))
    }

    /// Reads a page from the result as it came, which was asked for by this thread id.
    pub fn from_value(raw: Value, thread_id: &str) -> HistoryPage {
        HistoryPage {
            entries: read_list(raw.get("history")),
            page: raw.get("page").and_then(tolerant_u64),
            pages: raw.get("pages").and_then(tolerant_u64),
            thread_id: thread_named_by(&raw, thread_id),
            raw,
        }
    }

    /// The page as a JSON document: the result as it came.
    pub fn to_value(&self) -> Value {
        match &self.raw {
            Value::Object(_) => self.raw.clone(),
            _ => json!({}),
        }
    }
}

impl Page for HistoryPage {
    type Item = HistoryEntry;

    fn number(&self) -> Option<u64> {
        self.page
    }

    fn count(&self) -> Option<u64> {
        self.pages
    }

    fn into_items(self) -> Vec<HistoryEntry> {
        self.entries
    }
}

/// Goes through a history; see [`Client::iter_history`].
pub type HistoryIter = PageIter<HistoryPage>;

/// Which part of a history. `None` and a page number are options too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryOptions {
    page: Option<u64>,
    events: bool,
}

impl HistoryOptions {
    /// From this page on, in place of the first.
    pub fn page(mut self, page: u64) -> HistoryOptions {
        self.page = Some(page);
        self
    }

    /// Whether the events that were triggered are among the entries (later versions of the API).
    pub fn events(mut self, events: bool) -> HistoryOptions {
        self.events = events;
        self
    }
}

impl From<Option<u64>> for HistoryOptions {
    fn from(page: Option<u64>) -> HistoryOptions {
        HistoryOptions { page, events: false }
    }
}

impl From<u64> for HistoryOptions {
    fn from(page: u64) -> HistoryOptions {
        Some(page).into()
    }
}

impl Client {
    /// Reads a page of a thread's history, the first one if `options` is `None`.
    ///
    /// # Errors
    /// `InvalidArgument` for the thread id; every error of a request. A history can be read again at no harm, so it
    /// is retried.
    pub fn history(&self, thread_id: &str, options: impl Into<HistoryOptions>) -> Call<HistoryPage> {
        let request = history_request(&HISTORY, thread_id, options.into(), true);
        Call::new(self, &HISTORY, request, HistoryPage::read)
    }

    /// Asks for a page of a thread's history, which then arrives as a webhook event of the kind `History`.
    pub fn request_history(&self, thread_id: &str, options: impl Into<HistoryOptions>) -> Call<Receipt> {
        let request = history_request(&REQUEST_HISTORY, thread_id, options.into(), false);
        self.acknowledged(&REQUEST_HISTORY, request)
    }

    /// Goes through the whole history of a thread, fetching pages as they are needed, one ahead. `limit` counts entries.
    ///
    /// ```no_run
    /// # let client = flowai::Client::builder().build()?;
    /// let mut entries = client.iter_history("thread-1", Some(100));
    /// while let Some(entry) = entries.next_item(|call| call.wait())? {
    ///     println!("{:?}", entry.messages());
    /// }
    /// # Ok::<_, flowai::Error>(())
    /// ```
    pub fn iter_history(&self, thread_id: &str, limit: Option<usize>) -> HistoryIter {
        self.iter_history_with(thread_id, limit, None)
    }

    /// Like [`iter_history`](Client::iter_history), from a page on, or with triggered events.
    pub fn iter_history_with(
        &self,
        thread_id: &str,
        limit: Option<usize>,
        options: impl Into<HistoryOptions>,
    ) -> HistoryIter {
        let (client, thread_id, options) = (self.clone(), thread_id.to_owned(), options.into());
        PageIter::new(options.page, limit, move |page| {
            client.history(&thread_id, HistoryOptions { page, ..options })
        })
    }
}

pub(crate) fn history_request(
    operation: &'static Operation,
    thread_id: &str,
    options: HistoryOptions,
    sync: bool,
) -> Result<Request> {
    let mut request = Request::of_thread(operation, "messages", thread_id)?;
    if sync {
        request = request.with_query("sync", true);
    }
    request = request.with_page(options.page)?;
    if options.events {
        request = request.with_query("events", true);
    }
    Ok(request)
}
