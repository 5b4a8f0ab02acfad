//! How a command ends: its exit code, and what is said about an error.

use std::{
    error::Error as _,
    ffi::OsString,
    io::{self, Write},
};

use clap::error::{ContextKind, ContextValue, ErrorKind as ClapKind};
use flowai::{Delivery, Error, ErrorKind};
use serde_json::{Value, json};

use crate::{args::would_send, output::printable};

/// Done.
pub(crate) const DONE: i32 = 0;
/// Not sent, or failed.
pub(crate) const FAILED: i32 = 1;
/// An argument was refused.
pub(crate) const USAGE: i32 = 2;
/// The service answered that it refuses what was asked.
pub(crate) const REJECTED: i32 = 3;
/// The message left, and nobody knows what became of it.
pub(crate) const MAYBE_SENT: i32 = 4;
/// The message was sent, and no reply came in time.
pub(crate) const NO_REPLY: i32 = 5;

const UNSENT: &str =
    "nothing was sent: with -- before the THREAD, a text is sent that reads like the option for help";

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something failed.
    Error(Error),
    /// What was done or found cannot be told on standard output.
    Output(io::Error),
    /// Nobody reads the output any more, as with `| head`: no reason to complain.
    OutputClosed,
    /// What happened was told, and this is the exit code.
    Told(i32),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::OutputClosed;
        }
        Failure::Output(error)
    }
}

/// Tells what failed, and what a script is told.
pub(crate) fn failed(failure: &Failure, is_send: bool, as_json: bool) -> i32 {
    let error = match failure {
        Failure::Error(error) => error,
        Failure::Output(problem) => {
            report(&unwritable("", problem), None, as_json);
            return FAILED;
        }
        Failure::OutputClosed => return DONE,
        Failure::Told(code) => return *code,
    };
    // What was refused before there was a call knows nothing of deliveries.
    let delivery = error.delivery().or(is_send.then_some(Delivery::NotSent));
    report(error, delivery, as_json);
    code(error.kind(), delivery, error.status())
}

/// Tells on standard error what was done when standard output does not take it. That is no failure: a script that saw one
/// would do it again.
pub(crate) fn done_untold(done: &str, problem: &io::Error, as_json: bool) {
    report(&unwritable(&format!("{done}, but "), problem), None, as_json);
}

fn unwritable(done: &str, problem: &io::Error) -> Error {
    let message = format!("{done}the output cannot be written: {problem}");
    Error::new(ErrorKind::Storage, message)
}

fn report(error: &Error, delivery: Option<Delivery>, as_json: bool) {
    if as_json {
        say_raw(&document(error, delivery).to_string());
    } else {
        say(&sentence(error, delivery));
    }
}

fn code(kind: ErrorKind, delivery: Option<Delivery>, status: Option<u16>) -> i32 {
    match (kind, delivery, status) {
        (ErrorKind::InvalidArgument, ..) => USAGE,
        (_, Some(Delivery::MaybeSent), _) => MAYBE_SENT,
        (_, Some(Delivery::Sent), _) => NO_REPLY,
        (_, Some(Delivery::Rejected), _) | (_, _, Some(300..=499)) => REJECTED,
        (_, Some(Delivery::NotSent) | None, _) => FAILED,
    }
}

fn document(error: &Error, delivery: Option<Delivery>) -> Value {
    let response = error.response();
    json!({
        "kind": error.kind().name(),
        "message": error.message(),
        "delivery": delivery.map(Delivery::name),
        "retryable": error.is_retryable(),
        "operation": error.operation(),
        "argument": error.argument_name(),
        "status": error.status(),
        "server_message": response.and_then(|r| r.server_message.as_deref()),
        "retry_after": response.and_then(|r| r.retry_after).map(|time| time.as_secs_f64()),
        "request_id": error.request_id(),
        "body": response.map(|r| r.body.as_str()),
    })
}

fn sentence(error: &Error, delivery: Option<Delivery>) -> String {
    let mut text = error.message().to_owned();
    if let Some(cause) = error.source().map(ToString::to_string)
        && !text.contains(&cause)
    {
        text.push_str(&format!(": {cause}"));
    }
    match delivery {
        None => {}
        Some(Delivery::NotSent) => text.push_str(" (not sent)"),
        Some(Delivery::Rejected) => text.push_str(" (the service did not take the message)"),
        Some(Delivery::Sent) => text.push_str(" (the message was sent: sending it again says it twice)"),
        Some(Delivery::MaybeSent) => {
            text.push_str(" (the message may have been sent: sending it again may say it twice)");
        }
    }
    text
}

