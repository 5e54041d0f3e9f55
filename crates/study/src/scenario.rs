//! A market scenario as a study: all its intervals as one horizon.
//!
//! Offers become generators, one per block; needs become loads, one per tier. The scenario is exact, so nothing is
//! rounded on the way.

use crate::{
    error::StudyError,
    study::{Generator, Load, Series, Study, Tie},
};
use gridaccord_model::{CostCurve, MemberId, Offer, Scenario, scenario::utc};
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
    let study = Study {
        name: scenario.name.clone(),
        interval_h: f64::from(scenario.horizon.interval_s) / 3_600.0,
        labels: (0..scenario.horizon.intervals)
            .map(|interval| utc(scenario.interval(interval).start))
            .collect(),
        cost_repeats: 1.0,
        carbon_repeats: 1.0,
        loads: reader.loads.into_values().collect(),
        generators: reader.generators.into_values().collect(),
        storages: Vec::new(),
        tie: reader.tie.map(|(_, tie)| tie),
        reserve_w: None,
        shiftable: Vec::new(),
        carbon_cap_kg: None,
        interval_caps: None,
    };
    study.check()?;
    Ok(study)
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
