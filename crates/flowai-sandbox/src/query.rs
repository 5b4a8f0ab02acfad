//! The query parameters of the API. Others are ignored.

use percent_encoding::percent_decode_str;

use crate::answer::Refusal;

/// The query of one request, read where it is needed.
pub(crate) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    pub(crate) fn new(query: Option<&'a str>) -> Self {
        Self(query.unwrap_or_default())
    }

    /// Whether a direct reply is wanted. Nothing but the literal `true` turns it on.
    pub(crate) fn sync(&self) -> bool {
        self.value("sync") == Some("true")
    }

    /// Whether the history is to have the triggered events. The parameter has both names in public documents.
    pub(crate) fn events(&self) -> bool {
        ["events", "event"]
            .iter()
            .any(|name| self.value(name) == Some("true"))
    }

    /// The page, 1 unless told.
    pub(crate) fn page(&self) -> Result<usize, Refusal> {
        let Some(page) = self.value("page") else {
            return Ok(1);
        };
        let page = page.parse().ok().filter(|page| *page > 0);
        page.ok_or_else(|| Refusal::bad_request("page must be a whole number, and pages count from 1"))
    }

    /// The event to trigger.
    pub(crate) fn event_name(&self) -> Result<String, Refusal> {
        let name = self.value("eventName").unwrap_or_default().replace('+', " ");
        match percent_decode_str(&name).decode_utf8() {
            Ok(name) if !name.is_empty() => Ok(name.into_owned()),
            Ok(_) => Err(Refusal::bad_request("eventName is missing or empty")),
            Err(_) => Err(Refusal::bad_request("eventName is not UTF-8")),
        }
    }

    /// The last value of that name, as it was on the wire.
    fn value(&self, name: &str) -> Option<&'a str> {
        let pairs = self
            .0
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs
            .filter(|(found, _)| *found == name)
            .map(|(_, value)| value)
            .next_back()
    }
}
