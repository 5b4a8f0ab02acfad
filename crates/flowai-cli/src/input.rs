//! What is read besides the arguments: standard input, files, JSON.

use std::{
    fs::File,
    io::{self, BufRead, Read},
    path::Path,
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    thread,
    time::Duration,
};

use flowai::{Document, Error, Result};
use serde_json::Value;

use crate::interrupt::Interrupt;

/// More than any message has; what is piped in by mistake shall not fill the memory.
const MAX_MESSAGE: u64 = 1024 * 1024;
/// More than any list that is sent in one request.
const MAX_FILE: u64 = 16 * 1024 * 1024;
/// How often somebody may ask to stop while standard input is read.
const TICK: Duration = Duration::from_millis(50);

/// What was typed, or standard input without its last line end if that is `-`.
pub(crate) fn typed_or_read(interrupt: &Interrupt<'_>, typed: String, argument: &str) -> Result<String> {
    if typed != "-" {
        return Ok(typed);
    }
    let mut text = standard_input(interrupt, argument, MAX_MESSAGE)?;
    strip_line_end(&mut text);
    Ok(text)
}

/// The content of the file, or standard input if that is `-`.
pub(crate) fn file_or_read(interrupt: &Interrupt<'_>, path: &Path, argument: &str) -> Result<String> {
    if path.as_os_str() == "-" {
        return standard_input(interrupt, argument, MAX_FILE);
    }
    let text = File::open(path)
        .map_err(|error| error.to_string())
        .and_then(|file| limited(file, MAX_FILE));
    text.map_err(|problem| {
        Error::argument(
            argument,
            format_args!("{} cannot be read: {problem}", path.display()),
        )
    })
}

/// A JSON document that was typed or read.
pub(crate) fn json(text: &str, argument: &str) -> Result<Value> {
    serde_json::from_str(text)
        .map_err(|error| Error::argument(argument, format_args!("is not JSON: {error}")))
}

/// A JSON array of documents.
pub(crate) fn documents<D: Document>(text: &str, argument: &str) -> Result<Vec<D>> {
    let Value::Array(items) = json(text, argument)? else {
        return Err(Error::argument(argument, "must be a JSON array"));
    };
    let document = |(index, item): (usize, Value)| {
        D::from_value(item).map_err(|_| Error::argument(format!("{argument}[{index}]"), "must be an object"))
    };
    items.into_iter().enumerate().map(document).collect()
}

/// The lines of standard input, as they come.
pub(crate) struct Lines(Receiver<Result<String, String>>);

impl Lines {
    pub(crate) fn of_standard_input() -> Result<Lines> {
        // One line is read ahead, not the whole input.
        let (sender, receiver) = mpsc::sync_channel(0);
        on_a_thread(move || read_lines(&sender)).map_err(|problem| unreadable("standard input", &problem))?;
        Ok(Lines(receiver))
    }

    /// The next line without its end, nothing at the end of the input.
    pub(crate) fn next(&self, interrupt: &Interrupt<'_>) -> Result<Option<String>> {
        match wait(&self.0, interrupt)? {
            Some(line) => line.map(Some).map_err(|problem| unreadable("text", &problem)),
            None => Ok(None),
        }
    }
}

fn read_lines(sender: &SyncSender<Result<String, String>>) {
    let mut input = io::stdin().lock();
    loop {
        let mut line = Vec::new();
        let read = (&mut input).take(MAX_MESSAGE).read_until(b'\n', &mut line);
        let line = match read {
            Ok(0) => return,
            Ok(length) if length as u64 == MAX_MESSAGE => Err("a line has more than 1 MiB".to_owned()),
            Ok(_) => String::from_utf8(line).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let failed = line.is_err();
        let line = line.map(|mut line| {
            strip_line_end(&mut line);
            line
        });
        if sender.send(line).is_err() || failed {
            return;
        }
    }
}

fn standard_input(interrupt: &Interrupt<'_>, argument: &str, most: u64) -> Result<String> {
    // On a thread of its own, since a person who types nothing may still press Ctrl-C.
    let (sender, receiver) = mpsc::channel();
    on_a_thread(move || {
        // Nobody waits any more when somebody asked to stop.
        let _ = sender.send(limited(io::stdin().lock(), most));
    })
    .map_err(|problem| unreadable(argument, &problem))?;
    match wait(&receiver, interrupt)? {
        Some(text) => text.map_err(|problem| unreadable(argument, &problem)),
        None => Err(unreadable(argument, "the reader ended")),
    }
}

fn on_a_thread(work: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let started = thread::Builder::new().spawn(work);
    started.map(drop).map_err(|error| error.to_string())
}

/// What a thread sends next, nothing when it has ended.
fn wait<T>(receiver: &Receiver<T>, interrupt: &Interrupt<'_>) -> Result<Option<T>> {
    loop {
        match receiver.recv_timeout(TICK) {
            Ok(item) => return Ok(Some(item)),
            Err(RecvTimeoutError::Timeout) => interrupt.check()?,
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
    }
}

fn unreadable(argument: &str, problem: &str) -> Error {
    Error::argument(argument, format_args!("standard input cannot be read: {problem}"))
}

/// All of it as text, unless it is longer than anything that is meant.
fn limited(input: impl Read, most: u64) -> Result<String, String> {
    let mut text = String::new();
    let length = input
        .take(most + 1)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    if length as u64 > most {
        return Err(format!("it has more than {} MiB", most / (1024 * 1024)));
    }
    Ok(text)
}

fn strip_line_end(text: &mut String) {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
}
