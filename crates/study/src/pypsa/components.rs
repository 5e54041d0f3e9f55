//! One component each, from its row and its series.

use super::{Folder, commitment, table::Component};
use crate::{
    error::StudyError,
    study::{Generator, Load, Ramp, Series, Storage},
};

/// W in one MW, Wh in one MWh.
pub(super) const MEGA: f64 = 1e6;

impl Folder {
    pub(super) fn load(&self, row: Component<'_>) -> Result<Load, StudyError> {
        let power = self.values("loads", row, "p_set", 0.0)?;
        Ok(Load {
            name: row.name().to_owned(),
            power_w: power.into_iter().map(|power| power * MEGA).collect(),
            value_per_kwh: None,
        })
    }

    pub(super) fn generator(&self, row: Component<'_>) -> Result<Generator, StudyError> {
        let nominal = row.number("p_nom", 0.0)?;
        if !(nominal.is_finite() && nominal >= 0.0) {
            return Err(row.wrong("p_nom", format!("{nominal} must be a number of at least 0")));
        }
        let power = |attribute: &str, default: f64| {
            let values = self.values("generators", row, attribute, default)?;
            if let Some(share) = values.iter().find(|share| !(**share >= 0.0 && share.is_finite()))
            {
                return Err(row.unsupported(attribute, format!("{attribute} = {share}")));
            }
            Ok(values.into_iter().map(|share| share * nominal * MEGA).collect())
        };
        let carrier = row.text("carrier");
        let per_primary =
            carrier.and_then(|carrier| self.intensity.get(carrier)).copied().unwrap_or(0.0);
        let efficiency = row.number("efficiency", 1.0)?;
        if per_primary > 0.0 && efficiency.partial_cmp(&0.0) != Some(core::cmp::Ordering::Greater) {
            return Err(row.wrong("efficiency", format!("{efficiency} must be above 0")));
        }
        let price = self.values("generators", row, "marginal_cost", 0.0)?;
        let power_max_w: Series = power("p_max_pu", 1.0)?;
        let (ramp, cycling) = if row.is("committable", false)? {
            let most = power_max_w.iter().copied().fold(nominal * MEGA, f64::max);
            let repeats = self.snapshots.objective / self.snapshots.stores;
            let (ramp, cycling) = commitment::read(row, nominal, most, repeats)?;
            (ramp, Some(cycling))
        } else {
            (ramp(row, nominal)?, None)
        };
        Ok(Generator {
            name: row.name().to_owned(),
            class: carrier.map(str::to_owned),
            power_min_w: power("p_min_pu", 0.0)?,
            power_max_w,
            price_per_kwh: price.into_iter().map(|price| price / 1e3).collect(),
            // PyPSA's quadratic cost is c·p², ours ½·a·g²; per MW² there, per kW² here.
            quadratic_per_kw2h: row.number("marginal_cost_quadratic", 0.0)? * 2.0 / MEGA,
            ramp,
            cycling,
            carbon_kg_per_kwh: if per_primary > 0.0 { per_primary / efficiency } else { 0.0 },
        })
    }

    pub(super) fn storage_unit(&self, row: Component<'_>) -> Result<Storage, StudyError> {
        let nominal = row.number("p_nom", 0.0)?;
        let (lowest, highest) = (row.number("p_min_pu", -1.0)?, row.number("p_max_pu", 1.0)?);
        if lowest > 0.0 {
            return Err(row.unsupported("p_min_pu", format!("p_min_pu = {lowest}, above 0,")));
        }
        let is_cyclic = row.is("cyclic_state_of_charge", false)?;
        let storage = Storage {
            charge_max_w: -lowest * nominal * MEGA,
            discharge_max_w: highest * nominal * MEGA,
            charge_efficiency: row.number("efficiency_store", 1.0)?,
            discharge_efficiency: row.number("efficiency_dispatch", 1.0)?,
            capacity_wh: nominal * row.number("max_hours", 1.0)? * MEGA,
            is_cyclic,
            wear_per_kwh: row.number("marginal_cost", 0.0)? / 1e3,
            ..self.stored(row, (is_cyclic, "state_of_charge_initial"))?
        };
        let storage = self.filled(row, storage)?;
        let targets = self.prescribed("storage_units", row, "state_of_charge_set");
        let storage = held(row, "state_of_charge_set", storage, targets)?;
        Ok(self.kept(storage))
    }

    /// A store moves any power: the most it can move in an interval is all it holds.
    pub(super) fn store(&self, row: Component<'_>) -> Result<Storage, StudyError> {
        let nominal = row.number("e_nom", 0.0)?;
        let share = |attribute: &str, default: f64| -> Result<Series, StudyError> {
            let values = self.values("stores", row, attribute, default)?;
            match values.iter().find(|share| !(share.is_finite() && **share >= 0.0)) {
                Some(share) => {
                    Err(row.unsupported(attribute, format!("{attribute} = {share}, below 0,")))
                }
                None => Ok(values.into_iter().map(|share| share * nominal * MEGA).collect()),
            }
        };
        let (least, most) = (share("e_min_pu", 0.0)?, share("e_max_pu", 1.0)?);
        let capacity = most.iter().copied().fold(0.0, f64::max);
        let is_flat = most.iter().all(|most| *most == capacity);
        let is_cyclic = row.is("e_cyclic", false)?;
        let power = capacity / self.snapshots.stores;
        let storage = Storage {
            charge_max_w: power,
            discharge_max_w: power,
            capacity_wh: capacity,
            is_cyclic,
            energy_min_wh: if least.iter().all(|least| *least == 0.0) { Vec::new() } else { least },
            energy_max_wh: if is_flat { Vec::new() } else { most },
            ..self.stored(row, (is_cyclic, "e_initial"))?
        };
        let storage = held(row, "e_set", storage, self.prescribed("stores", row, "e_set"))?;
        Ok(self.kept(storage))
    }

