"""The sandbox as Python sees it."""

from __future__ import annotations

import hashlib
import json
import socket

import pytest

import flowai
from conftest import reply


def test_it_is_generated_or_given():
    key, secret = "MY_MESSAGING_API_KEY", "s" * 32
    with flowai.Sandbox() as one, flowai.Sandbox(api_key=key, webhook_secret=secret) as other:
        assert one.base_url.startswith("http://127.0.0.1:")
        assert one.base_url.endswith("/rest/v1/")
        assert one.api_key != other.api_key == key
        assert other.webhook_secret == secret
        with pytest.raises(flowai.AuthenticationError) as caught, other.client(api_key="wrong") as client:
            client.send_text("t", "x")
        assert caught.value.status == 401
        assert caught.value.delivery == "rejected"


def test_requests_are_recorded(sandbox, client):
    client.send_text("a b|c", "Hello", trace_id=5)
    client.history("t", page=2)
    send, history = sandbox.requests
    assert (send.method, send.path, send.query) == ("POST", "/rest/v1/messages/a%20b%7Cc", None)
    assert send.headers["content-type"] == "application/json"
    assert send.headers["authorization"] == "[redacted]"
    assert json.loads(send.body)["payload"]["traceId"] == 5
    assert send.status == 200
    assert (history.method, history.query, history.body) == ("GET", "sync=true&page=2", b"")
    assert repr(send) == "<flowai.RecordedRequest POST /rest/v1/messages/a%20b%7Cc: 200>"


def test_uploads_are_counted_and_hashed(sandbox, client):
    client.upload_media("t", b"x" * 100_000, filename="photo.png")
    (request,) = sandbox.requests
    assert (request.file.name, request.file.content_type, request.file.length) == (
        "photo.png",
        "image/png",
        100_000,
    )
    assert request.file.sha256 == hashlib.sha256(b"x" * 100_000).hexdigest()
    assert request.body_length > 100_000


def test_failures(sandbox, client):
    sandbox.fail_next(status=429, retry_after=600)
    with pytest.raises(flowai.RateLimitError) as limited:
        client.send_text("t", "x")
    assert limited.value.retry_after == 600
    assert limited.value.headers["retry-after"] == "600"
    sandbox.fail_next(400, body=b'{"error": {"message": "no such luck"}}')
    with pytest.raises(flowai.BadRequestError) as refused:
        client.send_text("t", "x")
    assert refused.value.server_message == "no such luck"
    sandbox.fail_next(times=2)
    for _ in range(2):
        with pytest.raises(flowai.ServerError) as broken:
            client.send_text("t", "x")
        assert broken.value.delivery == "maybe_sent"
    sandbox.fail_next(connection="reset", processed=True)
    with pytest.raises(flowai.APIConnectionError):
        client.send_text("t", "processed")
    assert [entry.messages[0].text for entry in client.iter_history("t")] == ["processed", "processed"]
    for wrong in ({"status": 99}, {"times": 0}, {"connection": "cut"}, {"retry_after": "a\nb"}):
        with pytest.raises(flowai.InvalidArgumentError):
            sandbox.fail_next(**wrong)


def test_deliveries(loop):
    client, receiver, sandbox = loop
    client.send_text("t", "Hello")
    assert sandbox.wait_delivered(10)
    delivered, reply = sandbox.deliveries
    assert delivered.event["type"] == "message.delivered"
    assert (reply.state, reply.url) == ("delivered", receiver.url)
    assert [(attempt.status, attempt.error) for attempt in reply.attempts] == [(200, None)]
    assert repr(reply) == "<flowai.RecordedDelivery message.reply: delivered, 1 attempts>"


def test_nothing_goes_anywhere_without_a_webhook(sandbox, client):
    client.send_text("t", "Hello")
    assert sandbox.wait_delivered(10)
    assert {delivery.state for delivery in sandbox.deliveries} == {"failed"}


@pytest.mark.parametrize(
    "make",
    [dict, json.dumps, lambda event: json.dumps(event).encode(), lambda e: flowai.parse_event(json.dumps(e))],
)
def test_push(loop, make):
    _, receiver, sandbox = loop
    event = {"type": "something.new", "threadId": "t", "deep": [{"a": 1.5}]}
    sandbox.push(make(event))
    assert json.loads(receiver.next(timeout=10).raw) == event


def test_push_refuses_what_is_no_event(sandbox):
    with pytest.raises(flowai.InvalidArgumentError):
        sandbox.push("nonsense")
    with pytest.raises(TypeError):
        sandbox.push(3)


def test_a_webhook_must_answer(sandbox):
    with pytest.raises(flowai.APIConnectionError, match="not registered"):
        sandbox.set_webhook("http://127.0.0.1:9/")
    with pytest.raises(flowai.InvalidArgumentError):
        sandbox.set_webhook("ftp://127.0.0.1/")
    with pytest.raises(flowai.APIConnectionError):
        flowai.Sandbox(webhook_url="http://127.0.0.1:9/")


def test_a_webhook_of_this_process_can_answer(serve):
    server = serve()
    with flowai.Sandbox(webhook_url=server.base_url) as sandbox, sandbox.client() as client:
        client.send_text("t", "Hello")
        assert sandbox.wait_delivered(10)
    assert [request[0] for request in server.requests] == ["GET", "POST", "POST"]
    flowai.Verifier.jwt(sandbox.webhook_secret).verify(server.requests[1][3], server.requests[1][2])


def test_bots_and_options():
    with flowai.Sandbox(bot="none") as sandbox, sandbox.client() as client:
        client.send_text("t", "Hello")
        assert [delivery.event["type"] for delivery in sandbox.deliveries] == ["message.delivered"]
    for wrong, argument in (
        ({"bot": "parrot"}, "bot"),
        ({"speed": 0.0}, "speed"),
        ({"api_key": "a b"}, "api_key"),
    ):
        with pytest.raises(flowai.InvalidArgumentError) as caught:
            flowai.Sandbox(**wrong)
        assert caught.value.argument == argument


def test_closing(sandbox):
    sandbox.close()
    sandbox.close()
    with pytest.raises(flowai.APIConnectionError), sandbox.client() as client:
        client.send_text("t", "x")
    assert sandbox.requests == []
    assert repr(sandbox) == f"<flowai.Sandbox base_url='{sandbox.base_url}'>"


def test_a_message_that_is_sent_while_the_webhook_is_checked_reaches_it(serve):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def answer(handler, body):
        if handler.command == "GET":
            with flowai.Client("k", base_url=f"http://127.0.0.1:{port}/rest/v1/") as client:
                client.send_text("t", "early")
        reply()(handler, body)

    hook = serve(answer)
    with flowai.Sandbox(port=port, api_key="k", webhook_url=hook.base_url) as sandbox:
        assert sandbox.wait_delivered(30)
    assert [json.loads(body)["type"] for method, _, _, body in hook.requests if method == "POST"] == [
        "message.delivered",
        "message.reply",
    ]
