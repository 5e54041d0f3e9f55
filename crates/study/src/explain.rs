//! Why a price is what it is, why a resource runs as it does, and what one more of each limit is worth.
//!
//! Everything is read off the multipliers of the checked answer: a resource's marginal cost is its own cost plus what
//! couplings charge it, and its margin, price less that, says which of its limits holds it.

use crate::{
    error::StudyError, run::Solved, study::Study, summary::carbon_price, translate::Translated,
};
use gridaccord_dispatch::horizon::HorizonParts;
use std::fmt::Write as _;

/// 2²⁰, the scale of the carbon multiplier.
const CARBON_SCALE: f64 = 1_048_576.0;
/// A margin below this share of the largest price is the interior point's, not the market's.
const NOTHING: f64 = 1e-4;

/// Why one resource runs as it does in one interval; money in currency per kWh.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    /// Its name.
    pub name: String,
    /// Net injection, W.
    pub power_w: f64,
    /// What the next kWh costs it, couplings included.
    pub marginal_per_kwh: f64,
    /// What that is made of, the largest first.
    pub made_of: Vec<(String, f64)>,
    /// Price less marginal cost: what one more kW of its limit would earn per hour.
    pub margin_per_kwh: f64,
    /// In words.
    pub reason: String,
    /// Whether it answers a little more or less demand.
    pub is_marginal: bool,
}

/// Answers for one interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Counted from 0.
    pub interval: usize,
    /// What it is called.
    pub label: String,
    /// Its price, currency per kWh.
    pub price_per_kwh: f64,
    /// Every resource.
    pub positions: Vec<Position>,
    /// Limits that bind across resources or intervals, with what one more is worth.
    pub limits: Vec<String>,
}

/// Explains an interval.
///
/// # Errors
/// An interval beyond the last.
pub fn interval(
    study: &Study,
    translated: &Translated,
    solved: &Solved,
    interval: usize,
) -> Result<Explanation, StudyError> {
    if interval >= study.intervals() {
        return Err(StudyError::Value(format!(
            "interval {interval} is beyond the last; `{}` has intervals 0 to {}",
            study.name,
            study.intervals() - 1
        )));
    }
    let reader = Reader::new(study, translated, solved, interval);
    let mut positions = reader.generators();
    positions.extend(reader.storages());
    positions.extend(reader.tie());
    positions.extend(reader.tiers());
    Ok(Explanation {
        interval,
        label: study.labels[interval].clone(),
        price_per_kwh: reader.price,
        positions,
        limits: reader.limits(),
    })
}

impl Explanation {
    /// The answers as lines; only those of `resource` if one is named.
    ///
    /// # Errors
    /// A resource that is not there.
    pub fn text(&self, resource: Option<&str>) -> Result<String, StudyError> {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "interval {} ({}): price {} per kWh",
            self.interval,
            self.label,
            money(self.price_per_kwh)
        );
        if let Some(name) = resource {
            let Some(position) = self.positions.iter().find(|position| position.name == name)
            else {
                let known: Vec<&str> =
                    self.positions.iter().map(|position| position.name.as_str()).take(20).collect();
                return Err(StudyError::Value(format!(
                    "no resource is called `{name}`; there are {}",
                    known.join(", ")
                )));
            };
            position.write(&mut text);
            return Ok(text);
        }
        let _ = writeln!(text, "  {}", self.why_price());
        for position in &self.positions {
            position.write(&mut text);
        }
        for limit in &self.limits {
            let _ = writeln!(text, "  {limit}");
        }
        Ok(text)
    }

    /// One line: the price and who sets it; with a resource, why it stands where it does.
    ///
    /// # Errors
    /// A resource that is not there.
    pub fn line(&self, resource: Option<&str>) -> Result<String, StudyError> {
        let text = self.text(resource)?;
        let lines: Vec<&str> = text.lines().take(2).map(str::trim).collect();
        Ok(lines.join("; "))
    }

    fn why_price(&self) -> String {
        let marginal: Vec<String> = self
            .positions
            .iter()
            .filter(|position| position.is_marginal)
            .map(|position| format!("`{}`", position.name))
            .collect();
        if !marginal.is_empty() {
            return format!(
                "set by {}: one more kWh of demand would come from there",
                marginal.join(", ")
            );
        }
        let cheapest_idle = self
            .positions
            .iter()
            .filter(|position| position.margin_per_kwh < 0.0)
            .max_by(|one, other| one.margin_per_kwh.total_cmp(&other.margin_per_kwh));
        match cheapest_idle {
            Some(next) => format!(
                "demand ends where every resource is at a limit; the next to be called would be `{}` at {}",
                next.name,
                money(next.marginal_per_kwh)
            ),
            None => {
                "demand ends where every resource is at a limit; it is the lowest price that clears"
                    .to_owned()
            }
        }
    }
}

