//! A whole horizon: an interior point that uses the structure, then whole watts, then the exact check.
//!
//! Ramps and stored energy give each resource a tridiagonal T×T system of its own. Eliminating all resources leaves T
//! prices, T reserve prices and two scalars: one T×T Cholesky factor per iteration, however many resources there
//! are. Its summands are inverses of tridiagonal matrices, which are semiseparable and cost T²/2 each.
//!
//! Sources: S. Mehrotra, SIAM J. Optim. 2 (1992) 575; S. J. Wright, *Primal-Dual Interior-Point Methods*, 1997.

mod blocks;
mod boxed;
mod import;
mod ipm;
mod linear;
mod repair;
mod scaled;
mod store;

use gridaccord_dispatch::horizon::{
    Horizon, HorizonAnswer, HorizonRefusal, HorizonVerified, check, pin,
};
use ipm::{End, Ipm};
use scaled::Scaled;

/// What the solver came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HorizonOutcome {
    /// An answer that passed the exact check, and what the check found.
    Proven {
        /// The answer.
        answer: Box<HorizonAnswer>,
        /// Cost, bound and gap.
        verified: HorizonVerified,
        /// Interior-point iterations.
        iterations: usize,
    },
    /// No answer that passes: infeasible, or too hard. Neither is claimed.
    Stopped {
        /// What the check said of the best attempt.
        refusal: HorizonRefusal,
        /// Whether the interior point had converged.
        converged: bool,
    },
}

/// Solves a horizon; the answer's gap is at most `gap_ppb` of the turnover.
#[must_use]
pub fn propose_horizon(problem: &Horizon, gap_ppb: u32) -> HorizonOutcome {
    let (prices, mu) = start(problem);
    let mut ipm = Ipm::new(Scaled::new(problem, &prices, mu), prices, mu);
    let end = ipm.run();
    let mut answer = repair::answer(problem, &ipm);
    pin(problem, &mut answer.certificate);
    match check(problem, &answer, gap_ppb) {
        Ok(verified) => HorizonOutcome::Proven {
            answer: Box::new(answer),
            verified,
            iterations: ipm.iterations,
        },
        Err(refusal) => HorizonOutcome::Stopped { refusal, converged: end == End::Converged },
    }
}

/// Prices and centring to start from: every interval on its own, without memory, supply smoothed by the barrier.
fn start(problem: &Horizon) -> (Vec<f64>, f64) {
    let parts = problem.parts();
    let intervals = problem.intervals() as f64;
    let mean = |series: &mut dyn Iterator<Item = f64>| series.sum::<f64>() / intervals;
    let tariff = mean(&mut parts.tie.tariff.iter().map(|price| price.0.abs() as f64 * 1e-3));
    let demand = mean(&mut parts.demand.iter().map(|power| power.0 as f64 / scaled::POWER_UNIT));
    let count = (parts.generators.len() + parts.storages.len() + 2) as f64;
    // Between the size of one resource and of the whole: the tie is large and must be free to move.
    let mu = 2.0 * (tariff + 1.0) * (demand + 1.0) / count.sqrt();
    let prices = (0..problem.intervals()).map(|t| {
        let (mut below, mut above) = (-4.0 * tariff - 1.0, 4.0 * tariff + 1.0);
        for _ in 0..14 {
            let price = f64::midpoint(below, above);
            if smooth_supply(problem, t, price, mu) < parts.demand[t].0 as f64 / scaled::POWER_UNIT
            {
                below = price;
            } else {
                above = price;
            }
        }
        f64::midpoint(below, above)
    });
    (prices.collect(), mu)
}

/// Supply on the central path at a price, kW; storages are left out.
fn smooth_supply(problem: &Horizon, t: usize, price: f64, mu: f64) -> f64 {
    let parts = problem.parts();
    let kilowatts = |power: gridaccord_model::Watts| power.0 as f64 / scaled::POWER_UNIT;
    let generators = parts.generators.iter().map(|generator| {
        if let Some(ramp) = generator.ramp {
            return kilowatts(ramp.initial);
        }
        let (lo, hi) = (kilowatts(generator.power_min[t]), kilowatts(generator.power_max[t]));
        let quadratic = generator.quadratic as f64 * 1e-3;
        scaled::central(
            generator.linear as f64 * 1e-6 - price + quadratic * lo,
            quadratic,
            lo,
            hi,
            mu,
        )
    });
    let tiers = parts.tiers.iter().map(|tier| {
        scaled::central(tier.value.0 as f64 * 1e-3 - price, 0.0, 0.0, kilowatts(tier.power[t]), mu)
    });
    let tie = &parts.tie;
    let import = scaled::central(
        tie.tariff[t].0 as f64 * 1e-3 - price,
        0.0,
        0.0,
        kilowatts(tie.import_max[t]),
        mu,
    );
    let export = scaled::central(
        tie.feed_in[t].0 as f64 * 1e-3 - price,
        0.0,
        -kilowatts(tie.export_max[t]),
        0.0,
        mu,
    );
    generators.chain(tiers).sum::<f64>() + import + export
}
