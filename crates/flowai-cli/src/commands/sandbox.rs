//! `flowai sandbox`: a Flow.ai on this machine.

use std::{collections::BTreeMap, io, path::PathBuf, thread, time::Duration};

use clap::Args;
use flowai::{Error, ErrorKind};
use flowai_sandbox::{Bot, Delivery, DeliveryState, RecordedRequest, Sandbox, SandboxError, Seed};
use serde_json::json;

use super::{Context, listen::environment_secret};
use crate::{
    args::{API_KEY, Secret, from_environment},
    exit::Failure,
};

/// How often the journals are looked at.
const TICK: Duration = Duration::from_millis(50);
/// Where `flowai listen` is suggested to listen.
const WEBHOOK: &str = "http://127.0.0.1:9000/";

#[derive(Args)]
pub(crate) struct SandboxArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Where events go
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
    /// What signs the token of each webhook call [without it: FLOWAI_WEBHOOK_SECRET, else a random one]
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true)]
    webhook_secret: Option<Secret>,
    /// PEM file of the certificates to trust when the webhook is called over https
    #[arg(long, value_name = "FILE")]
    webhook_ca: Option<PathBuf>,
    /// Do not ask the webhook at the start whether it is there
    #[arg(long)]
    no_webhook_check: bool,
    /// JSON file of what there is: segments, events, business hours, threads, and rules that the bot answers by
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// Deliver messages, and answer nothing that no rule of the seed answers
    #[arg(long)]
    no_bot: bool,
    /// Only acknowledge messages whose reply is asked for at once, as with ask: the reply comes by webhook
    #[arg(long)]
    no_sync_replies: bool,
    /// Divide every wait between two attempts to deliver by this
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    speed: f64,
}

pub(crate) fn run(context: &Context<'_>, args: SandboxArgs) -> Result<(), Failure> {
    let mut builder = Sandbox::builder()
        .listen(args.listen)
        .check_webhook(!args.no_webhook_check)
        .bot(if args.no_bot { Bot::None } else { Bot::Echo })
        .sync_replies(!args.no_sync_replies)
        .speed(args.speed);
    if let Some(path) = args.seed {
        builder = builder.seed(Seed::from_file(path).map_err(failure)?);
    }
    let mut shown = Shown {
        key: !context.connection.has_key_file(),
        secret: true,
        webhook_url: args.webhook_url.clone(),
    };
    if let Some(key) = context.connection.api_key()? {
        builder = builder.api_key(key.as_str());
    } else if let Some(key) = from_environment(API_KEY) {
        shown.key = false;
        builder = builder.api_key(key.as_str());
    }
    if let Some(secret) = args.webhook_secret {
        builder = builder.webhook_secret(secret.0.as_str());
    } else if let Some(secret) = environment_secret() {
        shown.secret = false;
        builder = builder.webhook_secret(secret.as_str());
    }
    if let Some(url) = args.webhook_url {
        builder = builder.webhook_url(url);
    }
    if let Some(path) = args.webhook_ca {
        builder = builder.webhook_ca_file(path);
    }
    let sandbox = builder.start().map_err(with_hint)?;
    shown.introduce(context, &sandbox)?;
    let mut tail = Tail::default();
    while !context.interrupt.asked() {
        tail.show(context, &sandbox)?;
        thread::sleep(TICK);
    }
    sandbox.stop();
    tail.show(context, &sandbox)
}

/// What is told of the sandbox. A key and a secret that were typed or made up are: they open nothing but this sandbox,
/// and its user needs them. Those of a file or the environment may be those of the real service.
struct Shown {
    key: bool,
    secret: bool,
    webhook_url: Option<String>,
}

impl Shown {
    fn introduce(&self, context: &Context<'_>, sandbox: &Sandbox) -> Result<(), Failure> {
        let (url, secret) = (sandbox.base_url(), sandbox.webhook_secret());
        let key = Some(sandbox.api_key()).filter(|_| self.key);
        let secret = Some(secret.as_str()).filter(|_| self.secret);
        context.output.result(
            || json!({"base_url": url, "api_key": key, "webhook_secret": secret}),
            || self.lines(url, key, secret),
        )
    }

    fn lines(&self, url: &str, key: Option<&str>, secret: Option<&str>) -> Vec<String> {
        let key_option = option("--api-key", key);
        let mut lines = vec![
            format!("base URL        {url}"),
            format!("API key         {}", key.unwrap_or("the one that was given")),
            format!("webhook secret  {}", secret.unwrap_or("the one that was given")),
            format!("try             flowai send text thread-1 Hello --base-url {url}{key_option}"),
        ];
        let webhook = self.webhook_url.as_deref().unwrap_or(WEBHOOK);
        let Some((address, path)) = on_this_machine(webhook) else {
            return lines;
        };
        let path = option("--path", Some(path).filter(|path| *path != "/"));
        let listen = format!(
            "flowai listen --listen {address}{path}{}",
            option("--secret", secret)
        );
        lines.push(format!("see events      {listen}"));
        if self.webhook_url.is_none() {
            let secret_option = option("--webhook-secret", secret);
            lines.push(format!(
                "  then again    flowai sandbox --webhook-url {webhook}{secret_option}{key_option}"
            ));
        }
        lines
    }
}

