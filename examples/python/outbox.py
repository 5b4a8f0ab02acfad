"""Say something to a Flow.ai bot, now or as soon as there is a network.

Set FLOWAI_API_KEY, then run
python outbox.py FILE THREAD TEXT...
Each text is in the file before this goes on. What cannot be sent within ten seconds waits there until this is
run again.
"""

import sys

import flowai


def main(path: str, thread_id: str, texts: list[str]) -> None:
    """Put texts into the outbox, and tell what became of everything in it."""
    with (
        flowai.Client(originator="John Doe") as client,
        flowai.Outbox.open(path, client) as outbox,
    ):
        for text in texts:
            outbox.send_text(thread_id, text)
        left = outbox.flush(timeout=10)
        for report in outbox.reports(timeout=0):
            if report.outcome == "sent":
                print(f"sent: {report.message}")
            else:
                # maybe_sent: it left, and nobody knows. Whether to say it again is for people to decide.
                print(f"{report.outcome}: {report.message}: {report.error}")
        if left:
            print(f"{left} wait: {outbox.stats().error}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
