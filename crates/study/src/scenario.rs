//! A market scenario as a study: all its intervals as one horizon.
//!
//! Offers become generators, one per block; needs become loads, one per tier. The scenario is exact, so nothing is
//! rounded on the way. A market of horizons has storages, ramps from 0 W, shiftable loads, a demand charge and the cap on
//! operating carbon besides; the cap within the wider boundary, which a study has no form for, and targets of storages
//! before the end are left to its gates. What a resource can do is what its rulebook knows when each gate closes.

use crate::{
    error::StudyError,
    study::{Generator, IntervalCaps, Load, Ramp, Series, Shiftable, Storage, Study, Tie},
};
use gridaccord_model::{
    CostCurve, HorizonOffer, HorizonPosting, MemberId, Offer, Scenario,
    horizon::{ShiftableNeed, StorageOffer},
    scenario::{Progress, utc},
};
use std::collections::BTreeMap;

/// The whole horizon of a scenario.
///
/// # Errors
/// An offer a horizon has no form for, with the member's name.
pub fn study(scenario: &Scenario) -> Result<Study, StudyError> {
    let length = scenario.horizon.intervals as usize;
    let mut reader =
        Reader { scenario, length, generators: BTreeMap::new(), loads: BTreeMap::new(), tie: None };
    for interval in 0..scenario.horizon.intervals {
        let parts = scenario.problem(interval);
        let t = interval as usize;
        for (member, offer) in &parts.offers {
            reader.offer(*member, offer, t)?;
        }
        for (member, offer) in &parts.ties {
            reader.tie(*member, offer, t)?;
        }
        for (member, need) in &parts.needs {
            let name = reader.name(*member);
            reader.load((*member, 0), name.clone(), None, t)?[t] = need.firm.0 as f64;
            for (number, tier) in need.sheddable.iter().enumerate() {
                let value = tier.value.0 as f64 / 1e6;
                let name = format!("{name}/{number}");
                reader.load((*member, number + 1), name, Some(value), t)?[t] = tier.power.0 as f64;
            }
        }
    }
    let memory = Memory::of(scenario);
    memory.complete(&mut reader);
    let interval_h = f64::from(scenario.horizon.interval_s) / 3_600.0;
    let mut study = Study {
        name: scenario.name.clone(),
        interval_h,
        labels: (0..scenario.horizon.intervals)
            .map(|interval| utc(scenario.interval(interval).start))
            .collect(),
        cost_repeats: 1.0,
        carbon_repeats: 1.0,
        loads: reader.loads.into_values().collect(),
        generators: reader.generators.into_values().collect(),
        storages: memory.storages,
        tie: reader.tie.map(|(_, tie)| tie),
        reserve_w: None,
        shiftable: memory.shiftable,
        carbon_cap_kg: None,
        interval_caps: None,
    };
    cap_carbon(&mut study, scenario);
    study.check()?;
    Ok(study)
}

/// What joins the intervals of a market of horizons; nothing of another.
struct Memory {
    storages: Vec<Storage>,
    shiftable: Vec<Shiftable>,
    ramps: Vec<(MemberId, Ramp)>,
    demand_charge_per_kw: f64,
}

impl Memory {
    fn of(scenario: &Scenario) -> Self {
        let mut memory = Self {
            storages: Vec::new(),
            shiftable: Vec::new(),
            ramps: Vec::new(),
            demand_charge_per_kw: 0.0,
        };
        for (id, member) in scenario.members() {
            let posting = scenario.posting_ahead(id, 0, &Progress::default());
            match posting.and_then(|HorizonPosting { offer, .. }| offer) {
                Some(HorizonOffer::Generator { generator }) => {
                    memory.ramps.extend(generator.ramp.map(|ramp| {
                        let (up_w, down_w) = (ramp.up.0 as f64, ramp.down.0 as f64);
                        (id, Ramp { up_w, down_w, before_w: Some(0.0) })
                    }));
                }
                Some(HorizonOffer::Tie { tie }) => {
                    memory.demand_charge_per_kw = tie.demand_charge as f64 / 1e6;
                }
                _ => {}
            }
            if let Some(storage) = scenario.storage(id) {
                let class = member.class.clone();
                memory.storages.push(storage_of(member.name.clone(), class, &storage));
            }
            let loads = scenario.shiftable(id).into_iter().enumerate();
            memory.shiftable.extend(loads.map(|(number, load)| {
                shiftable_of(format!("{}/shiftable-{number}", member.name), scenario, load)
            }));
        }
        memory
    }

