//! What a bound loses where a storage may begin with any energy, as long as it ends with at least as much.
//!
//! In the Lagrangian only two terms know the energy E₀ with which a storage begins: −(1 − σ)·π₁·E₀, and the least of
//! π_T·E_T over E₀ ≤ E_T ≤ capacity. Together they are linear in E₀ for whatever multipliers, so their least over all
//! beginnings stands at an empty or a full store. The check's bound is for the E₀ of the answer; the difference
//! between the two, rounded up, is what the bound of the cyclic problem is lower by.

use gridaccord_dispatch::horizon::{Horizon, HorizonAnswer};

const PPB: i128 = 1_000_000_000;
/// Half-pico-currency per Wh times 10⁻⁹·µWh in doubled Picos: 3,600 s/h over 10⁹·10⁶.
const NUMERATOR: i128 = 9;
const DIVISOR: i128 = 2_500_000_000_000;
/// Floors taken in the check's own terms and in these, doubled Picos.
const FLOORS: i128 = 4;

/// By how many Picos the bound falls, at least 0. Multipliers and energies must be within the check's limits.
pub(super) fn widening(horizon: &Horizon, answer: &HorizonAnswer, number: usize) -> i128 {
    let storage = &horizon.parts().storages[number];
    let values = &answer.certificate.energy[number];
    let value = |value: Option<&i64>| i128::from(value.copied().unwrap_or(0));
    let (first, last) = (value(values.first()), value(values.last()));
    let keep = PPB - i128::from(storage.loss_ppb);
    let capacity = i128::from(storage.capacity_uwh);
    // Below 2³⁸ · 2³⁰ · 2⁵⁰ each: far within the type.
    let at = |energy: i128| {
        let end = if last > 0 { energy } else { capacity };
        PPB * last * end - keep * first * energy
    };
    let here = at(i128::from(storage.initial_uwh));
    let lower = (here - at(0)).max(here - at(capacity)).max(0);
    let doubled = -(-lower * NUMERATOR).div_euclid(DIVISOR) + FLOORS;
    -(-doubled).div_euclid(2)
}
