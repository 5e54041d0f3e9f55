//! Settlement of one gate: from what meters counted to what everybody pays. Sums to zero, always.
//!
//! | flow | amount | rounding |
//! |---|---|---|
//! | energy | price × net energy injected | toward −∞, each line |
//! | losses | price × (injected − absorbed of all), from the account of losses | up, once |
//! | deviation | \|price\| × energy missed beyond tolerance where the miss earned, ½ of it where it cost; first to the account of losses as far as the gate took from it, then to the balancing members in equal parts | charges up, payments down |
//! | fee | share of the turnover, charged by energy used, half of it paid equally to the owners within ε, the rest to the winner | charges up, parts down |
//!
//! What rounding leaves goes to the account of remainders; it is never negative. The utility keeps the balance
//! of the bus, so its own deviation is what others caused: it is paid, not charged.
//!
//! A miss that earned is charged whole, so that no reading beyond tolerance settles better than the plan: a
//! meter that lies gains nothing. Energy that one meter claims and no other finds is the account of losses'
//! claim on those charges before it is anybody's income.

use crate::records::{Line, Metered};
use gridaccord_model::{Joules, MemberId, Money, Price};

/// Joules in a kWh.
const JOULES_PER_KWH: i128 = 3_600_000;
const PPM: i128 = 1_000_000;

/// One participant, as settlement sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Participant {
    /// Who.
    pub member: MemberId,
    /// Energy of its set point over the interval.
    pub planned: Joules,
    /// What its meter counted; `None` where no reading came.
    pub metered: Option<Metered>,
    /// Keeps the balance of the bus.
    pub balances: bool,
}

/// The gate's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Price of every watt-hour.
    pub price: Price,
    /// Builders' fee, ppm of the turnover.
    pub fee_ppm: u32,
    /// Deviation that is no deviation yet, ppm of the planned energy.
    pub tolerance_ppm: u32,
}

/// Result of a settlement. Lines, losses and remainder sum to zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// One per participant, then one per builder that is none, in order of first mention.
    pub lines: Vec<(MemberId, Line)>,
    /// Value of the energy used.
    pub turnover: Money,
    /// Builders' fees paid.
    pub fees: Money,
    /// To the account of losses.
    pub losses: Money,
    /// To the account of remainders.
    pub remainder: Money,
}

/// Settles: `builders` (within ε, the winner among them) share half the fee, `winner` gets the rest.
#[must_use]
pub fn settle(
    terms: Terms,
    participants: &[Participant],
    winner: MemberId,
    builders: &[MemberId],
) -> Settlement {
    let mut lines: Vec<(MemberId, Line)> = participants
        .iter()
        .map(|participant| (participant.member, energy_line(terms, participant)))
        .collect();
    let injected = sum(lines.iter().map(|(_, line)| i128::from(line.energy.0)));
    let losses = money(value_floor(terms.price, injected).saturating_neg());

    let collected = charge_deviations(terms, participants, &mut lines);
    let losses = share_deviations(collected, losses, participants, &mut lines);
    let turnover = turnover(terms.price, &lines);
    let fees = move_fees(terms, turnover, &mut lines, winner, builders);

    let moved = sum(lines.iter().map(|(_, line)| i128::from(line.total().0)))
        .saturating_add(i128::from(losses.0));
    Settlement { lines, turnover, fees, losses, remainder: money(moved.saturating_neg()) }
}

/// Metered energy at the gate's price. Without a reading the plan counts where it costs, and nothing where it
/// would earn: silence never pays.
fn energy_line(terms: Terms, participant: &Participant) -> Line {
    let energy = match participant.metered {
        Some(metered) => Joules(metered.injected.0.saturating_sub(metered.absorbed.0)),
        None if earns(terms.price, participant.planned.0) => Joules::ZERO,
        None => participant.planned,
    };
    Line {
        energy,
        price: terms.price,
        energy_money: money(value_floor(terms.price, i128::from(energy.0))),
        deviation_money: Money::ZERO,
        fee_charged: Money::ZERO,
        fee_earned: Money::ZERO,
        estimated: participant.metered.is_none(),
    }
}

/// Charges what missed its plan, and gives back the sum.
fn charge_deviations(
    terms: Terms,
    participants: &[Participant],
    lines: &mut [(MemberId, Line)],
) -> Money {
    let mut collected = 0i64;
    for (participant, (_, line)) in participants.iter().zip(lines.iter_mut()) {
        let missed = line.energy.0.saturating_sub(participant.planned.0);
        let tolerance = u128::from(participant.planned.0.unsigned_abs())
            .saturating_mul(u128::from(terms.tolerance_ppm))
            .div_euclid(PPM.unsigned_abs());
        if participant.balances || u128::from(missed.unsigned_abs()) <= tolerance {
            continue;
        }
        let halves = if earns(terms.price, missed) { 2 } else { 1 };
        let charge = value_halves_ceil(terms.price, missed.unsigned_abs(), halves);
        line.deviation_money = Money(charge.0.saturating_neg());
        collected = collected.saturating_add(charge.0);
    }
    Money(collected)
}

