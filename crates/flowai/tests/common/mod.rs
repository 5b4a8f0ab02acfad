//! The shared vectors in Rust: their clients here, their calls in `calls`.
#![allow(dead_code)]

pub mod calls;
#[cfg(target_os = "linux")]
pub mod watching;

use std::{path::PathBuf, time::Duration};

use calls::originator;
use flowai::{Client, ClientBuilder, Error, MetadataForm, Result};
use flowai_testkit::{TestServer, Vector, fill_in};
use serde_json::{Value, json};

pub fn vectors_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

/// The document of a vector with every `${name}` in place.
pub fn filled(server: &TestServer, vector: &Vector, part: &str, run: &str, n: usize) -> Value {
    fill_in(vector.get(part), &|name| match name {
        "id" => Some(vector.id.clone()),
        "run" => Some(run.to_owned()),
        "n" => Some(n.to_string()),
        _ => server.values().get(name).cloned(),
    })
}

pub fn builder(server: &TestServer, options: &Value, id: &str, run: &str) -> Result<ClientBuilder> {
    let base = format!("{}/vector/{id}/{run}/rest/v1/", server.http());
    let mut builder = Client::builder().api_key("MY_MESSAGING_API_KEY").base_url(base);
    for (name, value) in options.as_object().into_iter().flatten() {
        let text = value.as_str().unwrap_or_default();
        builder = match name.as_str() {
            "api_key" => builder.api_key(text),
            "base_url" => builder.base_url(text),
            "originator" => builder.originator(originator(value)?),
            "timeout" => builder.timeout(Duration::from_secs_f64(value.as_f64().unwrap())),
            "max_retries" => builder.max_retries(value.as_u64().unwrap() as u32),
            "auth_scheme" => builder.auth_scheme(text),
            "metadata_form" => builder.metadata_form(MetadataForm::from_name(text)?),
            "max_text_length" => builder.max_text_length(value.as_u64().unwrap() as usize),
            "proxy" => builder.proxy(text),
            "ca_file" => builder.ca_file(text),
            "user_agent" => builder.user_agent(text),
            "trace_ids" => builder.trace_ids(value.as_bool().unwrap()),
            "allow_http" => builder.allow_http(value.as_bool().unwrap()),
            other => panic!("no such option: {other}"),
        };
    }
    Ok(builder)
}

/// What is wrong with an error, compared with the `error` of a vector.
pub fn error_problems(expected: &Value, error: &Error) -> Vec<String> {
    let mut problems = Vec::new();
    let actual = json!({
        "kind": error.kind().name(),
        "delivery": error.delivery().map(|delivery| delivery.name()),
        "status": error.status(),
        "retryable": error.is_retryable(),
        "server_message": error.response().and_then(|response| response.server_message.clone()),
        "retry_after": error.response().and_then(|r| r.retry_after).map(|after| after.as_secs()),
        "request_id": error.request_id(),
    });
    let shown = format!("{error} {error:?}");
    for (name, value) in expected.as_object().into_iter().flatten() {
        let any_of = |matches: &dyn Fn(&str) -> bool| match value {
            Value::Array(names) => names.iter().filter_map(Value::as_str).any(matches),
            other => other.as_str().is_some_and(matches),
        };
        let right = match name.as_str() {
            "kind" => any_of(&|kind| kind == error.kind().name()),
            "argument" => error.argument_name().is_some_and(|argument| {
                any_of(&|name| {
                    argument == name
                        || argument
                            .strip_prefix(name)
                            .is_some_and(|rest| rest.starts_with('.'))
                })
            }),
            "message_contains" => value
                .as_str()
                .is_some_and(|text| error.to_string().contains(text)),
            "must_not_contain" => value.as_str().is_some_and(|text| !shown.contains(text)),
            other => {
                let found = &actual[other];
                found == value || (found.is_number() && found.as_f64() == value.as_f64())
            }
        };
        if !right {
            problems.push(format!("{name}: expected {value}, got {error:?}"));
        }
    }
    problems
}
