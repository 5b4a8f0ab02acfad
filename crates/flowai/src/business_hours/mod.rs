//! "Business hours" of the API document: what they say, and whether it is open at a moment.

mod local_time;
mod opening;

pub use local_time::LocalTime;

models! {
    /// One set of business hours ("Business hours" of the API document).
    BusinessHours {
        /// The days that have hours. A day that is missing is closed.
        weekdays: [Weekday] = "weekdays",
        /// Days on which it is closed.
        holidays: [Holiday] = "holidays",
        /// The name of this set.
        label: String = "label",
        /// The timezone as people read it, such as `(UTC+03:00) Minsk`. It is a label, not a zone name.
        timezone: String = "timezone",
    }

    /// The hours of one weekday.
    Weekday {
        /// The English name of the day.
        weekday: String = "weekday",
        /// When it is open; several intervals a day are usual.
        content: [Interval] = "content",
    }

    /// From when until when it is open.
    Interval {
        /// Start in 24 hours, `H:MM` without zero padding. The minute itself belongs to the interval.
        from: String = "from",
        /// End in 24 hours, `H:MM` without zero padding. The minute itself does not belong to the interval, except
        /// that `23:59` and `24:00` mean the end of the day.
        to: String = "to",
    }

    /// A day on which it is closed.
    Holiday {
        /// The name of the day.
        holiday: String = "holiday",
        /// The date, as an ISO 8601 instant at midnight UTC. The date in UTC is meant, wherever the project is.
        date: String = "date",
    }
}

use crate::{
    call::Call,
    client::{Client, Receipt},
    model::read_list,
    operation::{Operation, Request},
};

static BUSINESS_HOURS: Operation = Operation::get("business_hours");
static REQUEST_BUSINESS_HOURS: Operation = Operation::get("request_business_hours");

impl Client {
    /// Reads the business hours of the project.
    ///
    /// # Errors
    /// Every error of a request. It is retried, since reading does no harm.
    pub fn business_hours(&self) -> Call<Vec<BusinessHours>> {
        let request = Request::new(&BUSINESS_HOURS, "businesshours").with_query("sync", true);
        Call::new(self, &BUSINESS_HOURS, Ok(request), |_, response| {
            Ok(read_list(
                response.result_with_list("businessHours")?.get("businessHours"),
            ))
        })
    }

    /// Asks for the business hours, which then arrive as a webhook event of the kind `BusinessHours`.
    pub fn request_business_hours(&self) -> Call<Receipt> {
        let request = Request::new(&REQUEST_BUSINESS_HOURS, "businesshours");
        self.acknowledged(&REQUEST_BUSINESS_HOURS, Ok(request))
    }
}
