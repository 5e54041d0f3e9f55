//! Rules H1–H9: shapes and sizes with which no sum of the check leaves its type.

use super::{CarbonLimits, Generator, HorizonParts, ShiftableLoad, Storage, Tie};
use gridaccord_model::Watts;

/// Intervals of one horizon.
pub const HORIZON_INTERVALS_MAX: usize = 1_024;
/// Generators, storages, tiers and shiftable loads of one horizon together.
pub const HORIZON_RESOURCES_MAX: usize = 4_096;
/// Largest absolute multiplier, half-pico-currency per Wh: some 137 currency per kWh.
pub const MULTIPLIER_MAX: i64 = 1 << 38;
/// Largest absolute price, µ-currency per kWh, so that twice its pico-currency per Wh is within the multipliers.
pub(super) const PRICE_MAX: i64 = MULTIPLIER_MAX / 2_000;
/// Largest absolute marginal cost, pico-currency per Wh.
pub(super) const MARGINAL_MAX: i64 = MULTIPLIER_MAX / 2;
/// Largest power.
pub(super) const POWER_MAX: i64 = 1 << 31;
/// Largest quadratic coefficient, pico-currency per W²h.
pub(super) const QUADRATIC_MAX: i64 = 1 << 30;
/// Largest carbon intensity, operating and embodied together, mg per kWh.
pub(super) const CARBON_MAX: i64 = 1 << 21;
/// Largest mass of carbon, mg: some million t.
pub(super) const CARBON_MASS_MAX: i64 = 1 << 50;
/// Largest store, µWh: some GWh.
pub(super) const ENERGY_MAX: i64 = 1 << 50;
/// Longest interval of a horizon, s.
pub const DURATION_MAX_S: u32 = 1 << 14;
/// Largest demand charge, µ-currency per kW.
pub(super) const DEMAND_CHARGE_MAX: i64 = 1 << 40;

/// Why parts make no problem, in the order the rules run. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u16)]
pub enum HorizonError {
    /// Rule H1.
    #[error("{0} intervals, 1 to {limit} make a horizon", limit = HORIZON_INTERVALS_MAX)]
    IntervalCount(usize) = 1,
    /// Rule H2.
    #[error("an interval of {0} s is outside 1..={limit} s", limit = DURATION_MAX_S)]
    DurationOutOfRange(u32) = 2,
    /// Rule H3.
    #[error("{0} resources and tiers, at most {limit} fit a horizon", limit = HORIZON_RESOURCES_MAX)]
    TooManyResources(usize) = 3,
    /// Rule H4.
    #[error("a series of {part} has another length than the demand")]
    SeriesLength {
        /// Which part.
        part: &'static str,
    } = 4,
    /// Rule H5.
    #[error("{part} has a {field} outside its limits")]
    OutOfRange {
        /// Which part.
        part: &'static str,
        /// Which field of it.
        field: &'static str,
    } = 5,
    /// Rule H6.
    #[error("feed-in is paid above the tariff in interval {0}, which invites wash trades")]
    WashTrade(usize) = 6,
    /// Rule H7.
    #[error("tiers shed more than the demand of interval {0}")]
    TiersExceedDemand(usize) = 7,
    /// Rule H8.
    #[error("shiftable load {0} cannot take its energy within its window")]
    WindowTooShort(usize) = 8,
    /// Rule H9.
    #[error(
        "the base of a commitment has storages, ramps or N−1; they belong to its reservoirs and plants"
    )]
    MemoryInBase = 9,
}

