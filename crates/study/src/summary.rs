//! What a solved study comes to: series in decimal units by component, totals, binding limits.

use crate::{
    run::{Outcome, Solved, Status, gap_share},
    study::Study,
    translate::Translated,
};
use gridaccord_solver::GapReason;
use serde::Serialize;

/// What `--json` prints. Money is in the input's currency; a value that is not known is null.
#[derive(Clone, Debug, Serialize)]
pub struct Headline {
    /// `optimal`, `feasible`, `infeasible` or `stopped`.
    pub status: &'static str,
    /// Cost of the dispatch.
    pub objective: Option<f64>,
    /// Proven lower bound of the optimum's cost.
    pub bound: Option<f64>,
    /// Proven distance between the two as a share of the turnover, parts per billion, rounded up.
    pub gap_ppb: Option<u64>,
    /// Where the gap comes from, or why there is no dispatch.
    pub gap_reason: String,
    /// Time of the search.
    pub solve_ms: f64,
    /// Time of the check.
    pub check_ms: f64,
    /// How many intervals.
    pub intervals: usize,
    /// How many resources: generators, storages, the tie.
    pub resources: usize,
}

impl Headline {
    /// Of an outcome.
    #[must_use]
    pub fn of(study: &Study, translated: &Translated, outcome: &Outcome) -> Self {
        let (intervals, resources) = (study.intervals(), study.resources());
        let none = |status, reason: &str, solve_ms| Self {
            status,
            objective: None,
            bound: None,
            gap_ppb: None,
            gap_reason: reason.to_owned(),
            solve_ms,
            check_ms: 0.0,
            intervals,
            resources,
        };
        match outcome {
            Outcome::Infeasible { reason, solve_ms } => none("infeasible", reason, *solve_ms),
            Outcome::Stopped { reason, solve_ms } => none("stopped", reason, *solve_ms),
            Outcome::Solved(solved) => {
                let money = study.cost_repeats * translated.scale.cost();
                Self {
                    status: match solved.status {
                        Status::Optimal => "optimal",
                        Status::Feasible => "feasible",
                    },
                    objective: Some(solved.verified.cost.0 as f64 * money),
                    bound: Some(solved.verified.bound.0 as f64 * money),
                    gap_ppb: Some((gap_share(&solved.verified) * 1e9).ceil() as u64),
                    gap_reason: gap_reason(solved).to_owned(),
                    solve_ms: solved.solve_ms,
                    check_ms: solved.check_ms,
                    intervals,
                    resources,
                }
            }
        }
    }

    /// One line for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { status, intervals, resources, gap_reason, solve_ms, check_ms, .. } = self;
        match (self.objective, self.bound, self.gap_ppb) {
            (Some(objective), Some(bound), Some(gap_ppb)) => format!(
                "{status}: {intervals} intervals, {resources} resources, cost {objective:.6}, bound {bound:.6}, gap {gap_ppb} ppb ({gap_reason}); solved in {solve_ms:.1} ms, checked in {check_ms:.2} ms"
            ),
            _ => format!(
                "{status}: {intervals} intervals, {resources} resources: {gap_reason}; {solve_ms:.1} ms"
            ),
        }
    }
}

fn gap_reason(solved: &Solved) -> &'static str {
    match solved.status {
        _ if solved.verified.gap.0 <= 0 => "exact optimum",
        Status::Optimal => "whole quanta and the tolerance of the interior point",
        Status::Feasible if solved.reason == Some(GapReason::BothWays) => {
            "a storage would charge and discharge at once, which it may not"
        }
        Status::Feasible if solved.reason == Some(GapReason::Commitment) => {
            "unit commitment: the search for a better one ended before all were ruled out"
        }
        Status::Feasible if solved.reason == Some(GapReason::Rounding) => {
            "whole quanta cost more than the gap asked for"
        }
        Status::Feasible => "the interior point stopped early",
    }
}

/// One component's series, decimal units.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its class, for display.
    pub class: Option<String>,
    /// What it is.
    pub kind: RowKind,
    /// Net injection, W; for a load what is shed.
    pub power_w: Vec<f64>,
    /// What it could have injected at most, W; empty where that is no question.
    pub available_w: Vec<f64>,
    /// Stored energy after each interval, Wh; empty but for storages.
    pub stored_wh: Vec<f64>,
}

