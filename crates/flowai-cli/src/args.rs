//! What can be typed: commands, and the options that several of them share. What only one command knows is in its file.

use std::{
    convert::Infallible,
    env,
    ffi::OsString,
    fmt, fs,
    io::Read,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, parser::ValueSource};
use flowai::{
    Call, Client, ClientBuilder, Document, Error, Message, MetadataForm, Object, Originator, Profile,
    Receipt, Result,
};
use zeroize::Zeroizing;

use crate::commands::{
    ask, bot, broadcast, chat, handover, history, hours, inbox, listen, outbox, request, sandbox, send,
    threads, triggers, upload,
};

/// The variable of the environment that holds the key.
pub(crate) const API_KEY: &str = "FLOWAI_API_KEY";
/// More than any key or secret has.
const MAX_SECRET_FILE: u64 = 64 * 1024;

/// Talk to a Flow.ai bot: send it messages, read the conversation, control the bot, and receive its replies.
///
/// Exit codes: 0 done, 1 not sent or failed, 2 usage, 3 rejected by the service, 4 maybe sent (sending again may say it twice),
/// 5 sent, and no reply came (ask, chat).
/// FLOWAI_LOG=debug logs to standard error.
#[derive(Parser)]
#[command(name = "flowai", version = flowai::VERSION, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Print one JSON document a line, and errors as JSON on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) connection: ConnectionOptions,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Send a message: text, event, location, media, message or file
    #[command(subcommand)]
    Send(send::SendCommand),
    /// Upload a file of at most 250 MB (also: send file)
    UploadMedia(upload::UploadArgs),
    /// Send a message, wait for the reply of the bot and print it
    ///
    /// Exit code 5: the message was sent, and no reply came in time. --timeout is for both.
    Ask(ask::AskArgs),
    /// Talk to the bot line by line
    ///
    /// Each line of standard input is said, and what the bot replies is printed. In a terminal a line that cannot be said,
    /// or that is not replied to, does not end the conversation; otherwise it does, with its exit code.
    Chat(chat::ChatArgs),
    /// Show what was said in a thread
    History(history::HistoryArgs),
    /// Show the threads of the project
    Threads(threads::ThreadsArgs),
    /// Have the service make a new thread, and print its id
    CreateThread,
    /// Show the business hours of the project, or whether it is open
    #[command(visible_alias = "hours")]
    BusinessHours(hours::HoursArgs),
    /// Pause the bot of a thread
    Pause(bot::ControlArgs),
    /// Resume the bot of a thread
    Resume(bot::ControlArgs),
    /// Show whether the bot of a thread is paused
    #[command(visible_alias = "status")]
    BotStatus(bot::StatusArgs),
    /// Hand a thread over to people; its bot pauses
    Handover(handover::HandoverArgs),
    /// Resolve a thread: a handover ends, and its bot resumes; this cannot be undone
    Resolve(handover::ResolveArgs),
    /// Take a thread over from its bot (the service replaced this by handover)
    Takeover(bot::ControlArgs),
    /// Show the events that may be triggered by hand
    #[command(visible_alias = "triggers")]
    TriggerEvents(triggers::TriggersArgs),
    /// Trigger an event in a thread
    #[command(visible_alias = "trigger")]
    TriggerEvent(triggers::TriggerArgs),
    /// Send a text or an event to many people
    ///
    /// They are named by phone number, or by what the channel knows them by. Each of them gets a thread.
    Broadcast(broadcast::BroadcastArgs),
    /// Send a message to everybody in segments
    BroadcastToSegments(broadcast::ToSegmentsArgs),
    /// Show the segments that a broadcast can go to
    Segments,
    /// Make any request below the base URL, for what has no command here
    ///
    /// Prints the body of the answer as it came, or laid out in a terminal. With --json: its status, headers and body as
    /// one document. An answer outside 2xx is an error.
    Request(request::RequestArgs),
    /// Receive webhook calls, and print their events or hand them to a command
    ///
    /// Without --inbox events are in memory until they are printed: what was acknowledged and not printed when this ends
    /// suddenly is lost. With --inbox nothing is.
    Listen(listen::ListenArgs),
    /// Look into an inbox that listen keeps, and mend it, also while listen runs
    #[command(subcommand)]
    Inbox(inbox::InboxCommand),
    /// Look into an outbox, and send what waits there
    ///
    /// send --outbox FILE puts messages there. An outbox belongs to one process at a time, which sends: flush or run, or a
    /// program. The others look into it, and put messages there, beside it.
    #[command(subcommand)]
    Outbox(outbox::OutboxCommand),
    /// Run a Flow.ai on this machine, to try programs against
    ///
    /// The API key that opens it comes from --api-key-file, --api-key or FLOWAI_API_KEY; without any it is a random one.
    /// Key and secret are shown, but for those of a file or the environment.
    Sandbox(sandbox::SandboxArgs),
    /// Show the whole loop on this machine: messages go out, replies come back by webhook
    Demo,
}

