"""Business hours that answer, on the clocks of real zones."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

import flowai

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def hours(*intervals: tuple[str, str], days: tuple[str, ...] = DAYS) -> flowai.BusinessHours:
    content = [flowai.Interval(from_=start, to=end) for start, end in intervals]
    return flowai.BusinessHours(weekdays=[flowai.Weekday(weekday=day, content=content) for day in days])


OFFICE = hours(("8:30", "12:00"), ("13:00", "17:45"), days=DAYS[:5])


def test_open_and_closed() -> None:
    monday = datetime(2026, 11, 23, 10, 0, tzinfo=AMSTERDAM)
    assert OFFICE.is_open(monday)
    assert OFFICE.is_open(at=monday.replace(hour=8, minute=30))
    assert not OFFICE.is_open(monday.replace(hour=12))
    assert OFFICE.next_opening(monday) is monday
    assert OFFICE.next_closing(monday) == monday.replace(hour=12)
    assert OFFICE.next_opening(monday.replace(hour=12)) == monday.replace(hour=13)
    assert flowai.BusinessHours().next_opening(monday) is None
    assert hours(("0:00", "24:00")).next_closing(monday) is None
    evening = monday.replace(hour=18, microsecond=7)
    assert OFFICE.next_closing(evening) is evening


def test_the_examples_in_the_help_run() -> None:
    names = {"hours": hours(("8:30", "17:45"), days=("Monday",)), "datetime": datetime, "ZoneInfo": ZoneInfo}
    for name in ("is_open", "next_opening", "next_closing"):
        lines = getattr(flowai.BusinessHours, name).__doc__.splitlines()
        (place,) = [place for place, line in enumerate(lines) if line.startswith(">>> ")]
        assert repr(eval(lines[place].removeprefix(">>> "), names)) == lines[place + 1]


@pytest.mark.parametrize("name", ["is_open", "next_opening", "next_closing"])
def test_a_moment_must_have_a_zone(name: str) -> None:
    ask = getattr(OFFICE, name)
    with pytest.raises(flowai.InvalidArgumentError, match="ZoneInfo") as caught:
        ask(datetime(2026, 11, 23, 10, 0))
    assert caught.value.argument == "at"
    for wrong in (None, "2026-11-23T10:00:00+01:00", 3.5, datetime(2026, 11, 23).date()):
        with pytest.raises(TypeError):
            ask(wrong)


def test_the_answer_keeps_to_the_zone() -> None:
    # Friday evening before the clocks are put forward, and before they are put back.
    for friday, offset in ((datetime(2026, 3, 27, 20), 2), (datetime(2026, 10, 23, 20), 1)):
        opening = OFFICE.next_opening(friday.replace(tzinfo=AMSTERDAM))
        assert opening is not None
        assert opening.tzinfo is AMSTERDAM
        assert (opening.hour, opening.minute, opening.weekday()) == (8, 30, 0)
        assert opening.utcoffset() == timedelta(hours=offset)
    fixed = datetime(2026, 3, 27, 20, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    opening = OFFICE.next_opening(fixed)
    assert opening is not None
    assert opening.isoformat() == "2026-03-30T08:30:00+05:30"


def test_an_opening_within_the_hour_that_is_left_out() -> None:
    # 2026-03-29 in Amsterdam has no 2:00 to 3:00.
    night = datetime(2026, 3, 29, 1, 0, tzinfo=AMSTERDAM)
    opening = hours(("2:30", "5:00")).next_opening(night)
    assert opening is not None
    assert opening.isoformat() == "2026-03-29T03:00:00+02:00"
    assert hours(("2:30", "5:00")).is_open(opening)
    assert opening - timedelta(seconds=1) < opening
    half_past_three = hours(("3:30", "5:00")).next_opening(night)
    assert half_past_three is not None
    assert half_past_three.isoformat() == "2026-03-29T03:30:00+02:00"


def test_an_opening_within_the_hour_that_comes_twice() -> None:
    # 2026-10-25 in Amsterdam has 2:00 to 3:00 twice.
    opens = hours(("2:30", "5:00"))
    before = opens.next_opening(datetime(2026, 10, 25, 1, 0, tzinfo=AMSTERDAM))
    assert before is not None
    assert before.isoformat() == "2026-10-25T02:30:00+02:00"
    second = datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=AMSTERDAM)
    again = opens.next_opening(second)
    assert again is not None
    assert again.isoformat() == "2026-10-25T02:30:00+01:00"
    assert again.astimezone(timezone.utc) > second.astimezone(timezone.utc)


@pytest.mark.parametrize(
    "zone", ["Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
)
def test_the_opening_is_the_first_open_moment(zone: str) -> None:
    """Minute by minute, over the days on which clocks change."""
    opens = hours(("1:45", "2:15"), ("2:40", "3:10"), days=("Saturday", "Sunday"))
    for day in ((2026, 3, 7), (2026, 3, 28), (2026, 4, 4), (2026, 10, 3), (2026, 10, 24), (2026, 10, 31)):
        moment = datetime(*day, 22, 0, tzinfo=ZoneInfo(zone)).astimezone(timezone.utc)
        promised = opens.next_opening(moment.astimezone(ZoneInfo(zone)))
        assert promised is not None
        minutes = (moment + timedelta(minutes=n) for n in range(600))
        first = next(at for at in minutes if opens.is_open(at.astimezone(ZoneInfo(zone))))
        assert promised.astimezone(timezone.utc) == first, (zone, day)


def test_a_month_is_answered_at_once() -> None:
    many = hours(*[("0:00", "0:01")] * 20_000)
    at = datetime(2026, 11, 23, 10, 0, tzinfo=timezone.utc)
    assert many.next_opening(at) == datetime(2026, 11, 24, tzinfo=timezone.utc)
