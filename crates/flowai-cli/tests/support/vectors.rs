//! The calls of the shared vectors as command lines.

use std::{fs, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use flowai_testkit::{TestServer, Vector, fill_in};
use serde_json::{Value, json};

use super::{Finished, Folder, KEY, command, finish};

pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

/// One case: what is typed, and the files that it needs.
pub struct Case {
    pub args: Vec<String>,
    pub key: String,
    op: String,
    _files: Folder,
}

impl Case {
    /// `None` when the arguments of a program cannot express the case.
    pub fn new(server: &TestServer, vector: &Vector, run: &str) -> Option<Case> {
        let filled = |part: &str| {
            fill_in(vector.get(part), &|name| match name {
                "id" => Some(vector.id.clone()),
                "run" => Some(run.to_owned()),
                "n" => Some("0".to_owned()),
                _ => server.values().get(name).cloned(),
            })
        };
        let (mut client, mut call) = (filled("client"), filled("call"));
        let members = client.as_object_mut()?;
        if let Value::Object(mut options) = call["options"].take() {
            // What the options of one call change is typed like what it differs from.
            members.append(&mut options);
        }
        members.entry("api_key").or_insert(json!(KEY));
        let base_url = format!("{}/vector/{}/{run}/rest/v1/", server.http(), vector.id);
        members.entry("base_url").or_insert(json!(base_url));

        if call["args"].get("originator").is_some() {
            // On a command line both would be the same options; the argument of the call is what counts.
            members.remove("originator");
        }

        let (op, files) = (vector.op(), Folder::new());
        let mut line = Line::default();
        line.words.extend(words(op).iter().map(|word| (*word).to_owned()));
        line.flag("json");
        line.client(&client, op)?;
        line.arguments(&call["args"], op, &files)?;
        let args = line.finish();
        if args.iter().any(|arg| arg.contains('\0')) {
            return None;
        }
        let key = client["api_key"]
            .as_str()?
            .trim()
            .rsplit(' ')
            .next()
            .unwrap_or_default()
            .to_owned();
        Some(Case {
            args,
            key,
            op: op.to_owned(),
            _files: files,
        })
    }

    pub fn perform(&self) -> Finished {
        finish(command(&self.args).env("FLOWAI_LOG", "trace"))
    }

    /// What was printed, as the vectors write a result.
    pub fn result(&self, finished: &Finished) -> Value {
        match self.op.as_str() {
            "iter_history" => json!({"entries": finished.documents()}),
            "iter_threads" => json!({"threads": finished.documents()}),
            "ask" => reply(finished.document()),
            _ => finished.document(),
        }
    }
}

fn reply(mut printed: Value) -> Value {
    let each = |list: &Value, member: &str| -> Vec<Value> {
        let documents = list.as_array().unwrap().iter();
        documents.map(|document| document[member].clone()).collect()
    };
    let labels = each(&printed["quick_replies"], "label");
    let responses = each(&printed["messages"], "responses");
    let types: Vec<_> = responses.iter().map(|parts| each(parts, "type")).collect();
    printed["messages"] = json!(responses.len());
    printed["responses"] = json!(types);
    printed["quick_replies"] = json!(labels);
    printed
}

fn words(op: &str) -> &'static [&'static str] {
    match op {
        "send_text" => &["send", "text"],
        "send_event" => &["send", "event"],
        "send_location" => &["send", "location"],
        "send_media" => &["send", "media"],
        "send" => &["send", "message"],
        "upload_media" => &["upload-media"],
        "history" => &["history"],
        "iter_history" => &["history", "--all"],
        "request_history" => &["history", "--async"],
        "business_hours" => &["business-hours"],
        "request_business_hours" => &["business-hours", "--async"],
        "pause" => &["pause"],
        "resume" => &["resume"],
        "bot_status" => &["bot-status"],
        "request_bot_status" => &["bot-status", "--async"],
        "ask" => &["ask"],
        "threads" => &["threads"],
        "iter_threads" => &["threads", "--all"],
        "request_threads" => &["threads", "--async"],
        "create_thread" => &["create-thread"],
        "handover" => &["handover"],
        "resolve" => &["resolve"],
        "takeover" => &["takeover"],
        "trigger_events" => &["trigger-events"],
        "request_trigger_events" => &["trigger-events", "--async"],
        "trigger_event" => &["trigger-event"],
        "broadcast" => &["broadcast"],
        "broadcast_to_segments" => &["broadcast-to-segments"],
        "segments" => &["segments"],
        "request" => &["request"],
        other => panic!("no such operation: {other}"),
    }
}

/// Options with their values in one word, then `--` and the rest, so that no value is taken for an option.
#[derive(Default)]
struct Line {
    words: Vec<String>,
    last: Vec<String>,
}

impl Line {
    fn flag(&mut self, name: &str) {
        self.words.push(format!("--{}", name.replace('_', "-")));
    }

    fn option(&mut self, name: &str, value: &Value) {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.words.push(format!("--{}={text}", name.replace('_', "-")));
    }

