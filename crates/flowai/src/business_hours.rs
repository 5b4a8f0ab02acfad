//! "Business hours" of the API document.

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
        /// Start in 24 hours, `H:MM` without zero padding.
        from: String = "from",
        /// End in 24 hours, `H:MM` without zero padding.
        to: String = "to",
    }

    /// A day on which it is closed.
    Holiday {
        /// The name of the day.
        holiday: String = "holiday",
        /// The date, as an ISO 8601 instant at midnight UTC.
        date: String = "date",
    }
}