    /// What storage units and stores have in common.
    fn stored(
        &self,
        row: Component<'_>,
        (is_cyclic, initial): (bool, &str),
    ) -> Result<Storage, StudyError> {
        let carrier = row.text("carrier");
        let emits =
            carrier.and_then(|carrier| self.intensity.get(carrier)).is_some_and(|per| *per > 0.0);
        if emits {
            return Err(row.unsupported("carrier", "a storage whose carrier emits"));
        }
        let loss = row.number("standing_loss", 0.0)?;
        if !(0.0..1.0).contains(&loss) {
            return Err(row.wrong("standing_loss", format!("{loss} is not from 0 to below 1")));
        }
        let loss_share = 1.0 - (1.0 - loss).powf(self.snapshots.stores);
        // PyPSA's first snapshot starts with the initial energy and takes no loss off it; ours does.
        let initial = if is_cyclic { 0.0 } else { row.number(initial, 0.0)? / (1.0 - loss_share) };
        Ok(Storage {
            name: row.name().to_owned(),
            class: carrier.map(str::to_owned),
            charge_max_w: 0.0,
            discharge_max_w: 0.0,
            charge_efficiency: 1.0,
            discharge_efficiency: 1.0,
            loss_share,
            capacity_wh: 0.0,
            initial_wh: initial * MEGA,
            final_min_wh: 0.0,
            is_cyclic: false,
            wear_per_kwh: 0.0,
            inflow_w: Vec::new(),
            spill_max_w: Vec::new(),
            energy_min_wh: Vec::new(),
            energy_max_wh: Vec::new(),
        })
    }

    /// With its inflow, all of which may be spilled.
    fn filled(&self, row: Component<'_>, storage: Storage) -> Result<Storage, StudyError> {
        let inflow = self.values("storage_units", row, "inflow", 0.0)?;
        if let Some(flow) = inflow.iter().find(|flow| !(flow.is_finite() && **flow >= 0.0)) {
            return Err(row.unsupported("inflow", format!("inflow = {flow}, below 0,")));
        }
        if inflow.iter().all(|flow| *flow == 0.0) {
            return Ok(storage);
        }
        let inflow: Series = inflow.into_iter().map(|flow| flow * MEGA).collect();
        Ok(Storage { spill_max_w: inflow.clone(), inflow_w: inflow, ..storage })
    }

    /// An initial energy that a full storage would not have after a first interval's loss arrives in that interval.
    fn kept(&self, mut storage: Storage) -> Storage {
        if storage.initial_wh <= storage.capacity_wh || storage.capacity_wh == 0.0 {
            return storage;
        }
        if storage.inflow_w.is_empty() {
            storage.inflow_w = vec![0.0; self.snapshots.labels.len()];
        }
        let arrives = storage.initial_wh * (1.0 - storage.loss_share) / self.snapshots.stores;
        if let Some(first) = storage.inflow_w.first_mut() {
            *first += arrives;
        }
        storage.initial_wh = 0.0;
        storage
    }
}

/// With what snapshots prescribe to be stored.
fn held(
    row: Component<'_>,
    attribute: &str,
    mut storage: Storage,
    targets: Option<&Vec<Option<f64>>>,
) -> Result<Storage, StudyError> {
    let Some(targets) = targets else { return Ok(storage) };
    let fill = |series: &mut Series, default: f64| {
        if series.is_empty() {
            *series = vec![default; targets.len()];
        }
    };
    fill(&mut storage.energy_min_wh, 0.0);
    fill(&mut storage.energy_max_wh, storage.capacity_wh);
    for (t, target) in targets.iter().enumerate() {
        let Some(target) = target.map(|target| target * MEGA) else { continue };
        let (least, most) = (storage.energy_min_wh[t], storage.energy_max_wh[t]);
        if !(least..=most).contains(&target) {
            let message = format!("{} MWh of snapshot {t} is outside its limits", target / MEGA);
            return Err(row.wrong(attribute, message));
        }
        (storage.energy_min_wh[t], storage.energy_max_wh[t]) = (target, target);
    }
    Ok(storage)
}

/// PyPSA's rule: per snapshot, whatever its weight; the first is free unless `p_init` says what was before.
fn ramp(row: Component<'_>, nominal: f64) -> Result<Option<Ramp>, StudyError> {
    let (up, down) = (row.maybe("ramp_limit_up")?, row.maybe("ramp_limit_down")?);
    if up.is_none() && down.is_none() {
        return Ok(None);
    }
    if row.number("up_time_before", 1.0)? <= 0.0 {
        return Err(row.unsupported("up_time_before", "a ramp limit after a standstill"));
    }
    let limit = |share: Option<f64>| share.unwrap_or(1.0).min(1.0) * nominal * MEGA;
    let before = row.maybe("p_init")?.map(|power| power * MEGA);
    Ok(Some(Ramp { up_w: limit(up), down_w: limit(down), before_w: before }))
}
