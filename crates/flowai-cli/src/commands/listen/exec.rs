//! `--exec`: events of an inbox are handed to a command.

use std::{
    fs::File,
    io::{self, Seek, Write},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use flowai::{Error, ErrorKind, MAX_THREAD_ID_LENGTH, Result};
use flowai_delivery::{Delivery, Inbox};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use super::Watch;
use crate::{args::seconds, exit};

/// How long a command may take to end when it was told to.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How often a running command is looked at: often at first, since most end soon.
const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_millis(20);

#[derive(Args)]
#[command(next_help_heading = "Handler")]
pub(crate) struct ExecArgs {
    /// Hand each event of the inbox to this shell command, in place of printing it
    ///
    /// The event is its standard input, as it came. The environment has FLOWAI_EVENT_ID (the number of the event in the
    /// inbox, the same in every attempt), FLOWAI_EVENT_TYPE, FLOWAI_THREAD_ID, FLOWAI_ATTEMPT (from 1), and
    /// FLOWAI_REPLAYED and FLOWAI_MAYBE_DUPLICATE (0 or 1). Exit code 0: the event is handled. Any other: it is handed
    /// out again, later and later, and becomes a dead letter in the end. The events of a thread come one at a time, in
    /// their order. An event can come again although its command was done, when this program or the machine dies.
    #[arg(long, value_name = "COMMAND", requires = "inbox", conflicts_with = "count")]
    exec: Option<String>,
    /// How many commands run at the same time, each for another thread
    #[arg(long, value_name = "N", requires = "exec", default_value_t = 4, value_parser = workers)]
    workers: usize,
    /// End a command that takes longer; that is a failure [default: it may take for ever]
    #[arg(long, value_name = "SECONDS", requires = "exec", value_parser = seconds)]
    exec_timeout: Option<Duration>,
    /// How long running commands may take to finish when this program is to end; then they are ended, with all processes
    /// they have started, and their events come again after the next start
    #[arg(long, value_name = "SECONDS", requires = "exec", default_value = "5", value_parser = seconds)]
    grace: Duration,
}

fn workers(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=1024).contains(number));
    number.ok_or_else(|| "must be a number from 1 to 1024".to_owned())
}

impl ExecArgs {
    pub(super) fn is_given(&self) -> bool {
        self.exec.is_some()
    }
}

/// Runs the command for every event, until the time is over or somebody asks to stop.
pub(super) fn run(args: &ExecArgs, inbox: &Inbox, watch: &Watch<'_>) -> Result<()> {
    let exec = Exec {
        command: args.exec.as_deref().unwrap_or_default(),
        timeout: args.exec_timeout,
        grace: args.grace,
        last_attempt: inbox.options().max_attempts,
        stopped: OnceLock::new(),
    };
    let mut tick = || {
        let mut looked = watch.look();
        if watch.time_left() == Some(Duration::ZERO) {
            looked = Err(Error::new(ErrorKind::Cancelled, "the time is over"));
        }
        if looked.is_err() {
            exec.stopped.get_or_init(Instant::now);
        }
        looked
    };
    match inbox.handle_with(args.workers, |delivery| exec.handle(delivery), &mut tick) {
        Err(error) if error.kind() == ErrorKind::Cancelled => Ok(()),
        outcome => outcome,
    }
}

struct Exec<'a> {
    command: &'a str,
    timeout: Option<Duration>,
    grace: Duration,
    last_attempt: u32,
    /// When no further event was to be handled.
    stopped: OnceLock<Instant>,
}

/// Why a command was ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    Stopped,
    TooLong,
}

