//! Trace ids of our own: unique numbers that a JSON reader with doubles still tells apart.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::fork::PerProcess;

/// One more than the largest trace id, 2^53.
pub const TRACE_ID_LIMIT: u64 = 1 << 53;

static NEXT: PerProcess<AtomicU64> = PerProcess::new();

/// A number below [`TRACE_ID_LIMIT`]. Each process counts on from a random start, so a forked child has its own.
pub(crate) fn next_trace_id() -> u64 {
    let counter = NEXT.get_or_try_init(|| {
        let start = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()) << 20);
        Ok::<_, std::convert::Infallible>(AtomicU64::new(start))
    });
    let Ok(counter) = counter;
    match counter.fetch_add(1, Ordering::Relaxed) % TRACE_ID_LIMIT {
        0 => counter.fetch_add(1, Ordering::Relaxed) % TRACE_ID_LIMIT,
        id => id,
    }
}
