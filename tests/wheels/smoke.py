"""What a freshly installed flowai must do, run by `make wheels` with every interpreter that there is."""

import platform
import sys
import tempfile
from pathlib import Path

import flowai

EMULATED = 120

with flowai.Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
    verifier = flowai.Verifier.jwt(sandbox.webhook_secret)
    with (
        flowai.Inbox.open(Path(folder) / "events.db") as inbox,
        flowai.Receiver(inbox, verifier=verifier) as receiver,
    ):
        sandbox.set_webhook(receiver.url)
        sandbox.client().send_text("thread-1", "Is anybody there?")
        for kind in (flowai.EventKind.DELIVERED, flowai.EventKind.REPLY):
            delivery = inbox.next(timeout=EMULATED)
            assert delivery is not None, f"no {kind}"
            delivery.ack()
            assert delivery.event.kind == kind, delivery.event
    assert delivery.event.text == "Is anybody there?", delivery.event
    delivery_of_nobody = None
    try:
        stranger = flowai.Client("key", base_url="https://127.0.0.1:9/rest/v1/", max_retries=0)
        stranger.send_text("thread-1", "Hello")
    except flowai.APIConnectionError as error:
        delivery_of_nobody = error.delivery
    assert delivery_of_nobody == "not_sent", delivery_of_nobody

gil = getattr(sys, "_is_gil_enabled", lambda: True)()
print(
    f"flowai {flowai.__version__} on Python {platform.python_version()} {platform.machine()}"
    f"{'' if gil else ' without the GIL'}: sent, answered, kept"
)
