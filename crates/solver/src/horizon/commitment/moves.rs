//! Schedules near one: starts and stops moved, runs dropped or put in, and two plants trading an interval or more.

use super::{
    schedule::{Costs, keeps},
    search::Schedule,
};
use gridaccord_dispatch::horizon::commitment::Commitment;
use std::ops::Range;

/// How far a start or a stop is moved, intervals.
const SHIFTS: [usize; 4] = [1, 2, 3, 5];

/// A plant's intervals turned on or off.
struct Flip {
    plant: usize,
    intervals: Range<usize>,
    is_on: bool,
    /// What it changes at the prices that the costs are for.
    gain: f64,
}

/// Schedules that differ by a move, what gains most at the costs' prices first.
pub(super) fn near(problem: &Commitment, on: &Schedule, costs: &[Costs]) -> Vec<Schedule> {
    let mut flips = Vec::new();
    for (plant, (own, costs)) in on.iter().zip(costs).enumerate() {
        let part = &problem.plants()[plant];
        if part.cycling.is_none() {
            continue;
        }
        for (intervals, is_on) in ranges(own, part.cycles().on_min, part.cycles().off_min) {
            let flipped = flip(own, &intervals, is_on);
            if flipped != *own && keeps(part, &flipped) {
                let was_on = part.cycles().was_on;
                let gain = worth(&flipped, costs, was_on) - worth(own, costs, was_on);
                flips.push(Flip { plant, intervals, is_on, gain });
            }
        }
    }
    let mut moves: Vec<(f64, Schedule)> = Vec::new();
    let with = |flip: &Flip, schedule: &mut Schedule| {
        schedule[flip.plant][flip.intervals.clone()].fill(flip.is_on);
    };
    for (number, one) in flips.iter().enumerate() {
        let mut schedule = on.clone();
        with(one, &mut schedule);
        moves.push((one.gain, schedule));
        // Another plant takes over, or hands over.
        for other in &flips[number + 1..] {
            let overlap = one.intervals.start < other.intervals.end
                && other.intervals.start < one.intervals.end;
            if other.plant != one.plant && other.is_on != one.is_on && overlap {
                let mut schedule = on.clone();
                with(one, &mut schedule);
                with(other, &mut schedule);
                moves.push((one.gain + other.gain, schedule));
            }
        }
    }
    moves.sort_by(|one, other| one.0.total_cmp(&other.0));
    moves.into_iter().map(|(_, schedule)| schedule).collect()
}

fn flip(on: &[bool], intervals: &Range<usize>, is_on: bool) -> Vec<bool> {
    let mut flipped = on.to_vec();
    flipped[intervals.clone()].fill(is_on);
    flipped
}

/// Ranges to turn on or off: beside each start and stop, whole runs, and new ones of the least length or a little more.
fn ranges(on: &[bool], on_min: u32, off_min: u32) -> Vec<(Range<usize>, bool)> {
    let size = on.len();
    let mut ranges = Vec::new();
    let mut start = 0;
    for t in 1..=size {
        if t < size && on[t] == on[start] {
            continue;
        }
        // A run from start to t.
        let (run, is_on) = (start..t, on[start]);
        ranges.push((run.clone(), !is_on));
        for shift in SHIFTS {
            if run.start > 0 {
                ranges.push((run.start..(run.start + shift).min(run.end), !is_on));
                ranges.push((run.start.saturating_sub(shift)..run.start, is_on));
            }
            if run.end < size {
                ranges.push((run.end.saturating_sub(shift).max(run.start)..run.end, !is_on));
                ranges.push((run.end..(run.end + shift).min(size), is_on));
            }
        }
        let least = if is_on { off_min } else { on_min }.max(1) as usize;
        for length in [least, least + 1, least + 3, 2 * least + 2] {
            for first in run.clone() {
                if first + length <= run.end {
                    ranges.push((first..first + length, !is_on));
                }
            }
        }
        start = t;
    }
    ranges
}

/// Cost of a schedule at prices.
fn worth(on: &[bool], costs: &Costs, was_on: bool) -> f64 {
    let mut before = was_on;
    let mut sum = 0.0;
    for (is_on, (cost_on, cost_off)) in on.iter().zip(&costs.interval) {
        sum += if *is_on { *cost_on } else { *cost_off };
        sum += match (before, *is_on) {
            (false, true) => costs.start,
            (true, false) => costs.stop,
            _ => 0.0,
        };
        before = *is_on;
    }
    sum
}
