//! Sizes with which no sum of a commitment's check leaves its type.

use super::{
    super::{
        Horizon, HorizonError,
        limits::{
            ENERGY_MAX, HORIZON_INTERVALS_MAX, HORIZON_RESOURCES_MAX, MARGINAL_MAX, POWER_MAX,
            QUADRATIC_MAX, check_intensity, check_storage, powers, within,
        },
    },
    Cycling, Plant, PlantRamp, Reservoir,
};
use gridaccord_model::Watts;

/// Branches of one proof.
pub const BRANCHES_MAX: usize = 1 << 12;
/// Largest cost of a start or a stop, nano-currency, and of an hour on, pico-currency.
pub const COST_MAX: i64 = 1 << 60;
/// Longest least time on or off, intervals.
const TIME_MAX: i64 = HORIZON_INTERVALS_MAX as i64;

pub(super) fn check(
    base: &Horizon,
    plants: &[Plant],
    reservoirs: &[Reservoir],
) -> Result<(), HorizonError> {
    let parts = base.parts();
    let ramps = parts.generators.iter().any(|generator| generator.ramp.is_some());
    if ramps || !parts.storages.is_empty() || parts.contingency.is_some() {
        return Err(HorizonError::MemoryInBase);
    }
    let resources = parts
        .generators
        .len()
        .saturating_add(parts.tiers.len())
        .saturating_add(parts.shiftable.len())
        .saturating_add(plants.len())
        .saturating_add(reservoirs.len());
    if resources > HORIZON_RESOURCES_MAX {
        return Err(HorizonError::TooManyResources(resources));
    }
    plants.iter().try_for_each(|plant| check_plant(base.intervals(), plant))?;
    reservoirs.iter().try_for_each(|reservoir| check_reservoir(base.intervals(), reservoir))
}

fn check_plant(intervals: usize, plant: &Plant) -> Result<(), HorizonError> {
    let part = "a plant";
    powers(part, "least power", intervals, &plant.power_min)?;
    powers(part, "greatest power", intervals, &plant.power_max)?;
    if plant.linear.len() != intervals {
        return Err(HorizonError::SeriesLength { part });
    }
    within(part, "quadratic coefficient", plant.quadratic, 0, QUADRATIC_MAX)?;
    let greatest = plant.power_max.iter().fold(0i64, |most, power| most.max(power.0));
    for linear in &plant.linear {
        within(part, "linear coefficient", *linear, -MARGINAL_MAX, MARGINAL_MAX)?;
        let marginal = plant.quadratic.saturating_mul(greatest).saturating_add(*linear);
        within(part, "marginal cost", marginal, -MARGINAL_MAX, MARGINAL_MAX)?;
    }
    within(part, "standing cost", plant.standing, 0, COST_MAX)?;
    check_intensity(part, plant.carbon_mg_per_kwh, plant.embodied_mg_per_kwh)?;
    if let Some(PlantRamp { up, down, initial }) = plant.ramp {
        within(part, "ramp", up.0, 0, POWER_MAX)?;
        within(part, "ramp", down.0, 0, POWER_MAX)?;
        within(part, "initial power", initial.unwrap_or_default().0, 0, POWER_MAX)?;
    }
    plant.cycling.map_or(Ok(()), |cycling| check_cycling(part, &cycling))
}

fn check_cycling(part: &'static str, cycling: &Cycling) -> Result<(), HorizonError> {
    within(part, "cost of a start", cycling.start_cost, 0, COST_MAX)?;
    within(part, "cost of a stop", cycling.stop_cost, 0, COST_MAX)?;
    for (field, time) in [
        ("least time on", cycling.on_min),
        ("least time off", cycling.off_min),
        ("time held on", cycling.held_on),
        ("time held off", cycling.held_off),
    ] {
        within(part, field, time.into(), 0, TIME_MAX)?;
    }
    let limits: [(&'static str, (Watts, Watts)); 2] =
        [("start limit", cycling.start), ("stop limit", cycling.stop)];
    limits.into_iter().try_for_each(|(field, (least, most))| {
        within(part, field, least.0, 0, POWER_MAX)?;
        within(part, field, most.0, 0, POWER_MAX)
    })
}

fn check_reservoir(intervals: usize, reservoir: &Reservoir) -> Result<(), HorizonError> {
    let part = "a reservoir";
    check_storage(&reservoir.storage)?;
    let capacity = reservoir.storage.capacity_uwh;
    for (field, series, most) in [
        ("inflow", &reservoir.inflow_uwh, ENERGY_MAX),
        ("spill", &reservoir.spill_max_uwh, ENERGY_MAX),
        ("least energy", &reservoir.energy_min_uwh, capacity),
        ("most energy", &reservoir.energy_max_uwh, capacity),
    ] {
        if series.len() != intervals {
            return Err(HorizonError::SeriesLength { part });
        }
        series.iter().try_for_each(|value| within(part, field, *value, 0, most))?;
    }
    let held = reservoir.energy_min_uwh.iter().zip(&reservoir.energy_max_uwh);
    if held.into_iter().any(|(least, most)| least > most) {
        return Err(HorizonError::OutOfRange { part, field: "least energy" });
    }
    if reservoir.is_cyclic
        && (reservoir.storage.initial_uwh, reservoir.storage.final_min_uwh) != (0, 0)
    {
        return Err(HorizonError::OutOfRange { part, field: "end that is cyclic" });
    }
    Ok(())
}
