//! "Thread messages" of the API document: what was said in a thread.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::{
    call::Call,
    client::{Client, Receipt},
    error::Result,
    model::{read_list, tolerant_u64},
    models::HistoryEntry,
    operation::{Operation, Request, thread_named_by},
    transport::Response,
};

static HISTORY: Operation = Operation::get("history");
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
    fn read(request: &Request, response: Response) -> Result<HistoryPage> {
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

    /// The page after this one, if there is one.
    fn next(&self) -> Option<u64> {
        let page = self.page?;
        (!self.entries.is_empty() && page < self.pages?).then(|| page.saturating_add(1))
    }

    /// The page as a JSON document: the result as it came.
    pub fn to_value(&self) -> Value {
        match &self.raw {
            Value::Object(_) => self.raw.clone(),
            _ => json!({}),
        }
    }
}

impl Client {
    /// Reads a page of a thread's history, the first one if `page` is `None`.
    ///
    /// # Errors
    /// `InvalidArgument` for the thread id; every error of a request. A history can be read again at no harm, so it
    /// is retried.
    pub fn history(&self, thread_id: &str, page: Option<u64>) -> Call<HistoryPage> {
        let request = history_request(&HISTORY, thread_id, page, true);
        Call::new(self, &HISTORY, request, HistoryPage::read)
    }

    /// Asks for a page of a thread's history, which then arrives as a webhook event of the kind `History`.
    pub fn request_history(&self, thread_id: &str, page: Option<u64>) -> Call<Receipt> {
        let request = history_request(&REQUEST_HISTORY, thread_id, page, false);
        self.acknowledged(&REQUEST_HISTORY, request)
    }

    /// Goes through the whole history of a thread, fetching pages as they are needed. `limit` counts entries.
    ///
    /// ```no_run
    /// # let client = flowai::Client::builder().build()?;
    /// let mut entries = client.iter_history("thread-1", Some(100));
    /// while let Some(entry) = entries.next_entry(|call| call.wait())? {
    ///     println!("{:?}", entry.messages());
    /// }
    /// # Ok::<_, flowai::Error>(())
    /// ```
    pub fn iter_history(&self, thread_id: &str, limit: Option<usize>) -> HistoryIter {
        HistoryIter {
            client: self.clone(),
            thread_id: thread_id.to_owned(),
            remaining: limit,
            buffer: VecDeque::new(),
            next: Next::First,
        }
    }
}

fn history_request(
    operation: &'static Operation,
    thread_id: &str,
    page: Option<u64>,
    sync: bool,
) -> Result<Request> {
    let mut request = Request::of_thread(operation, "messages", thread_id)?;
    if sync {
        request = request.with_query("sync", true);
    }
    Ok(match page {
        Some(page) => request.with_query("page", page),
        None => request,
    })
}

/// Goes through a history; see [`Client::iter_history`]. Also an [`Iterator`] that waits on this thread.
#[derive(Debug)]
pub struct HistoryIter {
    client: Client,
    thread_id: String,
    remaining: Option<usize>,
    buffer: VecDeque<HistoryEntry>,
    next: Next,
}

#[derive(Debug)]
enum Next {
    First,
    Page(u64),
    Nothing,
}

impl HistoryIter {
    /// The next entry, fetching a page with `fetch` when none is left. After an error the same page is tried again.
    pub fn next_entry(
        &mut self,
        fetch: impl FnOnce(Call<HistoryPage>) -> Result<HistoryPage>,
    ) -> Result<Option<HistoryEntry>> {
        if self.remaining == Some(0) {
            return Ok(None);
        }
        if self.buffer.is_empty() {
            let page = match self.next {
                Next::First => None,
                Next::Page(page) => Some(page),
                Next::Nothing => return Ok(None),
            };
            let page = fetch(self.client.history(&self.thread_id, page))?;
            self.next = page.next().map_or(Next::Nothing, Next::Page);
            self.buffer = page.entries.into();
        }
        let entry = self.buffer.pop_front();
        if let (Some(_), Some(remaining)) = (&entry, &mut self.remaining) {
            *remaining -= 1;
        }
        Ok(entry)
    }
}

impl Iterator for HistoryIter {
    type Item = Result<HistoryEntry>;

    fn next(&mut self) -> Option<Result<HistoryEntry>> {
        self.next_entry(Call::wait).transpose()
    }
}