    fn complete(&self, reader: &mut Reader<'_>) {
        for (member, ramp) in &self.ramps {
            if let Some(generator) = reader.generators.get_mut(&(*member, 0)) {
                generator.ramp = Some(*ramp);
            }
        }
        if let Some((_, tie)) = &mut reader.tie {
            tie.demand_charge_per_kw = self.demand_charge_per_kw;
        }
    }
}

fn storage_of(name: String, class: Option<String>, offer: &StorageOffer) -> Storage {
    let share = |ppb: u32| f64::from(ppb) / 1e9;
    let wh = |uwh: i64| uwh as f64 / 1e6;
    Storage {
        name,
        class,
        charge_max_w: offer.charge_max.0 as f64,
        discharge_max_w: offer.discharge_max.0 as f64,
        charge_efficiency: share(offer.charge_efficiency_ppb),
        discharge_efficiency: share(offer.discharge_efficiency_ppb),
        loss_share: share(offer.loss_ppb),
        capacity_wh: wh(offer.capacity_uwh),
        initial_wh: wh(offer.stored_uwh),
        final_min_wh: wh(offer.final_min_uwh),
        is_cyclic: false,
        wear_per_kwh: offer.wear as f64 / 1e9,
        inflow_w: Series::new(),
        spill_max_w: Series::new(),
        energy_min_wh: Series::new(),
        energy_max_wh: Series::new(),
    }
}

fn shiftable_of(name: String, scenario: &Scenario, load: ShiftableNeed) -> Shiftable {
    let power = |number: u32| {
        let within = u16::try_from(number).is_ok_and(|number| load.is_within(number));
        if within { load.power_max.0 as f64 } else { 0.0 }
    };
    Shiftable {
        name,
        power_max_w: (0..scenario.horizon.intervals).map(power).collect(),
        energy_wh: load.energy.0 as f64 / 3_600.0,
    }
}

/// Operating carbon of each source, and its cap on what consumption allows: stated and shiftable, and in one interval a
/// little more for a moment.
fn cap_carbon(study: &mut Study, scenario: &Scenario) {
    let policy = &scenario.carbon;
    let of_class = |class: Option<&str>| {
        let factor = class.and_then(|class| policy.factor(class));
        factor.map_or(0.0, |factor| f64::from(factor.operating_mg_per_kwh) / 1e6)
    };
    for generator in &mut study.generators {
        generator.carbon_kg_per_kwh = of_class(generator.class.as_deref());
    }
    if let Some(tie) = &mut study.tie {
        let member = scenario.members.iter().find(|member| member.name == tie.name);
        let carbon = of_class(member.and_then(|member| member.class.as_deref()));
        tie.carbon_kg_per_kwh.fill(carbon);
    }
    let caps = [policy.operating_max_mg_per_kwh, policy.wider_max_mg_per_kwh];
    let ([Some(operating), wider], true) = (caps, scenario.shape().is_some()) else { return };
    let per_wh = f64::from(operating.min(wider.unwrap_or(operating))) / 1e9;
    let momentary = f64::from(policy.momentary_ppm) / 1e6;
    let sum = |t: usize, firm_only: bool| {
        let loads = study.loads.iter().filter(|load| !firm_only || load.value_per_kwh.is_none());
        loads.map(|load| load.power_w[t]).sum::<f64>() * study.interval_h
    };
    let intervals = 0..study.intervals();
    let cap_kg = intervals.clone().map(|t| per_wh * (sum(t, false) + momentary * sum(t, true)));
    let caps =
        IntervalCaps { cap_kg: cap_kg.collect(), excess_interval_kg: 0.0, excess_horizon_kg: 0.0 };
    let shifted: f64 = study.shiftable.iter().map(|load| load.energy_wh).sum();
    let served: f64 = intervals.map(|t| sum(t, false)).sum::<f64>() + shifted;
    study.carbon_cap_kg = Some(per_wh * served);
    study.interval_caps = Some(caps);
}

struct Reader<'a> {
    scenario: &'a Scenario,
    length: usize,
    /// By member and block, so that they come in the members' order.
    generators: BTreeMap<(MemberId, usize), Generator>,
    loads: BTreeMap<(MemberId, usize), Load>,
    tie: Option<(MemberId, Tie)>,
}