    fn positional(&mut self, value: &Value) {
        self.last
            .push(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }

    fn client(&mut self, options: &Value, op: &str) -> Option<()> {
        for (name, value) in options.as_object()? {
            match (name.as_str(), value) {
                ("trace_ids", Value::Bool(true)) => {}
                ("trace_ids", _) => self.flag("no_trace_id"),
                ("allow_http", _) => self.flag(name),
                // To a command the sender of a broadcast is always one that was asked for.
                ("originator", _) if op.starts_with("broadcast") => {}
                ("originator", _) => self.originator(value)?,
                // An upload has no total time but that of its own argument.
                ("timeout", _) if op == "upload_media" => {}
                _ => self.option(name, value),
            }
        }
        Some(())
    }

    fn originator(&mut self, value: &Value) -> Option<()> {
        if value.is_string() {
            self.option("name", value);
            return Some(());
        }
        // What is not typed has a default.
        value.get("name").and(value.get("role"))?;
        for (name, value) in value.as_object()?.iter().filter(|(_, value)| !value.is_null()) {
            if !["name", "role", "profile", "metadata"].contains(&name.as_str()) {
                return None;
            }
            self.option(name, value);
        }
        Some(())
    }

    fn arguments(&mut self, args: &Value, op: &str, files: &Folder) -> Option<()> {
        let empty = serde_json::Map::new();
        let args = args.as_object().unwrap_or(&empty);
        let order = ["thread_id", "text", "event_name", "lat", "long", "method", "path"];
        let given = order.iter().filter_map(|name| args.get(*name));
        given.for_each(|value| self.positional(value));
        for (name, value) in args {
            match name.as_str() {
                name if order.contains(&name) => {}
                "url" if op == "send_media" => self.positional(value),
                "message" if op == "send" => self.positional(value),
                "message" if op == "ask" && value.is_string() => self.positional(value),
                "audience" | "segments" => {
                    let list = files.file(name, value.to_string());
                    self.option(name, &json!(list));
                }
                "channel" => self.channel(value)?,
                "query" => self.query(value)?,
                "json" => self.option("data", &json!(value.to_string())),
                "file" => self.file(value, args.contains_key("filename"), files),
                "media_type" => self.option("type", value),
                "originator" => self.originator(value)?,
                "write_concern" | "events" => {
                    if value.as_bool()? {
                        self.flag(name);
                    }
                }
                _ => self.option(name, value),
            }
        }
        Some(())
    }

    /// A part that is missing is empty here, which is refused in the same way.
    fn channel(&mut self, channel: &Value) -> Option<()> {
        for (name, value) in channel.as_object()? {
            if !["channelName", "externalId"].contains(&name.as_str()) || !value.is_string() {
                return None;
            }
        }
        for (option, member) in [("channel", "channelName"), ("external_id", "externalId")] {
            self.option(option, &json!(channel[member].as_str().unwrap_or_default()));
        }
        Some(())
    }

    fn query(&mut self, query: &Value) -> Option<()> {
        for (name, value) in query.as_object()? {
            if name.contains('=') || value.is_object() || value.is_array() || value.is_null() {
                return None;
            }
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            self.option("query", &json!(format!("{name}={text}")));
        }
        Some(())
    }

    fn file(&mut self, file: &Value, is_named: bool, files: &Folder) {
        let content = match (&file["text"], &file["base64"]) {
            (Value::String(text), _) => text.as_bytes().to_vec(),
            (_, Value::String(encoded)) => STANDARD.decode(encoded).unwrap(),
            _ => Vec::new(),
        };
        let name = file["filename"].as_str().unwrap_or("file");
        let plain = !name.is_empty() && !name.contains(['/', '\0']);
        let path = files.file(if plain { name } else { "file" }, content);
        if let Some(size) = file["fill"].as_u64() {
            fs::write(&path, vec![b'x'; size as usize]).unwrap();
        }
        if !plain && !is_named {
            self.option("filename", &json!(name));
        }
        self.last.push(path);
    }

    fn finish(mut self) -> Vec<String> {
        self.words.push("--".to_owned());
        self.words.append(&mut self.last);
        self.words
    }
}

/// What is wrong with the end of a command that should have failed in this way.
pub fn error_problems(expected: &Value, finished: &Finished) -> Vec<String> {
    let found = finished.error();
    let shown = format!("{}{}", finished.stdout, finished.stderr);
    let mut problems = Vec::new();
    for (name, value) in expected.as_object().into_iter().flatten() {
        let any_of = |matches: &dyn Fn(&str) -> bool| match value {
            Value::Array(names) => names.iter().filter_map(Value::as_str).any(matches),
            other => other.as_str().is_some_and(matches),
        };
        let right = match name.as_str() {
            "kind" => any_of(&|kind| found["kind"] == kind),
            "argument" => found["argument"].as_str().is_some_and(|argument| {
                any_of(&|name| argument == name || argument.starts_with(&format!("{name}.")))
            }),
            "message_contains" => any_of(&|text| found["message"].as_str().unwrap().contains(text)),
            "must_not_contain" => any_of(&|text| !shown.contains(text)),
            "retry_after" => found["retry_after"].as_f64() == value.as_f64(),
            other => found[other] == *value,
        };
        if !right {
            problems.push(format!("{name}: expected {value}, got {found}"));
        }
    }
    let status = found["status"].as_u64();
    let code = match (found["kind"].as_str(), found["delivery"].as_str()) {
        (Some("invalid_argument"), _) => 2,
        (_, Some("maybe_sent")) => 4,
        (_, Some("sent")) => 5,
        (_, Some("rejected")) => 3,
        _ if status.is_some_and(|status| (300..500).contains(&status)) => 3,
        _ => 1,
    };
    if finished.code != code {
        problems.push(format!("exit code {} for {found}", finished.code));
    }
    problems
}
