//! `flowai listen`: receives webhook calls and prints their events, or hands them to a command ("Webhooks" of the API
//! document).
//!
//! `verify` is how a call proves where it comes from, `memory` and `durable` print the events of a queue in memory and of
//! an inbox, `exec` hands those of an inbox to a command.

mod durable;
mod exec;
mod memory;
mod verify;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use flowai::{Error, ErrorKind, Result};
use flowai_delivery::Receiver;

pub(crate) use self::verify::environment_secret;
use self::{durable::InboxArgs, exec::ExecArgs, verify::VerifyArgs};
use super::{Context, event};
use crate::{
    args::seconds,
    exit::{self, Failure},
    interrupt::{Hangups, Interrupt},
};

#[derive(Args)]
pub(crate) struct ListenArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000")]
    listen: String,
    /// Path of the webhook
    #[arg(long, default_value = "/")]
    path: String,
    #[command(flatten)]
    verify: VerifyArgs,
    /// PEM file with the certificate chain: speak HTTPS. It is loaded again when it changes, and on SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM file with the key of the certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Path where GET tells anybody how it is going; empty: nowhere
    #[arg(long, value_name = "PATH", default_value = "/health")]
    health: String,
    /// End after so many events; it is a failure when fewer came
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after this time
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    lasts: Option<Duration>,
    #[command(flatten)]
    inbox: InboxArgs,
    #[command(flatten)]
    exec: ExecArgs,
}

pub(crate) fn run(context: &Context<'_>, args: &ListenArgs) -> Result<(), Failure> {
    let mut builder = Receiver::builder()
        .listen(args.listen.as_str())
        .path(args.path.as_str())
        .verifier(args.verify.verifier()?);
    builder = match args.health.as_str() {
        "" => builder.without_health(),
        path => builder.health(path),
    };
    let mut hangups = None;
    if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
        builder = builder.tls(certificate, key);
        hangups = Some(context.interrupt.hangups()?);
    }
    let inbox = args.inbox.open(args.exec.is_given())?;
    let receiver = builder.inbox(inbox.clone()).start()?;
    let watch = Watch {
        receiver: &receiver,
        interrupt: &context.interrupt,
        deadline: args.lasts.and_then(|time| Instant::now().checked_add(time)),
        hangups,
        refused: RefCell::default(),
    };
    exit::say(&format!("listening on {}", receiver.url()));
    let Some(inbox) = inbox else {
        let printed = memory::print_events(context, args.count, &watch)?;
        return enough(printed, args.count);
    };
    let handled = if args.exec.is_given() {
        exec::run(&args.exec, &inbox, &watch).map_err(Failure::from)
    } else {
        durable::print_events(context, args.count, &inbox, &watch)
            .and_then(|printed| enough(printed, args.count))
    };
    // What comes until then is safe in the inbox.
    receiver.stop()?;
    inbox.close()?;
    handled
}

/// Fails when fewer events came than were asked for.
fn enough(came: u64, wanted: Option<u64>) -> Result<(), Failure> {
    match wanted {
        Some(wanted) if came < wanted => {
            let message = format!("only {came} of {wanted} events came");
            Err(Error::new(ErrorKind::Timeout, message).into())
        }
        _ => Ok(()),
    }
}

/// What happens besides the events.
struct Watch<'a> {
    receiver: &'a Receiver,
    interrupt: &'a Interrupt<'a>,
    deadline: Option<Instant>,
    /// `None` without a certificate.
    hangups: Option<Hangups>,
    /// Calls that were refused, by status, as far as they were told.
    refused: RefCell<BTreeMap<u16, u64>>,
}

impl Watch<'_> {
    /// How long to wait for an event.
    fn time_left(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Looks after everything but the events; an error when somebody asked to stop.
    fn look(&self) -> Result<()> {
        self.tell_refused()?;
        if self.hangups.as_ref().is_some_and(Hangups::take) {
            match self.receiver.reload_tls() {
                Ok(()) => exit::say("the certificate was loaded again"),
                Err(error) => exit::say(&format!("the certificate stays as it was: {error}")),
            }
        }
        self.interrupt.check()
    }

    /// Without a word of them, a wrong secret looks like silence.
    fn tell_refused(&self) -> Result<()> {
        let now = self.receiver.stats()?.rejected;
        let mut told = self.refused.borrow_mut();
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
        503 => ": its events could not be kept; Flow.ai repeats it",
        _ => "",
    }
}

fn print(context: &Context<'_>, event: &flowai::Event) -> Result<(), Failure> {
    context
        .output
        .result(|| event::document(event), || event::lines(event))
}
