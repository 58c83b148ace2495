//! Times as people and other programs read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Times in RFC 3339, UTC, with microseconds. Remembers the last second, in which many events are.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    seconds: u64,
    /// Up to the second; empty before the first time.
    text: String,
}

impl Clock {
    pub(crate) fn rfc3339(&mut self, time: SystemTime) -> String {
        // A clock before 1970 is wrong anyway; the epoch says so plainly.
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        if since.as_secs() != self.seconds || self.text.is_empty() {
            self.seconds = since.as_secs();
            self.text = to_the_second(self.seconds);
        }
        let mut text = String::with_capacity("2000-01-01T00:00:00.000000Z".len());
        text.push_str(&self.text);
        text.push('.');
        // Two a call are written, for which formatting takes longer than all the rest of it.
        let micros = since.subsec_micros();
        for place in [100_000, 10_000, 1_000, 100, 10, 1] {
            text.push(char::from(b'0' + (micros / place % 10) as u8));
        }
        text.push('Z');
        text
    }
}

fn to_the_second(since_epoch: u64) -> String {
    let (days, seconds) = (since_epoch / 86_400, since_epoch % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// The time that [`Clock::rfc3339`] wrote so.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    if text.len() != "2000-01-01T00:00:00.000000Z".len() || !text.is_ascii() {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<u64>().ok();
    let days = days(number(0..4)?, number(5..7)?, number(8..10)?)?;
    let seconds = days * 86_400 + number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_micros(number(20..26)?))
}

/// Year, month and day of a count of days since 1970-01-01: the Gregorian calendar repeats every
/// 146,097 days, and counts most simply from a 1 March.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// The opposite of [`civil`], for the years since 1970.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted_year = year - u64::from(month <= 2);
    let (era, year_of_era) = (shifted_year / 400, shifted_year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times_read_as_they_should() {
        let mut clock = Clock::default();
        let mut at = |seconds: u64| clock.rfc3339(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000000Z");
        assert_eq!(at(1_709_164_799), "2024-02-28T23:59:59.000000Z");
        assert_eq!(at(1_709_164_800), "2024-02-29T00:00:00.000000Z");
        assert_eq!(at(4_102_444_799), "2099-12-31T23:59:59.000000Z");
        let later = UNIX_EPOCH + Duration::from_micros(4_102_444_799_000_120);
        assert_eq!(clock.rfc3339(later), "2099-12-31T23:59:59.000120Z");
    }

    #[test]
    fn what_was_written_is_read_again() {
        let mut clock = Clock::default();
        for seconds in [0, 951_782_399, 951_782_400, 1_709_164_800, 4_102_444_799] {
            let time = UNIX_EPOCH + Duration::from_micros(seconds * 1_000_000 + 7);
            assert_eq!(parse(&clock.rfc3339(time)), Some(time));
        }
        for other in [
            "",
            "1969-12-31T23:59:59.000000Z",
            "2024-00-01T00:00:00.000000Z",
            "2024-13-01T00:00:00.000000Z",
            "2024-01-00T00:00:00.000000Z",
            "2024-01-01T00:00:00.00000éZ",
            "2024-01-01 at noon, or later",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
