"""Send a message of every kind.

Set FLOWAI_API_KEY, and FLOWAI_BASE_URL to talk to something else than the service, then run
python send.py THREAD_ID
"""

import sys

import flowai


def main(thread_id: str) -> int:
    """Send the messages and print what became of each."""
    john = flowai.Originator("John Doe", profile=flowai.Profile(locale="en-US", timezone=-5))
    with flowai.Client(originator=john) as client:
        try:
            client.send_text(thread_id, "Hello", lang="en")
            client.send_event(thread_id, "MY_EVENT")
            client.send_location(thread_id, 52.37, 4.89)
            client.send_media(thread_id, "https://example.com/photo.png", media_type="image")
            receipt = client.upload_media(thread_id, b"just a few bytes", filename="notes.txt")
        except flowai.FlowAIError as error:
            # After "maybe_sent" sending again may say the same thing twice.
            print(f"{error} (delivery: {error.delivery})", file=sys.stderr)
            return 1
        print(f"sent; the last one has the trace id {receipt.trace_id}")
        for entry in client.iter_history(thread_id, limit=20):
            for message in entry.messages:
                print(f"{entry.originator.name if entry.originator else '?'}: {message.text}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "thread-1"))
