//! Lists that come in pages.

use std::{collections::VecDeque, fmt};

use crate::{call::Call, error::Result};

/// One page of a list.
pub trait Page: Sized {
    /// What the list holds.
    type Item;

    /// The number of this page.
    fn number(&self) -> Option<u64>;

    /// How many pages there are.
    fn count(&self) -> Option<u64>;

    /// What is on it, in the order of the service.
    fn into_items(self) -> Vec<Self::Item>;
}

/// Goes through a list, fetching pages as they are needed. Also an [`Iterator`] that waits on this thread.
pub struct PageIter<P: Page> {
    page: Box<dyn Fn(Option<u64>) -> Call<P> + Send + Sync>,
    remaining: Option<usize>,
    buffer: VecDeque<P::Item>,
    next: Next,
}

#[derive(Debug)]
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
        }
    }

    /// The next item, fetching a page with `fetch` when none is left. After an error the same page is tried again.
    pub fn next_item(&mut self, fetch: impl FnOnce(Call<P>) -> Result<P>) -> Result<Option<P::Item>> {
        if let Some(call) = self.wanted() {
            let page = fetch(call)?;
            self.keep(page);
        }
        Ok(self.take())
    }

    /// Like [`next_item`](PageIter::next_item) for who can await: `adjust` may change the call that fetches a page.
    pub async fn next_awaited(&mut self, adjust: impl FnOnce(Call<P>) -> Call<P>) -> Result<Option<P::Item>>
    where
        P: Send + 'static,
    {
        if let Some(call) = self.wanted() {
            let page = adjust(call).await?;
            self.keep(page);
        }
        Ok(self.take())
    }

    /// The call that is needed before there is another item.
    fn wanted(&self) -> Option<Call<P>> {
        match self.next {
            Next::Page(page) if self.buffer.is_empty() && self.remaining != Some(0) => {
                Some((self.page)(page))
            }
            _ => None,
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
