//! Business hours that answer: the clock is that of Python, the hours are read by the core.

use flowai::{BusinessHours, Document, LocalTime};
use pyo3::{
    prelude::*,
    types::{PyDict, PyTuple, PyType},
};

use crate::{
    errors::{Failure, Outcome, guard},
    models::Model,
};

/// Business hours that say when it is open.
///
/// The service's timezone is a label for people, so whoever asks gives a datetime of the project's own zone:
/// ``datetime.now(zoneinfo.ZoneInfo("Europe/Amsterdam"))``.
///
/// An interval contains its start and not its end, except that 23:59 and 24:00 mean the end of the day; one that ends
/// before it starts runs past midnight. A holiday closes whatever starts on its date.
#[pyclass(module = "flowai._flowai", frozen, subclass, extends = Model)]
pub struct OpeningHours;

#[pymethods]
impl OpeningHours {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(
        cls: &Bound<'_, PyType>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> Outcome<PyClassInitializer<OpeningHours>> {
        let model = PyClassInitializer::from(Model::new(cls, args, kwargs)?);
        Ok(model.add_subclass(OpeningHours))
    }

    /// Whether it is open at this moment ("Business hours" of the API document).
    ///
    /// at: datetime with a timezone, in the zone of the project.
    ///
    /// Raises InvalidArgumentError for a datetime without a timezone.
    ///
    /// >>> hours.is_open(datetime(2026, 11, 23, 18, 0, tzinfo=ZoneInfo("Europe/Amsterdam")))
    /// False
    #[pyo3(signature = (at))]
    fn is_open(slf: &Bound<'_, OpeningHours>, at: &Bound<'_, PyAny>) -> Outcome<bool> {
        let at = local_time(at)?;
        guard(|| Ok(hours(slf).is_open(at)))
    }

    /// The first moment, not before ``at``, at which it is open, as a datetime in the same zone: ``at`` itself when it is
    /// open then, None when that is more than 366 days ahead ("Business hours" of the API document).
    ///
    /// at: datetime with a timezone, in the zone of the project.
    ///
    /// Raises InvalidArgumentError for a datetime without a timezone.
    ///
    /// >>> hours.next_opening(datetime(2026, 11, 23, 18, 0, tzinfo=ZoneInfo("Europe/Amsterdam"))).isoformat()
    /// '2026-11-30T08:30:00+01:00'
    #[pyo3(signature = (at))]
    fn next_opening<'py>(
        slf: &Bound<'py, OpeningHours>,
        at: &Bound<'py, PyAny>,
    ) -> Outcome<Option<Bound<'py, PyAny>>> {
        next(slf, at, BusinessHours::next_opening)
    }

    /// The first moment, not before ``at``, at which it is closed, as a datetime in the same zone: ``at`` itself when it is
    /// closed then, None when that is more than 366 days ahead ("Business hours" of the API document).
    ///
    /// at: datetime with a timezone, in the zone of the project.
    ///
    /// Raises InvalidArgumentError for a datetime without a timezone.
    ///
    /// >>> hours.next_closing(datetime(2026, 11, 23, 12, 0, tzinfo=ZoneInfo("Europe/Amsterdam"))).isoformat()
    /// '2026-11-23T17:45:00+01:00'
    #[pyo3(signature = (at))]
    fn next_closing<'py>(
        slf: &Bound<'py, OpeningHours>,
        at: &Bound<'py, PyAny>,
    ) -> Outcome<Option<Bound<'py, PyAny>>> {
        next(slf, at, BusinessHours::next_closing)
    }
}

fn hours(slf: &Bound<'_, OpeningHours>) -> BusinessHours {
    BusinessHours::from_object(slf.as_super().get().object().clone())
}

fn next<'py>(
    slf: &Bound<'py, OpeningHours>,
    at: &Bound<'py, PyAny>,
    search: fn(&BusinessHours, LocalTime) -> Option<LocalTime>,
) -> Outcome<Option<Bound<'py, PyAny>>> {
    let asked = local_time(at)?;
    match guard(|| Ok(search(&hours(slf), asked)))? {
        None => Ok(None),
        Some(found) if found == asked => Ok(Some(at.clone())),
        Some(found) => Ok(Some(on_the_clock_of(at, found)?)),
    }
}

/// What the clock on the wall shows at a datetime with a timezone.
fn local_time(at: &Bound<'_, PyAny>) -> Outcome<LocalTime> {
    let py = at.py();
    if !at.is_instance(&datetime(py)?)? {
        return Err(Failure::wrong_type("at", "a datetime", at));
    }
    if at.call_method0(interned!(py, "utcoffset"))?.is_none() {
        return Err(Failure::argument(
            "at",
            "has no timezone: give it that of the project, such as datetime.now(zoneinfo.ZoneInfo(\"Europe/Amsterdam\"))",
        ));
    }
    let part = |name: &str| at.getattr(name)?.extract::<u8>();
    let year = at.getattr("year")?.extract()?;
    let (month, day) = (part("month")?, part("day")?);
    Ok(LocalTime::new(
        year,
        month,
        day,
        part("hour")?,
        part("minute")?,
        part("second")?,
    )?)
}

/// A later moment on the clock that shows `at`: only its zone knows how far that is from UTC then.
fn on_the_clock_of<'py>(at: &Bound<'py, PyAny>, found: LocalTime) -> PyResult<Bound<'py, PyAny>> {
    let py = at.py();
    let datetime = datetime(py)?;
    let zone = at.getattr(interned!(py, "tzinfo"))?;
    let date = (found.year(), found.month(), found.day());
    let time = (found.hour(), found.minute(), found.second());
    let first = datetime.call1((date.0, date.1, date.2, time.0, time.1, time.2, 0, &zone))?;
    let fold = PyDict::new(py);
    fold.set_item("fold", 1)?;
    let second = first.call_method("replace", (), Some(&fold))?;
    let (early, late) = (unix(&second)?, unix(&first)?);
    if late < early {
        // The clock is put back and shows an hour twice; what is looked for is not before `at`.
        return Ok(if late < unix(at)? { second } else { first });
    }
    // The clock may be put forward and leave an hour out; then it opens when that is over.
    let moment = |seconds: i64| datetime.call_method1("fromtimestamp", (seconds, &zone));
    let after = second.call_method0("utcoffset")?;
    let (mut before, mut found) = (early, late);
    while found - before > 1 {
        let middle = before.midpoint(found);
        match moment(middle)?.call_method0("utcoffset")?.eq(&after)? {
            true => found = middle,
            false => before = middle,
        }
    }
    if early == late { Ok(first) } else { moment(found) }
}

fn datetime(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import(interned!(py, "datetime"))?
        .getattr(interned!(py, "datetime"))
}

/// Whole seconds since 1970 UTC.
fn unix(moment: &Bound<'_, PyAny>) -> PyResult<i64> {
    let seconds: f64 = moment.call_method0("timestamp")?.extract()?;
    Ok(seconds.floor() as i64)
}
