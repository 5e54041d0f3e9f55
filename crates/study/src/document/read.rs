//! From a document to a study.

use super::series::SeriesText;
use crate::{
    error::StudyError,
    study::{
        Cycling, Edge, Generator, IntervalCaps, Load, Ramp, Series, Shiftable, Storage, Study, Tie,
    },
};
use gridaccord_model::{TimeS, scenario::utc};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What `kind` says in a study.
pub(super) const KIND: &str = "horizon";

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StudyText {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) horizon: HorizonText,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) carbon: Option<CarbonText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reserve: Option<ReserveText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tie: Option<TieText>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) loads: Vec<LoadText>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) shiftable: Vec<ShiftableText>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) generators: Vec<GeneratorText>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) storages: Vec<StorageText>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HorizonText {
    pub(super) interval_s: f64,
    pub(super) intervals: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start: Option<toml::value::Datetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) labels: Option<Vec<String>>,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(super) cost_repeats: f64,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(super) carbon_repeats: f64,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CarbonText {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cap_kg: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) interval_cap_kg: Option<SeriesText>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) excess_interval_kg: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) excess_horizon_kg: f64,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShiftableText {
    pub(super) name: String,
    pub(super) power_max_w: SeriesText,
    pub(super) energy_wh: f64,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReserveText {
    pub(super) power_w: SeriesText,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TieText {
    #[serde(default = "tie_name")]
    pub(super) name: String,
    pub(super) import_max_w: SeriesText,
    pub(super) import_price_per_kwh: SeriesText,
    #[serde(default = "zero")]
    pub(super) export_max_w: SeriesText,
    pub(super) export_price_per_kwh: Option<SeriesText>,
    #[serde(default = "zero")]
    pub(super) carbon_kg_per_kwh: SeriesText,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) demand_charge_per_kw: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) peak_before_w: f64,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoadText {
    pub(super) name: String,
    pub(super) power_w: SeriesText,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value_per_kwh: Option<f64>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GeneratorText {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) class: Option<String>,
    #[serde(default = "zero")]
    pub(super) power_min_w: SeriesText,
    pub(super) power_max_w: SeriesText,
    pub(super) price_per_kwh: SeriesText,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) quadratic_per_kw2h: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ramp_up_w: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ramp_down_w: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) power_before_w: Option<f64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) carbon_kg_per_kwh: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) commitment: Option<CommitmentText>,
}

/// How a generator starts and stops.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommitmentText {
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) start_cost: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) stop_cost: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) standing_cost_per_h: f64,
    #[serde(default, skip_serializing_if = "is_none")]
    pub(super) on_min_intervals: u32,
    #[serde(default, skip_serializing_if = "is_none")]
    pub(super) off_min_intervals: u32,
    #[serde(default)]
    pub(super) was_on: bool,
    #[serde(default, skip_serializing_if = "is_none")]
    pub(super) held_on_intervals: u32,
    #[serde(default, skip_serializing_if = "is_none")]
    pub(super) held_off_intervals: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) start_min_w: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start_max_w: Option<f64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) stop_min_w: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stop_max_w: Option<f64>,
}

impl CommitmentText {
    const fn cycling(&self) -> Cycling {
        Cycling {
            start_cost: self.start_cost,
            stop_cost: self.stop_cost,
            standing_cost_per_h: self.standing_cost_per_h,
            on_min: self.on_min_intervals,
            off_min: self.off_min_intervals,
            was_on: self.was_on,
            held_on: self.held_on_intervals,
            held_off: self.held_off_intervals,
            start: Edge { least_w: self.start_min_w, most_w: self.start_max_w },
            stop: Edge { least_w: self.stop_min_w, most_w: self.stop_max_w },
        }
    }
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StorageText {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) class: Option<String>,
    pub(super) charge_max_w: f64,
    pub(super) discharge_max_w: f64,
    pub(super) capacity_wh: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) initial_wh: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) final_min_wh: f64,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(super) charge_efficiency: f64,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(super) discharge_efficiency: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) loss_share_per_interval: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) wear_per_kwh: f64,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub(super) cyclic: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inflow_w: Option<SeriesText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) spill_max_w: Option<SeriesText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) energy_min_wh: Option<SeriesText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) energy_max_wh: Option<SeriesText>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_none(value: &u32) -> bool {
    *value == 0
}

