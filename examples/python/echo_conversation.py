"""A whole conversation on this machine: messages go to a sandbox, its bot's replies come back by webhook."""

import sys

import flowai
from flowai import EventKind

THREAD = "6ecfd199-853a-448f-9f91-ef397588ff87"


def main() -> int:
    """Say a few things and print the reply to each."""
    with (
        flowai.Sandbox() as sandbox,
        flowai.Receiver(verifier=flowai.Verifier.jwt(sandbox.webhook_secret)) as receiver,
        sandbox.client(originator="John Doe") as client,
    ):
        sandbox.set_webhook(receiver.url)
        for text in ("Hello", "How are you?", "Goodbye"):
            print(f"John: {text}")
            client.send_text(THREAD, text)
            reply = receiver.wait(kind=EventKind.REPLY, thread_id=THREAD, timeout=10)
            if reply is None:
                print("no reply came", file=sys.stderr)
                return 1
            print(f"Bot:  {reply.text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
