"""The help of the inbox and the outbox: it is there, and its examples run."""

from __future__ import annotations

import doctest
import inspect

import pytest

import flowai

CLASSES = (flowai.Inbox, flowai.Delivery, flowai.Outbox)


def members(kind):
    """What a class has, or inherits from what it has in common with its asynchronous twin."""
    return {name: inspect.getattr_static(kind, name) for name in dir(kind) if not name.startswith("_")}


METHODS = [
    (kind, name)
    for kind in CLASSES
    for name, member in members(kind).items()
    if not inspect.isgetsetdescriptor(member) and name != "close"
]
REPLY = b'{"type": "message.reply", "threadId": "thread-1", "messages": []}'


def examples(doc):
    return doctest.DocTestParser().get_examples(inspect.cleandoc(doc))


@pytest.mark.parametrize(("kind", "name"), METHODS, ids=[f"{kind.__name__}.{name}" for kind, name in METHODS])
def test_every_method_has_help_whose_examples_run(kind, name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    doc = getattr(kind, name).__doc__
    found = examples(doc)
    assert found
    if "those of" not in doc:
        parameters = inspect.signature(getattr(kind, name)).parameters
        for parameter in set(parameters) - {"self", "id", "event"}:
            assert any(parameter in line.split(":")[0] for line in doc.splitlines() if ":" in line), parameter
    with (
        flowai.Sandbox() as sandbox,
        sandbox.client() as client,
        flowai.Inbox.open("flowai.db") as inbox,
        flowai.Outbox.open("outbox.db", client) as outbox,
    ):
        inbox.put(REPLY)
        names = {"flowai": flowai, "client": client, "inbox": inbox, "outbox": outbox}
        if kind is flowai.Delivery:
            names["delivery"] = inbox.next(timeout=0)
        if name == "open":
            # There is one owner.
            (inbox if kind is flowai.Inbox else outbox).close()
        names["receipt"] = outbox.send_text("thread-1", "Hello") if name != "open" else None
        if name == "acknowledge":
            names["report"] = outbox.next_report(timeout=10)
        if name == "confirm":
            # The example goes on for ever otherwise.
            names["inbox"] = [inbox.next(timeout=0)]
        if name == "discard":
            # A message cannot be discarded while it is leaving.
            assert outbox.flush(timeout=10) == 0
        for example in found:
            exec(example.source, names)
            if example.want:
                assert repr(eval(example.source, names)) == example.want.strip()


def test_the_classes_have_help_with_an_example():
    for kind in CLASSES:
        assert examples(kind.__doc__)
        for name, member in members(kind).items():
            assert member.__doc__, name
    for kind in (flowai.StoredEvent, flowai.InboxEntry, flowai.InboxStats):
        assert kind.__doc__
    for kind in (flowai.OutboxReceipt, flowai.OutboxEntry, flowai.OutboxReport, flowai.OutboxStats):
        assert all(getattr(kind, name).__doc__ for name in kind.__match_args__)