pub(super) fn check(parts: &HorizonParts) -> Result<(), HorizonError> {
    let intervals = parts.demand.len();
    if !(1..=HORIZON_INTERVALS_MAX).contains(&intervals) {
        return Err(HorizonError::IntervalCount(intervals));
    }
    if !(1..=DURATION_MAX_S).contains(&parts.duration_s) {
        return Err(HorizonError::DurationOutOfRange(parts.duration_s));
    }
    let resources = parts
        .generators
        .len()
        .saturating_add(parts.storages.len())
        .saturating_add(parts.tiers.len())
        .saturating_add(parts.shiftable.len());
    if resources > HORIZON_RESOURCES_MAX {
        return Err(HorizonError::TooManyResources(resources));
    }
    powers("the demand", "power", intervals, &parts.demand)?;
    powers("the reserve", "power", intervals, &parts.reserve)?;
    check_tie(intervals, &parts.tie)?;
    parts.generators.iter().try_for_each(|generator| check_generator(intervals, generator))?;
    parts.storages.iter().try_for_each(check_storage)?;
    for tier in &parts.tiers {
        powers("a tier", "power", intervals, &tier.power)?;
        within("a tier", "value", tier.value.0, 0, PRICE_MAX)?;
    }
    for (interval, demand) in parts.demand.iter().enumerate() {
        let shed =
            parts.tiers.iter().fold(0i64, |sum, tier| sum.saturating_add(tier.power[interval].0));
        if shed > demand.0 {
            return Err(HorizonError::TiersExceedDemand(interval));
        }
    }
    check_carbon(intervals, &parts.carbon)?;
    check_shiftable(intervals, &parts.shiftable)?;
    parts.contingency.as_ref().map_or(Ok(()), |contingency| {
        let part = "a contingency";
        powers(part, "shedding", intervals, &contingency.shed)?;
        within(part, "time to hold", contingency.hold_s.into(), 1, DURATION_MAX_S.into())
    })
}

fn check_carbon(intervals: usize, limits: &CarbonLimits) -> Result<(), HorizonError> {
    let part = "a carbon cap";
    for limit in [&limits.operating, &limits.whole] {
        if ![0, intervals].contains(&limit.interval.len()) {
            return Err(HorizonError::SeriesLength { part });
        }
        let horizon = limit.horizon.iter();
        for mass in horizon.chain(&limit.interval) {
            within(part, "mass", mass.0, 0, CARBON_MASS_MAX)?;
        }
        within(part, "excess", limit.excess_interval.0, 0, CARBON_MASS_MAX)?;
        within(part, "excess", limit.excess_horizon.0, 0, CARBON_MASS_MAX)?;
    }
    Ok(())
}

fn check_shiftable(intervals: usize, loads: &[ShiftableLoad]) -> Result<(), HorizonError> {
    let part = "a shiftable load";
    for (number, load) in loads.iter().enumerate() {
        powers(part, "greatest power", intervals, &load.power_max)?;
        within(part, "energy", load.power_sum.0, 0, i64::MAX)?;
        let most = load.power_max.iter().fold(0i64, |sum, power| sum.saturating_add(power.0));
        if load.power_sum.0 > most {
            return Err(HorizonError::WindowTooShort(number));
        }
    }
    Ok(())
}

/// Operating, embodied and both together.
pub(super) fn check_intensity(
    part: &'static str,
    operating: i64,
    embodied: i64,
) -> Result<(), HorizonError> {
    within(part, "carbon", operating, 0, CARBON_MAX)?;
    within(part, "embodied carbon", embodied, 0, CARBON_MAX)?;
    within(part, "carbon", operating.saturating_add(embodied), 0, CARBON_MAX)
}