impl Exec<'_> {
    fn handle(&self, delivery: &Delivery) -> Result<(), String> {
        let problem = match self.run(delivery) {
            Ok((status, _)) if status.success() => return Ok(()),
            Ok((_, Some(Reason::Stopped))) => {
                // Not its fault, so it does not wait after the next start. That this fails changes nothing about that.
                let _ = delivery.retry(Some(Duration::ZERO));
                return Ok(());
            }
            Ok((_, Some(Reason::TooLong))) => {
                let limit = self.timeout.unwrap_or_default().as_secs_f64();
                format!("the command was ended after {limit} seconds")
            }
            Ok((status, None)) => format!("the command ended with {status}"),
            Err(error) => format!("the command cannot be run: {error}"),
        };
        let outlook = if delivery.attempt() < self.last_attempt {
            "it comes again"
        } else {
            "it is a dead letter now"
        };
        exit::say(&format!(
            "event {}, attempt {}: {problem}; {outlook}",
            delivery.id(),
            delivery.attempt()
        ));
        Err(problem)
    }

    /// Runs the command to its end, and says why if it was ended.
    fn run(&self, delivery: &Delivery) -> io::Result<(ExitStatus, Option<Reason>)> {
        let input = input(delivery.event().raw())?;
        let mut child = self.command_for(delivery).stdin(input).spawn()?;
        let started = Instant::now();
        let mut told: Option<(Reason, Instant)> = None;
        let mut pause = SHORT;
        loop {
            if let Some(status) = child.try_wait()? {
                if told.is_some() {
                    // What it has started may not have listened.
                    signal(&child, Signal::SIGKILL);
                }
                return Ok((status, told.map(|(reason, _)| reason)));
            }
            match told {
                Some((_, at)) if at.elapsed() >= LAST_WORDS => signal(&child, Signal::SIGKILL),
                Some(_) => {}
                None => {
                    if let Some(reason) = self.must_end(started) {
                        signal(&child, Signal::SIGTERM);
                        told = Some((reason, Instant::now()));
                    }
                }
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LONG);
        }
    }

    fn must_end(&self, started: Instant) -> Option<Reason> {
        if self.timeout.is_some_and(|limit| started.elapsed() >= limit) {
            return Some(Reason::TooLong);
        }
        let stopped = self.stopped.get()?;
        (stopped.elapsed() >= self.grace).then_some(Reason::Stopped)
    }

    fn command_for(&self, delivery: &Delivery) -> Command {
        let event = delivery.event();
        let flag = |is: bool| if is { "1" } else { "0" };
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", self.command])
            .env("FLOWAI_EVENT_ID", delivery.id().to_string())
            .env("FLOWAI_EVENT_TYPE", for_environment(&event.type_name()))
            .env("FLOWAI_THREAD_ID", for_environment(&event.thread_id()))
            .env("FLOWAI_ATTEMPT", delivery.attempt().to_string())
            .env("FLOWAI_REPLAYED", flag(delivery.replayed()))
            .env("FLOWAI_MAYBE_DUPLICATE", flag(delivery.maybe_duplicate()))
            // Ctrl-C is meant for this program, which ends the command in its own time.
            .process_group(0);
        command
    }
}

/// What no environment can hold, and no thread id or type is, is left out: it would keep the command from being run.
fn for_environment(text: &str) -> &str {
    if text.len() > MAX_THREAD_ID_LENGTH || text.contains('\0') {
        return "";
    }
    text
}

/// To the command and everything that it has started.
fn signal(child: &Child, signal: Signal) {
    if let Ok(group) = i32::try_from(child.id()) {
        // Nobody may be left.
        let _ = killpg(Pid::from_raw(group), signal);
    }
}

/// The standard input of a command: complete before the command begins, so that it never takes a part of an event for the
/// whole when this program dies meanwhile; and the command may read it or not.
fn input(body: &[u8]) -> io::Result<File> {
    let mut file = nameless_file()?;
    file.write_all(body)?;
    file.rewind()?;
    Ok(file)
}

#[cfg(target_os = "linux")]
fn nameless_file() -> io::Result<File> {
    use nix::sys::memfd::{MFdFlags, memfd_create};
    Ok(memfd_create(c"event", MFdFlags::MFD_CLOEXEC)?.into())
}

#[cfg(not(target_os = "linux"))]
fn nameless_file() -> io::Result<File> {
    tempfile::tempfile()
}