/// Covers what energy that was not found took from the account of losses, then pays the balancing members.
/// Gives back what the account of losses gets in all; where nobody balances that is everything.
fn share_deviations(
    collected: Money,
    losses: Money,
    participants: &[Participant],
    lines: &mut [(MemberId, Line)],
) -> Money {
    let balancing = participants.iter().filter(|participant| participant.balances).count();
    let Some(parts) = i64::try_from(balancing).ok().filter(|count| *count > 0) else {
        return Money(losses.0.saturating_add(collected.0));
    };
    let cover = losses.0.saturating_neg().clamp(0, collected.0);
    let each = collected.0.saturating_sub(cover).div_euclid(parts);
    for (participant, (_, line)) in participants.iter().zip(lines.iter_mut()) {
        if participant.balances {
            line.deviation_money = Money(each);
        }
    }
    Money(losses.0.saturating_add(cover))
}

/// Whether this much more injection is worth money to who injects it.
const fn earns(price: Price, joules: i64) -> bool {
    (price.0 > 0 && joules > 0) || (price.0 < 0 && joules < 0)
}

/// |price| × energy used.
fn turnover(price: Price, lines: &[(MemberId, Line)]) -> Money {
    let used = used_energy(lines);
    money(value_floor(Price(price.0.saturating_abs()), used))
}

fn used_energy(lines: &[(MemberId, Line)]) -> i128 {
    sum(lines.iter().map(|(_, line)| i128::from(line.energy.0.saturating_neg().max(0))))
}

fn move_fees(
    terms: Terms,
    turnover: Money,
    lines: &mut Vec<(MemberId, Line)>,
    winner: MemberId,
    builders: &[MemberId],
) -> Money {
    let fee = i128::from(turnover.0).saturating_mul(i128::from(terms.fee_ppm)).div_euclid(PPM);
    let used = used_energy(lines);
    if fee == 0 || used == 0 {
        return Money::ZERO;
    }
    for (_, line) in lines.iter_mut() {
        let share = i128::from(line.energy.0.saturating_neg().max(0)).saturating_mul(fee);
        line.fee_charged = money(ceil(share, used));
    }
    let sharers = i128::try_from(builders.len()).unwrap_or(i128::MAX).max(1);
    // The winner takes what the equal parts leave, so that the sum does not depend on how many shared it.
    let each = fee.div_euclid(2).div_euclid(sharers);
    let shared = each.saturating_mul(i128::try_from(builders.len()).unwrap_or(i128::MAX));
    earn(lines, terms.price, winner, money(fee.saturating_sub(shared)));
    for builder in builders {
        earn(lines, terms.price, *builder, money(each));
    }
    money(fee)
}

/// Adds an earned fee to a member's line, a new one where it took no part in the market.
fn earn(lines: &mut Vec<(MemberId, Line)>, price: Price, member: MemberId, fee: Money) {
    let line = match lines.iter().position(|(of, _)| *of == member) {
        Some(position) => &mut lines[position].1,
        None => {
            let line = Line {
                energy: Joules::ZERO,
                price,
                energy_money: Money::ZERO,
                deviation_money: Money::ZERO,
                fee_charged: Money::ZERO,
                fee_earned: Money::ZERO,
                estimated: false,
            };
            lines.push((member, line));
            &mut lines.last_mut().expect("just pushed").1
        }
    };
    line.fee_earned = Money(line.fee_earned.0.saturating_add(fee.0));
}

/// price × energy in µ-currency, toward −∞.
fn value_floor(price: Price, joules: i128) -> i128 {
    i128::from(price.0).saturating_mul(joules).div_euclid(JOULES_PER_KWH)
}

/// Halves of |price| × energy in µ-currency, upward.
fn value_halves_ceil(price: Price, joules: u64, halves: i128) -> Money {
    let product = i128::from(price.0.saturating_abs()).saturating_mul(i128::from(joules));
    money(ceil(product.saturating_mul(halves), JOULES_PER_KWH.saturating_mul(2)))
}

fn ceil(numerator: i128, denominator: i128) -> i128 {
    numerator.saturating_neg().div_euclid(denominator).saturating_neg()
}

fn sum(terms: impl Iterator<Item = i128>) -> i128 {
    terms.fold(0i128, i128::saturating_add)
}

/// Back into [`Money`]. Rule G14 bounds price × interval so that a settlement, even one of readings at their
/// limit, stays far inside it.
fn money(value: i128) -> Money {
    Money(i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX }))
}
