//! "Business hours" of the API document.

use std::mem::MaybeUninit;

use flowai::{BusinessHours, Error, LocalTime};

use crate::{
    client::{acknowledged, flowai_client},
    error::flowai_error,
    guard::{Operation, blocking, call, free, read},
    receipt::flowai_receipt,
    registry::{self, handle},
    status::flowai_status,
    strings::{NONE, Owned, flowai_str, place},
};

/// All sets of business hours of a project. Free it with flowai_business_hours_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_business_hours {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_business_hours => Sets, 10);

pub(crate) struct Sets {
    sets: Vec<Set>,
    json: Owned,
}

struct Set {
    hours: BusinessHours,
    label: Owned,
    timezone: Owned,
    json: Owned,
}

impl From<Vec<BusinessHours>> for Sets {
    fn from(hours: Vec<BusinessHours>) -> Sets {
        let set = |hours: BusinessHours| Set {
            label: Owned::new(hours.label().unwrap_or_default()),
            timezone: Owned::new(hours.timezone().unwrap_or_default()),
            json: Owned::json(&hours),
            hours,
        };
        Sets {
            json: Owned::json(&hours),
            sets: hours.into_iter().map(set).collect(),
        }
    }
}

impl Sets {
    fn text(&self, index: usize, text: impl FnOnce(&Set) -> &Owned) -> flowai_str {
        self.sets
            .get(index)
            .map_or_else(flowai_str::empty, |set| text(set).lend())
    }
}

fn at<T>(
    hours: flowai_business_hours,
    index: usize,
    (unix_seconds, offset_seconds): (i64, i32),
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<T>>,
    answer: impl FnOnce(&BusinessHours, LocalTime) -> T,
) -> flowai_status {
    call(err, || {
        let out = place(out, "out")?;
        let hours = registry::get(hours)?;
        let set = hours.sets.get(index);
        let set = set.ok_or_else(|| Error::argument("index", "has no set of business hours"))?;
        let at = LocalTime::from_unix(unix_seconds, offset_seconds)?;
        out.write(answer(&set.hours, at));
        Ok(())
    })
}

fn seconds(at: Option<LocalTime>) -> i64 {
    at.map_or(NONE, LocalTime::unix_seconds)
}

/// Reads the business hours of the project. Reading does no harm, so it is retried.
///
/// @param client  A client.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives the business hours, which the caller frees.
/// @return        FLOWAI_OK or any FLOWAI_ERR_... .
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_business_hours(
    client: flowai_client,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_business_hours>>,
) -> flowai_status {
    blocking(Operation::call("business_hours"), err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        out.write(registry::insert(client.client.business_hours().wait()?.into())?);
        Ok(())
    })
}

/// Asks for the business hours, which arrive as a webhook event of the kind FLOWAI_EVENT_BUSINESS_HOURS.
///
/// @param client     A client.
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives a receipt, which the caller frees.
/// @return           FLOWAI_OK or any FLOWAI_ERR_... .
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_request_business_hours(
    client: flowai_client,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    acknowledged(
        Operation::call("request_business_hours"),
        client,
        err,
        out,
        |client| Ok(client.request_business_hours()),
    )
}

/// How many sets there are.
///
/// @param hours  Business hours.
/// @param out    Receives the number.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_business_hours_count(
    hours: flowai_business_hours,
    out: Option<&mut MaybeUninit<usize>>,
) -> flowai_status {
    read(hours, out, |hours| Ok(hours.sets.len()))
}

/// The name of a set.
///
/// @param hours  Business hours.
/// @param index  From 0.
/// @param out    Receives text that lives as long as the business hours; empty if there is no such set or it has no
///               name.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_business_hours_label(
    hours: flowai_business_hours,
    index: usize,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(hours, out, |hours| Ok(hours.text(index, |set| &set.label)))
}

