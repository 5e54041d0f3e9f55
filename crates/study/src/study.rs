//! A study as people state it: decimal units, one value per interval in every series.
//!
//! Powers in W, energy in Wh, prices in currency per kWh, carbon in kg. Positive power is injection into the bus.

use crate::error::StudyError;
use std::collections::BTreeSet;

/// One value per interval.
pub type Series = Vec<f64>;

/// A horizon to dispatch.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// For people and files.
    pub name: String,
    /// Length of an interval, h.
    pub interval_h: f64,
    /// What each interval is called, a time as a rule; as many as there are intervals.
    pub labels: Vec<String>,
    /// How often the horizon's cost counts in the objective; 1 as a rule.
    pub cost_repeats: f64,
    /// How often the horizon's carbon counts against the cap; 1 as a rule.
    pub carbon_repeats: f64,
    /// Consumption.
    pub loads: Vec<Load>,
    /// What injects.
    pub generators: Vec<Generator>,
    /// What stores.
    pub storages: Vec<Storage>,
    /// The connection to the macrogrid.
    pub tie: Option<Tie>,
    /// Upward headroom required of storages and ramp-limited generators, W.
    pub reserve_w: Option<Series>,
    /// Loads that may choose their time.
    pub shiftable: Vec<Shiftable>,
    /// Cap on operating carbon over the horizon times its repeats, kg.
    pub carbon_cap_kg: Option<f64>,
    /// Caps on the operating carbon of each interval.
    pub interval_caps: Option<IntervalCaps>,
}

/// Caps on the carbon of each interval, kg.
#[derive(Clone, Debug, PartialEq)]
pub struct IntervalCaps {
    /// Of each interval.
    pub cap_kg: Series,
    /// How far an interval may exceed its cap for a moment.
    pub excess_interval_kg: f64,
    /// How far all intervals together may exceed theirs.
    pub excess_horizon_kg: f64,
}

/// Consumption that may choose its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Shiftable {
    /// Unique among all components.
    pub name: String,
    /// Greatest consumption, W; 0 outside its window.
    pub power_max_w: Series,
    /// What it consumes in all, Wh.
    pub energy_wh: f64,
}

/// A consumer.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Unique among all components.
    pub name: String,
    /// Consumption, W.
    pub power_w: Series,
    /// Value of lost load; `None` may not be shed.
    pub value_per_kwh: Option<f64>,
}

/// Rise and fall from one interval to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    /// Greatest rise, W.
    pub up_w: f64,
    /// Greatest fall, W.
    pub down_w: f64,
    /// Power before the first interval; `None` leaves the first interval free.
    pub before_w: Option<f64>,
}

/// A generator; cost price·g + ½·quadratic·g².
#[derive(Clone, Debug, PartialEq)]
pub struct Generator {
    /// Unique among all components.
    pub name: String,
    /// Solar, wind, gas: for display.
    pub class: Option<String>,
    /// Least power, W.
    pub power_min_w: Series,
    /// Greatest power, W.
    pub power_max_w: Series,
    /// Linear cost.
    pub price_per_kwh: Series,
    /// Rise of the marginal cost per kW.
    pub quadratic_per_kw2h: f64,
    /// Ramp limits.
    pub ramp: Option<Ramp>,
    /// How it starts and stops; `None` is always on.
    pub cycling: Option<Cycling>,
    /// Carbon of its energy.
    pub carbon_kg_per_kwh: f64,
}

/// How a generator starts and stops; times in intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cycling {
    /// Cost of a start.
    pub start_cost: f64,
    /// Cost of a stop.
    pub stop_cost: f64,
    /// Cost of an hour on, whatever its power.
    pub standing_cost_per_h: f64,
    /// Least time on after a start.
    pub on_min: u32,
    /// Least time off after a stop.
    pub off_min: u32,
    /// Whether it was on before the first interval.
    pub was_on: bool,
    /// First intervals in which it must be on.
    pub held_on: u32,
    /// First intervals in which it must be off.
    pub held_off: u32,
    /// Limits of the power in the interval it starts in, W.
    pub start: Edge,
    /// Limits of the power in the interval before it stops, W.
    pub stop: Edge,
}

