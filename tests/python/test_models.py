"""The models: constructors, documents, equality, pickling, what they look like."""

from __future__ import annotations

import copy
import inspect
import pickle
import pydoc

import pytest

import flowai
from flowai import _flowai

MODELS = [
    model
    for name in flowai.__all__
    if isinstance(model := getattr(flowai, name), type) and issubclass(model, _flowai.Model)
]
TEMPLATES = [model for model in MODELS if issubclass(model, flowai.Template) and model is not flowai.Template]

JOHN = {
    "name": "John Doe",
    "role": "external",
    "profile": {"fullName": "John Doe", "timezone": 0, "shoeSize": 44},
    "metadata": {"clientNumber": "asddaasq333ee332"},
    "mood": {"today": ["good"]},
}


def test_keyword_arguments_become_wire_names():
    profile = flowai.Profile(full_name="John Doe", timezone=-5, phone_number="+31201234567")
    assert profile.to_dict() == {"fullName": "John Doe", "timezone": -5, "phoneNumber": "+31201234567"}
    assert profile.full_name == "John Doe"
    assert profile.first_name is None


def test_a_zero_is_a_value():
    assert flowai.Profile(timezone=0).to_dict() == {"timezone": 0}
    assert flowai.Profile(timezone=0).timezone == 0
    assert flowai.Profile(timezone=None).to_dict() == {}


def test_originator_has_a_role_and_takes_models_and_dicts():
    assert flowai.Originator("John").to_dict() == {"name": "John", "role": "external"}
    by_model = flowai.Originator("John", "moderator", profile=flowai.Profile(gender="M"))
    by_dict = flowai.Originator(name="John", role="moderator", profile={"gender": "M"})
    assert by_model == by_dict
    assert by_model.profile == flowai.Profile(gender="M")


def test_messages_say_what_they_are():
    assert flowai.TextMessage("Hello").to_dict() == {"type": "text", "speech": "Hello"}
    assert flowai.EventMessage("E", trace_id=7).to_dict() == {"type": "event", "eventName": "E", "traceId": 7}
    assert flowai.MediaMessage("https://x/y", media_type="image").media_type == "image"
    assert flowai.TextMessage("Hello", originator="John").originator == flowai.Originator("John")


@pytest.mark.parametrize(
    ("given", "sent"), [("52.370", "52.370"), (52.37, "52.37"), (52, "52"), (12.0, "12")]
)
def test_coordinates_are_sent_as_text(given, sent):
    place = flowai.LocationMessage(given, long="4.9")
    assert place.to_dict() == {"type": "location", "lat": sent, "long": "4.9"}


@pytest.mark.parametrize(
    "make",
    [
        lambda: flowai.Profile(full_name=3),
        lambda: flowai.Profile(timezone="5"),
        lambda: flowai.Profile(timezone=True),
        lambda: flowai.Profile("John"),
        lambda: flowai.Profile(shoe_size=44),
        lambda: flowai.Originator(),
        lambda: flowai.Originator("John", name="John"),
        lambda: flowai.Originator("John", profile="tall"),
        lambda: flowai.Originator("John", metadata=["a"]),
        lambda: flowai.Originator("John", metadata={"a": object()}),
        lambda: flowai.Originator("John", metadata={1: "a"}),
        lambda: flowai.TextMessage("Hello", trace_id=1.5),
        lambda: flowai.MediaMessage("https://x/y"),
        lambda: flowai.HistoryEntry(messages={"fallback": "x"}),
        lambda: flowai.HistoryEntry(messages=[3]),
        lambda: flowai.Profile.from_dict("x"),
    ],
)
def test_a_wrong_type_is_a_type_error(make):
    with pytest.raises(TypeError):
        make()


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: flowai.TextMessage(""), "text"),
        (lambda: flowai.Originator(""), "name"),
        (lambda: flowai.Profile(full_name="\ud800"), "full_name"),
        (lambda: flowai.Profile(timezone=float("nan")), "timezone"),
        (lambda: flowai.TextMessage("x", trace_id=1 << 64), "trace_id"),
        (lambda: flowai.TextMessage("x", originator={"name": 3, "role": "external"}), "originator.name"),
        (lambda: flowai.Originator.from_dict({"name": "John"}), "role"),
        (lambda: flowai.Profile.from_dict({"fullName": 3}), "fullName"),
        (lambda: flowai.HistoryEntry.from_dict({"messages": [{"silent": "no"}]}), "messages[0].silent"),
    ],
)
def test_a_wrong_value_is_named(make, argument):
    with pytest.raises(flowai.InvalidArgumentError) as caught:
        make()
    assert caught.value.argument == argument
    assert isinstance(caught.value, ValueError)


def test_a_dict_that_contains_itself_is_refused():
    endless: dict = {}
    endless["again"] = endless
    with pytest.raises(flowai.InvalidArgumentError):
        flowai.Originator("John", metadata=endless)


