//! `flowai demo`: the whole loop in one process. Messages go to a sandbox, its replies come back to a webhook.

use std::time::Duration;

use flowai::{Client, Error, ErrorKind, Event, EventKind, Message, Result, Verifier};
use flowai_delivery::Receiver;
use flowai_sandbox::Sandbox;
use serde_json::json;

use super::{Context, event, history, sandbox::failure};
use crate::exit::Failure;

const THREAD: &str = "demo-thread";
/// How long an event may take.
const PATIENCE: Duration = Duration::from_secs(10);

struct Demo<'a> {
    context: &'a Context<'a>,
    client: Client,
    receiver: Receiver,
}

pub(crate) fn run(context: &Context<'_>) -> Result<(), Failure> {
    let sandbox = Sandbox::builder().start().map_err(failure)?;
    let verifier = Verifier::jwt(sandbox.webhook_secret())?;
    let receiver = Receiver::builder().verifier(verifier).path("/webhook").start()?;
    sandbox.set_webhook(receiver.url(), None).map_err(failure)?;
    let client = Client::builder()
        .base_url(sandbox.base_url())
        .api_key(sandbox.api_key())
        .originator("John Doe")
        .build()?;
    let demo = Demo {
        context,
        client,
        receiver,
    };
    demo.tell(&format!(
        "A Flow.ai of its own runs on this machine: {}",
        sandbox.base_url()
    ))?;
    demo.tell(&format!(
        "What its bot says comes by webhook to {}",
        demo.receiver.url()
    ))?;
    demo.converse()?;
    demo.control()?;
    demo.look_back()?;
    demo.receiver.stop()?;
    sandbox.stop();
    Ok(())
}

impl Demo<'_> {
    fn converse(&self) -> Result<(), Failure> {
        for (shown, message) in [
            ("Hello", Message::text("Hello")),
            ("[event] ORDER_SHIPPED", Message::event("ORDER_SHIPPED")),
            (
                "[location] 52.3731, 4.8922",
                Message::location("52.3731", "4.8922"),
            ),
        ] {
            self.send(shown, message)?;
            self.expect(EventKind::Reply, "the bot's reply")?;
        }
        Ok(())
    }

    fn control(&self) -> Result<(), Failure> {
        self.context.wait(self.client.pause(THREAD))?;
        self.expect(EventKind::Paused, "the pause")?;
        self.send("Is anybody there?", Message::text("Is anybody there?"))?;
        self.context.wait(self.client.resume(THREAD))?;
        self.expect(EventKind::Resumed, "the end of the pause")?;
        // Events of a thread come in order: a reply would have come before the end of the pause.
        let reply = self.next(EventKind::Reply, Duration::ZERO)?;
        if reply.is_some() {
            return Err(Error::new(ErrorKind::Response, "the paused bot replied").into());
        }
        self.tell("The paused bot said nothing. Now it does again:")?;
        self.send("And now?", Message::text("And now?"))?;
        self.expect(EventKind::Reply, "the bot's reply")
    }

    fn look_back(&self) -> Result<(), Failure> {
        self.tell("The history of the thread:")?;
        let page = self.context.wait(self.client.history(THREAD, None))?;
        self.context
            .output
            .result(|| json!({"history": page.to_value()}), || history::lines(&page))
    }

    /// Sends, and waits until the service says that it was delivered.
    fn send(&self, shown: &str, message: Message) -> Result<(), Failure> {
        let document = message.as_object().clone();
        let receipt = self.context.wait(self.client.send(THREAD, message))?;
        self.context.output.result(
            || json!({"sent": document, "trace_id": receipt.trace_id}),
            || vec![format!("  you  {shown}")],
        )?;
        self.expect(EventKind::Delivered, "the delivery")
    }

    fn expect(&self, kind: EventKind, what: &str) -> Result<(), Failure> {
        let event = self.next(kind, PATIENCE)?.ok_or_else(|| {
            let message = format!(
                "{what} did not come by webhook within {} seconds",
                PATIENCE.as_secs()
            );
            Error::new(ErrorKind::Timeout, message)
        })?;
        self.context.output.result(
            || json!({"event": event::document(&event)}),
            || match kind {
                EventKind::Reply => vec![format!("  bot  {}", event.text())],
                _ => vec![format!("       ({})", event.type_name())],
            },
        )
    }

    fn next(&self, kind: EventKind, time: Duration) -> Result<Option<Event>> {
        let tick = &mut || self.context.interrupt.check();
        self.receiver.wait(Some(kind), Some(THREAD), Some(time), tick)
    }

    fn tell(&self, sentence: &str) -> Result<(), Failure> {
        if self.context.output.is_json() {
            return Ok(());
        }
        self.context.output.line(sentence)
    }
}
