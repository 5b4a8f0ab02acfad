//! Runs the real command.
#![allow(dead_code)]

pub mod listening;
pub mod vectors;

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::fd::OwnedFd,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

pub use nix::{sys::signal::Signal, unistd::Pid};

use flowai_sandbox::{Sandbox, SandboxBuilder, Seed};
use serde_json::Value;

/// Only against hangs.
pub const LIMIT: Duration = Duration::from_secs(60);
pub const KEY: &str = "MY_MESSAGING_API_KEY";

pub struct Finished {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    pub fn done(self) -> Finished {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// The documents on standard output, one a line.
    pub fn documents(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\nof {}", self.stdout))
        };
        self.stdout.lines().map(parse).collect()
    }

    pub fn document(&self) -> Value {
        let documents = self.documents();
        assert_eq!(documents.len(), 1, "{}", self.stdout);
        documents[0].clone()
    }

    /// The document on the last line of standard error.
    pub fn error(&self) -> Value {
        let line = self.stderr.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {}", self.stderr))
    }
}

/// The command, with nothing from the environment of the tests.
pub fn command<S: AsRef<OsStr>>(args: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowai"));
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_lowercase();
        if text.starts_with("flowai_") || text.ends_with("_proxy") || text.starts_with("ssl_cert") {
            command.env_remove(name);
        }
    }
    command
}

pub fn flowai<S: AsRef<OsStr>>(args: &[S]) -> Finished {
    finish(&mut command(args))
}

pub fn finish(command: &mut Command) -> Finished {
    wait(command.spawn().unwrap())
}

pub fn with_input<S: AsRef<OsStr>>(args: &[S], input: &[u8]) -> Finished {
    let mut child = command(args).stdin(Stdio::piped()).spawn().unwrap();
    // A command that does not read to the end is right to end before.
    let _ = child.stdin.take().unwrap().write_all(input);
    wait(child)
}

fn wait(mut child: Child) -> Finished {
    let stdout = read_all(child.stdout.take().unwrap());
    let stderr = read_all(child.stderr.take().unwrap());
    let code = end(&mut child);
    Finished {
        code,
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    }
}

fn read_all(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    })
}

/// Waits for the end; kills and fails beyond the limit.
fn end(child: &mut Child) -> i32 {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("the command did not end");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Runs the command with one of its outputs in a terminal, and gives what is shown there.
pub fn in_a_terminal(
    mut command: Command,
    connect: impl FnOnce(&mut Command, OwnedFd) -> &mut Command,
) -> (Output, String) {
    let terminal = nix::pty::openpty(None, None).unwrap();
    let child = connect(&mut command, terminal.slave).spawn().unwrap();
    // The command alone holds the other end now, so reading ends with it.
    drop(command);
    let (mut shown, mut piece) = (Vec::new(), [0; 4096]);
    let mut master = fs::File::from(terminal.master);
    while let Ok(length @ 1..) = master.read(&mut piece) {
        shown.extend_from_slice(&piece[..length]);
    }
    let output = child.wait_with_output().unwrap();
    (output, String::from_utf8_lossy(&shown).into_owned())
}

/// A command that runs while the test does something else.
pub struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Running {
    pub fn start(command: &mut Command) -> Running {
        let mut child = command.spawn().unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        Running {
            child,
            stdout,
            stderr,
        }
    }

    /// The next line of standard output.
    pub fn line(&mut self) -> String {
        self.stdout
            .recv_timeout(LIMIT)
            .expect("another line of standard output")
    }

    /// The next line of standard error.
    pub fn error_line(&mut self) -> String {
        self.stderr
            .recv_timeout(LIMIT)
            .expect("another line of standard error")
    }

    /// Before the command has its handler, Ctrl-C just kills it.
    pub fn wait_until_interruptible(&self) {
        let deadline = Instant::now() + LIMIT;
        let status = format!("/proc/{}/status", self.child.id());
        let caught = || {
            let text = fs::read_to_string(&status).unwrap();
            let mask = text
                .lines()
                .find_map(|line| line.strip_prefix("SigCgt:"))
                .unwrap();
            u64::from_str_radix(mask.trim(), 16).unwrap() & (1 << (nix::libc::SIGINT - 1)) != 0
        };
        while !caught() {
            assert!(Instant::now() < deadline, "no handler was installed");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// What Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal(Signal::SIGINT);
    }

    pub fn signal(&self, signal: Signal) {
        nix::sys::signal::kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// The end, with the lines that were not read before.
    pub fn end(mut self) -> Finished {
        let code = end(&mut self.child);
        let rest = |lines: &Receiver<String>| lines.iter().map(|line| line + "\n").collect();
        Finished {
            code,
            stdout: rest(&self.stdout),
            stderr: rest(&self.stderr),
        }
    }
}

fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            if sender.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn sandbox() -> Sandbox {
    sandbox_with(|builder| builder)
}

pub fn sandbox_with(change: impl FnOnce(SandboxBuilder) -> SandboxBuilder) -> Sandbox {
    change(Sandbox::builder().api_key(KEY)).start().unwrap()
}

/// A sandbox with the example of a seed, which has a rule for every template.
pub fn seeded() -> Sandbox {
    let seed = Seed::from_file(example("sandbox-seed.json")).unwrap();
    sandbox_with(|builder| builder.seed(seed))
}

pub fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(name)
}

/// The JSON that the sandbox was sent last.
pub fn last_body(sandbox: &Sandbox) -> Value {
    serde_json::from_slice(&sandbox.requests().last().unwrap().body).unwrap()
}

/// The message in it.
pub fn last_payload(sandbox: &Sandbox) -> Value {
    last_body(sandbox)["payload"].take()
}

/// The arguments, and how to reach the sandbox.
pub fn to<'a>(sandbox: &'a Sandbox, args: &[&'a str]) -> Vec<&'a str> {
    [
        args,
        &["--base-url", sandbox.base_url(), "--api-key", sandbox.api_key()],
    ]
    .concat()
}

/// A folder that is gone when the test is.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "flowai-cli-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
