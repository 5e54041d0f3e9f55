//! CPU seconds of whole horizons: `cargo run --release -p gridaccord-solver --example horizon [RESOURCES]…`.

#[path = "../tests/it/generator.rs"]
#[allow(clippy::unwrap_used, reason = "shared with the tests")]
mod generator;

use gridaccord_dispatch::horizon::check;
use gridaccord_solver::{HorizonOutcome, propose_horizon};
use std::{fs, hint::black_box};

const INTERVALS: usize = 288;
/// Checks timed together, the clock being coarse.
const CHECKS: u32 = 50;

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|size| size.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![4, 53, 100, 1_000] } else { sizes };
    println!("resources | costs | CPU s | iterations | gap | check CPU ms | answer bytes");
    for resources in sizes {
        for quadratic in [false, true] {
            let problem = generator::campus(7, resources, INTERVALS, quadratic);
            let start = cpu_seconds();
            let outcome = propose_horizon(&problem, 1_000_000);
            let seconds = cpu_seconds() - start;
            let kind = if quadratic { "QP" } else { "LP" };
            match outcome {
                HorizonOutcome::Optimal { answer, verified, iterations } => {
                    let gap = verified.gap.0 as f64 / verified.cost.0 as f64;
                    let start = cpu_seconds();
                    for _ in 0..CHECKS {
                        let _ = black_box(check(&problem, &answer, 1_000_000));
                    }
                    let check_ms = (cpu_seconds() - start) * 1e3 / f64::from(CHECKS);
                    println!(
                        "{resources} | {kind} | {seconds:.3} | {iterations} | {gap:.2e} | {:.2} | {}",
                        check_ms,
                        answer.to_bytes().map_or(0, |bytes| bytes.len()),
                    );
                }
                other => {
                    println!("{resources} | {kind} | {seconds:.3} | {other:?}");
                }
            }
        }
    }
}

/// CPU time of this process in s, as the kernel counts it, in steps of 10 ms or finer.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse::<f64>().ok());
    nanos.unwrap_or(f64::NAN) * 1e-9
}
