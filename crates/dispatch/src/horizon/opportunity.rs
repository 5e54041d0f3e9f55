//! What each member would gain by choosing for itself at the prices that came: its lost opportunity.
//!
//! The gap between cost and bound falls apart exactly: what each resource's own Lagrangian is above its least value,
//! and multiplier times slack of what all share. A member that follows the dispatch loses no more than its part, and
//! is to be paid no more than that as uplift.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "the budgets of the check and of the Lagrangian cover every sum and product in this file"
)]

use super::{
    Horizon, HorizonAnswer, HorizonRefusal,
    check::appraise,
    lagrangian::{self, Coupling, Line, SCALE_BITS},
};
use gridaccord_model::{Picos, Watts};

/// The gap of an answer, split. Every part is at least zero, and all together are the gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LostOpportunity {
    /// Of each generator.
    pub generators: Vec<Picos>,
    /// Of each storage.
    pub storages: Vec<Picos>,
    /// Of each sheddable tier.
    pub tiers: Vec<Picos>,
    /// Of each shiftable load.
    pub shiftable: Vec<Picos>,
    /// Of the tie.
    pub tie: Picos,
    /// Multiplier times slack of reserve, N−1, peak and carbon, and what was lost to rounding: nobody's.
    pub shared: Picos,
}

impl LostOpportunity {
    fn members(&self) -> Picos {
        let lists = [&self.generators, &self.storages, &self.tiers, &self.shiftable];
        let sum: i128 = lists.into_iter().flatten().map(|part| part.0).sum();
        Picos(sum + self.tie.0)
    }
}

/// Splits the gap of an answer.
///
/// # Errors
/// The first rule broken that [`appraise`] checks.
pub fn lost_opportunity(
    problem: &Horizon,
    answer: &HorizonAnswer,
) -> Result<LostOpportunity, HorizonRefusal> {
    let verified = appraise(problem, answer)?;
    let split = Split {
        problem,
        answer,
        couplings: (0..problem.intervals())
            .map(|interval| answer.certificate.coupling(interval))
            .collect(),
    };
    let parts = problem.parts();
    let mut lost = LostOpportunity {
        generators: (0..parts.generators.len()).map(|number| split.generator(number)).collect(),
        storages: (0..parts.storages.len()).map(|number| split.storage(number)).collect(),
        tiers: (0..parts.tiers.len()).map(|number| split.tier(number)).collect(),
        shiftable: (0..parts.shiftable.len()).map(|number| split.shift(number)).collect(),
        tie: split.tie(),
        shared: Picos::default(),
    };
    lost.shared = Picos(verified.gap.0 - lost.members().0);
    Ok(lost)
}

struct Split<'a> {
    problem: &'a Horizon,
    answer: &'a HorizonAnswer,
    couplings: Vec<Coupling>,
}

impl Split<'_> {
    /// Scaled terms above their minima, over all intervals, less a private bound in doubled Picos; floored.
    fn picos(&self, scaled: i128, private: i128) -> Picos {
        let doubled =
            ((scaled * i128::from(self.problem.parts().duration_s)) >> SCALE_BITS) - private;
        Picos(doubled.max(0) >> 1)
    }

    fn generator(&self, number: usize) -> Picos {
        let generator = &self.problem.parts().generators[number];
        let certificate = &self.answer.certificate;
        let powers = &self.answer.solution.generators[number];
        let mut above = 0;
        for (interval, (coupling, power)) in self.couplings.iter().zip(powers).enumerate() {
            let own = certificate.own(self.problem, number, generator, interval);
            let term = lagrangian::generator(generator, own, interval, *coupling);
            above += lagrangian::generator_at(generator, own, interval, *coupling, power.0)
                - term.minimum;
        }
        let ramps = lagrangian::ramp_bound(generator, &certificate.ramp[number]);
        self.picos(above, ramps * i128::from(self.problem.parts().duration_s))
    }

    fn storage(&self, number: usize) -> Picos {
        let storage = &self.problem.parts().storages[number];
        let (certificate, solution) = (&self.answer.certificate, &self.answer.solution);
        let duration_s = self.problem.parts().duration_s;
        let (mut above, mut stored) = (0, storage.initial_uwh);
        for (interval, coupling) in self.couplings.iter().enumerate() {
            let charge = solution.charge[number][interval];
            let discharge = solution.discharge[number][interval];
            stored = storage.after(stored, charge, discharge, duration_s);
            let own = certificate.own_store(self.problem, number, storage, interval);
            let contingency = self.problem.parts().contingency.as_ref();
            let response = contingency.map_or(0, |contingency| {
                contingency.storage_response(storage, discharge.0 - charge.0, stored)
            });
            let flows = (charge.0, discharge.0, response);
            above += lagrangian::storage_at(storage, own, *coupling, flows)
                - lagrangian::of_flows(lagrangian::storage(storage, own, *coupling).minimum);
        }
        let hold = certificate.hold.get(number).map_or(&[][..], Vec::as_slice);
        self.picos(above, lagrangian::stored(storage, &certificate.energy[number], hold))
    }

    /// Linear terms: the slope at the value taken, less the least.
    fn linear(&self, powers: &[Watts], sign: i64, at: impl Fn(usize, Coupling) -> Line) -> i128 {
        let pairs = self.couplings.iter().zip(powers).enumerate();
        pairs
            .map(|(interval, (coupling, power))| {
                let line = at(interval, *coupling);
                i128::from(line.slope) * i128::from(sign * power.0) - line.term().minimum
            })
            .sum()
    }

    fn tier(&self, number: usize) -> Picos {
        let above = self.linear(&self.answer.solution.shed[number], 1, |interval, coupling| {
            lagrangian::shed(self.problem, number, interval, coupling)
        });
        self.picos(above, 0)
    }

    fn shift(&self, number: usize) -> Picos {
        let load = &self.problem.parts().shiftable[number];
        let multiplier = self.answer.certificate.shift[number];
        let above = self.linear(&self.answer.solution.shift[number], -1, |interval, coupling| {
            lagrangian::shift(load, multiplier, interval, coupling)
        });
        // Whatever the dispatch, its energy is met, and φ times it is paid.
        self.picos(above, 0)
    }

    fn tie(&self) -> Picos {
        let import = self.linear(&self.answer.solution.import, 1, |interval, coupling| {
            lagrangian::import(self.problem, interval, coupling)
        });
        let export = self.linear(&self.answer.solution.export, -1, |interval, coupling| {
            lagrangian::export(self.problem, interval, coupling)
        });
        self.picos(import + export, 0)
    }
}