/// An option with its value as a shell reads it, after a space; nothing without a value.
fn option(name: &str, value: Option<&str>) -> String {
    let Some(value) = value else {
        return String::new();
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-./:=@_%,".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        format!(" {name} {value}")
    } else {
        format!(" {name} '{}'", value.replace('\'', r"'\''"))
    }
}

/// Address and path of a webhook that `flowai listen` could be, without options for certificates.
fn on_this_machine(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("http://")?;
    let (address, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let is_local = ["127.", "localhost:", "[::1]:"]
        .iter()
        .any(|start| address.starts_with(start));
    (is_local && address.contains(':') && !path.contains(['?', '#'])).then_some((address, path))
}

/// The error with the option that helps.
fn with_hint(error: SandboxError) -> Error {
    let hint = match &error {
        SandboxError::Webhook { .. } => "; --no-webhook-check starts without asking the webhook",
        SandboxError::Io(error) if error.kind() == io::ErrorKind::AddrInUse => {
            "; --listen HOST:PORT takes another address, and port 0 a free one"
        }
        _ => return failure(error),
    };
    Error::new(ErrorKind::Connection, format!("{error}{hint}"))
}

pub(crate) fn failure(error: SandboxError) -> Error {
    match error {
        SandboxError::InvalidArgument { argument, reason } => Error::argument(argument, reason),
        SandboxError::Stopped => Error::new(ErrorKind::Closed, error.to_string()),
        _ => Error::new(ErrorKind::Connection, error.to_string()),
    }
}

/// Shows what is new in the journals.
#[derive(Default)]
struct Tail {
    requests: u64,
    /// The first event of which more may become known.
    deliveries: u64,
    /// Attempts that were shown of events from there on.
    attempts: BTreeMap<u64, usize>,
}

impl Tail {
    fn show(&mut self, context: &Context<'_>, sandbox: &Sandbox) -> Result<(), Failure> {
        for (number, request) in sandbox.requests_since(self.requests) {
            self.requests = number + 1;
            show_request(context, &request)?;
        }
        let mut all_settled = true;
        for (number, delivery) in sandbox.deliveries_since(self.deliveries) {
            let shown = self.attempts.get(&number).copied();
            if shown != Some(usize::MAX) {
                show_attempts(context, &delivery, shown.unwrap_or(0))?;
            }
            let settled = delivery.state != DeliveryState::Pending;
            self.attempts.insert(
                number,
                if settled {
                    usize::MAX
                } else {
                    delivery.attempts.len()
                },
            );
            all_settled &= settled;
            if all_settled {
                self.deliveries = number + 1;
            }
        }
        self.attempts = self.attempts.split_off(&self.deliveries);
        Ok(())
    }
}

fn show_request(context: &Context<'_>, request: &RecordedRequest) -> Result<(), Failure> {
    let target = match &request.query {
        Some(query) => format!("{}?{query}", request.path),
        None => request.path.clone(),
    };
    context.output.result(
        || json!({"request": {"method": request.method, "target": target, "status": request.status}}),
        || {
            let status = request
                .status
                .map_or("no answer".to_owned(), |status| status.to_string());
            vec![format!("request   {} {target}  {status}", request.method)]
        },
    )
}

/// The attempts from `first` on, and the end if there was none.
fn show_attempts(context: &Context<'_>, delivery: &Delivery, first: usize) -> Result<(), Failure> {
    let field = |name: &str| {
        delivery
            .event
            .get(name)
            .and_then(|value| value.as_str())
            .unwrap_or_default()
    };
    let (kind, thread_id) = (field("type"), field("threadId"));
    let show = |attempt: usize, status: Option<u16>, error: Option<&str>| {
        context.output.result(
            || {
                json!({"delivery": {"type": kind, "thread_id": thread_id, "attempt": attempt, "status": status,
                    "error": error, "state": state(delivery.state)}})
            },
            || {
                let outcome = status.map(|status| status.to_string());
                let outcome = outcome.as_deref().or(error).unwrap_or_default();
                let again = if attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
                vec![format!("delivery  {kind}  {thread_id}  {outcome}{again}")]
            },
        )
    };
    for (index, attempt) in delivery.attempts.iter().enumerate().skip(first) {
        show(index + 1, attempt.status, attempt.error.as_deref())?;
    }
    match (delivery.state, &delivery.url) {
        (DeliveryState::Failed, None) => show(0, None, Some("not delivered: no webhook is registered")),
        (DeliveryState::Failed, Some(_)) => show(delivery.attempts.len(), None, Some("given up")),
        _ => Ok(()),
    }
}

fn state(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Delivered => "delivered",
        DeliveryState::Failed => "failed",
        _ => "pending",
    }
}