/// What a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A generator.
    Generator,
    /// A storage: discharging is positive.
    Storage,
    /// The tie: import is positive.
    Tie,
    /// Load that is shed.
    Shed,
    /// Load that chooses its time: consuming is negative.
    Shiftable,
}

impl RowKind {
    /// One word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Storage => "storage",
            Self::Tie => "tie",
            Self::Shed => "shed",
            Self::Shiftable => "shiftable",
        }
    }
}

/// A solved study in decimal units.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// Generators, storages, the tie, sheddable loads.
    pub rows: Vec<Row>,
    /// Consumption before shedding, W.
    pub demand_w: Vec<f64>,
    /// Price of each interval, currency per kWh.
    pub price_per_kwh: Vec<f64>,
    /// Operating carbon of each interval, kg.
    pub carbon_kg: Vec<f64>,
}

impl Dispatch {
    /// Of a checked answer.
    #[must_use]
    pub fn of(study: &Study, translated: &Translated, solved: &Solved) -> Self {
        let scale = &translated.scale;
        let solution = &solved.answer.solution;
        let watts = |quanta: i64| quanta as f64 / scale.power();
        let length = study.intervals();
        let mut rows: Vec<Row> = study
            .generators
            .iter()
            .map(|generator| Row {
                name: generator.name.clone(),
                class: generator.class.clone(),
                kind: RowKind::Generator,
                power_w: vec![0.0; length],
                available_w: generator.power_max_w.clone(),
                stored_wh: Vec::new(),
            })
            .collect();
        for (part, powers) in translated.parts.iter().zip(&solution.generators) {
            for (sum, power) in rows[part.generator].power_w.iter_mut().zip(powers) {
                *sum += watts(power.0);
            }
        }
        for (position, storage) in study.storages.iter().enumerate() {
            let (charge, discharge) = (&solution.charge[position], &solution.discharge[position]);
            let exact = &solved.horizon.parts().storages[position];
            let mut stored = exact.initial_uwh;
            let flows = charge.iter().zip(discharge).enumerate();
            let stored_wh = flows.map(|(interval, (charge, discharge))| {
                stored = exact.after(stored, *charge, *discharge, scale.duration_s)
                    + solved.inflow_uwh(translated, position, interval);
                stored as f64 / scale.energy()
            });
            rows.push(Row {
                name: storage.name.clone(),
                class: storage.class.clone(),
                kind: RowKind::Storage,
                stored_wh: stored_wh.collect(),
                power_w: (discharge.iter().zip(charge))
                    .map(|(discharge, charge)| watts(discharge.0 - charge.0))
                    .collect(),
                available_w: Vec::new(),
            });
        }
        if let Some(tie) = &study.tie {
            let net = solution.import.iter().zip(&solution.export);
            rows.push(Row {
                name: tie.name.clone(),
                class: None,
                kind: RowKind::Tie,
                power_w: net.map(|(import, export)| watts(import.0 - export.0)).collect(),
                available_w: Vec::new(),
                stored_wh: Vec::new(),
            });
        }
        for (load, shed) in translated.tiers.iter().zip(&solution.shed) {
            rows.push(Row {
                name: study.loads[*load].name.clone(),
                class: None,
                kind: RowKind::Shed,
                power_w: shed.iter().map(|power| watts(power.0)).collect(),
                available_w: Vec::new(),
                stored_wh: Vec::new(),
            });
        }
        for (load, powers) in study.shiftable.iter().zip(&solution.shift) {
            rows.push(Row {
                name: load.name.clone(),
                class: None,
                kind: RowKind::Shiftable,
                power_w: powers.iter().map(|power| watts(-power.0)).collect(),
                available_w: Vec::new(),
                stored_wh: Vec::new(),
            });
        }
        let price = solved.answer.certificate.price.iter();
        Self {
            demand_w: (0..length).map(|interval| study.demand_w(interval)).collect(),
            price_per_kwh: price.map(|price| *price as f64 * scale.multiplier()).collect(),
            carbon_kg: carbon(study, &rows),
            rows,
        }
    }
}

fn carbon(study: &Study, rows: &[Row]) -> Vec<f64> {
    let mut sums = vec![0.0; study.intervals()];
    for (generator, row) in study.generators.iter().zip(rows) {
        for (sum, power) in sums.iter_mut().zip(&row.power_w) {
            *sum += generator.carbon_kg_per_kwh * power * study.interval_h / 1e3;
        }
    }
    if let (Some(tie), Some(row)) = (&study.tie, rows.iter().find(|row| row.kind == RowKind::Tie)) {
        for ((sum, power), intensity) in
            sums.iter_mut().zip(&row.power_w).zip(&tie.carbon_kg_per_kwh)
        {
            *sum += intensity * power.max(0.0) * study.interval_h / 1e3;
        }
    }
    sums
}

