//! A horizon that rolls on, cold and from the answer before: `cargo run --release -p gridaccord-solver --example rolling
//! [RESOURCES]…`.

#[path = "../tests/it/generator.rs"]
#[allow(clippy::unwrap_used, reason = "shared with the tests")]
mod generator;

use gridaccord_dispatch::horizon::HorizonAnswer;
use gridaccord_solver::{HorizonOutcome, propose_horizon, propose_horizon_warm};
use std::fs;

const INTERVALS: usize = 288;
const STEPS: usize = 4;
const GAP_PPB: u32 = 1_000_000;

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|size| size.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![53, 100] } else { sizes };
    println!(
        "resources | costs | step | cold CPU s, iterations, gap | warm CPU s, iterations, gap"
    );
    for resources in sizes {
        for quadratic in [false, true] {
            let long = generator::campus(7, resources, INTERVALS + STEPS, quadratic);
            let costs = if quadratic { "QP" } else { "LP" };
            let mut problem = generator::window(&long, 0, INTERVALS, None);
            let Some((mut answer, ..)) = timed(|| propose_horizon(&problem, GAP_PPB)) else {
                println!("{resources} | {costs} | no answer");
                continue;
            };
            for step in 1..=STEPS {
                problem = generator::window(&long, step, INTERVALS, Some((&problem, &answer)));
                let cold = timed(|| propose_horizon(&problem, GAP_PPB));
                let warm = timed(|| propose_horizon_warm(&problem, GAP_PPB, &answer, 1));
                let (Some(cold), Some(warm)) = (cold, warm) else {
                    println!("{resources} | {costs} | {step} | no answer");
                    break;
                };
                let text = |(_, seconds, iterations, gap): &(HorizonAnswer, f64, usize, f64)| {
                    format!("{seconds:.3}, {iterations}, {gap:.1e}")
                };
                println!("{resources} | {costs} | {step} | {} | {}", text(&cold), text(&warm));
                answer = warm.0;
            }
        }
    }
}

/// The answer, CPU s, iterations and relative gap.
fn timed(solve: impl FnOnce() -> HorizonOutcome) -> Option<(HorizonAnswer, f64, usize, f64)> {
    let start = cpu_seconds();
    let outcome = solve();
    let seconds = cpu_seconds() - start;
    match outcome {
        HorizonOutcome::Optimal { answer, verified, iterations } => {
            Some((*answer, seconds, iterations, verified.gap.0 as f64 / verified.cost.0 as f64))
        }
        _ => None,
    }
}

/// CPU time of this process in s.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse::<f64>().ok());
    nanos.unwrap_or(f64::NAN) * 1e-9
}
