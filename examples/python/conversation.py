"""A conversation: each text goes out over the REST API, each reply comes back as a webhook call.

Reads FLOWAI_API_KEY, FLOWAI_BASE_URL, FLOWAI_WEBHOOK_SECRET and FLOWAI_LISTEN from the environment.
"""

import os

import flowai

verifier = flowai.Verifier.jwt(os.environ["FLOWAI_WEBHOOK_SECRET"])
listen = os.environ.get("FLOWAI_LISTEN", "127.0.0.1:9000")

with (
    flowai.Receiver(verifier=verifier, listen=listen) as receiver,
    flowai.Client(originator="John Doe") as client,
):
    for text in ("Hello from Python", "Are you there?"):
        client.send_text("python-thread", text)
        print(f"Python -> bot   : {text}")
        reply = receiver.wait(kind=flowai.EventKind.REPLY, thread_id="python-thread", timeout=10)
        if reply is None:
            raise SystemExit("no reply within 10 seconds")
        print(f"bot    -> Python: {reply.text}")