def test_documents_survive_with_what_nobody_knew():
    john = flowai.Originator.from_dict(JOHN)
    assert john.to_dict() == JOHN
    assert john.extra == {"mood": {"today": ["good"]}}
    assert john.profile.extra == {"shoeSize": 44}
    assert john.profile.timezone == 0


def test_what_has_the_wrong_shape_reads_as_absent():
    event = flowai.parse_event(
        '{"type": "message", "originator": {"name": 7, "profile": "tall", "role": "user"}}'
    )
    john = event.originator
    assert (john.name, john.profile, john.role) == (None, None, "user")
    assert john.to_dict() == {"name": 7, "profile": "tall", "role": "user"}
    assert pickle.loads(pickle.dumps(john)) == john


def test_equality_and_hash_follow_the_document():
    one, other = flowai.Originator.from_dict(JOHN), flowai.Originator.from_dict(dict(reversed(JOHN.items())))
    assert one == other
    assert hash(one) == hash(other)
    assert len({one, other, flowai.Originator("John Doe")}) == 2
    assert flowai.Profile(timezone=1) == flowai.Profile(timezone=1.0)
    assert hash(flowai.Profile(timezone=1)) == hash(flowai.Profile(timezone=1.0))
    assert flowai.Profile() != flowai.Interval()
    assert flowai.Profile() != {}


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_frozen_and_copies_are_itself(model):
    instance = model.from_dict(JOHN) if model is flowai.Originator else model._restore({"type": "t", "x": 1})
    assert copy.copy(instance) is instance
    assert copy.deepcopy(instance) is instance
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(instance, protocol))
        assert again == instance
        assert type(again) is model
    with pytest.raises(AttributeError):
        instance.name = "other"
    with pytest.raises(AttributeError):
        instance.something_new = 1


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_helpful_help(model):
    text = pydoc.render_doc(model, renderer=pydoc.plaintext)
    names = list(inspect.signature(model).parameters)
    assert names
    assert list(model.__match_args__) == names
    for name in names:
        doc = getattr(model, name).__doc__
        # What every template has is read in one way.
        inherited = model in TEMPLATES and name in ("text", "quick_replies")
        assert doc.count(" On the wire: ") == (0 if inherited else 1)
        assert len(doc) > 25
        assert doc.splitlines()[0][:40] in text
    assert model.__doc__
    assert "--\n" not in model.__doc__
    assert not any(mark in text for mark in ("[`", "`]"))


def test_what_is_read_cannot_change_the_model():
    john = flowai.Originator("John", metadata={"a": [1]})
    john.metadata["a"].append(2)
    john.to_dict()["name"] = "Jane"
    assert john == flowai.Originator("John", metadata={"a": [1]})


def test_repr_is_short():
    profile = flowai.Profile(full_name="x" * 10_000, first_name="'", description="y" * 10_000)
    assert repr(flowai.Originator("John")) == "Originator(name='John', role='external')"
    assert repr(flowai.Interval(from_="9:00", to="17:30")) == "Interval(from_='9:00', to='17:30')"
    assert len(repr(profile)) < 500
    assert len(repr(flowai.Originator("x", metadata={str(n): n for n in range(10_000)}))) < 500


def test_pattern_matching():
    match flowai.LocationMessage(1, 2):
        case flowai.LocationMessage(lat, long=long):
            assert (lat, long) == ("1", "2")
        case _:
            pytest.fail("did not match")


def test_subclasses_keep_their_class():
    class Customer(flowai.Originator):
        pass

    assert type(Customer("John")) is Customer
    assert type(Customer.from_dict(JOHN)) is Customer
    assert Customer("John") == flowai.Originator("John")


def test_results():
    page = flowai.HistoryPage.from_dict(
        {
            "history": [{"messages": [{"fallback": "hi"}]}, 3],
            "page": "2",
            "pages": 3,
            "threadId": "t",
            "more": 1,
        }
    )
    assert (page.page, page.pages, page.thread_id, page.extra) == (2, 3, "t", {"more": 1})
    assert [entry.messages[0].text for entry in page.entries] == ["hi"]
    status = flowai.BotStatus.from_dict({"isPaued": True, "threadId": "t"})
    assert (status.is_paused, status.thread_id) == (True, "t")
    receipt = flowai.Receipt.from_dict({"threadId": "t", "traceId": 5, "status": "ok", "requestId": None})
    assert (receipt.thread_id, receipt.trace_id, receipt.status, receipt.request_id) == ("t", 5, "ok", None)
    for result in (page, status, receipt):
        again = pickle.loads(pickle.dumps(result))
        assert again == result
        assert hash(again) == hash(result)
        assert copy.deepcopy(result) is result
        assert type(result).from_dict(result.to_dict()) == result
        assert repr(result).startswith(type(result).__name__ + "(")
        with pytest.raises(AttributeError):
            result.thread_id = "other"
    with pytest.raises(TypeError):
        flowai.Receipt()
