//! Caps on carbon: within two boundaries, over the horizon and in each interval, with a little momentary excess.
//!
//! Within one boundary, with C_t the carbon of an interval: Σ C_t ≤ horizon; C_t ≤ interval_t + x_t,
//! 0 ≤ x_t ≤ excess_interval, Σ x_t ≤ excess_horizon.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "the check's budget covers every sum and product in this file"
)]

use super::{
    Horizon, HorizonCertificate, HorizonRefusal,
    lagrangian::{CARBON_MULTIPLIER_MAX, SCALE_BITS, wide},
    limits::POWER_MAX,
};
use gridaccord_model::{CarbonMg, Watts};

/// mg/kWh · W · s in one mg.
const PER_MG: i128 = 3_600_000;

/// What counts as a resource's carbon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// What its operation emits.
    Operating,
    /// That and its share of what making it emitted.
    Whole,
}

impl Boundary {
    /// Both, in the order of a certificate's multipliers.
    pub const ALL: [Self; 2] = [Self::Operating, Self::Whole];

    /// Carbon within the boundary.
    #[must_use]
    pub const fn carbon(self, operating: i64, embodied: i64) -> i64 {
        match self {
            Self::Operating => operating,
            Self::Whole => operating.saturating_add(embodied),
        }
    }
}

impl core::fmt::Display for Boundary {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Operating => "operating",
            Self::Whole => "operating and embodied",
        })
    }
}

/// Caps within one boundary; by default none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarbonLimit {
    /// Cap over the horizon.
    pub horizon: Option<CarbonMg>,
    /// Cap of each interval; empty for none.
    pub interval: Vec<CarbonMg>,
    /// How far an interval may exceed its cap for a moment.
    pub excess_interval: CarbonMg,
    /// How far all intervals together may exceed theirs.
    pub excess_horizon: CarbonMg,
}

/// Caps within both boundaries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarbonLimits {
    /// Operating carbon.
    pub operating: CarbonLimit,
    /// Operating and embodied carbon.
    pub whole: CarbonLimit,
}

impl CarbonLimits {
    /// The caps within a boundary.
    #[must_use]
    pub const fn within(&self, boundary: Boundary) -> &CarbonLimit {
        match boundary {
            Boundary::Operating => &self.operating,
            Boundary::Whole => &self.whole,
        }
    }
}

/// Multipliers of the caps within one boundary, 2⁻²⁰ half-pico-currency per Wh and mg/kWh.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarbonMultipliers {
    /// μ ≥ 0: of the cap over the horizon; 0 without one.
    pub horizon: i64,
    /// ν ≥ 0: of each interval's cap; empty without caps of intervals.
    pub interval: Vec<i64>,
    /// ξ ≥ 0: of the excess of all intervals; 0 without caps of intervals.
    pub excess: i64,
}

impl CarbonMultipliers {
    pub(super) fn at(&self, interval: usize) -> i64 {
        self.horizon + self.interval.get(interval).copied().unwrap_or(0)
    }
}

pub(super) fn has_shape(problem: &Horizon, certificate: &HorizonCertificate) -> bool {
    Boundary::ALL.into_iter().zip(&certificate.carbon).all(|(boundary, multipliers)| {
        let limit = problem.parts().carbon.within(boundary);
        multipliers.interval.len() == limit.interval.len()
    })
}

pub(super) fn within_limits(problem: &Horizon, certificate: &HorizonCertificate) -> bool {
    Boundary::ALL.into_iter().zip(&certificate.carbon).all(|(boundary, multipliers)| {
        let limit = problem.parts().carbon.within(boundary);
        let most = |present: bool| if present { CARBON_MULTIPLIER_MAX } else { 0 };
        (0..=most(limit.horizon.is_some())).contains(&multipliers.horizon)
            && (0..=most(!limit.interval.is_empty())).contains(&multipliers.excess)
            && multipliers.interval.iter().all(|value| (0..=CARBON_MULTIPLIER_MAX).contains(value))
    })
}

/// Resources whose carbon in one interval is summed in i64 before it is added to the rest.
const SHORT: u32 = 1 << 10;
const _: () = assert!(SHORT as i64 <= i64::MAX / super::limits::CARBON_MAX / POWER_MAX);

/// Carbon of a dispatch, mg/kWh · W, by boundary and interval.
pub(super) struct Emitted {
    sums: [Vec<i128>; 2],
    /// What was added since; how often.
    short: [Vec<i64>; 2],
    added: u32,
}

