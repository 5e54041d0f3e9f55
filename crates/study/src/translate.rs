//! From a study to the exact problem: the one place that knows both.
//!
//! The problem's quanta are fixed (W, pico-currency per Wh, mg per kWh); studies are not of one size. A dispatch does
//! not change when all powers, all prices or all intensities are measured in other units, so the translation picks
//! powers of ten for power and money, and a unit of carbon, such that rounding stays below 10⁻⁷ of each field's
//! largest value. The project's own quanta are taken where they suffice.

mod commitment;
mod quantise;
mod scale;

use crate::{
    error::StudyError,
    study::{Generator, Storage, Study},
};
pub use commitment::Committed;
use gridaccord_dispatch::horizon::{
    self, CarbonLimit, CarbonLimits, Horizon, HorizonParts, ShedTier, ShiftableLoad,
};
use gridaccord_model::{CarbonMg, Price, Watts};
use quantise::Quantiser;
pub use quantise::Rounding;
pub use scale::Scale;
use std::collections::BTreeMap;

/// Largest rounding accepted, as a share of the field's largest value.
pub const ROUNDING_MAX: f64 = 1e-7;

/// A study as an exact problem.
#[derive(Clone, Debug)]
pub struct Translated {
    /// The problem; generators whose first interval is free start at 0 here.
    pub horizon: Horizon,
    /// What its quanta are.
    pub scale: Scale,
    /// Largest rounding of each field.
    pub roundings: BTreeMap<&'static str, Rounding>,
    /// Which generator of the study each of the problem's stands for.
    pub parts: Vec<GeneratorPart>,
    /// Positions in the problem of generators whose first interval is free of their ramp.
    pub free_starts: Vec<usize>,
    /// Positions of storages that end as they began.
    pub cyclic: Vec<usize>,
    /// Positions in the study of the loads that are the problem's tiers.
    pub tiers: Vec<usize>,
    /// The problem that is solved where something starts and stops, is filled from outside, or ramps while its price
    /// changes; the horizon above is then what it comes to with everything on, for display.
    pub committed: Option<Committed>,
}

/// A generator of the problem: one of the study's, in the intervals with one of its prices.
///
/// The problem knows one price per generator; a series of prices becomes as many generators as it has different ones,
/// each available only where its price holds.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratorPart {
    /// Position in the study.
    pub generator: usize,
    /// Its price.
    pub price_per_kwh: f64,
}

/// Translates a study.
///
/// # Errors
/// A value that makes no sense, a part the problem has no form for, or quantities that no scale brings within the
/// limits and the accepted rounding.
pub fn translate(study: &Study) -> Result<Translated, StudyError> {
    study.check()?;
    let mut last = None;
    for scale in Scale::candidates(study) {
        match at(study, scale) {
            Ok(translated) => return Ok(translated),
            // Of several refusals the first says most: it is that of the project's own quanta, or nearest to them.
            Err(refusal) => {
                last.get_or_insert(refusal);
            }
        }
    }
    Err(last.expect("there are candidates"))
}

/// The different prices of a generator, in the order they occur.
fn prices(generator: &Generator) -> Vec<f64> {
    let mut prices: Vec<f64> = Vec::new();
    for price in &generator.price_per_kwh {
        if !prices.contains(price) {
            prices.push(*price);
        }
    }
    prices
}

