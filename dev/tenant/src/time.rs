//! The clock, and the formats in which the services write times.

use jiff::Timestamp;

/// Seconds since the Unix epoch (RFC 7519 calls this a NumericDate).
pub(crate) fn now() -> i64 {
    Timestamp::now().as_second()
}

/// As in Entra's error bodies: `2026-01-31 12:00:00Z`.
pub(crate) fn entra_timestamp() -> String {
    Timestamp::now().strftime("%F %TZ").to_string()
}

/// As in HTTP headers (RFC 9110 section 5.6.7), `seconds` from now: `Sat, 31 Jan 2026 12:00:00 GMT`.
pub(crate) fn http_date(seconds: i64) -> String {
    let moment = Timestamp::from_second(now() + seconds).unwrap_or_else(|_| Timestamp::now());
    moment.strftime("%a, %d %b %Y %T GMT").to_string()
}

/// As in Graph's error bodies: `2026-01-31T12:00:00`.
pub(crate) fn graph_date() -> String {
    Timestamp::now().strftime("%FT%T").to_string()
}

/// As in Graph's objects: `2026-01-31T12:00:00Z`.
pub(crate) fn iso_date(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

/// Reads a date and time of RFC 3339.
pub(crate) fn parse_iso_date(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_second)
}