/// The commands that say something, so that an error tells what became of it.
const SENDS: [&str; 9] = [
    "send",
    "upload-media",
    "ask",
    "chat",
    "handover",
    "takeover",
    "trigger-event",
    "broadcast",
    "broadcast-to-segments",
];

/// The commands that connect to nothing, with the connection options that have a meaning there nevertheless.
const UNCONNECTED: [(&str, &[&str]); 4] = [
    ("listen", &[]),
    ("inbox", &[]),
    ("sandbox", &["api_key", "api_key_file"]),
    ("demo", &[]),
];

/// What was typed.
pub(crate) struct Parsed {
    pub(crate) cli: Cli,
    /// Whether the command says something.
    pub(crate) is_send: bool,
    /// The error, if there is an option that means nothing to the command.
    pub(crate) meaningless: Option<Error>,
}

pub(crate) fn parse(args: &[OsString]) -> Result<Parsed, clap::Error> {
    let mut command = grammar();
    let matches = command.try_get_matches_from_mut(args)?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok(Parsed {
        cli,
        is_send: is_send(&matches),
        meaningless: meaningless(&matches),
    })
}

/// Whether the command would have said something whose arguments were refused.
pub(crate) fn would_send(args: &[OsString]) -> bool {
    let matches = grammar().ignore_errors(true).try_get_matches_from(args);
    matches.is_ok_and(|matches| is_send(&matches))
}

fn is_send(matches: &ArgMatches) -> bool {
    match matches.subcommand() {
        Some(("request", inner)) => {
            let method = inner.try_get_one::<String>("method");
            method.is_ok_and(|method| method.is_some_and(|method| flowai::is_send_method(method)))
        }
        Some((name, _)) => SENDS.contains(&name),
        None => false,
    }
}

/// The options of the connection are global, so that they may stand before the command too; where they mean nothing the
/// help does not show them.
fn grammar() -> clap::Command {
    let mut command = Cli::command();
    let options: Vec<clap::Arg> = connection_options().collect();
    for (name, meaningful) in UNCONNECTED {
        command = command.mut_subcommand(name, |mut subcommand| {
            for option in &options {
                if !meaningful.contains(&option.get_id().as_str()) {
                    subcommand = subcommand.arg(option.clone().hide(true));
                }
            }
            subcommand
        });
    }
    command
}

fn connection_options() -> impl Iterator<Item = clap::Arg> {
    let command = ConnectionOptions::augment_args(clap::Command::new("connection"));
    command.get_arguments().cloned().collect::<Vec<_>>().into_iter()
}

fn meaningless(matches: &ArgMatches) -> Option<Error> {
    let (name, inner) = matches.subcommand()?;
    let (_, meaningful) = UNCONNECTED.iter().find(|(unconnected, _)| *unconnected == name)?;
    connection_options()
        .map(|option| option.get_id().as_str().to_owned())
        .filter(|id| !meaningful.contains(&id.as_str()))
        .find(|id| inner.value_source(id) == Some(ValueSource::CommandLine))
        .map(|id| Error::argument(id, format_args!("means nothing to flowai {name}")))
}

