//! The threads of a project: list them, and have the service make a new one (later versions of the API).

use http::Method;
use serde_json::{Value, json};

use crate::{
    call::Call,
    client::{Client, Receipt},
    model::{strings, tolerant_u64},
    operation::{Operation, Request},
    pages::{Page, PageIter},
};

static THREADS: Operation = Operation::get("threads");
static REQUEST_THREADS: Operation = Operation::get("request_threads");
static CREATE_THREAD: Operation = Operation::idempotent("create_thread", Method::POST);

/// One page of the ids of a project's threads, at most 20.
#[derive(Clone, Debug, PartialEq)]
pub struct ThreadsPage {
    /// The thread ids, in the order of the service.
    pub threads: Vec<String>,
    /// The number of this page.
    pub page: Option<u64>,
    /// How many pages there are.
    pub pages: Option<u64>,
    /// The result as it came.
    pub raw: Value,
}

impl ThreadsPage {
    /// Reads a page from the result as it came.
    pub fn from_value(raw: Value) -> ThreadsPage {
        ThreadsPage {
            threads: strings(raw.get("threads")),
            page: raw.get("page").and_then(tolerant_u64),
            pages: raw.get("pages").and_then(tolerant_u64),
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

impl Page for ThreadsPage {
    type Item = String;

    fn number(&self) -> Option<u64> {
        self.page
    }

    fn count(&self) -> Option<u64> {
        self.pages
    }

    fn into_items(self) -> Vec<String> {
        self.threads
    }
}

/// Goes through the ids of all threads; see [`Client::iter_threads`].
pub type ThreadIter = PageIter<ThreadsPage>;

impl Client {
    /// Reads a page of the ids of the project's threads, the first one if `page` is `None`.
    ///
    /// # Errors
    /// Every error of a request. It is retried, since reading does no harm.
    pub fn threads(&self, page: Option<u64>) -> Call<ThreadsPage> {
        let request = Request::new(&THREADS, "threads")
            .with_query("sync", true)
            .with_page(page);
        Call::new(self, &THREADS, request, |_, response| {
            Ok(ThreadsPage::from_value(response.result_with_list("threads")?))
        })
    }

    /// Asks for a page of the thread ids, which then arrives as a webhook event of the kind `Threads`.
    pub fn request_threads(&self, page: Option<u64>) -> Call<Receipt> {
        let request = Request::new(&REQUEST_THREADS, "threads").with_page(page);
        self.acknowledged(&REQUEST_THREADS, request)
    }

    /// Goes through the ids of all threads, fetching pages as they are needed, one ahead. `limit` counts threads.
    ///
    /// ```no_run
    /// # let client = flowai::Client::builder().build()?;
    /// for thread_id in client.iter_threads(None) {
    ///     println!("{}", thread_id?);
    /// }
    /// # Ok::<_, flowai::Error>(())
    /// ```
    pub fn iter_threads(&self, limit: Option<usize>) -> ThreadIter {
        let client = self.clone();
        PageIter::new(None, limit, move |page| client.threads(page))
    }

    /// Has the service make the id of a new thread. An id that is never used costs nothing, so it is retried.
    ///
    /// # Errors
    /// Every error of a request; `Response` when the answer names no thread.
    pub fn create_thread(&self) -> Call<String> {
        let request = Request::new(&CREATE_THREAD, "messages");
        Call::new(self, &CREATE_THREAD, Ok(request), |_, response| {
            let answer = response.result()?;
            match answer.get("threadId").and_then(Value::as_str) {
                Some(id) if !id.is_empty() => Ok(id.to_owned()),
                _ => Err(response.refusal("the answer has no threadId")),
            }
        })
    }
}
