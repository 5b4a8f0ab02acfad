"""How each library sends a message, as its user would write it: JSON out, JSON back, the status looked at.

A blocking sender is a function of a number; an awaited one is a coroutine function of a number. Each is made
by a function that imports its library, so that a process holds one of them.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

KEY = "MY_MESSAGING_API_KEY"
HEADERS = {"Authorization": f"Bearer {KEY}"}
TIMEOUT = 30

Send = Callable[[int], None]
SendAwaited = Callable[[int], Awaitable[None]]


def text(number: int) -> str:
    return f"message {number}"


def message(number: int) -> dict[str, Any]:
    originator = {"name": "John Doe", "role": "external"}
    return {"payload": {"type": "text", "speech": text(number), "originator": originator}}


def check(status: int, answer: Any) -> None:
    if status != 200 or answer["status"] != "ok":
        raise RuntimeError(f"{status}: {answer}")


def flowai(base_url: str, ca: str | None) -> Send:
    import flowai

    client = flowai.Client(KEY, base_url=base_url, originator="John Doe", ca_file=ca)

    def send(number: int) -> None:
        client.send_text("thread-1", text(number))

    return send


def pycurl(base_url: str, ca: str | None) -> Send:
    import threading

    import pycurl

    mine = threading.local()

    def handle() -> Any:
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, f"{base_url}messages/thread-1")
        headers = ["Content-Type: application/json", *(f"{name}: {value}" for name, value in HEADERS.items())]
        curl.setopt(pycurl.HTTPHEADER, headers)
        curl.setopt(pycurl.TIMEOUT, TIMEOUT)
        curl.setopt(pycurl.NOSIGNAL, 1)
        if ca:
            curl.setopt(pycurl.CAINFO, ca)
        return curl

    def send(number: int) -> None:
        # A handle belongs to one thread; a user of threads has one each.
        if not hasattr(mine, "curl"):
            mine.curl = handle()
        curl = mine.curl
        curl.setopt(pycurl.POSTFIELDS, json.dumps(message(number)))
        answer = curl.perform_rb()
        check(curl.getinfo(pycurl.RESPONSE_CODE), json.loads(answer))

    return send


def requests(base_url: str, ca: str | None) -> Send:
    import requests

    session = requests.Session()
    session.headers.update(HEADERS)
    session.verify = ca or True

    def send(number: int) -> None:
        answer = session.post(f"{base_url}messages/thread-1", json=message(number), timeout=TIMEOUT)
        check(answer.status_code, answer.json())

    return send


def httpx(base_url: str, ca: str | None) -> Send:
    import ssl

    import httpx

    verify = ssl.create_default_context(cafile=ca) if ca else True
    client = httpx.Client(headers=HEADERS, timeout=TIMEOUT, verify=verify)

    def send(number: int) -> None:
        answer = client.post(f"{base_url}messages/thread-1", json=message(number))
        check(answer.status_code, answer.json())

    return send


def urllib3(base_url: str, ca: str | None) -> Send:
    import urllib3

    pool = urllib3.PoolManager(headers=HEADERS, timeout=TIMEOUT, ca_certs=ca)

    def send(number: int) -> None:
        answer = pool.request("POST", f"{base_url}messages/thread-1", json=message(number), headers=HEADERS)
        check(answer.status, answer.json())

    return send


def primp(base_url: str, ca: str | None) -> Send:
    import primp

    client = primp.Client(headers=HEADERS, timeout=TIMEOUT, **({"ca_cert_file": ca} if ca else {}))

    def send(number: int) -> None:
        answer = client.post(f"{base_url}messages/thread-1", json=message(number))
        check(answer.status_code, answer.json())

    return send


def wreq(base_url: str, ca: str | None) -> Send:
    from wreq.blocking import Client

    client = Client(**_wreq_options(ca))

    def send(number: int) -> None:
        answer = client.post(f"{base_url}messages/thread-1", json=message(number))
        check(answer.status.as_int(), answer.json())

    return send


def _wreq_options(ca: str | None) -> dict[str, Any]:
    options: dict[str, Any] = {"headers": HEADERS, "timeout": datetime.timedelta(seconds=TIMEOUT)}
    if ca:
        from wreq.tls import CertStore

        options["tls_verify"] = CertStore.from_pem_stack(Path(ca).read_bytes())
    return options


def ry(base_url: str, ca: str | None) -> Send:
    import ry

    client = ry.BlockingClient(**_ry_options(ca))

    def send(number: int) -> None:
        answer = client.post(f"{base_url}messages/thread-1", json=message(number))
        check(answer.status, answer.json())

    return send


def _ry_options(ca: str | None) -> dict[str, Any]:
    import ry

    options: dict[str, Any] = {"headers": HEADERS, "timeout": ry.Duration(TIMEOUT)}
    if ca:
        options["tls_certs_only"] = [ry.Certificate.from_pem(Path(ca).read_bytes())]
    return options


def pyreqwest(base_url: str, ca: str | None) -> Send:
    from pyreqwest.client import SyncClientBuilder

    builder = SyncClientBuilder().default_headers(HEADERS).timeout(datetime.timedelta(seconds=TIMEOUT))
    if ca:
        builder = builder.add_root_certificate_pem(Path(ca).read_bytes())
    client = builder.build()

    def send(number: int) -> None:
        answer = client.post(f"{base_url}messages/thread-1").body_json(message(number)).build().send()
        check(answer.status, answer.json())

    return send


async def flowai_async(base_url: str, ca: str | None) -> SendAwaited:
    import flowai

    client = flowai.AsyncClient(KEY, base_url=base_url, originator="John Doe", ca_file=ca)

    async def send(number: int) -> None:
        await client.send_text("thread-1", text(number))

    return send


async def aiohttp_async(base_url: str, ca: str | None) -> SendAwaited:
    import ssl

    import aiohttp

    context = ssl.create_default_context(cafile=ca) if ca else None
    connector = aiohttp.TCPConnector(limit=100, ssl=context or True)
    session = aiohttp.ClientSession(
        headers=HEADERS, timeout=aiohttp.ClientTimeout(total=TIMEOUT), connector=connector
    )

    async def send(number: int) -> None:
        async with session.post(f"{base_url}messages/thread-1", json=message(number)) as answer:
            check(answer.status, await answer.json())

    return send


async def httpx_async(base_url: str, ca: str | None) -> SendAwaited:
    import ssl

    import httpx

    verify = ssl.create_default_context(cafile=ca) if ca else True
    client = httpx.AsyncClient(headers=HEADERS, timeout=TIMEOUT, verify=verify)

    async def send(number: int) -> None:
        answer = await client.post(f"{base_url}messages/thread-1", json=message(number))
        check(answer.status_code, answer.json())

    return send


async def wreq_async(base_url: str, ca: str | None) -> SendAwaited:
    from wreq import Client

    client = Client(**_wreq_options(ca))

    async def send(number: int) -> None:
        answer = await client.post(f"{base_url}messages/thread-1", json=message(number))
        check(answer.status.as_int(), await answer.json())

    return send


async def ry_async(base_url: str, ca: str | None) -> SendAwaited:
    import ry

    client = ry.Client(**_ry_options(ca))

    async def send(number: int) -> None:
        answer = await client.post(f"{base_url}messages/thread-1", json=message(number))
        check(answer.status, await answer.json())

    return send


async def pyreqwest_async(base_url: str, ca: str | None) -> SendAwaited:
    from pyreqwest.client import ClientBuilder

    builder = ClientBuilder().default_headers(HEADERS).timeout(datetime.timedelta(seconds=TIMEOUT))
    if ca:
        builder = builder.add_root_certificate_pem(Path(ca).read_bytes())
    client = builder.build()

    async def send(number: int) -> None:
        request = client.post(f"{base_url}messages/thread-1").body_json(message(number)).build()
        answer = await request.send()
        check(answer.status, await answer.json())

    return send


BLOCKING: dict[str, Callable[[str, str | None], Send]] = {
    "flowai": flowai,
    "pycurl": pycurl,
    "primp": primp,
    "wreq": wreq,
    "pyreqwest": pyreqwest,
    "ry": ry,
    "urllib3": urllib3,
    "httpx": httpx,
    "requests": requests,
}
AWAITED: dict[str, Callable[[str, str | None], Awaitable[SendAwaited]]] = {
    "flowai": flowai_async,
    "ry": ry_async,
    "wreq": wreq_async,
    "pyreqwest": pyreqwest_async,
    "aiohttp": aiohttp_async,
    "httpx": httpx_async,
}