const fn one() -> f64 {
    1.0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one(value: &f64) -> bool {
    *value == 1.0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

const fn zero() -> SeriesText {
    SeriesText::Constant(0.0)
}

fn tie_name() -> String {
    "utility".to_owned()
}

/// Whether a TOML text says that it is a study of a horizon.
#[must_use]
pub fn is_study(text: &str) -> bool {
    toml::from_str::<toml::Table>(text)
        .is_ok_and(|table| table.get("kind").and_then(toml::Value::as_str) == Some(KIND))
}

/// Reads a study; `folder` is where CSV files named in it stand.
///
/// # Errors
/// The first thing wrong, with line and column where the form is wrong.
pub fn parse(text: &str, folder: Option<&Path>) -> Result<Study, StudyError> {
    let document: StudyText =
        toml::from_str(text).map_err(|error| StudyError::Document(error.to_string()))?;
    if document.kind != KIND {
        let message = format!("`kind` is `{}`, a study of a horizon says `{KIND}`", document.kind);
        return Err(StudyError::Document(message));
    }
    let reader = Reader { length: document.horizon.intervals, folder };
    let study = Study {
        labels: labels(&document.horizon)?,
        name: document.name,
        interval_h: document.horizon.interval_s / 3_600.0,
        cost_repeats: document.horizon.cost_repeats,
        carbon_repeats: document.horizon.carbon_repeats,
        loads: reader.each(document.loads, Reader::load)?,
        generators: reader.each(document.generators, Reader::generator)?,
        storages: reader.each(document.storages, Reader::storage)?,
        tie: document.tie.map(|tie| reader.tie(tie)).transpose()?,
        reserve_w: document
            .reserve
            .map(|reserve| reader.series("reserve", &reserve.power_w))
            .transpose()?,
        shiftable: reader.each(document.shiftable, Reader::shiftable)?,
        carbon_cap_kg: document.carbon.as_ref().and_then(|carbon| carbon.cap_kg),
        interval_caps: document
            .carbon
            .as_ref()
            .map_or(Ok(None), |carbon| reader.interval_caps(carbon))?,
    };
    study.check()?;
    Ok(study)
}

/// Names of intervals: as listed, counted from a start, or numbers.
fn labels(horizon: &HorizonText) -> Result<Vec<String>, StudyError> {
    let refuse = |message: String| Err(StudyError::Document(message));
    // Anything near this is refused later with the limit of the exact check; this keeps memory bounded.
    const INTERVALS_MAX: usize = 100_000;
    if horizon.intervals > INTERVALS_MAX {
        return refuse(format!("`intervals` is {}, at most {INTERVALS_MAX}", horizon.intervals));
    }
    match (&horizon.labels, &horizon.start) {
        (Some(_), Some(_)) => refuse("`labels` and `start` are both given; give one".to_owned()),
        (Some(labels), None) if labels.len() == horizon.intervals => Ok(labels.clone()),
        (Some(labels), None) => {
            refuse(format!("{} labels for {} intervals", labels.len(), horizon.intervals))
        }
        (None, Some(start)) => {
            let Some(start) = seconds(start) else {
                return refuse(format!("`start` is {start}, write it like 2026-06-10T00:00:00Z"));
            };
            let at = |interval: usize| start + (interval as f64 * horizon.interval_s) as u64;
            Ok((0..horizon.intervals).map(|interval| utc(TimeS(at(interval)))).collect())
        }
        (None, None) => Ok((0..horizon.intervals).map(|interval| interval.to_string()).collect()),
    }
}

/// Seconds since 1970 of a date and time in UTC.
fn seconds(time: &toml::value::Datetime) -> Option<u64> {
    let (date, clock) = (time.date?, time.time?);
    if !matches!(time.offset, None | Some(toml::value::Offset::Z)) || date.year < 1970 {
        return None;
    }
    // Days of the civil calendar, counted in years that begin in March.
    let (year, month) = (u64::from(date.year), u64::from(date.month));
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100
        + year / 400
        + (153 * month + 2) / 5
        + u64::from(date.day)
        - 1;
    let days_to_epoch = 719_468;
    Some(
        (days - days_to_epoch) * 86_400
            + u64::from(clock.hour) * 3_600
            + u64::from(clock.minute) * 60
            + clock.second.map_or(0, u64::from),
    )
}

struct Reader<'a> {
    length: usize,
    folder: Option<&'a Path>,
}

impl Reader<'_> {
    fn each<T, U>(
        &self,
        list: Vec<T>,
        read: impl Fn(&Self, T) -> Result<U, StudyError>,
    ) -> Result<Vec<U>, StudyError> {
        list.into_iter().map(|item| read(self, item)).collect()
    }

    fn series(&self, name: &str, text: &SeriesText) -> Result<Series, StudyError> {
        text.values(name, self.length, self.folder)
    }

    fn load(&self, text: LoadText) -> Result<Load, StudyError> {
        let power_w = self.series(&text.name, &text.power_w)?;
        Ok(Load { name: text.name, power_w, value_per_kwh: text.value_per_kwh })
    }

    fn shiftable(&self, text: ShiftableText) -> Result<Shiftable, StudyError> {
        let power_max_w = self.series(&text.name, &text.power_max_w)?;
        Ok(Shiftable { name: text.name, power_max_w, energy_wh: text.energy_wh })
    }

    fn interval_caps(&self, text: &CarbonText) -> Result<Option<IntervalCaps>, StudyError> {
        let Some(caps) = &text.interval_cap_kg else {
            if text.excess_interval_kg > 0.0 || text.excess_horizon_kg > 0.0 {
                let message = "`carbon`: an excess says nothing without `interval_cap_kg`";
                return Err(StudyError::Document(message.to_owned()));
            }
            return Ok(None);
        };
        Ok(Some(IntervalCaps {
            cap_kg: self.series("carbon", caps)?,
            excess_interval_kg: text.excess_interval_kg,
            excess_horizon_kg: text.excess_horizon_kg,
        }))
    }

    fn generator(&self, text: GeneratorText) -> Result<Generator, StudyError> {
        let name = text.name;
        let ramp = match (text.ramp_up_w, text.ramp_down_w) {
            (None, None) if text.power_before_w.is_some() => {
                return Err(StudyError::Document(format!(
                    "`{name}`: `power_before_w` says nothing without `ramp_up_w` and `ramp_down_w`"
                )));
            }
            (None, None) => None,
            (Some(up_w), Some(down_w)) => {
                Some(Ramp { up_w, down_w, before_w: text.power_before_w })
            }
            _ => {
                return Err(StudyError::Document(format!(
                    "`{name}`: give both `ramp_up_w` and `ramp_down_w`, or neither"
                )));
            }
        };
        Ok(Generator {
            class: text.class,
            power_min_w: self.series(&name, &text.power_min_w)?,
            power_max_w: self.series(&name, &text.power_max_w)?,
            price_per_kwh: self.series(&name, &text.price_per_kwh)?,
            quadratic_per_kw2h: text.quadratic_per_kw2h,
            ramp,
            cycling: text.commitment.as_ref().map(CommitmentText::cycling),
            carbon_kg_per_kwh: text.carbon_kg_per_kwh,
            name,
        })
    }

    fn storage(&self, text: StorageText) -> Result<Storage, StudyError> {
        let optional = |series: &Option<SeriesText>| {
            series.as_ref().map_or(Ok(Series::new()), |series| self.series(&text.name, series))
        };
        Ok(Storage {
            inflow_w: optional(&text.inflow_w)?,
            spill_max_w: optional(&text.spill_max_w)?,
            energy_min_wh: optional(&text.energy_min_wh)?,
            energy_max_wh: optional(&text.energy_max_wh)?,
            name: text.name,
            class: text.class,
            charge_max_w: text.charge_max_w,
            discharge_max_w: text.discharge_max_w,
            charge_efficiency: text.charge_efficiency,
            discharge_efficiency: text.discharge_efficiency,
            loss_share: text.loss_share_per_interval,
            capacity_wh: text.capacity_wh,
            initial_wh: text.initial_wh,
            final_min_wh: text.final_min_wh,
            is_cyclic: text.cyclic,
            wear_per_kwh: text.wear_per_kwh,
        })
    }

    fn tie(&self, text: TieText) -> Result<Tie, StudyError> {
        let name = text.name;
        let export_max_w = self.series(&name, &text.export_max_w)?;
        let export_price_per_kwh = match &text.export_price_per_kwh {
            Some(price) => self.series(&name, price)?,
            None if export_max_w.iter().all(|power| *power == 0.0) => {
                // Nothing is exported; the price of import is at least not above itself.
                self.series(&name, &text.import_price_per_kwh)?
            }
            None => {
                return Err(StudyError::Document(format!(
                    "`{name}`: `export_max_w` without `export_price_per_kwh`"
                )));
            }
        };
        Ok(Tie {
            import_max_w: self.series(&name, &text.import_max_w)?,
            import_price_per_kwh: self.series(&name, &text.import_price_per_kwh)?,
            export_max_w,
            export_price_per_kwh,
            carbon_kg_per_kwh: self.series(&name, &text.carbon_kg_per_kwh)?,
            demand_charge_per_kw: text.demand_charge_per_kw,
            peak_before_w: text.peak_before_w,
            name,
        })
    }
}
