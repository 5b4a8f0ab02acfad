//! For how long calls could not be acknowledged: after four hours Flow.ai drops what it could not deliver ("Responding to a
//! call" of the API document).

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// When to raise the alarm again, and what to say.
const ALARMS: [(Duration, &str); 2] = [
    (HOUR, "for an hour; Flow.ai gives up after four"),
    (
        Duration::from_secs(3 * 60 * 60),
        "for three hours; Flow.ai gives up within the next one, and what it could not deliver is lost",
    ),
];

#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<Option<Began>>);

#[derive(Clone, Copy, Debug)]
struct Began {
    at: Instant,
    alarms: usize,
}

/// What should be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Began,
    /// It still lasts.
    Lasts(&'static str),
    Over(Duration),
}

impl Outage {
    /// A call was answered 503, for this reason.
    pub(crate) fn fail(&self, reason: &str) {
        match self.record(false, Instant::now()) {
            Some(News::Began) => log::warn!("webhook calls are not acknowledged: {reason}"),
            Some(News::Lasts(how_long)) => {
                log::error!("webhook calls have not been acknowledged {how_long}: {reason}");
            }
            _ => {}
        }
    }

    /// A call was acknowledged.
    pub(crate) fn end(&self) {
        if let Some(News::Over(lasted)) = self.record(true, Instant::now()) {
            log::info!(
                "webhook calls are acknowledged again, after {} s",
                lasted.as_secs()
            );
        }
    }

    /// For how long no call could be acknowledged; `None` when the last one was.
    pub(crate) fn lasts(&self) -> Option<Duration> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.map(|began| began.at.elapsed())
    }

    fn record(&self, acknowledged: bool, now: Instant) -> Option<News> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if acknowledged {
            let began = state.take()?;
            return Some(News::Over(now.saturating_duration_since(began.at)));
        }
        let Some(began) = state.as_mut() else {
            *state = Some(Began { at: now, alarms: 0 });
            return Some(News::Began);
        };
        let lasted = now.saturating_duration_since(began.at);
        let due = ALARMS.iter().take_while(|(after, _)| *after <= lasted).count();
        if due <= began.alarms {
            return None;
        }
        began.alarms = due;
        ALARMS.get(due - 1).map(|(_, how_long)| News::Lasts(how_long))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_is_raised_at_the_start_and_after_one_and_three_hours() {
        let outage = Outage::default();
        let start = Instant::now();
        let minutes = |n: u64| start + Duration::from_secs(60 * n);
        assert_eq!(outage.record(true, start), None);
        let news: Vec<_> = [0, 1, 59, 60, 61, 179, 180, 181, 600]
            .into_iter()
            .filter_map(|n| outage.record(false, minutes(n)).map(|news| (n, news)))
            .collect();
        assert_eq!(
            news,
            [
                (0, News::Began),
                (60, News::Lasts(ALARMS[0].1)),
                (180, News::Lasts(ALARMS[1].1)),
            ]
        );
        assert!(outage.lasts().is_some());
        let over = News::Over(Duration::from_secs(36_000));
        assert_eq!(outage.record(true, minutes(600)), Some(over));
        assert_eq!((outage.lasts(), outage.record(true, minutes(601))), (None, None));
        // The next one is counted from its own start, and one alarm is enough after a long silence.
        assert_eq!(outage.record(false, minutes(700)), Some(News::Began));
        assert_eq!(outage.record(false, minutes(900)), Some(News::Lasts(ALARMS[1].1)));
        assert_eq!(outage.record(false, minutes(901)), None);
    }
}