impl Position {
    fn write(&self, text: &mut String) {
        let _ = writeln!(text, "  `{}` at {} W: {}", self.name, watts(self.power_w), self.reason);
        let parts: Vec<String> =
            self.made_of.iter().map(|(what, value)| format!("{what} {}", money(*value))).collect();
        if !parts.is_empty() {
            let marginal = money(self.marginal_per_kwh);
            let _ = writeln!(text, "      its next kWh costs {marginal}: {}", parts.join(", "));
        }
    }
}

struct Reader<'a> {
    study: &'a Study,
    translated: &'a Translated,
    solved: &'a Solved,
    t: usize,
    price: f64,
    nothing: f64,
}

impl<'a> Reader<'a> {
    fn new(study: &'a Study, translated: &'a Translated, solved: &'a Solved, t: usize) -> Self {
        let unit = translated.scale.multiplier();
        let prices = &solved.answer.certificate.price;
        let largest = prices.iter().map(|price| price.unsigned_abs()).max().unwrap_or(0) as f64;
        let price = prices[t] as f64 * unit;
        Self { study, translated, solved, t, price, nothing: NOTHING * largest * unit + 1e-12 }
    }

    fn parts(&self) -> &HorizonParts {
        self.solved.horizon.parts()
    }

    fn money(&self, multiplier: i64) -> f64 {
        multiplier as f64 * self.translated.scale.multiplier()
    }

    fn watts(&self, quanta: i64) -> f64 {
        quanta as f64 / self.translated.scale.power()
    }

    /// Carbon's part of a marginal cost.
    fn carbon(&self, intensity: i64) -> f64 {
        let carbon = &self.solved.answer.certificate.carbon[0];
        let here = carbon.horizon + carbon.interval.get(self.t).copied().unwrap_or(0);
        let multiplier = here as f64 / CARBON_SCALE;
        multiplier * intensity as f64 * self.translated.scale.multiplier()
    }

    /// What is not nothing, the largest first.
    fn sorted(&self, parts: Vec<(&str, f64)>) -> Vec<(String, f64)> {
        let mut parts: Vec<(String, f64)> = parts
            .into_iter()
            .enumerate()
            .filter(|(position, (_, value))| *position == 0 || value.abs() > self.nothing)
            .map(|(_, (what, value))| (what.to_owned(), value))
            .collect();
        parts.sort_by(|one, other| other.1.abs().total_cmp(&one.1.abs()));
        parts
    }

    fn generators(&self) -> Vec<Position> {
        let (solution, certificate) =
            (&self.solved.answer.solution, &self.solved.answer.certificate);
        let here = self.translated.parts.iter().enumerate().filter(|(_, part)| {
            self.study.generators[part.generator].price_per_kwh[self.t] == part.price_per_kwh
        });
        let position = |(number, part): (usize, &crate::translate::GeneratorPart)| {
            let exact = &self.parts().generators[number];
            let power = solution.generators[number][self.t].0;
            let ramps = &certificate.ramp[number];
            let next = ramps.get(self.t + 1).copied().unwrap_or(0);
            let made_of = self.sorted(vec![
                ("own cost", self.money(2 * (exact.linear + exact.quadratic * power))),
                (
                    "reserve",
                    self.money(if exact.ramp.is_some() { certificate.reserve[self.t] } else { 0 }),
                ),
                ("ramp into this interval", self.money(ramps.get(self.t).copied().unwrap_or(0))),
                ("ramp into the next interval", self.money(-next)),
                ("carbon cap", self.carbon(exact.carbon_mg_per_kwh)),
            ]);
            let limits = (exact.power_min[self.t].0, exact.power_max[self.t].0);
            let name = &self.study.generators[part.generator].name;
            let mut position = self.place(name, power, limits, made_of);
            match self.is_on(part.generator) {
                Some(false) => {
                    let cost = money(position.margin_per_kwh);
                    position.reason = format!(
                        "off: its start is not worth it, running would earn {cost} per kWh"
                    );
                }
                Some(true) if position.margin_per_kwh < -self.nothing => {
                    position.reason.push_str("; it stays on, as commitment goes");
                }
                _ => {}
            }
            position
        };
        here.map(position).collect()
    }

