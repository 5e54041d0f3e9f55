//! A member's storage and its shiftable loads: from keys to quanta, and what of them a horizon must state.

use super::{
    ScenarioError, clock,
    document::{Number, ShiftableText, StorageText},
    reader::{Field, Reader},
    resource::LINEAR_POWER,
    terms,
};
use crate::{
    Joules, TimeS, Watts,
    horizon::{
        CONSUMPTION_MAX, ENERGY_MAX_UWH, MARGINAL_MAX, POWER_MAX, SHIFTABLE_MAX, Shape,
        StorageOffer,
    },
    quantity::Interval,
};
use std::ops::{Range, RangeInclusive};
use toml::Spanned;

/// µWh in one Wh, as a power of ten.
const MICRO_WH: i32 = 6;
/// Parts per billion in one, as a power of ten.
const PPB_POWER: i32 = 9;
const PPB: i64 = 1_000_000_000;
/// Least discharging efficiency, ppb: the offers' own.
const DISCHARGE_PPB_MIN: i64 = 250_000_000;
/// J in one Wh.
const JOULES_PER_WH: i64 = 3_600;
const DAY_S: u64 = 86_400;
/// Targets of one storage.
const TARGETS_MAX: usize = 16;

/// A storage as its owner describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Store {
    /// What it can do; stored is what it holds when a run starts, the final energy what it holds after the last
    /// interval, and after every day beyond.
    pub(super) offer: StorageOffer,
    /// What it shall hold by a time, µWh.
    pub(super) targets: Vec<(TimeS, i64)>,
}

/// Consumption of which only the window is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shiftable {
    pub(super) energy: Joules,
    pub(super) power_max: Watts,
    pub(super) from: TimeS,
    pub(super) until: TimeS,
}

impl Shiftable {
    /// Whether an interval lies within its window.
    pub(super) fn takes(&self, span: Interval) -> bool {
        self.from <= span.start && span.end() <= self.until
    }
}

/// What a posting of a storage is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlook {
    /// End of the gate's own interval.
    pub(super) first_end: TimeS,
    /// End of its horizon.
    pub(super) end: TimeS,
    /// End of the scenario's last interval.
    pub(super) last_end: TimeS,
    /// From one interval's start to the next one's, s.
    pub(super) period_s: u32,
    pub(super) shape: Shape,
}

impl Store {
    /// What it offers while it holds `stored_uwh`, with promises it can keep.
    ///
    /// The problem of a horizon knows an energy at its end only. There the storage promises what it needs to reach all
    /// later targets by charging as much as it can; a target within the horizon keeps it from discharging further
    /// than it could charge again in time.
    pub(super) fn offer(&self, stored_uwh: i64, outlook: Outlook) -> StorageOffer {
        let stored_uwh = stored_uwh.clamp(0, self.offer.capacity_uwh);
        let mut offer = StorageOffer { stored_uwh, final_min_uwh: 0, ..self.offer };
        let least = |(by, energy): (TimeS, i64), at: TimeS| {
            let steps = by.0.saturating_sub(at.0).div_euclid(u64::from(outlook.period_s.max(1)));
            self.least_before(energy, steps, outlook.shape.duration_s)
        };
        let days = outlook.end.0.saturating_sub(outlook.last_end.0).div_ceil(DAY_S);
        let last = TimeS(outlook.last_end.0.saturating_add(days.saturating_mul(DAY_S)));
        let promises = self.targets.iter().copied().chain([(last, self.offer.final_min_uwh)]);
        let later = promises.filter(|(by, _)| outlook.end <= *by);
        let promised = later.map(|promise| least(promise, outlook.end)).max().unwrap_or(0);
        offer.final_min_uwh = promised.min(offer.reached_uwh(outlook.shape));
        let soon =
            self.targets.iter().filter(|(by, _)| outlook.first_end <= *by && *by < outlook.end);
        if let Some(kept) = soon.map(|target| least(*target, outlook.first_end)).max() {
            offer.discharge_max = offer.discharge_keeping(kept, outlook.shape.duration_s);
        }
        offer
    }

