//! The `flowai` command: talk to a Flow.ai bot from a terminal or a script.
//!
//! Where things are: `args` says what can be typed, `commands` has a file for each thing to do, `input` reads what is
//! not typed, `output` writes what they give, for people or as JSON, `exit` says what a script is told, `interrupt` is
//! Ctrl-C, `logging` is `FLOWAI_LOG`.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod exit;
mod input;
mod interrupt;
mod logging;
mod output;

use std::ffi::OsString;

pub use self::logging::logger;
use crate::{args::Parsed, commands::Context, interrupt::Interrupt, output::Output};

/// Runs the command with these arguments, the name of the program first, and returns its exit code: 0 done, 1 not sent or
/// failed, 2 usage, 3 rejected by the service, 4 maybe sent, 5 sent and no reply came.
///
/// It never ends the process and installs no signal handler, so that programs in other languages can offer the command too.
pub fn run<I: IntoIterator<Item = OsString>>(args: I) -> i32 {
    run_until(args, &|| false)
}

/// Like [`run`], and asks at least every 50 ms whether to stop. `listen`, `sandbox` and `outbox run` then end as if they were done,
/// but for a `listen --count` of which events are missing; a message that is on its way is given up.
pub fn run_until<I: IntoIterator<Item = OsString>>(args: I, stop: &dyn Fn() -> bool) -> i32 {
    run_with(args, Interrupt::new(stop, false))
}

fn run_with<I: IntoIterator<Item = OsString>>(args: I, interrupt: Interrupt<'_>) -> i32 {
    let args: Vec<OsString> = args.into_iter().collect();
    let Parsed {
        cli,
        is_send,
        meaningless,
    } = match args::parse(&args) {
        Ok(parsed) => parsed,
        Err(error) => return exit::refused(&error, &args),
    };
    logging::start();
    if let Some(error) = meaningless {
        return exit::failed(&error.into(), false, cli.json);
    }
    let context = Context {
        output: Output::new(cli.json),
        connection: cli.connection,
        interrupt,
    };
    match commands::dispatch(&context, cli.command) {
        Ok(()) => exit::DONE,
        Err(failure) => exit::failed(&failure, is_send, cli.json),
    }
}

/// Like [`run`], for a program of its own: Ctrl-C and SIGTERM end the command gracefully, and the second one at once;
/// SIGHUP has `listen` load its certificate again.
pub fn run_program<I: IntoIterator<Item = OsString>>(args: I) -> i32 {
    match interrupt::watch() {
        Ok(asked) => {
            let stop = || asked.load(std::sync::atomic::Ordering::Relaxed);
            run_with(args, Interrupt::new(&stop, true))
        }
        Err(error) => {
            exit::say(&format!("Ctrl-C ends this at once, not gracefully: {error}"));
            run(args)
        }
    }
}