impl Emitted {
    pub(super) fn new(intervals: usize) -> Self {
        let short = [vec![0; intervals], vec![0; intervals]];
        Self { sums: [vec![0; intervals], vec![0; intervals]], short, added: 0 }
    }

    /// Adds what is short to the sums.
    fn settle(&mut self) {
        for (sums, short) in self.sums.iter_mut().zip(&mut self.short) {
            for (sum, short) in sums.iter_mut().zip(short) {
                *sum += i128::from(std::mem::take(short));
            }
        }
        self.added = 0;
    }

    /// Adds what a resource emits; powers are within its bounds.
    pub(super) fn add_all(&mut self, operating: i64, embodied: i64, powers: &[Watts]) {
        for (short, intensity) in self.short.iter_mut().zip([operating, operating + embodied]) {
            if intensity != 0 {
                for (sum, power) in short.iter_mut().zip(powers) {
                    *sum = sum.wrapping_add(intensity.wrapping_mul(power.0));
                }
            }
        }
        self.added += 1;
        if self.added == SHORT {
            self.settle();
        }
    }

    /// Adds the import of an interval.
    pub(super) fn add(&mut self, interval: usize, operating: i64, embodied: i64, power: i64) {
        self.sums[0][interval] += wide(operating, power);
        self.sums[1][interval] += wide(operating + embodied, power);
    }

    /// Rules K9, K13 and K14; returns the carbon within each boundary, rounded up.
    pub(super) fn check(&mut self, problem: &Horizon) -> Result<[CarbonMg; 2], HorizonRefusal> {
        self.settle();
        let mut masses = [CarbonMg::ZERO; 2];
        for ((boundary, emitted), mass) in
            Boundary::ALL.into_iter().zip(&self.sums).zip(&mut masses)
        {
            *mass = check_boundary(problem, boundary, emitted)?;
        }
        Ok(masses)
    }
}

fn check_boundary(
    problem: &Horizon,
    boundary: Boundary,
    emitted: &[i128],
) -> Result<CarbonMg, HorizonRefusal> {
    let limit = problem.parts().carbon.within(boundary);
    let duration = i128::from(problem.parts().duration_s);
    let total = emitted.iter().sum::<i128>() * duration;
    if limit.horizon.is_some_and(|cap| total > i128::from(cap.0) * PER_MG) {
        return Err(HorizonRefusal::Carbon { boundary, mass: round_up(total) });
    }
    let mut all = 0i128;
    for (interval, (emitted, cap)) in emitted.iter().zip(&limit.interval).enumerate() {
        let excess = (emitted * duration - i128::from(cap.0) * PER_MG).max(0);
        if excess > i128::from(limit.excess_interval.0) * PER_MG {
            let excess = round_up(excess);
            return Err(HorizonRefusal::CarbonInterval { boundary, interval, excess });
        }
        all += excess;
    }
    if all > i128::from(limit.excess_horizon.0) * PER_MG {
        return Err(HorizonRefusal::CarbonExcess { boundary, excess: round_up(all) });
    }
    Ok(round_up(total))
}

fn round_up(scaled: i128) -> CarbonMg {
    CarbonMg(i64::try_from(-(-scaled).div_euclid(PER_MG)).unwrap_or(i64::MAX))
}

/// −μ·horizon − Σν_t·interval_t − Σ(ν_t − ξ)⁺·excess_interval − ξ·excess_horizon in doubled Picos, floored.
pub(super) fn bound(problem: &Horizon, certificate: &HorizonCertificate) -> i128 {
    let mut scaled = 0i128;
    for (boundary, multipliers) in Boundary::ALL.into_iter().zip(&certificate.carbon) {
        let limit = problem.parts().carbon.within(boundary);
        let charge = |multiplier: i64, mass: CarbonMg| i128::from(multiplier) * i128::from(mass.0);
        scaled += charge(multipliers.horizon, limit.horizon.unwrap_or_default());
        scaled += charge(multipliers.excess, limit.excess_horizon);
        for (multiplier, cap) in multipliers.interval.iter().zip(&limit.interval) {
            scaled += charge(*multiplier, *cap);
            scaled += charge((multiplier - multipliers.excess).max(0), limit.excess_interval);
        }
    }
    (-scaled * PER_MG) >> SCALE_BITS
}

// Overflow budget: the largest multiplier times the largest mass in every interval, both boundaries.
const _: () = {
    let all = CARBON_MULTIPLIER_MAX as i128 * super::limits::CARBON_MASS_MAX as i128;
    assert!(
        all * 4 * (super::limits::HORIZON_INTERVALS_MAX as i128 + 1) < i128::MAX / (PER_MG * 4)
    );
};