/// The timezone of a set as people read it, such as "(UTC+03:00) Minsk". It is a label, not a zone name.
///
/// @param hours  Business hours.
/// @param index  From 0.
/// @param out    Receives text that lives as long as the business hours; empty if there is no such set or it has none.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_business_hours_timezone(
    hours: flowai_business_hours,
    index: usize,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(hours, out, |hours| Ok(hours.text(index, |set| &set.timezone)))
}

/// A whole set as a JSON document, as it came: {"weekdays": [...], "holidays": [...], "label": ..., "timezone": ...}.
///
/// @param hours  Business hours.
/// @param index  From 0.
/// @param out    Receives text that lives as long as the business hours; empty if there is no such set.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_business_hours_set_json(
    hours: flowai_business_hours,
    index: usize,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(hours, out, |hours| Ok(hours.text(index, |set| &set.json)))
}

/// Whether a set is open at a moment. From the start of an interval, inclusive, to its end, exclusive; an end
/// of 23:59 is the end of the day, and one that is not after the start is on the next day. A holiday closes what starts
/// on its date.
///
/// @param hours           Business hours.
/// @param index           The set, from 0.
/// @param unix_seconds    The moment: seconds since 1970 UTC.
/// @param offset_seconds  How far the clock of the place is ahead of UTC at that moment; negative: behind. The
///                        timezone of a set is a label for people, so the caller says.
/// @param err             Receives an error on failure; may be NULL.
/// @param out             Receives the answer.
/// @return                FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (no such set, no such time), FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_business_hours_is_open(
    hours: flowai_business_hours,
    index: usize,
    unix_seconds: i64,
    offset_seconds: i32,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<bool>>,
) -> flowai_status {
    at(
        hours,
        index,
        (unix_seconds, offset_seconds),
        err,
        out,
        BusinessHours::is_open,
    )
}

/// The first moment, not before the given one, at which a set is open: the given one itself when it is open then.
///
/// @param hours           Business hours.
/// @param index           The set, from 0.
/// @param unix_seconds    The moment: seconds since 1970 UTC.
/// @param offset_seconds  How far the clock of the place is ahead of UTC at that moment; negative: behind. The
///                        timezone of a set is a label for people, so the caller says.
/// @param err             Receives an error on failure; may be NULL.
/// @param out             Receives seconds since 1970 UTC, by a clock with the same offset; FLOWAI_NONE if it does not
///                        open within 366 days.
/// @return                FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (no such set, no such time), FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_business_hours_next_opening(
    hours: flowai_business_hours,
    index: usize,
    unix_seconds: i64,
    offset_seconds: i32,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    at(
        hours,
        index,
        (unix_seconds, offset_seconds),
        err,
        out,
        |hours, at| seconds(hours.next_opening(at)),
    )
}

/// The first moment, not before the given one, at which a set is closed: the given one itself when it is closed then.
///
/// @param hours           Business hours.
/// @param index           The set, from 0.
/// @param unix_seconds    The moment: seconds since 1970 UTC.
/// @param offset_seconds  How far the clock of the place is ahead of UTC at that moment; negative: behind. The
///                        timezone of a set is a label for people, so the caller says.
/// @param err             Receives an error on failure; may be NULL.
/// @param out             Receives seconds since 1970 UTC, by a clock with the same offset; FLOWAI_NONE if it does not
///                        close within 366 days.
/// @return                FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (no such set, no such time), FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_business_hours_next_closing(
    hours: flowai_business_hours,
    index: usize,
    unix_seconds: i64,
    offset_seconds: i32,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    at(
        hours,
        index,
        (unix_seconds, offset_seconds),
        err,
        out,
        |hours, at| seconds(hours.next_closing(at)),
    )
}

/// All sets as a JSON array.
///
/// @param hours  Business hours.
/// @param out    Receives text that lives as long as the business hours.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_business_hours_json(
    hours: flowai_business_hours,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(hours, out, |hours| Ok(hours.json.lend()))
}

/// Frees business hours and every text read from them. {0} and what was freed before are left alone.
///
/// @param hours  Business hours.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_business_hours_free(hours: flowai_business_hours) {
    free(hours);
}