impl Reader<'_> {
    fn name(&self, member: MemberId) -> String {
        self.scenario.members[usize::from(member.0)].name.clone()
    }

    fn refuse(&self, member: MemberId, t: usize, what: &str) -> StudyError {
        StudyError::Value(format!(
            "`{}`, interval {t}: {what} is not supported in a horizon",
            self.name(member)
        ))
    }

    fn offer(&mut self, member: MemberId, offer: &Offer, t: usize) -> Result<(), StudyError> {
        match &offer.cost {
            CostCurve::Quadratic { quadratic, linear } => {
                let quadratic = *quadratic as f64 / 1e6;
                let known = self.generators.get(&(member, 0)).map(|known| known.quadratic_per_kw2h);
                if known.is_some_and(|known| known != quadratic) {
                    return Err(self.refuse(member, t, "a quadratic cost that changes"));
                }
                let generator = self.generator(member, 0, quadratic);
                generator.power_min_w[t] = offer.power_min.0 as f64;
                generator.power_max_w[t] = offer.power_max.0 as f64;
                generator.price_per_kwh[t] = *linear as f64 / 1e9;
                if offer.power_min.0 < 0 {
                    return Err(self.refuse(member, t, "an offer to absorb"));
                }
            }
            CostCurve::Blocks { blocks } => {
                if offer.power_min.0 != 0 {
                    return Err(self.refuse(
                        member,
                        t,
                        "an offer in blocks that does not start at 0 W",
                    ));
                }
                for (number, block) in blocks.iter().enumerate() {
                    let generator = self.generator(member, number, 0.0);
                    generator.power_max_w[t] = block.power.0 as f64;
                    generator.price_per_kwh[t] = block.price.0 as f64 / 1e6;
                }
            }
        }
        Ok(())
    }

    fn generator(&mut self, member: MemberId, number: usize, quadratic: f64) -> &mut Generator {
        let base = self.name(member);
        let class = self.scenario.members[usize::from(member.0)].class.clone();
        let zero = vec![0.0; self.length];
        self.generators.entry((member, number)).or_insert_with(|| Generator {
            name: if number == 0 { base } else { format!("{base}/{number}") },
            class,
            power_min_w: zero.clone(),
            power_max_w: zero.clone(),
            price_per_kwh: zero,
            quadratic_per_kw2h: quadratic,
            ramp: None,
            cycling: None,
            carbon_kg_per_kwh: 0.0,
        })
    }

    /// Export blocks lie below 0 W, import blocks above.
    fn tie(&mut self, member: MemberId, offer: &Offer, t: usize) -> Result<(), StudyError> {
        let CostCurve::Blocks { blocks } = &offer.cost else {
            return Err(self.refuse(member, t, "a tie with a quadratic cost"));
        };
        if self.tie.as_ref().is_some_and(|(other, _)| *other != member) {
            return Err(self.refuse(member, t, "a second tie"));
        }
        let (name, zero) = (self.name(member), vec![0.0; self.length]);
        let (_, tie) = self.tie.get_or_insert_with(|| {
            (
                member,
                Tie {
                    name,
                    import_max_w: zero.clone(),
                    export_max_w: zero.clone(),
                    import_price_per_kwh: zero.clone(),
                    export_price_per_kwh: zero.clone(),
                    carbon_kg_per_kwh: zero,
                    demand_charge_per_kw: 0.0,
                    peak_before_w: 0.0,
                },
            )
        });
        let (mut at, mut sides) = (offer.power_min.0, [0, 0]);
        let (mut import, mut export) = (None, None);
        for block in blocks.iter() {
            let (side, power, price) =
                (usize::from(at >= 0), block.power.0, block.price.0 as f64 / 1e6);
            sides[side] += 1;
            if side == 1 {
                import = Some((power, price))
            } else {
                export = Some((power, price))
            }
            at = at.saturating_add(power);
        }
        if let Some((power, price)) = import {
            (tie.import_max_w[t], tie.import_price_per_kwh[t]) = (power as f64, price);
        }
        if let Some((power, price)) = export {
            (tie.export_max_w[t], tie.export_price_per_kwh[t]) = (power as f64, price);
        }
        // A side without limit has no price of its own: any that invites no wash trade will do.
        match (import, export) {
            (None, Some((_, price))) => tie.import_price_per_kwh[t] = price,
            (Some((_, price)), None) => tie.export_price_per_kwh[t] = price,
            _ => {}
        }
        if sides.iter().any(|count| *count > 1) {
            return Err(self.refuse(member, t, "a tie with several blocks a side"));
        }
        Ok(())
    }

    fn load(
        &mut self,
        key: (MemberId, usize),
        name: String,
        value_per_kwh: Option<f64>,
        t: usize,
    ) -> Result<&mut Series, StudyError> {
        let known = self.loads.get(&key).map(|load| load.value_per_kwh);
        if known.is_some_and(|known| known != value_per_kwh) {
            return Err(self.refuse(key.0, t, "a value of lost load that changes"));
        }
        let length = self.length;
        let load = self.loads.entry(key).or_insert_with(|| Load {
            name,
            power_w: vec![0.0; length],
            value_per_kwh,
        });
        Ok(&mut load.power_w)
    }
}
