"""Files to upload: everything that can be given as one, progress, and what callbacks may do."""

from __future__ import annotations

import io

import pytest


class Stream(io.RawIOBase):
    """A file that only knows how to be read."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.reads = 0

    def readable(self):
        return True

    def read(self, size=-1):
        self.reads += 1
        part = min(self.left, size)
        self.left -= part
        return b"x" * part


def test_files_of_every_kind(sandbox, client, tmp_path):
    size = 1_000_003
    path = tmp_path / "photo.png"
    path.write_bytes(b"x" * size)
    content = b"x" * size
    with path.open("rb") as file, path.open("rb") as later:
        later.seek(3)
        for given in (
            path,
            str(path),
            content,
            bytearray(content),
            memoryview(content),
            file,
            io.BytesIO(content),
        ):
            client.upload_media("t", given, filename="p.png")
            assert sandbox.requests[-1].file.length == size
        client.upload_media("t", later)
        assert sandbox.requests[-1].file.length == size - 3
        assert (sandbox.requests[-1].file.name, sandbox.requests[-1].file.content_type) == (
            "photo.png",
            "image/png",
        )
    stream = Stream(size)
    client.upload_media("t", stream, url="https://example.com/x")
    assert sandbox.requests[-1].file.length == size
    assert stream.reads > 3
    assert len({request.file.sha256 for request in sandbox.requests}) == 2


def test_progress(client):
    for given in (b"x" * 3_000_000, io.BytesIO(b"x" * 3_000_000), Stream(3_000_000)):
        told: list[tuple[int, int | None]] = []
        client.upload_media("t", given, progress=lambda *now, told=told: told.append(now))
        done = [now[0] for now in told]
        assert done == sorted(done)
        assert done[-1] == 3_000_000
        assert {now[1] for now in told} == {None if isinstance(given, Stream) else 3_000_000}


def test_what_callbacks_raise_comes_out(client):
    class Stop(Exception):
        pass

    def stop(done, total):
        raise Stop

    with pytest.raises(Stop):
        client.upload_media("t", Stream(200_000_000), progress=stop)

    class Broken(Stream):
        def read(self, size=-1):
            if self.reads > 2:
                raise Stop
            return super().read(size)

    with pytest.raises(Stop):
        client.upload_media("t", Broken(50_000_000))
    assert client.send_text("t", "still here").status == "ok"


def test_callbacks_may_use_the_client(client):
    seen = []
    client.upload_media(
        "t", Stream(2_000_000), progress=lambda *_: seen.append(client.bot_status("t").is_paused)
    )
    assert set(seen) == {False}