/// Limits of a power beside a start or a stop.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Edge {
    /// Least, W.
    pub least_w: f64,
    /// Greatest, W; `None` is whatever it may be on.
    pub most_w: Option<f64>,
}

/// A storage.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    /// Unique among all components.
    pub name: String,
    /// For display.
    pub class: Option<String>,
    /// Greatest charging power, W.
    pub charge_max_w: f64,
    /// Greatest discharging power, W.
    pub discharge_max_w: f64,
    /// Stored per charged.
    pub charge_efficiency: f64,
    /// Delivered per taken from the store.
    pub discharge_efficiency: f64,
    /// Share of the stored energy lost per interval.
    pub loss_share: f64,
    /// Capacity, Wh.
    pub capacity_wh: f64,
    /// Stored before the first interval, Wh; without meaning in a cyclic storage.
    pub initial_wh: f64,
    /// Least stored after the last interval, Wh; without meaning in a cyclic storage.
    pub final_min_wh: f64,
    /// Whether it ends as it began, wherever that is best.
    pub is_cyclic: bool,
    /// Cost of discharging.
    pub wear_per_kwh: f64,
    /// What fills it beside charging, W; empty for nothing.
    pub inflow_w: Series,
    /// Most that may be spilled, W; empty for nothing.
    pub spill_max_w: Series,
    /// Least stored after each interval, Wh; empty for nothing prescribed.
    pub energy_min_wh: Series,
    /// Most stored after each interval, Wh; empty for the capacity.
    pub energy_max_wh: Series,
}

/// The connection to the macrogrid.
#[derive(Clone, Debug, PartialEq)]
pub struct Tie {
    /// Unique among all components.
    pub name: String,
    /// Import limit, W.
    pub import_max_w: Series,
    /// Export limit, W.
    pub export_max_w: Series,
    /// Price of import.
    pub import_price_per_kwh: Series,
    /// Price of export, at most that of import.
    pub export_price_per_kwh: Series,
    /// Carbon of imported energy.
    pub carbon_kg_per_kwh: Series,
    /// Charge on the highest import.
    pub demand_charge_per_kw: f64,
    /// Highest import of the billing period so far, W.
    pub peak_before_w: f64,
}

impl Study {
    /// How many intervals there are.
    #[must_use]
    pub fn intervals(&self) -> usize {
        self.labels.len()
    }

    /// How many resources there are: generators, storages and the tie.
    #[must_use]
    pub fn resources(&self) -> usize {
        self.generators.len() + self.storages.len() + usize::from(self.tie.is_some())
    }

    /// All consumption of an interval, W.
    #[must_use]
    pub fn demand_w(&self, interval: usize) -> f64 {
        self.loads.iter().map(|load| load.power_w[interval]).sum()
    }

    /// Checks names, lengths and what every quantity must satisfy by itself.
    ///
    /// # Errors
    /// The first thing wrong, with the component's name.
    pub fn check(&self) -> Result<(), StudyError> {
        if self.labels.is_empty() {
            return Err(value("there are no intervals".to_owned()));
        }
        positive("the study", "interval", self.interval_h)?;
        positive("the study", "cost repeats", self.cost_repeats)?;
        positive("the study", "carbon repeats", self.carbon_repeats)?;
        self.check_names()?;
        let length = self.intervals();
        for load in &self.loads {
            let name = &load.name;
            series(name, "power", length, &load.power_w)?;
            load.value_per_kwh.map_or(Ok(()), |price| at_least_zero(name, "value", price))?;
            if load.value_per_kwh.is_some() {
                load.power_w.iter().try_for_each(|power| at_least_zero(name, "power", *power))?;
            }
        }
        if let Some(interval) = (0..length).find(|interval| self.demand_w(*interval) < 0.0) {
            return Err(value(format!(
                "loads of interval {interval} add up to {} W; consumption may not be negative",
                self.demand_w(interval)
            )));
        }
        self.generators.iter().try_for_each(|generator| generator.check(length))?;
        self.storages.iter().try_for_each(|storage| storage.check(length))?;
        self.tie.as_ref().map_or(Ok(()), |tie| tie.check(length))?;
        if let Some(reserve) = &self.reserve_w {
            each("the reserve", "power", length, reserve)?;
        }
        for load in &self.shiftable {
            each(&load.name, "greatest power", length, &load.power_max_w)?;
            at_least_zero(&load.name, "energy", load.energy_wh)?;
        }
        if let Some(caps) = &self.interval_caps {
            let name = "the carbon caps of intervals";
            each(name, "mass", length, &caps.cap_kg)?;
            at_least_zero(name, "excess of an interval", caps.excess_interval_kg)?;
            at_least_zero(name, "excess of the horizon", caps.excess_horizon_kg)?;
        }
        self.carbon_cap_kg.map_or(Ok(()), |cap| at_least_zero("the carbon cap", "mass", cap))
    }

