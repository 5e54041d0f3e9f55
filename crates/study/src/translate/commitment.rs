//! What starts and stops, and what something fills, as a problem of unit commitment.

use super::{GeneratorPart, Quantiser, Scale, watts};
use crate::{
    error::StudyError,
    study::{Cycling, Edge, Generator, Storage, Study},
};
use gridaccord_dispatch::horizon::{
    self, Horizon, HorizonParts,
    commitment::{self, Commitment, Plant, PlantRamp, Reservoir},
};
use gridaccord_model::Watts;

/// Longest times that matter, intervals: no horizon is longer.
const TIME_MAX: u32 = 1_024;
/// Watts over an interval by which a prescribed energy may be missed.
const ROOM: i64 = 2;
/// Greatest power the exact problem takes.
const POWER_MAX: i64 = 1 << 31;

/// A problem of unit commitment, and where the study's parts are in it.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The problem.
    pub problem: Commitment,
    /// Position in the study of each plant.
    pub plants: Vec<usize>,
    /// Position in the translation's parts of each of the base's generators.
    pub base: Vec<usize>,
}

/// Whether a study has anything that the plain problem has no form for.
pub(super) fn is_needed(study: &Study) -> bool {
    let ramps = |generator: &Generator| generator.ramp.is_some() && generator.has_prices();
    study.generators.iter().any(|generator| generator.cycling.is_some() || ramps(generator))
        || study.storages.iter().any(Storage::is_reservoir)
}

/// Whether a generator is a plant there.
fn is_plant(generator: &Generator) -> bool {
    generator.cycling.is_some() || generator.ramp.is_some()
}

/// The problem, given what it would be with everything on.
pub(super) fn committed(
    quantise: &mut Quantiser,
    scale: &Scale,
    study: &Study,
    shown: &HorizonParts,
    parts: &[GeneratorPart],
) -> Result<Committed, StudyError> {
    let mut plants = Vec::new();
    let mut positions = Vec::new();
    for (position, generator) in study.generators.iter().enumerate() {
        if is_plant(generator) {
            positions.push(position);
            plants.push(plant(quantise, scale, study.intervals(), generator)?);
        }
    }
    let base: Vec<usize> = parts
        .iter()
        .enumerate()
        .filter(|(_, part)| !is_plant(&study.generators[part.generator]))
        .map(|(number, _)| number)
        .collect();
    let reservoirs = study
        .storages
        .iter()
        .zip(&shown.storages)
        .map(|(storage, exact)| reservoir(quantise, scale, study, storage, *exact));
    let reservoirs = reservoirs.collect::<Result<Vec<_>, _>>()?;
    let parts = HorizonParts {
        generators: base.iter().map(|number| shown.generators[*number].clone()).collect(),
        storages: Vec::new(),
        ..shown.clone()
    };
    let horizon = Horizon::new(parts).map_err(StudyError::Limits)?;
    let problem = Commitment::new(horizon, plants, reservoirs).map_err(StudyError::Limits)?;
    Ok(Committed { problem, plants: positions, base })
}

fn plant(
    quantise: &mut Quantiser,
    scale: &Scale,
    length: usize,
    generator: &Generator,
) -> Result<Plant, StudyError> {
    let name = generator.name.as_str();
    let ramp = match generator.ramp {
        None => None,
        Some(ramp) => {
            let mut limit = |power: f64| quantise.whole("ramp", name, power, scale.power());
            let initial = ramp.before_w.map(&mut limit).transpose()?.map(Watts);
            Some(PlantRamp {
                up: Watts(limit(ramp.up_w)?),
                down: Watts(limit(ramp.down_w)?),
                initial,
            })
        }
    };
    let standing = generator.cycling.map_or(0.0, |cycling| cycling.standing_cost_per_h);
    let cycling = generator.cycling.map(|own| cycling(quantise, scale, name, &own, length));
    Ok(Plant {
        power_min: watts(quantise, "least power", name, &generator.power_min_w, *scale)?,
        power_max: watts(quantise, "greatest power", name, &generator.power_max_w, *scale)?,
        quadratic: quantise.whole(
            "quadratic cost",
            name,
            generator.quadratic_per_kw2h,
            scale.quadratic(),
        )?,
        linear: quantise.series("price", name, &generator.price_per_kwh, scale.linear())?,
        standing: quantise.whole("standing cost", name, standing, scale.standing())?,
        ramp,
        cycling: cycling.transpose()?,
        carbon_mg_per_kwh: quantise.whole(
            "carbon",
            name,
            generator.carbon_kg_per_kwh,
            scale.carbon,
        )?,
        embodied_mg_per_kwh: 0,
    })
}

