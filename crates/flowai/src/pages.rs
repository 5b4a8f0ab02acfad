//! Lists that come in pages.

use std::{collections::VecDeque, fmt, time::Duration};

use crate::{
    call::Call,
    error::Result,
    runtime::{self, Task},
};

/// One page of a list.
pub trait Page: Sized + Send + 'static {
    /// What the list holds.
    type Item;

    /// The number of this page.
    fn number(&self) -> Option<u64>;

    /// How many pages there are.
    fn count(&self) -> Option<u64>;

    /// What is on it, in the order of the service.
    fn into_items(self) -> Vec<Self::Item>;
}

/// Goes through a list, fetching pages as they are needed, and the one after while a page is gone through: that one and no
/// other. Also an [`Iterator`] that waits on this thread.
pub struct PageIter<P: Page> {
    page: Box<dyn Fn(Option<u64>) -> Call<P> + Send + Sync>,
    remaining: Option<usize>,
    buffer: VecDeque<P::Item>,
    next: Next,
    /// The next page on its way.
    ahead: Option<Task<Result<P>>>,
    timeout: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Page(Option<u64>),
    Nothing,
}

impl<P: Page> PageIter<P> {
    /// The list whose pages this function asks for, from `first` on; `limit` counts items.
    pub(crate) fn new(
        first: Option<u64>,
        limit: Option<usize>,
        page: impl Fn(Option<u64>) -> Call<P> + Send + Sync + 'static,
    ) -> PageIter<P> {
        PageIter {
            page: Box::new(page),
            remaining: limit,
            buffer: VecDeque::new(),
            next: Next::Page(first),
            ahead: None,
            timeout: None,
        }
    }

    /// The deadline for each page, in place of the client's.
    pub fn timeout(mut self, timeout: Duration) -> PageIter<P> {
        self.timeout = Some(timeout);
        self
    }

    /// The next item, fetching a page with `fetch` when none is left. After an error the same page is tried again. The
    /// call may be on its way already; a [`timeout`](Call::timeout) that it is given then counts from here on.
    pub fn next_item(&mut self, fetch: impl FnOnce(Call<P>) -> Result<P>) -> Result<Option<P::Item>> {
        if let Some(call) = self.wanted() {
            let page = fetch(call)?;
            self.keep(page);
        }
        Ok(self.take())
    }

    /// Like [`next_item`](PageIter::next_item) for who can await: `adjust` may change the call that fetches a page.
    pub async fn next_awaited(&mut self, adjust: impl FnOnce(Call<P>) -> Call<P>) -> Result<Option<P::Item>> {
        if let Some(call) = self.wanted() {
            let page = adjust(call).await?;
            self.keep(page);
        }
        Ok(self.take())
    }

    /// The call that is needed before there is another item.
    fn wanted(&mut self) -> Option<Call<P>> {
        match self.next {
            Next::Page(page) if self.buffer.is_empty() && self.remaining != Some(0) => {
                let call = self.call(page);
                Some(match self.ahead.take() {
                    Some(ahead) if ahead.is_of_this_process() => call.made_ahead(ahead),
                    _ => call,
                })
            }
            _ => None,
        }
    }

    fn call(&self, page: Option<u64>) -> Call<P> {
        let call = (self.page)(page);
        match self.timeout {
            Some(timeout) => call.timeout(timeout),
            None => call,
        }
    }

    /// Begins to fetch the next page, unless the limit is reached before it.
    fn fetch_ahead(&mut self) {
        if let Next::Page(page) = self.next
            && self
                .remaining
                .is_none_or(|remaining| remaining > self.buffer.len())
        {
            // What fails here fails once more when the page is needed.
            self.ahead = self.call(page).start().and_then(runtime::spawn).ok();
        }
    }

    fn keep(&mut self, page: P) {
        let after = match (page.number(), page.count()) {
            (Some(number), Some(count)) if number < count => number.checked_add(1),
            _ => None,
        };
        self.buffer = page.into_items().into();
        self.next = match after {
            Some(after) if !self.buffer.is_empty() => Next::Page(Some(after)),
            _ => Next::Nothing,
        };
        self.fetch_ahead();
    }

    fn take(&mut self) -> Option<P::Item> {
        match &mut self.remaining {
            Some(0) => None,
            remaining => {
                let item = self.buffer.pop_front()?;
                if let Some(remaining) = remaining {
                    *remaining -= 1;
                }
                Some(item)
            }
        }
    }
}

impl<P: Page> Iterator for PageIter<P> {
    type Item = Result<P::Item>;

    fn next(&mut self) -> Option<Result<P::Item>> {
        self.next_item(Call::wait).transpose()
    }
}

impl<P: Page> fmt::Debug for PageIter<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageIter")
            .field("buffered", &self.buffer.len())
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
