//! How a committable generator starts and stops, as PyPSA means it.
//!
//! PyPSA writes one row for all transitions: g − g₋₁ ≤ up·u₋₁ + start·(u − u₋₁), and its mirror image. So a start limit
//! above the ramp limit also asks that the last power before a stop be at least the difference, and a stop limit above
//! the ramp limit that the first power after a start be. That is what it optimises, and so what is read here.

use super::{components::MEGA, table::Component};
use crate::{
    error::StudyError,
    study::{Cycling, Edge, Ramp},
};

/// Ramp and cycling of a generator of `nominal` MW that runs with `most_w` at most; its costs count `repeats` times.
pub(super) fn read(
    row: Component<'_>,
    nominal: f64,
    most_w: f64,
    repeats: f64,
) -> Result<(Option<Ramp>, Cycling), StudyError> {
    let times = |column: &str, default: f64| -> Result<u32, StudyError> {
        let value = row.number(column, default)?;
        if !(0.0..=1e9).contains(&value) || value.fract() != 0.0 {
            return Err(row.wrong(column, format!("{value} is not a count of snapshots")));
        }
        Ok(value as u32)
    };
    let cost = |column: &str| -> Result<f64, StudyError> {
        let value = row.number(column, 0.0)?;
        if !(value.is_finite() && value >= 0.0) {
            return Err(row.unsupported(column, format!("{column} = {value}, below 0,")));
        }
        Ok(value)
    };
    let share = |column: &str| -> Result<Option<f64>, StudyError> {
        let share = row.maybe(column)?;
        match share {
            Some(share) if !(share.is_finite() && share >= 0.0) => {
                Err(row.wrong(column, format!("{share} must be a number of at least 0")))
            }
            share => Ok(share),
        }
    };
    let (on_min, off_min) = (times("min_up_time", 0.0)?, times("min_down_time", 0.0)?);
    let (up_before, down_before) = (times("up_time_before", 1.0)?, times("down_time_before", 0.0)?);
    let was_on = up_before > 0;
    let (up, start) = (share("ramp_limit_up")?, share("ramp_limit_start_up")?);
    let (down, stop) = (share("ramp_limit_down")?, share("ramp_limit_shut_down")?);
    let (rises, falls) = (up.is_some() || start.is_some(), down.is_some() || stop.is_some());
    let watts = |share: Option<f64>| share.unwrap_or(1.0) * nominal * MEGA;
    let before = row.maybe("p_init")?.filter(|_| was_on).map(|power| power * MEGA);
    if let Some(before) = before.filter(|before| before.is_nan() || *before < 0.0) {
        return Err(row.unsupported("p_init", format!("p_init = {}, below 0,", before / MEGA)));
    }
    let ramp = (rises || falls).then(|| Ramp {
        up_w: if rises { watts(up) } else { most_w },
        down_w: if falls { watts(down) } else { most_w },
        before_w: before,
    });
    let cycling = Cycling {
        start_cost: cost("start_up_cost")? / repeats,
        stop_cost: cost("shut_down_cost")? / repeats,
        standing_cost_per_h: cost("stand_by_cost")?,
        on_min,
        off_min,
        was_on,
        held_on: if was_on { on_min.saturating_sub(up_before) } else { 0 },
        held_off: if down_before > 0 { off_min.saturating_sub(down_before) } else { 0 },
        start: Edge {
            least_w: if falls { (watts(stop) - watts(down)).max(0.0) } else { 0.0 },
            most_w: rises.then(|| watts(start)),
        },
        stop: Edge {
            least_w: if rises { (watts(start) - watts(up)).max(0.0) } else { 0.0 },
            most_w: falls.then(|| watts(stop)),
        },
    };
    Ok((ramp, cycling))
}
