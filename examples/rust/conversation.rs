//! A conversation: each text goes out over the REST API, each reply comes back as a webhook call.
//!
//! Reads `FLOWAI_API_KEY`, `FLOWAI_BASE_URL`, `FLOWAI_WEBHOOK_SECRET` and `FLOWAI_LISTEN` from the environment.

use std::{env, time::Duration};

use flowai::{Client, Error, ErrorKind, EventKind, Result, Verifier};
use flowai_delivery::Receiver;

fn main() -> Result<()> {
    let secret = env::var("FLOWAI_WEBHOOK_SECRET").unwrap_or_default();
    let listen = env::var("FLOWAI_LISTEN").unwrap_or_else(|_| "127.0.0.1:9000".to_owned());
    let receiver = Receiver::builder()
        .verifier(Verifier::jwt(&secret)?)
        .listen(listen)
        .start()?;
    let client = Client::builder().originator("John Doe").build()?;

    let thread = "rust-thread";
    for text in ["Hello from Rust", "Are you there?"] {
        client.send_text(thread, text).wait()?;
        println!("Rust  -> bot: {text}");
        let limit = Some(Duration::from_secs(10));
        match receiver.wait(Some(EventKind::Reply), Some(thread), limit, &mut || Ok(()))? {
            Some(event) => println!("bot -> Rust : {}", event.text()),
            None => return Err(Error::new(ErrorKind::Timeout, "no reply within 10 seconds")),
        }
    }
    receiver.stop()
}