    /// Whether a generator that may stand still is on; `None` for one that may not.
    fn is_on(&self, generator: usize) -> Option<bool> {
        self.study.generators[generator].cycling?;
        let committed = self.translated.committed.as_ref()?;
        let plant = committed.plants.iter().position(|plant| *plant == generator)?;
        self.solved.commitment.as_ref()?.solution.on.get(plant)?.get(self.t).copied()
    }

    /// Where a power stands between its limits, and what holds it there.
    fn place(
        &self,
        name: &str,
        power: i64,
        (lo, hi): (i64, i64),
        made_of: Vec<(String, f64)>,
    ) -> Position {
        let marginal: f64 = made_of.iter().map(|(_, value)| value).sum();
        let margin = self.price - marginal;
        let worth = money(margin.abs());
        let is_free = lo < power && power < hi;
        let (reason, is_marginal) = if hi == 0 && lo == 0 {
            ("nothing is available".to_owned(), false)
        } else if lo == hi {
            (format!("fixed at {} W", watts(self.watts(lo))), false)
        } else if power >= hi && margin >= -self.nothing {
            (format!("at its upper limit; one more kW of it would earn {worth} per hour"), false)
        } else if power <= lo && margin <= self.nothing {
            let limit = if lo == 0 { "not called" } else { "at its lower limit" };
            (format!("{limit}; it would lose {worth} per kWh"), false)
        } else if margin.abs() <= self.nothing {
            ("marginal: the price is what its next kWh costs".to_owned(), is_free)
        } else {
            (
                format!("between its limits, {worth} per kWh off its price: within the proven gap"),
                false,
            )
        };
        Position {
            name: name.to_owned(),
            power_w: self.watts(power),
            marginal_per_kwh: marginal,
            made_of,
            margin_per_kwh: margin,
            reason,
            is_marginal,
        }
    }

    fn storages(&self) -> Vec<Position> {
        let (solution, certificate) =
            (&self.solved.answer.solution, &self.solved.answer.certificate);
        let position = |(number, storage): (usize, &crate::study::Storage)| {
            let exact = &self.parts().storages[number];
            let (charge, discharge) =
                (solution.charge[number][self.t].0, solution.discharge[number][self.t].0);
            let value = self.money(certificate.energy[number][self.t]);
            let reserve = self.money(certificate.reserve[self.t]);
            let sell =
                ("value of what it takes from the store", value * exact.discharge_ppb as f64 / 1e9);
            let wear = ("wear", self.money(2 * exact.wear));
            let buy = value * exact.charge_ppb as f64 / 1e9;
            let place = |made_of, power, limits| self.place(&storage.name, power, limits, made_of);
            if charge > 0 {
                let made_of =
                    self.sorted(vec![("value of what it stores", buy), ("reserve", reserve)]);
                // Seen as supply from −limit to nothing: charging more is supplying less.
                let mut position = place(made_of, -charge, (-exact.charge_max.0, 0));
                if charge == exact.charge_max.0 {
                    let gain = money(position.margin_per_kwh.abs());
                    position.reason = format!(
                        "charging at its limit; one more kW of it would earn {gain} per hour"
                    );
                } else if position.is_marginal {
                    position.reason =
                        "charging, marginal: the price is what stored energy is worth".to_owned();
                }
                return position;
            }
            let made_of = self.sorted(vec![sell, wear, ("reserve", reserve)]);
            let mut position = place(made_of, discharge, (0, exact.discharge_max.0));
            if discharge == 0 && !position.is_marginal {
                position.reason = format!(
                    "idle: charging pays below {}, discharging above {}",
                    money(buy + reserve),
                    money(position.marginal_per_kwh)
                );
            } else if position.is_marginal {
                position.reason =
                    "discharging, marginal: the price is what stored energy is worth".to_owned();
            }
            position
        };
        self.study.storages.iter().enumerate().map(position).collect()
    }