    /// The least energy from which `steps` intervals of charging reach `energy_uwh`, rounded up.
    fn least_before(&self, energy_uwh: i64, steps: u64, duration_s: u32) -> i64 {
        let kept = i128::from(PPB.saturating_sub(i64::from(self.offer.loss_ppb)));
        let gain = self.offer.after(0, self.offer.charge_max, Watts::ZERO, duration_s);
        let mut least = energy_uwh;
        for _ in 0..steps {
            if least <= gain || kept == 0 {
                return 0;
            }
            let missing = i128::from(least.saturating_sub(gain)).saturating_mul(PPB.into());
            // What is stored is counted in whole µWh; one more covers what each interval leaves below.
            let before = missing.div_euclid(kept).saturating_add(2);
            least = i64::try_from(before).unwrap_or(i64::MAX);
            // Without a gain it grows for ever.
            if least >= self.offer.capacity_uwh {
                return self.offer.capacity_uwh;
            }
        }
        least
    }
}

pub(super) fn storage(
    reader: &mut Reader<'_>,
    text: &Spanned<StorageText>,
    start: TimeS,
) -> Result<Store, ScenarioError> {
    let (span, storage) = (text.span(), text.get_ref());
    let charge_max = power(
        reader,
        span.clone(),
        ("charge_max_w", storage.charge_max_w.as_ref()),
        ("charge_max_kw", storage.charge_max_kw.as_ref()),
        POWER_MAX,
    )?;
    let discharge_max = power(
        reader,
        span.clone(),
        ("discharge_max_w", storage.discharge_max_w.as_ref()),
        ("discharge_max_kw", storage.discharge_max_kw.as_ref()),
        POWER_MAX,
    )?;
    let capacity_uwh = energy(
        reader,
        span.clone(),
        ("capacity_wh", storage.capacity_wh.as_ref()),
        ("capacity_kwh", storage.capacity_kwh.as_ref()),
        ENERGY_MAX_UWH,
    )?;
    let held = |reader: &mut Reader<'_>, wh, kwh, default| {
        optional_energy(reader, span.clone(), wh, kwh, capacity_uwh, default)
    };
    let stored_uwh = held(
        reader,
        ("initial_wh", storage.initial_wh.as_ref()),
        ("initial_kwh", storage.initial_kwh.as_ref()),
        0,
    )?;
    let final_min_uwh = held(
        reader,
        ("final_min_wh", storage.final_min_wh.as_ref()),
        ("final_min_kwh", storage.final_min_kwh.as_ref()),
        stored_uwh,
    )?;
    let offer = StorageOffer {
        charge_max,
        discharge_max,
        charge_efficiency_ppb: share(
            reader,
            "charge_efficiency",
            1..=PPB,
            storage.charge_efficiency.as_ref(),
            1_000_000_000,
        )?,
        discharge_efficiency_ppb: share(
            reader,
            "discharge_efficiency",
            DISCHARGE_PPB_MIN..=PPB,
            storage.discharge_efficiency.as_ref(),
            1_000_000_000,
        )?,
        loss_ppb: share(
            reader,
            "loss_share_per_interval",
            0..=PPB,
            storage.loss_share_per_interval.as_ref(),
            0,
        )?,
        capacity_uwh,
        stored_uwh,
        final_min_uwh,
        wear: match &storage.wear_per_kwh {
            Some(wear) => {
                reader.number(Field::new("wear_per_kwh", LINEAR_POWER, 0..=MARGINAL_MAX), wear)?
            }
            None => 0,
        },
    };
    if storage.targets.len() > TARGETS_MAX {
        let message = format!("a storage has at most {TARGETS_MAX} targets");
        return Err(reader.refuse(span, message));
    }
    let mut targets = Vec::with_capacity(storage.targets.len());
    for target in &storage.targets {
        let by = time(reader, &target.by, start)?;
        let wh = ("stored_wh", target.stored_wh.as_ref());
        let kwh = ("stored_kwh", target.stored_kwh.as_ref());
        targets.push((by, energy(reader, target.by.span(), wh, kwh, capacity_uwh)?));
    }
    Ok(Store { offer, targets })
}

