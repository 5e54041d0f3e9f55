//! Reads numbers and series from their places in the text, in the quanta the ledger settles in.

use super::{
    ScenarioError, Series,
    decimal::{Decimal, Quanta},
    document::{Number, ProfileText, SeriesAt, SeriesText},
};
use std::{
    collections::BTreeMap,
    ops::{Range, RangeInclusive},
};
use toml::Spanned;

/// What a number's key says about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    /// The key, for messages.
    pub(super) key: &'a str,
    /// Quanta in one of the key's unit, as a power of ten.
    pub(super) power: i32,
    /// Least and greatest value in quanta.
    pub(super) least: i64,
    pub(super) greatest: i64,
}

impl<'a> Field<'a> {
    pub(super) const fn new(key: &'a str, power: i32, range: RangeInclusive<i64>) -> Self {
        Self { key, power, least: *range.start(), greatest: *range.end() }
    }
}

/// Parts per billion in one, the quantum of a profile's shares.
const SHARE_POWER: i32 = 9;
const SHARE_ONE: i128 = 1_000_000_000;

/// A shape in time: shares at equal steps, joined by straight lines, repeated for ever.
#[derive(Debug)]
struct Profile {
    step_s: u64,
    shares_ppb: Vec<i64>,
}

impl Profile {
    /// Share at a UTC time, ppb; shapes start at midnight of the epoch's first day.
    fn at(&self, time_s: u64) -> i64 {
        let step = self.step_s.max(1);
        let count = u64::try_from(self.shares_ppb.len()).unwrap_or(1).max(1);
        let position = time_s.div_euclid(step).rem_euclid(count);
        let share = |position: u64| {
            let position = usize::try_from(position.rem_euclid(count)).unwrap_or(0);
            i128::from(self.shares_ppb.get(position).copied().unwrap_or_default())
        };
        let (before, after) = (share(position), share(position.saturating_add(1)));
        let rise = after.saturating_sub(before).saturating_mul(i128::from(time_s.rem_euclid(step)));
        let here = before.saturating_add(rise.div_euclid(i128::from(step)));
        i64::try_from(here).unwrap_or_default()
    }
}

/// The text, what is known of the horizon, and what rounding happened so far.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    text: &'t str,
    starts: Vec<u64>,
    profiles: BTreeMap<String, Profile>,
    pub(super) roundings: BTreeMap<String, u64>,
}

