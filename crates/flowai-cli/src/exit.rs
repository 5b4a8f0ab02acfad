//! How a command ends: its exit code, and what is said about an error.

use std::{
    error::Error as _,
    ffi::OsString,
    io::{self, Write},
};

use clap::error::{ContextKind, ContextValue, ErrorKind as ClapKind};
use flowai::{Delivery, Error, ErrorKind};
use serde_json::{Value, json};

use crate::output::printable;

/// Done.
pub(crate) const DONE: i32 = 0;
/// Not sent, or failed.
pub(crate) const FAILED: i32 = 1;
/// An argument was refused.
pub(crate) const USAGE: i32 = 2;
/// The service answered that it did not take the message.
pub(crate) const REJECTED: i32 = 3;
/// The message left, and nobody knows what became of it.
pub(crate) const MAYBE_SENT: i32 = 4;

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something failed.
    Error(Error),
    /// Nobody reads the output any more, as with `| head`: no reason to complain.
    OutputClosed,
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
        let message = format!("the output cannot be written: {error}");
        Failure::Error(Error::new(ErrorKind::Storage, message))
    }
}

/// Tells what failed, and what a script is told.
pub(crate) fn failed(failure: &Failure, is_send: bool, as_json: bool) -> i32 {
    let Failure::Error(error) = failure else {
        return DONE;
    };
    // What was refused before there was a call knows nothing of deliveries.
    let delivery = error.delivery().or(is_send.then_some(Delivery::NotSent));
    if as_json {
        say_raw(&document(error, delivery).to_string());
    } else {
        say(&sentence(error, delivery));
    }
    code(error.kind(), delivery)
}

fn code(kind: ErrorKind, delivery: Option<Delivery>) -> i32 {
    match (kind, delivery) {
        (ErrorKind::InvalidArgument, _) => USAGE,
        (_, Some(Delivery::Rejected)) => REJECTED,
        (_, Some(Delivery::MaybeSent)) => MAYBE_SENT,
        (_, Some(Delivery::NotSent) | None) => FAILED,
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
    if asked_for_json && !is_help {
        let text = error.to_string();
        let message = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        say_raw(
            &json!({"kind": ErrorKind::InvalidArgument.name(), "message": message, "argument": argument(error),
                    "retryable": false})
            .to_string(),
        );
    } else {
        // Nobody reads it: nothing to be done.
        let _ = error.print();
    }
    error.exit_code()
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
        use Delivery::{MaybeSent, NotSent, Rejected};
        use ErrorKind::{Authentication, Connection, InvalidArgument, Server, Timeout};
        for (kind, delivery, expected) in [
            (InvalidArgument, Some(NotSent), 2),
            (InvalidArgument, None, 2),
            (Connection, Some(NotSent), 1),
            (Connection, None, 1),
            (Timeout, Some(MaybeSent), 4),
            (Server, None, 1),
            (Authentication, Some(Rejected), 3),
            (Authentication, None, 1),
        ] {
            assert_eq!(code(kind, delivery), expected, "{kind} {delivery:?}");
        }
    }
}
