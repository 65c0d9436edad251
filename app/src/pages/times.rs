//! Times in words.

use std::time::{Duration, UNIX_EPOCH};

use entra_obo::host::UnixTime;

/// The first second of the year 9999. Later dates are shown as this one, since HTTP dates have four digits for a year.
const LAST_DATE: u64 = 253_370_764_800;

/// A moment, like `Thu, 01 Jan 1970 00:01:40 GMT`.
#[must_use]
pub(crate) fn date(time: UnixTime) -> String {
    let time = Duration::from_secs(time.0.min(LAST_DATE));
    UNIX_EPOCH.checked_add(time).map(httpdate::fmt_http_date).unwrap_or_default()
}

/// A moment in the past.
#[must_use]
pub(crate) fn ago(seconds: u64) -> String {
    if seconds < 5 { "just now".to_owned() } else { format!("{} ago", span(seconds)) }
}

/// A moment relative to `now`.
#[must_use]
pub(crate) fn relative(time: UnixTime, now: UnixTime) -> String {
    if time > now { format!("in {}", span(time.since(now))) } else { ago(now.since(time)) }
}

/// A span of time, in its largest unit.
#[must_use]
pub(crate) fn span(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..=119 => (seconds, "second"),
        120..=7199 => (seconds.div_euclid(60), "minute"),
        7200..=172_799 => (seconds.div_euclid(3600), "hour"),
        _ => (seconds.div_euclid(86400), "day"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// Milliseconds with about three digits.
#[must_use]
pub(crate) fn milliseconds(time: f64) -> String {
    match time {
        ..10.0 => format!("{time:.2} ms"),
        ..100.0 => format!("{time:.1} ms"),
        _ => format!("{time:.0} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::{ago, date, milliseconds, relative, span};
    use entra_obo::host::UnixTime;

    #[test]
    fn times_are_written_in_words() {
        assert_eq!(date(UnixTime(100)), "Thu, 01 Jan 1970 00:01:40 GMT");
        assert_eq!(date(UnixTime(u64::MAX)), "Fri, 01 Jan 9999 00:00:00 GMT");
        assert_eq!([ago(0), ago(5)], ["just now", "5 seconds ago"]);
        assert_eq!([span(1), span(119), span(120)], ["1 second", "119 seconds", "2 minutes"]);
        assert_eq!([span(7200), span(172_800)], ["2 hours", "2 days"]);
        assert_eq!(relative(UnixTime(3700), UnixTime(100)), "in 60 minutes");
        assert_eq!(relative(UnixTime(100), UnixTime(3700)), "60 minutes ago");
        assert_eq!([milliseconds(0.412), milliseconds(41.26), milliseconds(412.6)], ["0.41 ms", "41.3 ms", "413 ms"]);
    }
}