    fn check_names(&self) -> Result<(), StudyError> {
        let mut seen = BTreeSet::new();
        let names = (self.loads.iter().map(|load| &load.name))
            .chain(self.generators.iter().map(|generator| &generator.name))
            .chain(self.storages.iter().map(|storage| &storage.name))
            .chain(self.shiftable.iter().map(|load| &load.name))
            .chain(self.tie.iter().map(|tie| &tie.name));
        for name in names {
            if name.trim().is_empty() {
                return Err(value("a component has no name".to_owned()));
            }
            if !seen.insert(name) {
                return Err(value(format!("two components are called `{name}`")));
            }
        }
        Ok(())
    }
}

impl Generator {
    fn check(&self, length: usize) -> Result<(), StudyError> {
        let name = &self.name;
        each(name, "least power", length, &self.power_min_w)?;
        each(name, "greatest power", length, &self.power_max_w)?;
        series(name, "price", length, &self.price_per_kwh)?;
        // One that may be off is off where its limits cross.
        let crossed = (0..length)
            .find(|t| self.cycling.is_none() && self.power_min_w[*t] > self.power_max_w[*t]);
        if let Some(t) = crossed {
            return Err(value(format!(
                "`{name}`, interval {t}: least power {} W exceeds greatest power {} W",
                self.power_min_w[t], self.power_max_w[t]
            )));
        }
        at_least_zero(name, "quadratic cost", self.quadratic_per_kw2h)?;
        at_least_zero(name, "carbon", self.carbon_kg_per_kwh)?;
        self.ramp.map_or(Ok(()), |ramp| {
            at_least_zero(name, "ramp up", ramp.up_w)?;
            at_least_zero(name, "ramp down", ramp.down_w)?;
            ramp.before_w.map_or(Ok(()), |before| at_least_zero(name, "power before", before))
        })?;
        self.cycling.map_or(Ok(()), |cycling| cycling.check(name))
    }

    /// Whether its price changes.
    #[must_use]
    pub fn has_prices(&self) -> bool {
        self.price_per_kwh.iter().any(|price| *price != self.price_per_kwh[0])
    }
}

impl Cycling {
    fn check(&self, name: &str) -> Result<(), StudyError> {
        at_least_zero(name, "cost of a start", self.start_cost)?;
        at_least_zero(name, "cost of a stop", self.stop_cost)?;
        at_least_zero(name, "standing cost", self.standing_cost_per_h)?;
        for (field, edge) in [("start limit", self.start), ("stop limit", self.stop)] {
            at_least_zero(name, field, edge.least_w)?;
            edge.most_w.map_or(Ok(()), |most| at_least_zero(name, field, most))?;
        }
        Ok(())
    }
}

impl Storage {
    /// Whether something but charging fills it, or intervals prescribe what it holds.
    #[must_use]
    pub fn is_reservoir(&self) -> bool {
        ![&self.inflow_w, &self.spill_max_w, &self.energy_min_wh, &self.energy_max_wh]
            .iter()
            .all(|series| series.is_empty())
    }

