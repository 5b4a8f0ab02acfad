//! `flowai request`: any request below the base URL.

use std::{
    io::{self, IsTerminal},
    path::Path,
};

use clap::Args;
use flowai::{Error, Response, Result};
use serde_json::{Value, json};

use super::Context;
use crate::{
    exit::Failure,
    input::{self, file_or_read},
    output,
};

#[derive(Args)]
pub(crate) struct RequestArgs {
    /// GET, HEAD, POST, PUT, PATCH or DELETE. POST and PATCH are never repeated once they may have left
    method: String,
    /// Relative to the base URL and encoded already, such as threads or pause/thread%7C1
    path: String,
    /// Parameter of the query. May be given several times
    #[arg(long, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    query: Vec<String>,
    /// JSON to send; @FILE reads a file, - standard input
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    data: Option<String>,
}

impl RequestArgs {
    fn data(&self, context: &Context<'_>) -> Result<Option<Value>> {
        let Some(data) = &self.data else {
            return Ok(None);
        };
        let text = match data.strip_prefix('@').or((data == "-").then_some("-")) {
            Some(path) => file_or_read(&context.interrupt, Path::new(path), "data")?,
            None => data.clone(),
        };
        input::json(&text, "data").map(Some)
    }
}

pub(crate) fn run(context: &Context<'_>, args: RequestArgs) -> Result<(), Failure> {
    let data = args.data(context)?;
    let query = args
        .query
        .iter()
        .map(|typed| parameter(typed))
        .collect::<Result<Vec<_>>>()?;
    let client = context.connection.client()?;
    let response = context.wait(client.request(&args.method, &args.path, &query, data.as_ref()))?;
    if !context.output.is_json() && !io::stdout().is_terminal() {
        return output::raw(&response.body);
    }
    context
        .output
        .result(|| document(&response), || laid_out(&response))
}

fn parameter(typed: &str) -> Result<(&str, &str)> {
    typed
        .split_once('=')
        .ok_or_else(|| Error::argument("query", "must be NAME=VALUE"))
}

/// The body is under `json`, or under `body` as text when it is none.
fn document(response: &Response) -> Value {
    let headers: Vec<_> = response
        .headers
        .iter()
        .map(|(name, value)| json!([name, value]))
        .collect();
    match response.json() {
        Ok(body) => json!({"status": response.status, "headers": headers, "json": body}),
        Err(_) => json!({"status": response.status, "headers": headers, "body": text(response)}),
    }
}

fn laid_out(response: &Response) -> Vec<String> {
    let text = match response.json() {
        Ok(json) => format!("{json:#}"),
        Err(_) => text(response),
    };
    text.lines().map(str::to_owned).collect()
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}
