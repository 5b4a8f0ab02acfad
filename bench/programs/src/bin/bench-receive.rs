//! Our receiver, with an inbox (`--inbox FILE`) or without, until standard input ends.
//!
//! With an inbox it says at the end how many events are in it.

use std::io::Read;

use flowai::Verifier;
use flowai_bench::{KEY, Result, argument};
use flowai_delivery::{Inbox, Limits, Receiver};

fn main() -> Result<()> {
    let inbox = argument("--inbox").map(Inbox::open).transpose()?;
    let mut limits = Limits::default();
    // Without an inbox nobody takes the events of this measurement.
    limits.queued_bytes = 8 << 30;
    let receiver = Receiver::builder()
        .verifier(Verifier::header("x-webhook-secret", KEY)?)
        .inbox(inbox.clone())
        .queue(1 << 24)
        .limits(limits)
        .start()?;
    println!("{}", serde_json::json!({"port": receiver.local_addr().port()}));
    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(receiver);
    if let Some(inbox) = inbox {
        println!("{}", serde_json::json!({"stored": inbox.stats()?.waiting}));
    }
    Ok(())
}
