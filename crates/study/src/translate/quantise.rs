//! Decimal values to whole quanta, keeping for each field how far it was rounded.

use crate::error::StudyError;
use std::collections::BTreeMap;

/// The largest rounding of a field, as a share of the field's largest value.
#[derive(Clone, Debug, PartialEq)]
pub struct Rounding {
    /// Share of the field's largest absolute value.
    pub relative: f64,
    /// Whose value was rounded most.
    pub component: String,
}

#[derive(Debug, Default)]
struct Worst {
    largest: f64,
    rounding: f64,
    component: String,
}

/// Rounds and remembers.
#[derive(Debug, Default)]
pub(super) struct Quantiser(BTreeMap<&'static str, Worst>);

impl Quantiser {
    /// `value`·`factor`, to the nearest whole.
    pub(super) fn whole(
        &mut self,
        field: &'static str,
        component: &str,
        value: f64,
        factor: f64,
    ) -> Result<i64, StudyError> {
        Ok(self.series(field, component, &[value], factor)?[0])
    }

    /// The same for every value of a series.
    pub(super) fn series(
        &mut self,
        field: &'static str,
        component: &str,
        values: &[f64],
        factor: f64,
    ) -> Result<Vec<i64>, StudyError> {
        let worst = self.0.entry(field).or_default();
        let one = |value: &f64| {
            let exact = value * factor;
            // Above this a double has no fraction any more, and every limit of the problem is lower.
            if exact.is_nan() || exact.abs() > 9.0e15 {
                return Err(StudyError::Value(format!(
                    "`{component}`: {field} of {value} is too large for the exact check"
                )));
            }
            let whole = exact.round();
            worst.largest = worst.largest.max(exact.abs());
            // A product of decimals is off by some units in its last place: that is not rounding.
            let rounding = (exact - whole).abs();
            if rounding > 4.0 * f64::EPSILON * exact.abs() && rounding > worst.rounding {
                worst.rounding = rounding;
                component.clone_into(&mut worst.component);
            }
            Ok(whole as i64)
        };
        values.iter().map(one).collect()
    }

    /// The roundings of all fields that rounded.
    ///
    /// # Errors
    /// The field that rounds most, if that is more than `limit`.
    pub(super) fn finish(self, limit: f64) -> Result<BTreeMap<&'static str, Rounding>, StudyError> {
        let mut roundings = BTreeMap::new();
        let mut most: Option<(&'static str, Rounding)> = None;
        for (field, worst) in self.0 {
            if worst.rounding == 0.0 {
                continue;
            }
            let rounding =
                Rounding { relative: worst.rounding / worst.largest, component: worst.component };
            if most.as_ref().is_none_or(|(_, other)| other.relative < rounding.relative) {
                most = Some((field, rounding.clone()));
            }
            roundings.insert(field, rounding);
        }
        match most {
            Some((field, Rounding { relative, component })) if relative > limit => {
                Err(StudyError::Rounding { field, component, relative, limit })
            }
            _ => Ok(roundings),
        }
    }
}
