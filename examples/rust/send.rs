//! Sends one text: `FLOWAI_API_KEY=... cargo run -p flowai --example send -- THREAD TEXT`

use std::{env, process::ExitCode};

use flowai::{Client, Result};

fn send(thread_id: &str, text: &str) -> Result<()> {
    let client = Client::builder().originator("John Doe").build()?;
    let receipt = client.send_text(thread_id, text).wait()?;
    println!("sent to {}, trace id {:?}", receipt.thread_id, receipt.trace_id);
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [thread_id, text] = arguments.as_slice() else {
        eprintln!("usage: send THREAD TEXT");
        return ExitCode::from(2);
    };
    match send(thread_id, text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // "not_sent", "rejected" or "maybe_sent": whether sending it again could say it twice.
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