    fn tie(&self) -> Option<Position> {
        let tie = self.study.tie.as_ref()?;
        let exact = &self.parts().tie;
        let (solution, certificate) =
            (&self.solved.answer.solution, &self.solved.answer.certificate);
        let (import, export) = (solution.import[self.t].0, solution.export[self.t].0);
        if export > 0 {
            let made_of =
                vec![("feed-in price".to_owned(), self.money(2_000 * exact.feed_in[self.t].0))];
            let limits = (-exact.export_max[self.t].0, 0);
            let mut position = self.place(&tie.name, -export, limits, made_of);
            if export == exact.export_max[self.t].0 {
                let worth = money(position.margin_per_kwh.abs());
                position.reason = format!(
                    "exporting at its limit; one more kW of it would earn {worth} per hour"
                );
            }
            return Some(position);
        }
        let made_of = self.sorted(vec![
            ("tariff", self.money(2_000 * exact.tariff[self.t].0)),
            ("demand charge", self.money(certificate.peak[self.t])),
            ("carbon cap", self.carbon(exact.carbon_mg_per_kwh[self.t])),
        ]);
        Some(self.place(&tie.name, import, (0, exact.import_max[self.t].0), made_of))
    }

    fn tiers(&self) -> Vec<Position> {
        let shed = &self.solved.answer.solution.shed;
        let tiers =
            self.translated.tiers.iter().enumerate().filter(|(tier, _)| shed[*tier][self.t].0 > 0);
        let position = |(tier, load): (usize, &usize)| {
            let exact = &self.parts().tiers[tier];
            let made_of =
                vec![("value of lost load".to_owned(), self.money(2_000 * exact.value.0))];
            let mut position = self.place(
                &self.study.loads[*load].name,
                shed[tier][self.t].0,
                (0, exact.power[self.t].0),
                made_of,
            );
            position.reason = format!("shed: {}", position.reason);
            position
        };
        tiers.map(position).collect()
    }

    fn limits(&self) -> Vec<String> {
        let certificate = &self.solved.answer.certificate;
        let mut limits = Vec::new();
        let reserve = self.money(certificate.reserve[self.t]);
        // Where nothing is required the multiplier is whatever the interior point left.
        if reserve > self.nothing && self.parts().reserve[self.t].0 > 0 {
            limits.push(format!(
                "reserve binds: one kW less of it would save {} per hour",
                money(reserve)
            ));
        }
        if certificate.carbon[0].horizon > 0 {
            let price = carbon_price(self.study, self.translated, self.solved);
            if price > 1e-9 {
                limits
                    .push(format!("the carbon cap binds: one more kg would save {}", money(price)));
            }
        }
        let peak = self.money(certificate.peak[self.t]);
        if peak > self.nothing {
            limits.push(format!(
                "this interval is among the import peaks: the demand charge adds {} per kWh",
                money(peak)
            ));
        }
        for (storage, exact) in self.study.storages.iter().zip(0..) {
            limits.extend(self.stored_limit(&storage.name, exact));
        }
        limits
    }

    /// What more room in a store, or less in it, would be worth here.
    fn stored_limit(&self, name: &str, number: usize) -> Option<String> {
        let values = &self.solved.answer.certificate.energy[number];
        let exact = &self.parts().storages[number];
        let keep = 1.0 - exact.loss_ppb as f64 / 1e9;
        let next = values.get(self.t + 1).copied().unwrap_or(0) as f64;
        let pull = (values[self.t] as f64 - keep * next) * self.translated.scale.multiplier();
        if pull < -self.nothing {
            return Some(format!(
                "`{name}` is full: one more kWh of capacity would save {}",
                money(-pull)
            ));
        }
        let is_last = self.t + 1 == values.len();
        (pull > self.nothing && is_last && exact.final_min_uwh > 0).then(|| {
            format!("`{name}` must keep energy at the end: one kWh less would save {}", money(pull))
        })
    }
}

fn money(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn watts(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