/// Totals of one component.
#[derive(Clone, Debug, Serialize)]
pub struct Total {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: &'static str,
    /// Its class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Energy injected, Wh.
    pub injected_wh: f64,
    /// Energy absorbed, Wh.
    pub absorbed_wh: f64,
    /// What it could have injected besides, Wh; only of generators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub curtailed_wh: Option<f64>,
}

/// `summary.json`
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Name of the study.
    pub study: String,
    /// What `--json` prints.
    #[serde(flatten)]
    pub headline: Headline,
    /// Least price, currency per kWh.
    pub price_min_per_kwh: f64,
    /// Greatest price.
    pub price_max_per_kwh: f64,
    /// Consumption before shedding, Wh.
    pub demand_wh: f64,
    /// Shed energy, Wh.
    pub shed_wh: f64,
    /// Operating carbon, kg.
    pub carbon_kg: f64,
    /// The cap, kg.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carbon_cap_kg: Option<f64>,
    /// What one more kg under the cap would save, currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carbon_price_per_kg: Option<f64>,
    /// Highest import, W.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_import_w: Option<f64>,
    /// By component.
    pub resources_by_name: Vec<Total>,
    /// Largest rounding of each field as a share of its largest value.
    pub roundings: std::collections::BTreeMap<&'static str, f64>,
}

impl Summary {
    /// Of a solved study.
    #[must_use]
    pub fn of(
        study: &Study,
        translated: &Translated,
        solved: &Solved,
        dispatch: &Dispatch,
    ) -> Self {
        let outcome = Outcome::Solved(Box::new(solved.clone()));
        // From a positive zero: the sum of nothing is a negative one.
        let energy = |powers: &mut dyn Iterator<Item = f64>| {
            powers.fold(0.0, |sum, power| sum + power) * study.interval_h
        };
        let totals = dispatch.rows.iter().map(|row| Total {
            name: row.name.clone(),
            kind: row.kind.as_str(),
            class: row.class.clone(),
            injected_wh: energy(&mut row.power_w.iter().map(|power| power.max(0.0))),
            absorbed_wh: energy(&mut row.power_w.iter().map(|power| (0.0 - power).max(0.0))),
            curtailed_wh: (!row.available_w.is_empty()).then(|| {
                let left = row.available_w.iter().zip(&row.power_w);
                energy(&mut left.map(|(available, power)| (available - power).max(0.0)))
            }),
        });
        let shed = dispatch.rows.iter().filter(|row| row.kind == RowKind::Shed);
        let prices = || dispatch.price_per_kwh.iter().copied();
        Self {
            study: study.name.clone(),
            headline: Headline::of(study, translated, &outcome),
            price_min_per_kwh: prices().fold(f64::INFINITY, f64::min),
            price_max_per_kwh: prices().fold(f64::NEG_INFINITY, f64::max),
            demand_wh: energy(&mut dispatch.demand_w.iter().copied()),
            shed_wh: energy(&mut shed.flat_map(|row| row.power_w.iter().copied())),
            carbon_kg: dispatch.carbon_kg.iter().sum::<f64>() * study.carbon_repeats,
            carbon_cap_kg: study.carbon_cap_kg,
            carbon_price_per_kg: study
                .carbon_cap_kg
                .map(|_| carbon_price(study, translated, solved)),
            peak_import_w: study
                .tie
                .as_ref()
                .map(|_| solved.verified.peak.0 as f64 / translated.scale.power()),
            resources_by_name: totals.collect(),
            roundings: translated
                .roundings
                .iter()
                .map(|(field, rounding)| (*field, rounding.relative))
                .collect(),
        }
    }
}

/// What one more kg under the cap would save, currency per kg.
#[must_use]
pub fn carbon_price(study: &Study, translated: &Translated, solved: &Solved) -> f64 {
    // The multiplier is 2⁻²⁰ half-pico-currency per Wh for each quantum of intensity.
    const SCALE: f64 = 1_048_576.0;
    let scale = &translated.scale;
    let per_intensity =
        solved.answer.certificate.carbon[0].horizon as f64 / SCALE * scale.multiplier();
    per_intensity * scale.carbon * study.cost_repeats / study.carbon_repeats
}