fn check_tie(intervals: usize, tie: &Tie) -> Result<(), HorizonError> {
    powers("the tie", "import limit", intervals, &tie.import_max)?;
    powers("the tie", "export limit", intervals, &tie.export_max)?;
    for length in [
        tie.tariff.len(),
        tie.feed_in.len(),
        tie.carbon_mg_per_kwh.len(),
        tie.embodied_mg_per_kwh.len(),
    ] {
        if length != intervals {
            return Err(HorizonError::SeriesLength { part: "the tie" });
        }
    }
    for (interval, (tariff, feed_in)) in tie.tariff.iter().zip(&tie.feed_in).enumerate() {
        within("the tie", "tariff", tariff.0, -PRICE_MAX, PRICE_MAX)?;
        within("the tie", "feed-in", feed_in.0, -PRICE_MAX, PRICE_MAX)?;
        if feed_in > tariff {
            return Err(HorizonError::WashTrade(interval));
        }
    }
    tie.carbon_mg_per_kwh
        .iter()
        .zip(&tie.embodied_mg_per_kwh)
        .try_for_each(|(operating, embodied)| check_intensity("the tie", *operating, *embodied))?;
    within("the tie", "demand charge", tie.demand_charge, 0, DEMAND_CHARGE_MAX)?;
    within("the tie", "earlier peak", tie.peak_before.0, 0, POWER_MAX)
}

fn check_generator(intervals: usize, generator: &Generator) -> Result<(), HorizonError> {
    let part = "a generator";
    powers(part, "least power", intervals, &generator.power_min)?;
    powers(part, "greatest power", intervals, &generator.power_max)?;
    if generator.power_min.iter().zip(&generator.power_max).any(|(min, max)| min > max) {
        return Err(HorizonError::OutOfRange { part, field: "least power" });
    }
    within(part, "quadratic coefficient", generator.quadratic, 0, QUADRATIC_MAX)?;
    within(part, "linear coefficient", generator.linear, -MARGINAL_MAX, MARGINAL_MAX)?;
    let greatest = generator.power_max.iter().fold(0i64, |most, power| most.max(power.0));
    let marginal = generator.quadratic.saturating_mul(greatest).saturating_add(generator.linear);
    within(part, "marginal cost", marginal, -MARGINAL_MAX, MARGINAL_MAX)?;
    check_intensity(part, generator.carbon_mg_per_kwh, generator.embodied_mg_per_kwh)?;
    generator.ramp.map_or(Ok(()), |ramp| {
        within(part, "ramp", ramp.up.0, 0, POWER_MAX)?;
        within(part, "ramp", ramp.down.0, 0, POWER_MAX)?;
        within(part, "initial power", ramp.initial.0, 0, POWER_MAX)
    })
}

pub(super) fn check_storage(storage: &Storage) -> Result<(), HorizonError> {
    let part = "a storage";
    let ppb = 1_000_000_000;
    within(part, "charging power", storage.charge_max.0, 0, POWER_MAX)?;
    within(part, "discharging power", storage.discharge_max.0, 0, POWER_MAX)?;
    within(part, "charging efficiency", storage.charge_ppb, 1, ppb)?;
    within(part, "discharging factor", storage.discharge_ppb, ppb, ppb.saturating_mul(4))?;
    within(part, "loss", storage.loss_ppb, 0, ppb)?;
    within(part, "capacity", storage.capacity_uwh, 0, ENERGY_MAX)?;
    within(part, "initial energy", storage.initial_uwh, 0, storage.capacity_uwh)?;
    within(part, "final energy", storage.final_min_uwh, 0, storage.capacity_uwh)?;
    within(part, "wear", storage.wear, 0, MARGINAL_MAX)?;
    check_intensity(part, 0, storage.embodied_mg_per_kwh)
}

pub(super) fn powers(
    part: &'static str,
    field: &'static str,
    intervals: usize,
    powers: &[Watts],
) -> Result<(), HorizonError> {
    if powers.len() != intervals {
        return Err(HorizonError::SeriesLength { part });
    }
    powers.iter().try_for_each(|power| within(part, field, power.0, 0, POWER_MAX))
}

pub(super) fn within(
    part: &'static str,
    field: &'static str,
    value: i64,
    least: i64,
    greatest: i64,
) -> Result<(), HorizonError> {
    if (least..=greatest).contains(&value) {
        Ok(())
    } else {
        Err(HorizonError::OutOfRange { part, field })
    }
}
