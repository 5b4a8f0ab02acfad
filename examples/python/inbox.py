"""Receive the events of a Flow.ai bot and lose none: they are in a file before they are acknowledged.

Set FLOWAI_WEBHOOK_SECRET, then run
python inbox.py FILE [LISTEN [NUMBER]]
where LISTEN is host:port and NUMBER ends the program once so many events are handled. Kill it at any time:
what was not handled is handled when it runs again.
"""

import logging
import os
import sys

import flowai
from flowai import EventKind


def handle(delivery: flowai.Delivery) -> None:
    """Print an event. An exception here has it handled again later."""
    event = delivery.event
    said = event.text if event.kind is EventKind.REPLY else f"[{event.type}]"
    print(f"{event.thread_id}: {said}", flush=True)


def main(path: str, listen: str, number: int | None) -> None:
    """Handle events until Ctrl-C."""
    verifier = flowai.Verifier.jwt(os.environ["FLOWAI_WEBHOOK_SECRET"])
    with (
        flowai.Inbox.open(path) as inbox,
        flowai.Receiver(inbox, verifier=verifier, listen=listen, path="/webhook") as receiver,
    ):
        print(f"listening on {receiver.url}", flush=True)
        inbox.handle(
            handle,
            workers=4,
            stop=lambda: number is not None and len(inbox.list(state="handled", limit=number)) >= number,
        )


if __name__ == "__main__":
    logging.basicConfig()
    try:
        main(
            sys.argv[1],
            sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1:9000",
            int(sys.argv[3]) if len(sys.argv) > 3 else None,
        )
    except KeyboardInterrupt:
        pass
