//! Compatibility dates: days of the calendar, without a clock.

use std::fmt;
use std::str::FromStr;

/// A day of the Gregorian calendar that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// Text that is not a day as `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a day as YYYY-MM-DD")]
pub struct NotADate;

impl FromStr for Date {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<Self, NotADate> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let mut parts = text.splitn(3, '-');
        let (Some(year), Some(month), Some(day)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(NotADate);
        };
        if !digits || (year.len(), month.len(), day.len()) != (4, 2, 2) {
            return Err(NotADate);
        }
        let year = year.parse().map_err(|_| NotADate)?;
        let month = month.parse().map_err(|_| NotADate)?;
        let day = day.parse().map_err(|_| NotADate)?;
        if day == 0 || day > days_in(year, month) {
            return Err(NotADate);
        }
        Ok(Self { year, month, day })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// The number of days of a month; none for a month that does not exist.
fn days_in(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<&str, NotADate>) {
        let date = text.parse::<Date>().map(|date| date.to_string());
        assert_eq!(date.as_deref().map_err(|error| *error), expect);
    }

    #[test]
    fn days_that_exist() {
        check("2026-06-10", Ok("2026-06-10"));
        check("2024-02-29", Ok("2024-02-29"));
        check("2000-02-29", Ok("2000-02-29"));
        check("0001-12-31", Ok("0001-12-31"));
    }

    #[test]
    fn days_that_do_not() {
        for text in ["2026-02-29", "1900-02-29", "2026-04-31", "2026-13-01", "2026-00-10"] {
            check(text, Err(NotADate));
        }
        for text in
            ["", "2026", "2026-6-1", "2026-06-00", "10-06-2026", "2026-06-10x", "+026-06-10"]
        {
            check(text, Err(NotADate));
        }
    }
}
