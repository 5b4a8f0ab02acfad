"""Ask a bot something and print its answer: python ask.py THREAD_ID TEXT.

Reads FLOWAI_API_KEY, and FLOWAI_BASE_URL to talk to something else than the service.
"""

import sys

import flowai

with flowai.Client(originator="John Doe") as client:
    reply = client.ask(sys.argv[1], sys.argv[2], timeout=30)
print(reply.text, *(f"[{answer.label}]" for answer in reply.quick_replies))