    fn check(&self, length: usize) -> Result<(), StudyError> {
        let name = &self.name;
        at_least_zero(name, "charging power", self.charge_max_w)?;
        at_least_zero(name, "discharging power", self.discharge_max_w)?;
        for (field, efficiency) in [
            ("charging efficiency", self.charge_efficiency),
            ("discharging efficiency", self.discharge_efficiency),
        ] {
            positive(name, field, efficiency)?;
            if efficiency > 1.0 {
                return Err(value(format!("`{name}`: {field} {efficiency} is above 1")));
            }
        }
        at_least_zero(name, "loss", self.loss_share)?;
        if self.loss_share > 1.0 {
            return Err(value(format!("`{name}`: loss {} is above 1", self.loss_share)));
        }
        at_least_zero(name, "capacity", self.capacity_wh)?;
        at_least_zero(name, "initial energy", self.initial_wh)?;
        at_least_zero(name, "final energy", self.final_min_wh)?;
        for (field, energy) in
            [("initial energy", self.initial_wh), ("final energy", self.final_min_wh)]
        {
            if energy > self.capacity_wh {
                return Err(value(format!(
                    "`{name}`: {field} {energy} Wh exceeds the capacity of {} Wh",
                    self.capacity_wh
                )));
            }
        }
        for (field, values) in [
            ("inflow", &self.inflow_w),
            ("spill", &self.spill_max_w),
            ("least energy", &self.energy_min_wh),
            ("most energy", &self.energy_max_wh),
        ] {
            if !values.is_empty() {
                each(name, field, length, values)?;
            }
        }
        let above = |energy: &&f64| **energy > self.capacity_wh;
        if let Some(energy) = self.energy_min_wh.iter().find(above) {
            return Err(value(format!(
                "`{name}`: least energy {energy} Wh exceeds the capacity of {} Wh",
                self.capacity_wh
            )));
        }
        let held = self.energy_min_wh.iter().zip(&self.energy_max_wh);
        if let Some(t) = held.into_iter().position(|(least, most)| least > most) {
            return Err(value(format!("`{name}`, interval {t}: least energy exceeds most energy")));
        }
        at_least_zero(name, "wear", self.wear_per_kwh)
    }
}

impl Tie {
    fn check(&self, length: usize) -> Result<(), StudyError> {
        let name = &self.name;
        each(name, "import limit", length, &self.import_max_w)?;
        each(name, "export limit", length, &self.export_max_w)?;
        series(name, "import price", length, &self.import_price_per_kwh)?;
        series(name, "export price", length, &self.export_price_per_kwh)?;
        each(name, "carbon", length, &self.carbon_kg_per_kwh)?;
        let inverted =
            (0..length).find(|t| self.export_price_per_kwh[*t] > self.import_price_per_kwh[*t]);
        if let Some(t) = inverted {
            return Err(value(format!(
                "`{name}`, interval {t}: export is paid {} per kWh, above the import price {}; whoever buys and sells at once would earn",
                self.export_price_per_kwh[t], self.import_price_per_kwh[t]
            )));
        }
        at_least_zero(name, "demand charge", self.demand_charge_per_kw)?;
        at_least_zero(name, "peak before", self.peak_before_w)
    }
}

fn value(message: String) -> StudyError {
    StudyError::Value(message)
}

fn at_least_zero(name: &str, field: &str, number: f64) -> Result<(), StudyError> {
    if number.is_finite() && number >= 0.0 {
        Ok(())
    } else {
        Err(value(format!("`{name}`: {field} is {number}, it must be a number of at least 0")))
    }
}

fn positive(name: &str, field: &str, number: f64) -> Result<(), StudyError> {
    if number.is_finite() && number > 0.0 {
        Ok(())
    } else {
        Err(value(format!("`{name}`: {field} is {number}, it must be above 0")))
    }
}

fn series(name: &str, field: &str, length: usize, values: &[f64]) -> Result<(), StudyError> {
    if values.len() != length {
        return Err(value(format!(
            "`{name}`: {field} has {} values for {length} intervals",
            values.len()
        )));
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(interval) => {
            Err(value(format!("`{name}`: {field} of interval {interval} is not a number")))
        }
        None => Ok(()),
    }
}

/// A series of numbers of at least 0.
fn each(name: &str, field: &str, length: usize, values: &[f64]) -> Result<(), StudyError> {
    series(name, field, length, values)?;
    match values.iter().position(|value| *value < 0.0) {
        Some(interval) => Err(value(format!(
            "`{name}`: {field} of interval {interval} is {}, it must be at least 0",
            values[interval]
        ))),
        None => Ok(()),
    }
}
