//! `flowai-testkit serve [--vectors FOLDER]`: the servers of the tests, for runners in other languages.
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::process::ExitCode;

use flowai_testkit::TestServer;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let vectors = match words.as_slice() {
        ["serve"] => "tests/vectors",
        ["serve", "--vectors", folder] => folder,
        _ => {
            eprintln!("usage: flowai-testkit serve [--vectors FOLDER]");
            return ExitCode::from(2);
        }
    };
    match serve(vectors) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flowai-testkit: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(vectors: &str) -> io::Result<()> {
    let server = TestServer::start(vectors)?;
    let line = serde_json::to_string(server.values())?;
    let mut output = io::stdout();
    writeln!(output, "{line}")?;
    output.flush()?;
    // The end of standard input is the end of the runner, however it ended.
    let mut ignored = [0; 64];
    while io::stdin().read(&mut ignored)? > 0 {}
    Ok(())
}
