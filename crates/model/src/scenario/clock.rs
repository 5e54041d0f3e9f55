//! Times as people write them: `2026-03-01T00:00:00Z` and `12:00`. UTC only.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "every field is range-checked before it is combined"
)]

const DAY_S: u64 = 86_400;

/// Seconds since the Unix epoch of `YYYY-MM-DDTHH:MM:SSZ`, years 1970 to 2999.
pub(crate) fn instant(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-');
    let (year, month, day) =
        (field(date.next()?, 4)?, field(date.next()?, 2)?, field(date.next()?, 2)?);
    let time = time_of_day(time)?;
    if !(1970..3000).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=days_in(year, month)).contains(&day)
    {
        return None;
    }
    let leap_days = (1970..year).filter(|year| is_leap(*year)).count();
    let before_month: u64 = (1..month).map(|month| days_in(year, month)).sum();
    let days = (year - 1970) * 365 + u64::try_from(leap_days).ok()? + before_month + day - 1;
    Some(days * DAY_S + time)
}

/// Seconds since midnight of `HH:MM` or `HH:MM:SS`; `24:00` is the day's end.
pub(crate) fn time_of_day(text: &str) -> Option<u64> {
    let mut parts = text.split(':');
    let (hour, minute) = (field(parts.next()?, 2)?, field(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |second| field(second, 2))?;
    let time = hour * 3_600 + minute * 60 + second;
    (parts.next().is_none() && minute < 60 && second < 60 && time <= DAY_S).then_some(time)
}

/// Either form; a time of day counts from the midnight before `start`.
pub(crate) fn instant_or_time(text: &str, start: u64) -> Option<u64> {
    instant(text).or_else(|| time_of_day(text).map(|time| start - start % DAY_S + time))
}

/// `YYYY-MM-DDTHH:MM:SSZ` of an instant: what [`instant`] reads.
pub(crate) fn text(instant: u64) -> String {
    let (mut days, time) = (instant / DAY_S, instant % DAY_S);
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) && year < 3000 {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days >= days_in(year, month) {
        days -= days_in(year, month);
        month += 1;
    }
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
}

fn field(text: &str, width: usize) -> Option<u64> {
    (text.len() == width && text.bytes().all(|digit| digit.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        assert_eq!(instant("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(instant("2000-03-01T00:00:00Z"), Some(951_868_800));
        assert_eq!(instant("2024-02-29T23:59:59Z"), Some(1_709_251_199));
        assert_eq!(instant("2026-11-22T12:00:00Z"), Some(1_795_348_800));
        for seconds in [0, 951_868_800, 1_709_251_199, 1_795_348_800, 1_735_689_599, 1_735_689_600]
        {
            assert_eq!(instant(&text(seconds)), Some(seconds), "{}", text(seconds));
        }
        for text in [
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-01 00:00:00Z",
            "2024-01-01T00:00:00",
            "é",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn times_of_day_count_from_the_starts_midnight() {
        assert_eq!(time_of_day("24:00"), Some(86_400));
        assert_eq!(time_of_day("24:01"), None);
        assert_eq!(time_of_day("9:00"), None);
        assert_eq!(instant_or_time("12:00", 86_400 + 500), Some(86_400 + 43_200));
        assert_eq!(instant_or_time("1970-01-02T00:00:00Z", 5), Some(86_400));
    }
}