fn at(study: &Study, scale: Scale) -> Result<Translated, StudyError> {
    let mut quantise = Quantiser::default();
    let length = study.intervals();
    let is_committed = commitment::is_needed(study);
    let mut parts = Vec::new();
    let mut generators = Vec::new();
    let mut free_starts = Vec::new();
    for (position, generator) in study.generators.iter().enumerate() {
        let mut shown = generator.clone();
        if generator.cycling.is_some() {
            shown.power_min_w.fill(0.0);
        }
        let generator = &shown;
        for price in prices(generator) {
            if !is_committed && generator.ramp.is_some_and(|ramp| ramp.before_w.is_none()) {
                free_starts.push(generators.len());
            }
            generators.push(one_generator(&mut quantise, &scale, generator, price)?);
            parts.push(GeneratorPart { generator: position, price_per_kwh: price });
        }
    }
    let storages = study.storages.iter();
    let storages = storages.map(|storage| one_storage(&mut quantise, &scale, storage));
    let storages = storages.collect::<Result<Vec<_>, _>>()?;
    let (tiers, shed) = tiers(&mut quantise, &scale, study)?;
    let mut demand = vec![0i64; length];
    for load in &study.loads {
        let powers = quantise.series("load power", &load.name, &load.power_w, scale.power())?;
        for (demand, power) in demand.iter_mut().zip(powers) {
            *demand = demand.saturating_add(power);
        }
    }
    let zero = vec![0.0; length];
    let reserve = study.reserve_w.as_ref().unwrap_or(&zero);
    let reserve = watts(&mut quantise, "reserve", "the reserve", reserve, scale)?;
    let shiftable = study.shiftable.iter().map(|load| {
        let name = load.name.as_str();
        let power = load.energy_wh / study.interval_h;
        Ok(ShiftableLoad {
            power_max: watts(&mut quantise, "shiftable power", name, &load.power_max_w, scale)?,
            power_sum: Watts(quantise.whole("shiftable energy", name, power, scale.power())?),
        })
    });
    let shiftable = shiftable.collect::<Result<Vec<_>, StudyError>>()?;
    let horizon = HorizonParts {
        duration_s: scale.duration_s,
        demand: demand.into_iter().map(Watts).collect(),
        reserve,
        tie: tie(&mut quantise, &scale, study)?,
        tiers: shed,
        generators,
        storages,
        shiftable,
        carbon: caps(study, &scale),
        contingency: None,
    };
    let committed = if is_committed {
        Some(commitment::committed(&mut quantise, &scale, study, &horizon, &parts)?)
    } else {
        None
    };
    let roundings = quantise.finish(ROUNDING_MAX)?;
    let horizon = Horizon::new(horizon).map_err(StudyError::Limits)?;
    let cyclic = study.storages.iter().enumerate();
    let cyclic = cyclic.filter(|(_, storage)| !is_committed && storage.is_cyclic);
    let cyclic = cyclic.map(|(position, _)| position).collect();
    Ok(Translated { horizon, scale, roundings, parts, free_starts, cyclic, tiers, committed })
}

/// Caps, rounded down: none is loosened.
fn caps(study: &Study, scale: &Scale) -> CarbonLimits {
    let mass = |kg: f64| CarbonMg((kg * scale.carbon_mass()).floor().min(9e18) as i64);
    let mut operating = CarbonLimit {
        horizon: study.carbon_cap_kg.map(|cap| mass(cap / study.carbon_repeats)),
        ..CarbonLimit::default()
    };
    if let Some(caps) = &study.interval_caps {
        operating.interval = caps.cap_kg.iter().map(|cap| mass(*cap)).collect();
        operating.excess_interval = mass(caps.excess_interval_kg);
        operating.excess_horizon = mass(caps.excess_horizon_kg);
    }
    CarbonLimits { operating, whole: CarbonLimit::default() }
}

fn one_generator(
    quantise: &mut Quantiser,
    scale: &Scale,
    generator: &Generator,
    price: f64,
) -> Result<horizon::Generator, StudyError> {
    let name = generator.name.as_str();
    let here = |series: &[f64]| -> Vec<f64> {
        let only = series.iter().zip(&generator.price_per_kwh);
        only.map(|(power, at)| if *at == price { *power } else { 0.0 }).collect()
    };
    let ramp = match generator.ramp {
        None => None,
        Some(ramp) => {
            let mut limit = |power: f64| quantise.whole("ramp", name, power, scale.power());
            Some(horizon::Ramp {
                up: Watts(limit(ramp.up_w)?),
                down: Watts(limit(ramp.down_w)?),
                initial: Watts(limit(ramp.before_w.unwrap_or(0.0))?),
            })
        }
    };
    Ok(horizon::Generator {
        power_min: watts(quantise, "least power", name, &here(&generator.power_min_w), *scale)?,
        power_max: watts(quantise, "greatest power", name, &here(&generator.power_max_w), *scale)?,
        quadratic: quantise.whole(
            "quadratic cost",
            name,
            generator.quadratic_per_kw2h,
            scale.quadratic(),
        )?,
        linear: quantise.whole("price", name, price, scale.linear())?,
        ramp,
        carbon_mg_per_kwh: quantise.whole(
            "carbon",
            name,
            generator.carbon_kg_per_kwh,
            scale.carbon,
        )?,
        embodied_mg_per_kwh: 0,
    })
}

fn one_storage(
    quantise: &mut Quantiser,
    scale: &Scale,
    storage: &Storage,
) -> Result<horizon::Storage, StudyError> {
    const PPB: f64 = 1e9;
    let name = storage.name.as_str();
    let mut whole = |field, value, factor| quantise.whole(field, name, value, factor);
    let capacity_uwh = whole("capacity", storage.capacity_wh, scale.energy())?;
    let mut held = |field, energy| -> Result<i64, StudyError> {
        Ok(whole(field, energy, scale.energy())?.min(capacity_uwh))
    };
    let (initial_uwh, final_min_uwh) =
        (held("initial energy", storage.initial_wh)?, held("final energy", storage.final_min_wh)?);
    Ok(horizon::Storage {
        charge_max: Watts(whole("charging power", storage.charge_max_w, scale.power())?),
        discharge_max: Watts(whole("discharging power", storage.discharge_max_w, scale.power())?),
        charge_ppb: whole("charging efficiency", storage.charge_efficiency, PPB)?,
        discharge_ppb: whole("discharging efficiency", 1.0 / storage.discharge_efficiency, PPB)?,
        // What is kept counts, so its rounding does.
        loss_ppb: 1_000_000_000 - whole("kept share", 1.0 - storage.loss_share, PPB)?,
        capacity_uwh,
        initial_uwh,
        final_min_uwh,
        wear: whole("wear", storage.wear_per_kwh, scale.linear())?,
        embodied_mg_per_kwh: 0,
    })
}

