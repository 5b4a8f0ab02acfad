//! `flowai listen`: receives webhook calls and prints their events ("Webhooks" of the API document).

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use flowai::{Error, ErrorKind, Event, EventKind, JwtOptions, Result, Verifier};
use flowai_delivery::Receiver;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Context, hours, parts, speech};
use crate::{
    args::{Secret, from_environment, seconds, secret_file},
    exit::{self, Failure},
};

#[derive(Args)]
pub(crate) struct ListenArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000")]
    listen: String,
    /// Path of the webhook
    #[arg(long, default_value = "/")]
    path: String,
    /// Secret that signs the token (JWT) of each call [without it: FLOWAI_WEBHOOK_SECRET]
    #[arg(long, allow_hyphen_values = true)]
    secret: Option<Secret>,
    /// File that holds the secret
    #[arg(long, value_name = "FILE", conflicts_with = "secret")]
    secret_file: Option<PathBuf>,
    /// Least length of the secret; the default is what the signature needs to be safe
    #[arg(long, value_name = "N", default_value_t = JwtOptions::default().min_secret_bytes)]
    min_secret_bytes: usize,
    /// Accept calls with this header
    #[arg(long, value_name = "NAME=SECRET")]
    header: Option<Secret>,
    /// Accept calls from anybody who can reach the address
    #[arg(long, conflicts_with_all = ["secret", "secret_file", "header"])]
    no_verify: bool,
    /// PEM file with the certificate chain: speak HTTPS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM file with the key of the certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// End after so many events; it is a failure when fewer came
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after this time
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    lasts: Option<Duration>,
}

pub(crate) fn run(context: &Context<'_>, args: &ListenArgs) -> Result<(), Failure> {
    let mut builder = Receiver::builder()
        .listen(args.listen.as_str())
        .path(args.path.as_str())
        .verifier(args.verifier()?);
    if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
        builder = builder.tls(certificate, key);
    }
    let receiver = builder.start()?;
    exit::say(&format!("listening on {}", receiver.url()));
    let printed = print_events(context, args, &receiver)?;
    // Calls in flight get their answer, and what was acknowledged will not come again.
    receiver.stop()?;
    let printed = print_rest(context, &receiver, printed, args.count)?;
    match args.count {
        Some(wanted) if printed < wanted => {
            let message = format!("only {printed} of {wanted} events came");
            Err(Error::new(ErrorKind::Timeout, message).into())
        }
        _ => Ok(()),
    }
}

/// Prints until the count or the time is over, or somebody asks to stop. Gives the number of events.
fn print_events(context: &Context<'_>, args: &ListenArgs, receiver: &Receiver) -> Result<u64, Failure> {
    let deadline = args.lasts.and_then(|time| Instant::now().checked_add(time));
    let refused = Refused::default();
    let mut printed = 0;
    while args.count != Some(printed) {
        let time = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let next = receiver.next_with(time, &mut || {
            refused.tell(receiver)?;
            context.interrupt.check()
        });
        refused.tell(receiver)?;
        match next {
            Ok(Some(event)) => print(context, &event)?,
            Ok(None) => break,
            Err(error) if error.kind() == ErrorKind::Cancelled => break,
            Err(error) => return Err(error.into()),
        }
        printed += 1;
    }
    Ok(printed)
}

/// Prints what came until the stop, as far as events are wanted, and tells of the others. Gives the number of all that
/// were printed.
fn print_rest(
    context: &Context<'_>,
    receiver: &Receiver,
    mut printed: u64,
    wanted: Option<u64>,
) -> Result<u64, Failure> {
    let mut unwanted = 0;
    // Ends with the error of an empty receiver that has stopped.
    while let Ok(Some(event)) = receiver.next(Some(Duration::ZERO)) {
        if wanted == Some(printed) {
            unwanted += 1;
        } else {
            print(context, &event)?;
            printed += 1;
        }
    }
    if unwanted > 0 {
        exit::say(&format!(
            "{unwanted} more came meanwhile; they will not come again"
        ));
    }
    Ok(printed)
}

fn print(context: &Context<'_>, event: &Event) -> Result<(), Failure> {
    context.output.result(|| document(event), || lines(event))
}

/// The event as it came.
pub(crate) fn document(event: &Event) -> Value {
    serde_json::from_slice(event.raw()).unwrap_or_default()
}

/// `thread  type  text`, with a text of several lines on one; below that, indented, what is no text.
fn lines(event: &Event) -> Vec<String> {
    let text = event.text().replace('\n', " / ");
    let line = format!("{}  {}  {text}", event.thread_id(), event.type_name());
    let mut lines = vec![line.trim_end().to_owned()];
    lines.extend(below(event).into_iter().map(|line| format!("    {line}")));
    lines
}

fn below(event: &Event) -> Vec<String> {
    match event.kind() {
        EventKind::History => event.history().iter().flat_map(speech::entry_lines).collect(),
        EventKind::Threads => event.threads(),
        EventKind::TriggerEvents => event.triggers(),
        EventKind::BusinessHours => hours::table(&event.business_hours()),
        _ => event
            .messages()
            .iter()
            .flat_map(parts::lines_beside_text)
            .collect(),
    }
}

/// Calls that were refused, by status: without a word of them, a wrong secret looks like silence.
#[derive(Default)]
struct Refused(RefCell<BTreeMap<u16, u64>>);

impl Refused {
    fn tell(&self, receiver: &Receiver) -> Result<()> {
        let now = receiver.stats()?.rejected;
        let mut told = self.0.borrow_mut();
        for (status, count) in &now {
            if told.get(status) != Some(count) {
                exit::say(&format!(
                    "refused a call with {status} ({count} so far){}",
                    reason(*status)
                ));
            }
        }
        *told = now;
        Ok(())
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        401 => ": it does not prove that it comes from Flow.ai; is the secret right?",
        404 => ": it was for another path",
        _ => "",
    }
}

impl ListenArgs {
    fn verifier(&self) -> Result<Option<Verifier>> {
        if self.no_verify {
            return Ok(None);
        }
        let mut accepted = Vec::new();
        if let Some(secret) = self.jwt_secret()? {
            let options = JwtOptions::default().min_secret_bytes(self.min_secret_bytes);
            accepted.push(Verifier::jwt_with([secret.as_bytes()], options)?);
        }
        if let Some(header) = &self.header {
            let (name, secret) = header
                .0
                .split_once('=')
                .ok_or_else(|| Error::argument("header", "must be NAME=SECRET"))?;
            accepted.push(Verifier::header(name, secret)?);
        }
        if accepted.is_empty() {
            return Err(Error::argument(
                "secret",
                "give --secret, --secret-file, FLOWAI_WEBHOOK_SECRET or --header, or say --no-verify to accept calls from anybody",
            ));
        }
        Verifier::any(accepted).map(Some)
    }

    /// What was typed wins: the secret of the environment counts only when nothing was.
    fn jwt_secret(&self) -> Result<Option<Zeroizing<String>>> {
        match (&self.secret, &self.secret_file) {
            (Some(secret), _) => Ok(Some(secret.0.clone())),
            (None, Some(path)) => Ok(Some(secret_file("secret_file", path)?)),
            (None, None) if self.header.is_some() => Ok(None),
            (None, None) => Ok(environment_secret()),
        }
    }
}

/// `FLOWAI_WEBHOOK_SECRET`.
pub(crate) fn environment_secret() -> Option<Zeroizing<String>> {
    from_environment("FLOWAI_WEBHOOK_SECRET")
}