/// How to reach the service. The environment has FLOWAI_API_KEY and FLOWAI_BASE_URL; what is typed wins.
#[derive(Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionOptions {
    /// File that holds the API key [without any: FLOWAI_API_KEY; sandbox: else a random one]
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "api_key")]
    api_key_file: Option<PathBuf>,
    /// API key; others on this machine can see what is typed, so a file or FLOWAI_API_KEY is better
    #[arg(long, global = true, value_name = "KEY", allow_hyphen_values = true)]
    api_key: Option<Secret>,
    /// Address of the API [without it: FLOWAI_BASE_URL, else https://api.flow.ai/rest/v1/]
    #[arg(long, global = true, value_name = "URL")]
    base_url: Option<String>,
    /// How long a call may take with all its attempts [default: 30; uploads: no limit]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// HTTP proxy; empty: none, not even the environment's
    #[arg(long, global = true, value_name = "URL", hide_short_help = true)]
    proxy: Option<String>,
    /// PEM file of the only certificate authorities to trust
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    ca_file: Option<PathBuf>,
    /// PEM file with the certificate and key to identify with
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    client_cert: Option<PathBuf>,
    /// Allow http:// to other machines, which lets everybody in between read the key
    #[arg(long, global = true, hide_short_help = true)]
    allow_http: bool,
    /// How long one attempt to connect may take [default: 5]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds, hide_short_help = true)]
    connect_timeout: Option<Duration>,
    /// How often a call is repeated when that cannot do anything twice [default: 2]
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    max_retries: Option<u32>,
    /// Word before the key in the Authorization header [default: Bearer]; empty: the bare key
    #[arg(long, global = true, value_name = "WORD", hide_short_help = true)]
    auth_scheme: Option<String>,
    /// Where language, timezone and params of a message go: seed, metadata or both [default: seed]
    #[arg(long, global = true, value_name = "FORM", hide_short_help = true)]
    metadata_form: Option<String>,
    /// Longest text to send, in characters [default: 255]
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    max_text_length: Option<usize>,
    /// User-Agent header
    #[arg(long, global = true, value_name = "TEXT", hide_short_help = true)]
    user_agent: Option<String>,
    /// Send messages without a generated trace id
    #[arg(long, global = true, hide_short_help = true)]
    no_trace_id: bool,
}

impl ConnectionOptions {
    /// The key that was typed, or that is in the file that was named.
    pub(crate) fn api_key(&self) -> Result<Option<Zeroizing<String>>> {
        match (&self.api_key_file, &self.api_key) {
            (Some(path), _) => Ok(Some(secret_file("api_key_file", path)?)),
            (None, Some(key)) => Ok(Some(key.0.clone())),
            (None, None) => Ok(None),
        }
    }

    /// Whether the key is that of a file.
    pub(crate) fn has_key_file(&self) -> bool {
        self.api_key_file.is_some()
    }

    pub(crate) fn client(&self) -> Result<Client> {
        let key = self.api_key()?;
        if key.is_none() && from_environment(API_KEY).is_none() {
            let problem = "is missing: give --api-key-file FILE, or set FLOWAI_API_KEY";
            return Err(Error::argument("api_key", problem));
        }
        self.builder(key.as_ref().map(|key| key.as_str()))?.build()
    }

    /// A client that checks and completes messages, needs no key, and reaches nobody.
    pub(crate) fn client_that_sends_nothing(&self) -> Result<Client> {
        let nowhere = self
            .builder(Some("none"))?
            .base_url("http://127.0.0.1:9/")
            .proxy("");
        nowhere.build()
    }

    fn builder(&self, key: Option<&str>) -> Result<ClientBuilder> {
        let mut builder = Client::builder()
            .allow_http(self.allow_http)
            .trace_ids(!self.no_trace_id);
        if let Some(key) = key {
            builder = builder.api_key(key);
        }
        if let Some(form) = &self.metadata_form {
            builder = builder.metadata_form(MetadataForm::from_name(form)?);
        }
        macro_rules! pass_on {
            ($($option:ident)*) => {$(
                if let Some(value) = &self.$option {
                    builder = builder.$option(value.clone());
                }
            )*};
        }
        pass_on!(base_url timeout proxy ca_file client_cert connect_timeout max_retries auth_scheme);
        pass_on!(max_text_length user_agent);
        Ok(builder)
    }
}

/// How much must be done before a call is answered.
#[derive(Args)]
pub(crate) struct WriteConcern {
    /// Be answered when it is done and saved, not as soon as it is understood
    #[arg(long)]
    write_concern: bool,
}

