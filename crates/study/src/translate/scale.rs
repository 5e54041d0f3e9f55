//! What one quantum of the exact problem stands for in a study.

use super::ROUNDING_MAX;
use crate::study::Study;

/// Greatest whole length of an interval the exact problem takes, s.
const DURATION_MAX_S: f64 = 16_384.0;
/// Greatest intensity the exact problem takes, mg per kWh.
const CARBON_MAX: i64 = 1 << 21;

/// Units of the exact problem.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// One quantum of power is 10^this W.
    pub power_exponent: i32,
    /// One quantum of money is 10^-this of the project's own.
    pub money_exponent: i32,
    /// Quanta of intensity per kg per kWh; 10⁶ in the project's own.
    pub carbon: f64,
    /// Length of an interval in the problem.
    pub duration_s: u32,
    /// The study's interval in lengths of the problem's.
    pub stretch: f64,
}

impl Scale {
    /// Scales to try, the project's own quanta first.
    pub(super) fn candidates(study: &Study) -> impl Iterator<Item = Self> + use<> {
        let seconds = study.interval_h * 3_600.0;
        let is_whole = (seconds - seconds.round()).abs() < 1e-9 * seconds;
        let duration = if is_whole && (1.0..=DURATION_MAX_S).contains(&seconds) {
            seconds.round()
        } else {
            3_600.0
        };
        let base = Self {
            power_exponent: 0,
            money_exponent: 0,
            carbon: carbon_unit(study),
            duration_s: duration as u32,
            stretch: seconds / duration,
        };
        let order = |range: i32| (0..=range).flat_map(|size| [size, -size]).skip(1);
        order(6).flat_map(move |power_exponent| {
            order(6).map(move |money_exponent| Self { power_exponent, money_exponent, ..base })
        })
    }

    /// Quanta per W.
    #[must_use]
    pub fn power(&self) -> f64 {
        ten_to(-self.power_exponent)
    }

    /// Quanta per Wh, µWh in the project's own.
    #[must_use]
    pub fn energy(&self) -> f64 {
        self.power() * 1e6 / self.stretch
    }

    /// Quanta of a tariff per currency per kWh.
    #[must_use]
    pub fn price(&self) -> f64 {
        ten_to(6 + self.money_exponent)
    }

    /// Quanta of a linear cost per currency per kWh.
    #[must_use]
    pub fn linear(&self) -> f64 {
        ten_to(9 + self.money_exponent)
    }

    /// Quanta of a quadratic cost per currency per kW²h.
    #[must_use]
    pub fn quadratic(&self) -> f64 {
        ten_to(6 + self.money_exponent + self.power_exponent)
    }

    /// Quanta of a start's cost per currency, nano-currency in the project's own; paid once, whatever the interval.
    #[must_use]
    pub fn cycle(&self) -> f64 {
        self.power() * ten_to(9 + self.money_exponent) / self.stretch
    }

    /// Quanta of a standing cost per currency per h, pico-currency per h in the project's own.
    #[must_use]
    pub fn standing(&self) -> f64 {
        self.power() * ten_to(12 + self.money_exponent)
    }

    /// Quanta of a demand charge per currency per kW; it is paid once, whatever the length of an interval.
    #[must_use]
    pub fn demand_charge(&self) -> f64 {
        self.price() / self.stretch
    }

    /// Quanta of carbon mass per kg.
    #[must_use]
    pub fn carbon_mass(&self) -> f64 {
        self.carbon * self.power() / self.stretch
    }

    /// Currency per quantum of the problem's cost.
    #[must_use]
    pub fn cost(&self) -> f64 {
        // 3,600·10¹² quanta are one currency where power and money are the project's own.
        self.stretch / (3.6e15 * self.power() * ten_to(self.money_exponent))
    }

    /// Currency per kWh in one half-pico-currency per Wh of the problem's multipliers.
    #[must_use]
    pub fn multiplier(&self) -> f64 {
        0.5 / self.linear()
    }
}

fn ten_to(exponent: i32) -> f64 {
    10f64.powi(exponent)
}

/// A unit in which all intensities are whole, nearly: the project's own if that is near enough.
fn carbon_unit(study: &Study) -> f64 {
    let tie = study.tie.iter().flat_map(|tie| &tie.carbon_kg_per_kwh);
    let generators = study.generators.iter().map(|generator| &generator.carbon_kg_per_kwh);
    let intensities: Vec<f64> =
        generators.chain(tie).copied().filter(|intensity| *intensity > 0.0).collect();
    let most = intensities.iter().copied().fold(0.0, f64::max);
    let fits = |unit: f64| {
        let off = |intensity: &f64| (intensity * unit - (intensity * unit).round()).abs();
        intensities.iter().all(|intensity| off(intensity) <= 0.5 * ROUNDING_MAX * most * unit)
    };
    if most * 1e6 <= CARBON_MAX as f64 && fits(1e6) {
        return 1e6;
    }
    // The largest becomes each whole number in turn; with few different ones the others soon fit too.
    let units = (CARBON_MAX / 2..=CARBON_MAX).rev().map(|whole| whole as f64 / most);
    units.take(if most > 0.0 { usize::MAX } else { 0 }).find(|unit| fits(*unit)).unwrap_or(1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_quanta_come_first() {
        let study = crate::document::parse(
            "kind = \"horizon\"\nname = \"x\"\n[horizon]\ninterval_s = 300\nintervals = 2\n",
            None,
        )
        .unwrap();
        let first = Scale::candidates(&study).next().unwrap();
        assert_eq!((first.power_exponent, first.money_exponent), (0, 0));
        assert_eq!((first.duration_s, first.stretch, first.carbon), (300, 1.0, 1e6));
        assert_eq!(first.cost(), 1.0 / 3.6e15);
        assert_eq!(Scale::candidates(&study).count(), 13 * 13);
    }
}
