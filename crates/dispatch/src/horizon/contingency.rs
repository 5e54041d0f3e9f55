//! N−1: in every interval the others carry the loss of any one source, each with what it has left.
//!
//! For each source i, P_i ≤ shed_t + Σ_{j≠i} r_j. A source is a generator, a storage, or the tie if it may be
//! lost. r_j is what j can add within the time τ: a ramp-limited generator min(up·τ/Δt, hi − g), a storage what its
//! rating leaves and its energy lasts for, the tie its free import; sun and wind nothing. So with R = Σ r_j the
//! constraint is P_i + r_i ≤ shed + R for each i.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "the budgets of the check and of the Lagrangian cover every sum and product in this file"
)]

use super::{
    Generator, Horizon, HorizonCertificate, HorizonRefusal, Storage, limits::MULTIPLIER_MAX,
};
use gridaccord_model::Watts;

/// What must be carried if any one source is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contingency {
    /// τ: time within which the others respond and for which storages must last, s.
    pub hold_s: u32,
    /// Whether the tie's import is one of the sources that may be lost.
    pub is_tie_lost: bool,
    /// Loss of each interval that need not be carried, since as much is shed at once.
    pub shed: Vec<Watts>,
}

impl Contingency {
    /// Greatest response of a generator: its rise within τ; 0 W without a ramp limit.
    pub fn response(&self, generator: &Generator, duration_s: u32) -> Watts {
        let rise = generator.ramp.map_or(0, |ramp| ramp.up.0.saturating_mul(self.hold_s.into()));
        Watts(rise.checked_div(duration_s.into()).unwrap_or(0))
    }

    /// What a storage can add to its net discharge: what its rating leaves and its energy lasts for.
    pub(super) fn storage_response(&self, storage: &Storage, net: i64, stored_uwh: i64) -> i64 {
        self.sustained(storage, stored_uwh).min(storage.discharge_max.0 - net)
    }

    /// Greatest power that stored energy lasts for.
    fn sustained(&self, storage: &Storage, stored_uwh: i64) -> i64 {
        let per_watt = 2_500 * i128::from(self.hold_s) * i128::from(storage.discharge_ppb);
        let stored = 9_000_000_000 * i128::from(stored_uwh.max(0));
        i64::try_from(stored.checked_div(per_watt).unwrap_or(0)).unwrap_or(i64::MAX)
    }
}

/// What all sources of one interval have left, and the most that one of them takes away.
#[derive(Clone, Copy, Debug, Default)]
struct Left {
    /// R.
    response: i64,
    /// Greatest P_i + r_i.
    greatest: i64,
}

/// N−1 of a dispatch, by interval; nothing where the problem asks for none.
pub(super) struct Losses<'a> {
    contingency: Option<&'a Contingency>,
    duration_s: u32,
    left: Vec<Left>,
}

impl<'a> Losses<'a> {
    pub(super) fn new(problem: &'a Horizon) -> Self {
        let contingency = problem.parts().contingency.as_ref();
        let intervals = if contingency.is_some() { problem.intervals() } else { 0 };
        let left = vec![Left::default(); intervals];
        Self { contingency, duration_s: problem.parts().duration_s, left }
    }

    fn add(&mut self, interval: usize, power: i64, response: i64) {
        let left = &mut self.left[interval];
        left.response += response;
        left.greatest = left.greatest.max(power + response);
    }

    pub(super) fn generator(&mut self, generator: &Generator, interval: usize, power: i64) {
        if let Some(contingency) = self.contingency {
            let response = contingency.response(generator, self.duration_s).0;
            self.add(interval, power, response.min(generator.power_max[interval].0 - power));
        }
    }

    /// A storage with what it holds after the interval.
    #[inline]
    pub(super) fn storage(
        &mut self,
        storage: &Storage,
        interval: usize,
        net: i64,
        stored_uwh: i64,
    ) {
        if let Some(contingency) = self.contingency {
            let response = contingency.storage_response(storage, net, stored_uwh);
            self.add(interval, net, response);
        }
    }

    pub(super) fn tie(&mut self, interval: usize, import: i64, import_max: i64) {
        match self.contingency {
            Some(contingency) if contingency.is_tie_lost => {
                self.add(interval, import, import_max - import);
            }
            Some(_) => self.left[interval].response += import_max - import,
            None => {}
        }
    }

    /// Rule K16.
    pub(super) fn check(&self) -> Result<(), HorizonRefusal> {
        let Some(contingency) = self.contingency else { return Ok(()) };
        for (interval, (left, shed)) in self.left.iter().zip(&contingency.shed).enumerate() {
            let short = left.greatest - left.response - shed.0;
            if short > 0 {
                return Err(HorizonRefusal::Contingency { interval, short: Watts(short) });
            }
        }
        Ok(())
    }
}

/// Lists of loss multipliers that a certificate must have: generators, storages, and the tie if it may be lost.
pub(super) fn sources(problem: &Horizon) -> usize {
    let parts = problem.parts();
    parts.contingency.as_ref().map_or(0, |contingency| {
        parts.generators.len() + parts.storages.len() + usize::from(contingency.is_tie_lost)
    })
}

pub(super) fn has_shape(problem: &Horizon, certificate: &HorizonCertificate) -> bool {
    let parts = problem.parts();
    let stores = if parts.contingency.is_some() { parts.storages.len() } else { 0 };
    certificate.loss.len() == sources(problem)
        && certificate.hold.len() == stores
        && certificate
            .loss
            .iter()
            .chain(&certificate.hold)
            .all(|list| list.len() == problem.intervals())
}

/// Every multiplier within 0..=[`MULTIPLIER_MAX`], and so the sum of those of one interval.
pub(super) fn within_limits(problem: &Horizon, certificate: &HorizonCertificate) -> bool {
    let single = certificate
        .loss
        .iter()
        .chain(&certificate.hold)
        .flatten()
        .all(|value| (0..=MULTIPLIER_MAX).contains(value));
    single
        && (0..problem.intervals()).all(|interval| certificate.loss_sum(interval) <= MULTIPLIER_MAX)
}

impl HorizonCertificate {
    /// Σ of the loss multipliers of one interval; each is within its limits, and 4,097 of them fit.
    pub(super) fn loss_sum(&self, interval: usize) -> i64 {
        self.loss.iter().map(|list| list[interval]).sum()
    }

    /// The loss multiplier of a source, generators first; 0 without N−1.
    pub(super) fn loss_of(&self, source: usize, interval: usize) -> i64 {
        self.loss.get(source).map_or(0, |list| list[interval])
    }
}

/// −Σ shed·Σρ, and what the tie's import limit takes off: doubled cost per hour.
pub(super) fn bound(problem: &Horizon, certificate: &HorizonCertificate) -> i128 {
    let parts = problem.parts();
    let Some(contingency) = &parts.contingency else { return 0 };
    let tie = parts.generators.len() + parts.storages.len();
    let mut sum = 0i128;
    for (interval, shed) in contingency.shed.iter().enumerate() {
        let all = certificate.loss_sum(interval);
        let tie_gives = all - certificate.loss_of(tie, interval);
        sum -= i128::from(all) * i128::from(shed.0)
            + i128::from(tie_gives) * i128::from(parts.tie.import_max[interval].0);
    }
    sum
}