fn cycling(
    quantise: &mut Quantiser,
    scale: &Scale,
    name: &str,
    own: &Cycling,
    length: usize,
) -> Result<commitment::Cycling, StudyError> {
    let mut edge = |edge: Edge| -> Result<(Watts, Watts), StudyError> {
        let mut limit =
            |power: f64| quantise.whole("start or stop limit", name, power, scale.power());
        let most = edge.most_w.map(&mut limit).transpose()?.unwrap_or(POWER_MAX);
        Ok((Watts(limit(edge.least_w)?), Watts(most.min(POWER_MAX))))
    };
    let (start, stop) = (edge(own.start)?, edge(own.stop)?);
    // No time beyond the horizon's own matters.
    let most = u32::try_from(length).unwrap_or(TIME_MAX).min(TIME_MAX);
    Ok(commitment::Cycling {
        start_cost: quantise.whole("cost of a start", name, own.start_cost, scale.cycle())?,
        stop_cost: quantise.whole("cost of a stop", name, own.stop_cost, scale.cycle())?,
        on_min: own.on_min.min(most),
        off_min: own.off_min.min(most),
        was_on: own.was_on,
        held_on: own.held_on.min(most),
        held_off: own.held_off.min(most),
        start,
        stop,
    })
}

fn reservoir(
    quantise: &mut Quantiser,
    scale: &Scale,
    study: &Study,
    storage: &Storage,
    exact: horizon::Storage,
) -> Result<Reservoir, StudyError> {
    let name = storage.name.as_str();
    let length = study.intervals();
    let mut energies = |field, values: &[f64], factor: f64, default: i64| {
        if values.is_empty() {
            return Ok(vec![default; length]);
        }
        quantise.series(field, name, values, factor)
    };
    // Energy of an interval per W.
    let flow = scale.energy() * study.interval_h;
    let inflow_uwh = energies("inflow", &storage.inflow_w, flow, 0)?;
    let spill_max_uwh = energies("spill", &storage.spill_max_w, flow, 0)?;
    let least = energies("least energy", &storage.energy_min_wh, scale.energy(), 0)?;
    let most = energies("most energy", &storage.energy_max_wh, scale.energy(), exact.capacity_uwh)?;
    let mut reservoir = Reservoir {
        storage: exact,
        inflow_uwh,
        spill_max_uwh,
        energy_min_uwh: least,
        energy_max_uwh: most.into_iter().map(|most| most.min(exact.capacity_uwh)).collect(),
        is_cyclic: storage.is_cyclic,
    };
    if storage.is_cyclic {
        (reservoir.storage.initial_uwh, reservoir.storage.final_min_uwh) = (0, 0);
    }
    // What is prescribed exactly is met to a few watts over an interval.
    let slack = ROOM * reservoir.cycle_slack(scale.duration_s);
    let held = reservoir.energy_min_uwh.iter_mut().zip(&mut reservoir.energy_max_uwh);
    for (least, most) in held.into_iter().filter(|(least, most)| **most - **least < slack) {
        *least = (*least - slack).max(0);
        *most = (*most + slack).min(exact.capacity_uwh);
    }
    Ok(reservoir)
}
