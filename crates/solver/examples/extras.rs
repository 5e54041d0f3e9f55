//! CPU seconds of whole horizons with what markets add: `cargo run --release -p gridaccord-solver --example extras
//! [RESOURCES]…`.

#[path = "../tests/it/generator.rs"]
#[allow(clippy::unwrap_used, reason = "shared with the tests")]
mod generator;

use gridaccord_dispatch::horizon::{Contingency, Horizon, HorizonParts, ShiftableLoad};
use gridaccord_model::{CarbonMg, Watts};
use gridaccord_solver::{HorizonOutcome, propose_horizon};
use std::fs;

const INTERVALS: usize = 288;

/// What is added to a campus.
const KINDS: [&str; 5] = ["none", "shiftable", "carbon by interval", "both", "N-1"];

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|size| size.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![53] } else { sizes };
    println!("resources | extra | costs | CPU s | iterations | gap");
    for resources in sizes {
        for kind in KINDS {
            for quadratic in [false, true] {
                let problem = with(kind, generator::campus(7, resources, INTERVALS, quadratic));
                let start = cpu_seconds();
                let outcome = propose_horizon(&problem, 1_000_000);
                let seconds = cpu_seconds() - start;
                let costs = if quadratic { "QP" } else { "LP" };
                match outcome {
                    HorizonOutcome::Optimal { verified, iterations, .. } => {
                        let gap = verified.gap.0 as f64 / verified.cost.0 as f64;
                        println!(
                            "{resources} | {kind} | {costs} | {seconds:.3} | {iterations} | {gap:.2e}"
                        );
                    }
                    HorizonOutcome::Feasible { verified, reason, .. } => {
                        let gap = verified.gap.0 as f64 / verified.cost.0 as f64;
                        println!(
                            "{resources} | {kind} | {costs} | {seconds:.3} | {reason:?} | {gap:.2e}"
                        );
                    }
                    other => println!("{resources} | {kind} | {costs} | {seconds:.3} | {other:?}"),
                }
            }
        }
    }
}

/// A campus with something the plain one lacks.
fn with(kind: &str, problem: Horizon) -> Horizon {
    let mut parts: HorizonParts = problem.parts().clone();
    if ["shiftable", "both"].contains(&kind) {
        // One load for every ten resources, each a few hours within half a day.
        let count = (parts.generators.len() + parts.storages.len()) / 10 + 1;
        parts.shiftable = (0..count)
            .map(|number| {
                let start = number * 37 % (INTERVALS / 2);
                let inside = |t: usize| (start..start + INTERVALS / 2).contains(&t);
                let power = |t| Watts(if inside(t) { 200_000 } else { 0 });
                ShiftableLoad {
                    power_max: (0..INTERVALS).map(power).collect(),
                    power_sum: Watts(200_000 * 40),
                }
            })
            .collect();
    }
    if ["carbon by interval", "both"].contains(&kind) {
        // 270 kg per MWh of the mean demand, with a little momentary excess.
        let mean = parts.demand.iter().map(|power| power.0).sum::<i64>() / INTERVALS as i64;
        let cap = mean * 270 / 12;
        parts.carbon.operating.interval = vec![CarbonMg(cap); INTERVALS];
        parts.carbon.operating.excess_interval = CarbonMg(cap / 20);
        parts.carbon.operating.excess_horizon = CarbonMg(cap);
    }
    if kind == "N-1" {
        let shed = parts.demand.iter().map(|power| Watts(power.0 / 3)).collect();
        parts.contingency = Some(Contingency { hold_s: 900, is_tie_lost: true, shed });
    }
    Horizon::new(parts).expect("the campus keeps the rules")
}

/// CPU time of this process in s.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse::<f64>().ok());
    nanos.unwrap_or(f64::NAN) * 1e-9
}
