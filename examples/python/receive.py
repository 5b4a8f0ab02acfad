"""Receive the events of a Flow.ai bot by webhook and print them.

Set FLOWAI_WEBHOOK_SECRET, then run
python receive.py [LISTEN [NUMBER]]
where LISTEN is host:port and NUMBER ends the program after so many events.
"""

import os
import sys

import flowai
from flowai import EventKind


def main(listen: str, number: int | None) -> None:
    """Print events until Ctrl-C."""
    verifier = flowai.Verifier.jwt(os.environ["FLOWAI_WEBHOOK_SECRET"])
    with flowai.Receiver(verifier=verifier, listen=listen, path="/webhook") as receiver:
        print(f"listening on {receiver.url}", flush=True)
        for event in receiver:
            if event.kind is EventKind.REPLY:
                print(f"{event.thread_id}: {event.text}", flush=True)
            else:
                print(f"{event.thread_id}: [{event.type}]", flush=True)
            if number is not None:
                number -= 1
                if number == 0:
                    return


if __name__ == "__main__":
    try:
        main(
            sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9000",
            int(sys.argv[2]) if len(sys.argv) > 2 else None,
        )
    except KeyboardInterrupt:
        pass