/// What the parser of the arguments refused, or was asked for (`--help`).
pub(crate) fn refused(error: &clap::Error, args: &[OsString]) -> i32 {
    let asked_for_json = args
        .iter()
        .take_while(|arg| *arg != "--")
        .any(|arg| arg == "--json");
    let is_help = !error.use_stderr() || error.kind() == ClapKind::DisplayHelpOnMissingArgumentOrSubcommand;
    let unsent = is_help && is_text_like_help(args);
    if asked_for_json && (unsent || !is_help) {
        let message = if unsent { UNSENT.to_owned() } else { message(error) };
        let delivery = would_send(args).then_some(Delivery::NotSent.name());
        say_raw(
            &json!({"kind": ErrorKind::InvalidArgument.name(), "message": message, "argument": argument(error),
                    "delivery": delivery, "retryable": false})
            .to_string(),
        );
    } else if unsent {
        say_raw(&error.to_string());
        say(UNSENT);
    } else {
        // Nobody reads it: nothing to be done.
        let _ = error.print();
    }
    if unsent {
        return USAGE;
    }
    error.exit_code()
}

/// Whether help was asked for after the THREAD of a command that says something, where a script has a text that nobody
/// chose with care.
fn is_text_like_help(args: &[OsString]) -> bool {
    let is = |word: &OsString, words: &[&str]| words.iter().any(|one| word == one);
    let mut rest = args
        .iter()
        .skip_while(|arg| !is(arg, &["send", "ask", "trigger-event", "trigger"]));
    let is_said = match rest.next() {
        Some(word) if is(word, &["send"]) => rest.any(|arg| is(arg, &["text", "event", "message"])),
        word => word.is_some(),
    };
    is_said
        && rest
            .find(|arg| !is(arg, &["--json"]))
            .is_some_and(|arg| !is(arg, &["-h", "--help"]))
}

/// What the parser says up to its usage, with its suggestions, on one line.
fn message(error: &clap::Error) -> String {
    let text = error.to_string();
    let mut message = String::new();
    for line in text.lines().take_while(|line| !line.starts_with("Usage:")) {
        let line = line.trim();
        if line.is_empty() || line.starts_with("For more information") {
            continue;
        }
        if !message.is_empty() {
            message.push_str(if line.starts_with("tip: ") { "; " } else { " " });
        }
        message.push_str(line);
    }
    message.trim_start_matches("error: ").to_owned()
}

/// `trace_id`, from what the parser calls `--trace-id <N>`.
fn argument(error: &clap::Error) -> Option<String> {
    let name = match error.get(ContextKind::InvalidArg)? {
        ContextValue::String(name) => name,
        ContextValue::Strings(names) => names.first()?,
        _ => return None,
    };
    let word = name.split([' ', '=']).next()?;
    let word = word
        .trim_start_matches("--")
        .trim_matches(['<', '>', '[', ']', '.']);
    Some(word.replace('-', "_").to_lowercase())
}

/// One line on standard error, safe for a terminal.
pub(crate) fn say(text: &str) {
    say_raw(&format!("flowai: {}", printable(text)));
}

fn say_raw(line: &str) {
    // There is nowhere left to complain.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_the_delivery_except_for_refused_arguments() {
        use Delivery::{MaybeSent, NotSent, Rejected, Sent};
        use ErrorKind::{Authentication, Connection, InvalidArgument, Server, Timeout};
        for (kind, delivery, status, expected) in [
            (InvalidArgument, Some(NotSent), None, 2),
            (InvalidArgument, None, None, 2),
            (Connection, Some(NotSent), None, 1),
            (Connection, None, None, 1),
            (Timeout, Some(MaybeSent), None, 4),
            (Timeout, Some(MaybeSent), Some(408), 4),
            (Timeout, Some(Sent), None, 5),
            (Authentication, Some(Sent), Some(403), 5),
            (Server, None, Some(500), 1),
            (Authentication, Some(Rejected), Some(401), 3),
            (Authentication, None, Some(401), 3),
        ] {
            assert_eq!(code(kind, delivery, status), expected, "{kind} {delivery:?}");
        }
    }
}
