//! What a failed attempt means for the message, and whether another one is allowed.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use crate::{
    error::{Delivery, Error, ErrorKind},
    operation::Operation,
};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// A service that asks for more is not waited for, even if the deadline would allow it.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// What became of a message that was answered with an error.
pub(super) fn delivery_of_answer(error: &Error) -> Delivery {
    match error.kind() {
        ErrorKind::Server if !asked_to_wait(error, 503) => Delivery::MaybeSent,
        // 1xx is no answer at all.
        _ if error.status().is_some_and(|status| status < 200) => Delivery::MaybeSent,
        _ => Delivery::Rejected,
    }
}

/// Whether the service may answer otherwise later.
pub(super) fn is_temporary(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::RateLimited | ErrorKind::Server) || error.status() == Some(408)
}

fn asked_to_wait(error: &Error, status: u16) -> bool {
    error
        .response()
        .is_some_and(|response| response.status == status && response.retry_after.is_some())
}

/// Whether the same request may go out again, whatever the limits say.
pub(super) fn is_repeatable(operation: &Operation, error: &Error) -> bool {
    if operation.is_send() {
        return match error.delivery() {
            Some(Delivery::NotSent) => error.kind() == ErrorKind::Connection,
            Some(Delivery::Rejected) => asked_to_wait(error, 429) || asked_to_wait(error, 503),
            _ => false,
        };
    }
    error.kind() == ErrorKind::Connection || is_temporary(error)
}

/// How long to wait before attempt number `retry` (from 0): as long as the service asked, else a random time below a
/// growing limit. `None` if the service asked for too long.
pub(super) fn pause(error: &Error, retry: u32) -> Option<Duration> {
    if let Some(asked) = error.response().and_then(|response| response.retry_after) {
        return (asked <= LONGEST_RETRY_AFTER).then_some(asked);
    }
    let limit = FIRST_PAUSE
        .saturating_mul(1_u32.checked_shl(retry).unwrap_or(u32::MAX))
        .min(LONGEST_PAUSE);
    let part = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    Some(limit.mul_f64(part))
}

/// Limits retries to a tenth of all calls, so that clients do not keep a struggling service down.
#[derive(Debug)]
pub(super) struct Budget {
    /// In thousandths of a retry.
    credit: AtomicI64,
}

const RETRY: i64 = 1000;
const PER_CALL: i64 = 95;
const MOST: i64 = 10 * RETRY;

impl Budget {
    pub(super) fn new() -> Budget {
        Budget {
            credit: AtomicI64::new(MOST),
        }
    }

    /// Counts a call.
    pub(super) fn earn(&self) {
        if self.credit.load(Ordering::Relaxed) < MOST {
            self.credit.fetch_add(PER_CALL, Ordering::Relaxed);
        }
    }

    /// Takes a retry out of the budget, if there is one.
    pub(super) fn spend(&self) -> bool {
        self.credit
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |credit| {
                (credit >= RETRY).then_some(credit - RETRY)
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_outage_costs_a_tenth_more() {
        let budget = Budget::new();
        let mut retries = 0;
        for _ in 0..10_000 {
            budget.earn();
            for _ in 0..2 {
                retries += u32::from(budget.spend());
            }
        }
        assert!((900..=1000).contains(&retries), "{retries}");
    }

    #[test]
    fn pauses_grow_and_stay_below_their_limit() {
        let error = Error::new(ErrorKind::Connection, "x");
        for retry in 0..40 {
            let limit = FIRST_PAUSE
                .saturating_mul(2_u32.saturating_pow(retry))
                .min(LONGEST_PAUSE);
            assert!(pause(&error, retry).unwrap() <= limit);
        }
    }
}
