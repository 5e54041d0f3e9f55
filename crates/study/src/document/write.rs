//! From a study to a document.

use super::{
    read::{
        CarbonText, CommitmentText, GeneratorText, HorizonText, KIND, LoadText, ReserveText,
        ShiftableText, StorageText, StudyText, TieText,
    },
    series::SeriesText,
};
use crate::study::{Cycling, Generator, Load, Shiftable, Storage, Study, Tie};

/// The study as a document that reads back as the same study.
#[must_use]
pub fn write(study: &Study) -> String {
    let document = StudyText {
        kind: KIND.to_owned(),
        name: study.name.clone(),
        horizon: HorizonText {
            interval_s: study.interval_h * 3_600.0,
            intervals: study.intervals(),
            start: None,
            labels: Some(study.labels.clone()),
            cost_repeats: study.cost_repeats,
            carbon_repeats: study.carbon_repeats,
        },
        carbon: carbon(study),
        shiftable: study.shiftable.iter().map(shiftable).collect(),
        reserve: study
            .reserve_w
            .as_ref()
            .map(|reserve| ReserveText { power_w: SeriesText::of(reserve) }),
        tie: study.tie.as_ref().map(tie),
        loads: study.loads.iter().map(load).collect(),
        generators: study.generators.iter().map(generator).collect(),
        storages: study.storages.iter().map(storage).collect(),
    };
    toml::to_string(&document).expect("names, numbers and lists are TOML")
}

fn carbon(study: &Study) -> Option<CarbonText> {
    let caps = study.interval_caps.as_ref();
    (caps.is_some() || study.carbon_cap_kg.is_some()).then(|| CarbonText {
        cap_kg: study.carbon_cap_kg,
        interval_cap_kg: caps.map(|caps| SeriesText::of(&caps.cap_kg)),
        excess_interval_kg: caps.map_or(0.0, |caps| caps.excess_interval_kg),
        excess_horizon_kg: caps.map_or(0.0, |caps| caps.excess_horizon_kg),
    })
}

fn shiftable(load: &Shiftable) -> ShiftableText {
    ShiftableText {
        name: load.name.clone(),
        power_max_w: SeriesText::of(&load.power_max_w),
        energy_wh: load.energy_wh,
    }
}

fn load(load: &Load) -> LoadText {
    LoadText {
        name: load.name.clone(),
        power_w: SeriesText::of(&load.power_w),
        value_per_kwh: load.value_per_kwh,
    }
}

fn generator(generator: &Generator) -> GeneratorText {
    GeneratorText {
        name: generator.name.clone(),
        class: generator.class.clone(),
        power_min_w: SeriesText::of(&generator.power_min_w),
        power_max_w: SeriesText::of(&generator.power_max_w),
        price_per_kwh: SeriesText::of(&generator.price_per_kwh),
        quadratic_per_kw2h: generator.quadratic_per_kw2h,
        ramp_up_w: generator.ramp.map(|ramp| ramp.up_w),
        ramp_down_w: generator.ramp.map(|ramp| ramp.down_w),
        power_before_w: generator.ramp.and_then(|ramp| ramp.before_w),
        carbon_kg_per_kwh: generator.carbon_kg_per_kwh,
        commitment: generator.cycling.as_ref().map(commitment),
    }
}

const fn commitment(cycling: &Cycling) -> CommitmentText {
    CommitmentText {
        start_cost: cycling.start_cost,
        stop_cost: cycling.stop_cost,
        standing_cost_per_h: cycling.standing_cost_per_h,
        on_min_intervals: cycling.on_min,
        off_min_intervals: cycling.off_min,
        was_on: cycling.was_on,
        held_on_intervals: cycling.held_on,
        held_off_intervals: cycling.held_off,
        start_min_w: cycling.start.least_w,
        start_max_w: cycling.start.most_w,
        stop_min_w: cycling.stop.least_w,
        stop_max_w: cycling.stop.most_w,
    }
}

fn storage(storage: &Storage) -> StorageText {
    let series = |values: &[f64]| (!values.is_empty()).then(|| SeriesText::of(values));
    StorageText {
        name: storage.name.clone(),
        class: storage.class.clone(),
        charge_max_w: storage.charge_max_w,
        discharge_max_w: storage.discharge_max_w,
        capacity_wh: storage.capacity_wh,
        initial_wh: storage.initial_wh,
        final_min_wh: storage.final_min_wh,
        charge_efficiency: storage.charge_efficiency,
        discharge_efficiency: storage.discharge_efficiency,
        loss_share_per_interval: storage.loss_share,
        wear_per_kwh: storage.wear_per_kwh,
        cyclic: storage.is_cyclic,
        inflow_w: series(&storage.inflow_w),
        spill_max_w: series(&storage.spill_max_w),
        energy_min_wh: series(&storage.energy_min_wh),
        energy_max_wh: series(&storage.energy_max_wh),
    }
}

fn tie(tie: &Tie) -> TieText {
    TieText {
        name: tie.name.clone(),
        import_max_w: SeriesText::of(&tie.import_max_w),
        import_price_per_kwh: SeriesText::of(&tie.import_price_per_kwh),
        export_max_w: SeriesText::of(&tie.export_max_w),
        export_price_per_kwh: Some(SeriesText::of(&tie.export_price_per_kwh)),
        carbon_kg_per_kwh: SeriesText::of(&tie.carbon_kg_per_kwh),
        demand_charge_per_kw: tie.demand_charge_per_kw,
        peak_before_w: tie.peak_before_w,
    }
}