impl WriteConcern {
    pub(crate) fn apply(&self, call: Call<Receipt>) -> Call<Receipt> {
        call.write_concern(self.write_concern)
    }
}

/// What may go along with every message.
#[derive(Args, Clone)]
#[command(next_help_heading = "Message")]
pub(crate) struct MessageOptions {
    /// Name of the sender [default: Anonymous]
    #[arg(long)]
    name: Option<String>,
    /// Role of the sender: external is a customer, moderator an agent, who pauses the bot [default: external]
    #[arg(long)]
    role: Option<String>,
    /// Profile of the sender, such as '{"fullName": "John Doe", "timezone": -5}'
    #[arg(long, value_name = "JSON", value_parser = object)]
    profile: Option<Object>,
    /// Free keys and values about the sender
    #[arg(long, value_name = "JSON", value_parser = object)]
    metadata: Option<Object>,
    /// Number below 2^53 that comes back with the delivery [default: a unique one]
    #[arg(long, value_name = "N")]
    trace_id: Option<u64>,
    /// Two-letter language code
    #[arg(long, value_name = "CODE")]
    lang: Option<String>,
    /// Hours from UTC
    #[arg(long, value_name = "HOURS", allow_negative_numbers = true)]
    timezone: Option<i64>,
    /// Parameters, such as '{"carrier": [{"value": "dhl"}]}'
    #[arg(long, value_name = "JSON", value_parser = object)]
    params: Option<Object>,
}

impl MessageOptions {
    pub(crate) fn apply(self, mut message: Message) -> Message {
        if let Some(originator) = self.originator() {
            message = message.originator(originator);
        }
        if let Some(trace_id) = self.trace_id {
            message = message.trace_id(trace_id);
        }
        if let Some(lang) = self.lang {
            message = message.lang(lang);
        }
        if let Some(hours) = self.timezone {
            message = message.timezone(hours);
        }
        if let Some(params) = self.params {
            message = message.params(params);
        }
        message
    }

    fn originator(&self) -> Option<Originator> {
        if self.name.is_none() && self.role.is_none() && self.profile.is_none() && self.metadata.is_none() {
            return None;
        }
        let mut originator = Originator::new(self.name.as_deref().unwrap_or("Anonymous"));
        if let Some(role) = &self.role {
            originator = originator.with_role(role.as_str());
        }
        if let Some(profile) = &self.profile {
            originator = originator.with_profile(Profile::from_object(profile.clone()));
        }
        if let Some(metadata) = &self.metadata {
            originator = originator.with_metadata(metadata.clone());
        }
        Some(originator)
    }
}

/// A key or secret that was typed. It is never printed.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) Zeroizing<String>);

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Secret, Infallible> {
        Ok(Secret(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// A key or secret from a file, without the white space around it, such as the line end that editors add.
pub(crate) fn secret_file(argument: &str, path: &Path) -> Result<Zeroizing<String>> {
    let unreadable = |problem: &dyn fmt::Display| {
        Error::argument(
            argument,
            format_args!("{} cannot be read: {problem}", path.display()),
        )
    };
    let file = fs::File::open(path).map_err(|error| unreadable(&error))?;
    let mut text = Zeroizing::new(String::new());
    let length = file
        .take(MAX_SECRET_FILE + 1)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(&error))?;
    if length as u64 > MAX_SECRET_FILE {
        return Err(unreadable(&"it is far too long"));
    }
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// A key or secret from the environment, without the white space around it; empty is unset.
pub(crate) fn from_environment(name: &str) -> Option<Zeroizing<String>> {
    let text = Zeroizing::new(env::var(name).ok()?);
    Some(Zeroizing::new(text.trim().to_owned())).filter(|text| !text.is_empty())
}

/// A duration as people type it.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "must be a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|_| "must be a number of seconds, not negative".to_owned())
}

/// A JSON object as people type it.
pub(crate) fn object(text: &str) -> Result<Object, String> {
    serde_json::from_str(text).map_err(|error| format!("must be a JSON object: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_contradict_nothing() {
        grammar().debug_assert();
    }

    #[test]
    fn seconds_are_numbers_that_are_not_negative() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for wrong in ["", "-1", "nan", "inf", "1e300", "5s"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret: Secret = "MY_MESSAGING_API_KEY".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(***)");
    }
}
