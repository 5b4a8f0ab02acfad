//! What notebooks show in place of a repr.

use std::fmt::Write as _;

use flowai::Document;
use pyo3::prelude::*;
use serde_json::Value;

use crate::results::HistoryPage;

#[pymethods]
impl HistoryPage {
    /// A table of who said what. Nothing of it is taken for HTML.
    fn _repr_html_(&self) -> String {
        let page = &self.0;
        let mut html =
            "<table>\n<thead><tr><th>Who</th><th>Role</th><th>Says</th></tr></thead>\n<tbody>\n".to_owned();
        for entry in &page.entries {
            html.push_str("<tr>");
            let originator = entry.as_object().get("originator");
            for name in ["name", "role"] {
                let value = originator
                    .and_then(|originator| originator.get(name))
                    .and_then(Value::as_str);
                cell(&mut html, value.unwrap_or_default());
            }
            cell(&mut html, &entry.text());
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody>\n</table>");
        if let (Some(number), Some(pages)) = (page.page, page.pages) {
            // Writing into a String does not fail.
            let _ = write!(html, "\n<p>Page {number} of {pages}</p>");
        }
        html
    }
}

fn cell(html: &mut String, text: &str) {
    html.push_str("<td>");
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\n' => html.push_str("<br>"),
            other => html.push(other),
        }
    }
    html.push_str("</td>");
}