impl<'t> Reader<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, starts: Vec::new(), profiles: BTreeMap::new(), roundings: BTreeMap::new() }
    }

    /// Fixes the intervals that series are read for.
    pub(super) fn set_starts(&mut self, starts: Vec<u64>) {
        self.starts = starts;
    }

    pub(super) fn refuse(&self, span: Range<usize>, message: impl Into<String>) -> ScenarioError {
        ScenarioError::at(self.text, span, message)
    }

    /// One number in quanta.
    pub(super) fn number(
        &mut self,
        field: Field<'_>,
        number: &Number,
    ) -> Result<i64, ScenarioError> {
        self.digits(field, number.span())
    }

    pub(super) fn unsigned<T: TryFrom<i64>>(
        &mut self,
        field: Field<'_>,
        number: &Number,
    ) -> Result<T, ScenarioError> {
        let value = self.number(field, number)?;
        T::try_from(value)
            .map_err(|_| self.refuse(number.span(), format!("`{}` is out of range", field.key)))
    }

    fn digits(&mut self, field: Field<'_>, span: Range<usize>) -> Result<i64, ScenarioError> {
        let text = self.text.get(span.clone()).unwrap_or_default();
        let quanta = Decimal::parse(text).and_then(|decimal| decimal.quanta(field.power));
        let Quanta { value, rounding_ppt } = quanta
            .map_err(|error| self.refuse(span.clone(), format!("`{}`: {error}", field.key)))?;
        if !(field.least..=field.greatest).contains(&value) {
            let (least, greatest) =
                (shown(field.least, field.power), shown(field.greatest, field.power));
            let message = format!("`{}` is outside {least} to {greatest}", field.key);
            return Err(self.refuse(span, message));
        }
        if rounding_ppt > 0 {
            let largest = self.roundings.entry(field.key.to_owned()).or_default();
            *largest = rounding_ppt.max(*largest);
        }
        Ok(value)
    }

    pub(super) fn series(
        &mut self,
        field: Field<'_>,
        series: &SeriesAt,
    ) -> Result<Series, ScenarioError> {
        match series.get_ref() {
            SeriesText::Constant => Ok(Series(vec![self.digits(field, series.span())?])),
            SeriesText::Listed(numbers) => {
                if numbers.len() != self.starts.len() {
                    let message = format!(
                        "`{}` lists {} values for {} intervals",
                        field.key,
                        numbers.len(),
                        self.starts.len()
                    );
                    return Err(self
                        .refuse(series.span(), message)
                        .help("give one number for all intervals, one for each, or a profile"));
                }
                numbers
                    .iter()
                    .map(|number| self.number(field, number))
                    .collect::<Result<_, _>>()
                    .map(Series)
            }
            SeriesText::Profile(used) => {
                let peak = self.number(field, &used.peak)?;
                self.scaled(&used.profile, peak)
            }
        }
    }

    /// A profile times a peak, rounded down, at the start of each interval.
    pub(super) fn scaled(
        &self,
        name: &Spanned<String>,
        peak: i64,
    ) -> Result<Series, ScenarioError> {
        let Some(profile) = self.profiles.get(name.get_ref()) else {
            let known: Vec<String> = self.profiles.keys().map(|name| format!("`{name}`")).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let refusal =
                self.refuse(name.span(), format!("no profile is called `{}`", name.get_ref()));
            return Err(refusal.help(format!("known profiles: {known}")));
        };
        let value = |start: &u64| {
            let scaled = i128::from(peak)
                .saturating_mul(i128::from(profile.at(*start)))
                .div_euclid(SHARE_ONE);
            i64::try_from(scaled).unwrap_or_default()
        };
        Ok(Series(self.starts.iter().map(value).collect()))
    }

    pub(super) fn add_profile(
        &mut self,
        name: &Spanned<String>,
        text: &ProfileText,
    ) -> Result<(), ScenarioError> {
        let step_s = self.unsigned(Field::new("step_s", 0, 1..=31_536_000), &text.step_s)?;
        if text.shares.get_ref().is_empty() {
            return Err(self.refuse(text.shares.span(), "`shares` is empty"));
        }
        let field = Field::new("shares", SHARE_POWER, -1_000_000_000..=1_000_000_000);
        let shares_ppb = text
            .shares
            .get_ref()
            .iter()
            .map(|share| self.number(field, share))
            .collect::<Result<_, _>>()?;
        self.profiles.insert(name.get_ref().clone(), Profile { step_s, shares_ppb });
        Ok(())
    }

    /// The one of two units a quantity was given in; both or neither is refused at `span`.
    pub(super) fn either<'s, T>(
        &self,
        span: Range<usize>,
        one: (&'static str, Option<&'s T>),
        other: (&'static str, Option<&'s T>),
    ) -> Result<(&'static str, i32, &'s T), ScenarioError> {
        match (one, other) {
            ((key, Some(value)), (_, None)) => Ok((key, 0, value)),
            ((_, None), (key, Some(value))) => Ok((key, 3, value)),
            ((one, Some(_)), (other, Some(_))) => {
                Err(self.refuse(span, format!("`{one}` and `{other}` are both given; give one")))
            }
            ((one, None), (other, None)) => {
                Err(self.refuse(span, format!("`{one}` or `{other}` is missing")))
            }
        }
    }
}

/// A limit in the unit of its key, as people would write it.
fn shown(quanta: i64, power: i32) -> String {
    let scale = u32::try_from(power).ok().and_then(|power| 10i64.checked_pow(power)).unwrap_or(1);
    let (whole, rest) = (quanta.div_euclid(scale), quanta.rem_euclid(scale));
    if rest == 0 {
        return whole.to_string();
    }
    let places = usize::try_from(power).unwrap_or(0);
    format!("{whole}.{rest:0places$}").trim_end_matches('0').to_owned()
}