pub(super) fn shiftable(
    reader: &mut Reader<'_>,
    span: Range<usize>,
    texts: &[ShiftableText],
    start: TimeS,
) -> Result<Vec<Shiftable>, ScenarioError> {
    if texts.len() > SHIFTABLE_MAX {
        let message = format!("a need has at most {SHIFTABLE_MAX} shiftable loads");
        return Err(reader.refuse(span, message));
    }
    let mut loads = Vec::with_capacity(texts.len());
    for text in texts {
        let (from, until) = (time(reader, &text.from, start)?, time(reader, &text.until, start)?);
        if until <= from {
            return Err(reader.refuse(text.until.span(), "a window ends after it begins"));
        }
        let (key, power, number) = reader.either(
            text.from.span(),
            ("energy_wh", text.energy_wh.as_ref()),
            ("energy_kwh", text.energy_kwh.as_ref()),
        )?;
        let most = ENERGY_MAX_UWH.div_euclid(1_000_000);
        let whole_wh = reader.number(Field::new(key, power, 1..=most), number)?;
        let power_max = self::power(
            reader,
            text.from.span(),
            ("power_max_w", text.power_max_w.as_ref()),
            ("power_max_kw", text.power_max_kw.as_ref()),
            CONSUMPTION_MAX,
        )?;
        let energy = Joules(whole_wh.saturating_mul(JOULES_PER_WH));
        loads.push(Shiftable { energy, power_max, from, until });
    }
    Ok(loads)
}

pub(super) fn time(
    reader: &Reader<'_>,
    text: &Spanned<String>,
    start: TimeS,
) -> Result<TimeS, ScenarioError> {
    clock::instant_or_time(text.get_ref(), start.0)
        .map(TimeS)
        .ok_or_else(|| terms::not_a_time(reader, text))
}

type Keyed<'a> = (&'static str, Option<&'a Number>);

pub(super) fn power(
    reader: &mut Reader<'_>,
    span: Range<usize>,
    watts: Keyed<'_>,
    kilowatts: Keyed<'_>,
    most: Watts,
) -> Result<Watts, ScenarioError> {
    let (key, power, number) = reader.either(span, watts, kilowatts)?;
    reader.number(Field::new(key, power, 0..=most.0), number).map(Watts)
}

/// µWh.
fn energy(
    reader: &mut Reader<'_>,
    span: Range<usize>,
    wh: Keyed<'_>,
    kwh: Keyed<'_>,
    most_uwh: i64,
) -> Result<i64, ScenarioError> {
    let (key, power, number) = reader.either(span, wh, kwh)?;
    reader.number(Field::new(key, power.saturating_add(MICRO_WH), 0..=most_uwh), number)
}

fn optional_energy(
    reader: &mut Reader<'_>,
    span: Range<usize>,
    wh: Keyed<'_>,
    kwh: Keyed<'_>,
    most_uwh: i64,
    default: i64,
) -> Result<i64, ScenarioError> {
    if wh.1.is_none() && kwh.1.is_none() {
        return Ok(default);
    }
    energy(reader, span, wh, kwh, most_uwh)
}

fn share(
    reader: &mut Reader<'_>,
    key: &'static str,
    range: RangeInclusive<i64>,
    number: Option<&Number>,
    default: u32,
) -> Result<u32, ScenarioError> {
    number.map_or(Ok(default), |number| reader.unsigned(Field::new(key, PPB_POWER, range), number))
}