fn tiers(
    quantise: &mut Quantiser,
    scale: &Scale,
    study: &Study,
) -> Result<(Vec<usize>, Vec<ShedTier>), StudyError> {
    let (mut positions, mut tiers) = (Vec::new(), Vec::new());
    for (position, load) in study.loads.iter().enumerate() {
        let Some(value) = load.value_per_kwh else { continue };
        positions.push(position);
        tiers.push(ShedTier {
            power: watts(quantise, "load power", &load.name, &load.power_w, *scale)?,
            value: Price(quantise.whole("value", &load.name, value, scale.price())?),
        });
    }
    Ok((positions, tiers))
}

fn tie(quantise: &mut Quantiser, scale: &Scale, study: &Study) -> Result<horizon::Tie, StudyError> {
    let length = study.intervals();
    let Some(tie) = &study.tie else {
        return Ok(horizon::Tie {
            import_max: vec![Watts(0); length],
            export_max: vec![Watts(0); length],
            tariff: vec![Price(0); length],
            feed_in: vec![Price(0); length],
            carbon_mg_per_kwh: vec![0; length],
            embodied_mg_per_kwh: vec![0; length],
            demand_charge: 0,
            peak_before: Watts(0),
        });
    };
    let name = tie.name.as_str();
    let power = scale.power();
    let mut prices = |field, prices: &[f64]| -> Result<Vec<Price>, StudyError> {
        let quanta = quantise.series(field, name, prices, scale.price())?;
        Ok(quanta.into_iter().map(Price).collect())
    };
    let tariff = prices("import price", &tie.import_price_per_kwh)?;
    let feed_in = prices("export price", &tie.export_price_per_kwh)?;
    let charge = scale.demand_charge();
    Ok(horizon::Tie {
        import_max: watts(quantise, "import limit", name, &tie.import_max_w, *scale)?,
        export_max: watts(quantise, "export limit", name, &tie.export_max_w, *scale)?,
        tariff,
        feed_in,
        carbon_mg_per_kwh: quantise.series(
            "tie carbon",
            name,
            &tie.carbon_kg_per_kwh,
            scale.carbon,
        )?,
        embodied_mg_per_kwh: vec![0; length],
        demand_charge: quantise.whole("demand charge", name, tie.demand_charge_per_kw, charge)?,
        peak_before: Watts(quantise.whole("peak before", name, tie.peak_before_w, power)?),
    })
}

fn watts(
    quantise: &mut Quantiser,
    field: &'static str,
    name: &str,
    powers: &[f64],
    scale: Scale,
) -> Result<Vec<Watts>, StudyError> {
    let quanta = quantise.series(field, name, powers, scale.power())?;
    Ok(quanta.into_iter().map(Watts).collect())
}

impl Translated {
    /// The problem with other ends: powers before the first interval for the generators that are free of one, and
    /// energies with which cyclic storages begin and end, µWh of the problem.
    ///
    /// # Errors
    /// A start outside its limits, or another count of starts.
    pub fn with_ends(&self, starts: &[i64], energies: &[i64]) -> Result<Horizon, StudyError> {
        if energies.len() != self.cyclic.len() {
            return Err(StudyError::Certificate(format!(
                "{} energies for {} cyclic storages",
                energies.len(),
                self.cyclic.len()
            )));
        }
        if starts.len() != self.free_starts.len() {
            return Err(StudyError::Certificate(format!(
                "{} starts for {} generators that need one",
                starts.len(),
                self.free_starts.len()
            )));
        }
        let mut parts = self.horizon.parts().clone();
        for (position, start) in self.free_starts.iter().zip(starts) {
            if let Some(ramp) = &mut parts.generators[*position].ramp {
                ramp.initial = Watts(*start);
            }
        }
        for (position, energy) in self.cyclic.iter().zip(energies) {
            let storage = &mut parts.storages[*position];
            (storage.initial_uwh, storage.final_min_uwh) = (*energy, *energy);
        }
        Horizon::new(parts).map_err(StudyError::Limits)
    }
}
