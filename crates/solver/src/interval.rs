//! One interval on one bus: a price found in floating point, made exact, checked.
//!
//! There are two solvers of this problem on purpose. [`merit::clear`] is exact and everybody can rerun it; the
//! one here looks for the price with Newton steps on a smooth estimate of supply, as the solver of whole horizons
//! does, and so is a second, independent decider: the two must agree, and a test says so. Where floating point
//! leads astray the exact one answers.

use gridaccord_dispatch::{Answer, Outcome, Problem, ShadowPrice, check, merit};
use gridaccord_model::CostCurve;

/// Newton and bisection steps; a bracket of 2⁵⁴ halves to one in fewer.
const STEPS_MAX: usize = 80;
/// Doubling steps from the estimate to a bracket of whole prices.
const GALLOP_MAX: u32 = 56;
/// Half-pico-currency per Wh in one µ-currency per kWh.
const SHADOW_PER_PRICE: f64 = 2_000.0;

/// Proposes the optimum of one interval, checked.
#[must_use]
pub fn propose(problem: &Problem) -> Outcome {
    if let Some(imbalance) = merit::imbalance(problem) {
        return Outcome::Infeasible(imbalance);
    }
    let exact =
        |price| merit::dispatch_at(problem, price).filter(|answer| is_proven(problem, answer));
    match pin(problem, estimate(problem)).and_then(exact) {
        Some(answer) => Outcome::Optimal(answer),
        None => merit::clear(problem),
    }
}

/// A proposal without any gap: one interval has an exact optimum, so nothing less is proposed.
fn is_proven(problem: &Problem, answer: &Answer) -> bool {
    check(problem, answer, 0).is_ok_and(|verified| verified.cost == verified.bound)
}

/// A straight piece of supply: from `lo` to `hi` W while the price goes from `from` to `to`.
struct Ramp {
    lo: f64,
    hi: f64,
    from: f64,
    to: f64,
}

impl Ramp {
    /// Power and slope at a price; a vertical step has the power of its upper end and no slope.
    fn at(&self, price: f64) -> (f64, f64) {
        if price < self.from {
            (self.lo, 0.0)
        } else if price >= self.to {
            (self.hi, 0.0)
        } else {
            let slope = (self.hi - self.lo) / (self.to - self.from);
            (self.lo + (price - self.from) * slope, slope)
        }
    }
}

/// Half-pico-currency per Wh at which supply in real numbers meets demand.
fn estimate(problem: &Problem) -> f64 {
    let (fixed, ramps) = ramps(problem);
    let demand = problem.demand().0 as f64 - fixed;
    let mut from = ramps.iter().map(|ramp| ramp.from).fold(0.0, f64::min);
    let mut to = ramps.iter().map(|ramp| ramp.to).fold(from, f64::max);
    let mut price = f64::midpoint(from, to);
    for _ in 0..STEPS_MAX {
        if to - from < 0.5 {
            break;
        }
        let (supply, slope) = ramps.iter().fold((0.0, 0.0), |(supply, slope), ramp| {
            let (power, rise) = ramp.at(price);
            (supply + power, slope + rise)
        });
        if supply < demand {
            from = price;
        } else {
            to = price;
        }
        // A Newton step where it stays well inside the bracket, else the middle.
        let newton = price + (demand - supply) / slope;
        let margin = (to - from) / 64.0;
        let inside = slope > 0.0 && newton > from + margin && newton < to - margin;
        price = if inside { newton } else { f64::midpoint(from, to) };
    }
    to
}

/// Everything that supplies, with what it supplies at any price taken out.
fn ramps(problem: &Problem) -> (f64, Vec<Ramp>) {
    let mut fixed = 0.0;
    let mut ramps = Vec::new();
    for (position, resource) in problem.resources().iter().enumerate() {
        let Some((lo, hi)) = problem.range(position) else { continue };
        let (lo, hi) = (lo.0 as f64, hi.0 as f64);
        match &resource.offer.cost {
            CostCurve::Quadratic { quadratic, linear } => {
                let marginal = |power: f64| 2.0 * (*quadratic as f64 * power + *linear as f64);
                ramps.push(Ramp { lo, hi, from: marginal(lo), to: marginal(hi) });
            }
            CostCurve::Blocks { blocks } => {
                fixed += lo;
                let mut room = hi - lo;
                for block in blocks {
                    let width = room.min(block.power.0 as f64);
                    room -= width;
                    let price = block.price.0 as f64 * SHADOW_PER_PRICE;
                    ramps.push(Ramp { lo: 0.0, hi: width, from: price, to: price });
                }
            }
        }
    }
    for tier in problem.tiers() {
        let price = tier.value.0 as f64 * SHADOW_PER_PRICE;
        ramps.push(Ramp { lo: 0.0, hi: tier.power.0 as f64, from: price, to: price });
    }
    (fixed, ramps)
}

/// The lowest whole price at which supply reaches demand, galloping from an estimate, then halving.
fn pin(problem: &Problem, estimate: f64) -> Option<ShadowPrice> {
    let floor = problem.shadow_floor().0;
    let reaches = |price: i64| merit::supply(problem, ShadowPrice(price)).1 >= problem.demand();
    // Saturating conversion: an estimate is finite, and any start leads to the same price.
    let start = (estimate.round() as i64).clamp(floor, ShadowPrice::MAX.0);
    let (mut below, mut above) = if reaches(start) {
        let mut above = start;
        let lower =
            (0..GALLOP_MAX).map(|power| start.saturating_sub(1 << power)).find(|price| {
                let short = *price < floor || !reaches(*price);
                if !short {
                    above = *price;
                }
                short
            })?;
        (lower.max(floor - 1), above)
    } else {
        let mut below = start;
        let higher =
            (0..GALLOP_MAX).map(|power| start.saturating_add(1 << power)).find(|price| {
                let enough = reaches(*price);
                if !enough {
                    below = *price;
                }
                enough
            })?;
        (below, higher)
    };
    while above - below > 1 {
        let middle = below.midpoint(above);
        if reaches(middle) { above = middle } else { below = middle }
    }
    Some(ShadowPrice(above))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gridaccord_model::Scenario;

    #[test]
    fn the_estimate_leads_to_the_pinned_price_and_so_does_any_other_start() {
        let text = include_str!("../../../scenarios/decentralized-dispatch.toml");
        let scenario = Scenario::parse(text).unwrap();
        for interval in (0..288).step_by(7) {
            let problem = gridaccord_dispatch::scenario::problem(&scenario, interval).unwrap();
            let Outcome::Optimal(answer) = merit::clear(&problem) else {
                panic!("the day is feasible")
            };
            let price = answer.certificate.price;
            let estimate = estimate(&problem);
            assert!(
                (estimate - price.0 as f64).abs() <= 0.01 * price.0 as f64,
                "{estimate} for {price:?}"
            );
            for start in [estimate, 0.0, 1e300, -1e300, f64::NAN, price.0 as f64] {
                assert_eq!(pin(&problem, start), Some(price), "from {start}");
            }
        }
    }
}
