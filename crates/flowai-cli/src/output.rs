//! What is written to standard output: lines for people, or one JSON document a line.

use std::{
    borrow::Cow,
    fmt::Display,
    io::{self, Write},
};

use serde_json::Value;

use crate::exit::Failure;

/// Standard output, in the form that was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Output {
        Output { json }
    }

    /// Whether JSON was asked for.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// One result: a document, or lines for people. They are written at once, so that a reader of a pipe sees them.
    pub(crate) fn result<L: Display>(
        self,
        document: impl FnOnce() -> Value,
        lines: impl FnOnce() -> Vec<L>,
    ) -> Result<(), Failure> {
        if self.json {
            return write(&document().to_string());
        }
        for line in lines() {
            self.line(line)?;
        }
        Ok(())
    }

    /// One line for people.
    pub(crate) fn line(self, text: impl Display) -> Result<(), Failure> {
        write(&printable(&text.to_string()))
    }
}

/// Bytes as they are, without a line end.
pub(crate) fn raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

fn write(line: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// The text without anything that a terminal would obey: what came from the network must not move the cursor, change
/// colours or turn the direction of writing.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_command) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => safe.push(' '),
            c if is_command(c) => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

fn is_command(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        assert_eq!(printable("Grüße, 世界 📦"), "Grüße, 世界 📦");
        assert_eq!(printable("\u{1b}[31mred\u{7}"), "\\u{1b}[31mred\\u{7}");
        assert_eq!(
            printable("a\u{202e}b\u{9b}c\rd\te"),
            "a\\u{202e}b\\u{9b}c\\u{d}d e"
        );
    }
}
