//! The sections that hold parameters rather than members: horizon, market, trust, thresholds, demo.

use super::{
    Demo, Horizon, INTERVALS_MAX, Market, ScenarioError, Thresholds, Trust, clock,
    document::{DemoText, HorizonText, MarketText, Number, ThresholdsText, TrustText},
    reader::{Field, Reader},
};
use crate::{
    Money, Price, TimeS,
    offer::PRICE_MAX,
    terms::{GateKind, HORIZON_INTERVALS_MAX},
};

/// Longest interval, s; the dispatch check's own limit.
const INTERVAL_MAX_S: i64 = 1 << 20;
/// Longest lead, lag or period, s: one year.
const SPAN_MAX_S: i64 = 31_536_000;
/// µ-currency in one currency, as a power of ten.
pub(super) const MICRO: i32 = 6;
/// Largest sum of money in a scenario, µ-currency.
pub(super) const MONEY_MAX: i64 = 1 << 53;
const PPM_ONE: i64 = 1_000_000;
const PPB_ONE: i64 = 1_000_000_000;

pub(super) fn horizon(
    reader: &mut Reader<'_>,
    text: &HorizonText,
) -> Result<Horizon, ScenarioError> {
    let start = clock::instant(text.start.get_ref()).ok_or_else(|| {
        let message = format!("`{}` is not a UTC time", text.start.get_ref());
        reader.refuse(text.start.span(), message).help("write it as 2026-03-01T00:00:00Z")
    })?;
    let interval_s =
        reader.unsigned(Field::new("interval_s", 0, 1..=INTERVAL_MAX_S), &text.interval_s)?;
    let period_s = match &text.period_s {
        Some(period) => reader
            .unsigned(Field::new("period_s", 0, i64::from(interval_s)..=SPAN_MAX_S), period)?,
        None => interval_s,
    };
    let most = i64::from(INTERVALS_MAX);
    let intervals = reader.unsigned(Field::new("intervals", 0, 1..=most), &text.intervals)?;
    Ok(Horizon { start: TimeS(start), interval_s, period_s, intervals })
}

pub(super) fn market(reader: &mut Reader<'_>, text: &MarketText) -> Result<Market, ScenarioError> {
    let close_lead_s =
        reader.unsigned(Field::new("close_lead_s", 0, 1..=SPAN_MAX_S), &text.close_lead_s)?;
    let after_close = i64::from(close_lead_s).saturating_add(1);
    let open_lead_s = reader
        .unsigned(Field::new("open_lead_s", 0, after_close..=SPAN_MAX_S), &text.open_lead_s)?;
    let meter_lag_s =
        reader.unsigned(Field::new("meter_lag_s", 0, 0..=SPAN_MAX_S), &text.meter_lag_s)?;
    let cap = Field::new("price_cap_per_kwh", MICRO, 0..=PRICE_MAX.0);
    let price_cap = Price(reader.number(cap, &text.price_cap_per_kwh)?);
    let kind = match &text.horizon_intervals {
        None => GateKind::Open {},
        Some(number) => {
            let range = 1..=i64::from(HORIZON_INTERVALS_MAX);
            let intervals = reader.unsigned(Field::new("horizon_intervals", 0, range), number)?;
            GateKind::Horizon { intervals }
        }
    };
    Ok(Market { kind, open_lead_s, close_lead_s, meter_lag_s, price_cap })
}

pub(super) fn trust(reader: &mut Reader<'_>, text: &TrustText) -> Result<Trust, ScenarioError> {
    let default = Trust::default();
    let mut count = |key, number: &Option<Number>, default: u32| match number {
        Some(number) => reader.unsigned(Field::new(key, 0, 1..=1_000), number),
        None => Ok(default),
    };
    let beacon_offset = u64::from(count("beacon_offset_views", &text.beacon_offset_views, 3)?);
    let commit_window =
        count("commit_window_heights", &text.commit_window_heights, default.commit_window)?;
    let reveal_window =
        count("reveal_window_heights", &text.reveal_window_heights, default.reveal_window)?;
    let seats = match &text.seats {
        Some(number) => reader.unsigned(Field::new("seats", 0, 1..=64), number)?,
        None => default.seats,
    };
    let mut money = |key, number: &Option<Number>, default: Money| match number {
        Some(number) => reader.number(Field::new(key, MICRO, 1..=MONEY_MAX), number).map(Money),
        None => Ok(default),
    };
    let token_value =
        money("token_value_currency", &text.token_value_currency, default.token_value)?;
    let significance_floor = money(
        "significance_floor_currency",
        &text.significance_floor_currency,
        default.significance_floor,
    )?;
    let significance_ref = money(
        "significance_ref_currency",
        &text.significance_ref_currency,
        default.significance_ref,
    )?;
    let mut share = |key, number: &Option<Number>, one, default| match number {
        Some(number) => reader.unsigned(Field::new(key, 0, 0..=one), number),
        None => Ok(default),
    };
    Ok(Trust {
        beacon_offset,
        seats,
        commit_window,
        reveal_window,
        token_value,
        significance_floor,
        significance_ref,
        index_start_ppm: share(
            "index_start_ppm",
            &text.index_start_ppm,
            PPM_ONE,
            default.index_start_ppm,
        )?,
        wager_min_ppm: share("wager_min_ppm", &text.wager_min_ppm, PPM_ONE, default.wager_min_ppm)?,
        fee_ppm: share("fee_ppm", &text.fee_ppm, PPM_ONE, default.fee_ppm)?,
        epsilon_ppb: share("epsilon_ppb", &text.epsilon_ppb, PPB_ONE, default.epsilon_ppb)?,
        alpha_ppm: share("alpha_ppm", &text.alpha_ppm, PPM_ONE, default.alpha_ppm)?,
        beta_worse_ppm: share(
            "beta_worse_ppm",
            &text.beta_worse_ppm,
            PPM_ONE,
            default.beta_worse_ppm,
        )?,
        beta_false_ppm: share(
            "beta_false_ppm",
            &text.beta_false_ppm,
            PPM_ONE,
            default.beta_false_ppm,
        )?,
    })
}

pub(super) fn thresholds(
    reader: &mut Reader<'_>,
    text: &ThresholdsText,
) -> Result<Thresholds, ScenarioError> {
    let default = Thresholds::default();
    let mut share = |key, number: &Option<Number>, most, default| match number {
        Some(number) => reader.unsigned(Field::new(key, 0, 0..=most), number),
        None => Ok(default),
    };
    Ok(Thresholds {
        gap_ppb: share("gap_ppb", &text.gap_ppb, PPB_ONE, default.gap_ppb)?,
        price_rise_ppm: share(
            "price_rise_ppm",
            &text.price_rise_ppm,
            PPB_ONE,
            default.price_rise_ppm,
        )?,
        energy_loss_ppm: share(
            "energy_loss_ppm",
            &text.energy_loss_ppm,
            PPM_ONE,
            default.energy_loss_ppm,
        )?,
    })
}

/// Wall time of one period unless a scenario says otherwise.
const INTERVAL_WALL_MS: u32 = 3_000;

pub(super) fn demo(
    reader: &mut Reader<'_>,
    text: Option<&DemoText>,
    horizon: &Horizon,
) -> Result<Demo, ScenarioError> {
    let mut demo = Demo {
        intervals: horizon.intervals.min(25),
        focus: None,
        interval_wall_ms: INTERVAL_WALL_MS,
        weather_ppm: 0,
    };
    let Some(text) = text else { return Ok(demo) };
    if let Some(number) = &text.intervals {
        let most = i64::from(horizon.intervals);
        demo.intervals = reader.unsigned(Field::new("intervals", 0, 1..=most), number)?;
    }
    if let Some(number) = &text.interval_wall_ms {
        demo.interval_wall_ms =
            reader.unsigned(Field::new("interval_wall_ms", 0, 100..=86_400_000), number)?;
    }
    if let Some(number) = &text.weather_ppm {
        demo.weather_ppm = reader.unsigned(Field::new("weather_ppm", 0, 0..=500_000), number)?;
    }
    if let Some(focus) = &text.focus {
        let time = clock::instant_or_time(focus.get_ref(), horizon.start.0);
        demo.focus = Some(TimeS(time.ok_or_else(|| not_a_time(reader, focus))?));
    }
    Ok(demo)
}

pub(super) fn not_a_time(reader: &Reader<'_>, text: &toml::Spanned<String>) -> ScenarioError {
    let message = format!("`{}` is not a time", text.get_ref());
    reader
        .refuse(text.span(), message)
        .help("write 12:00 for a time on the first day, or 2026-03-01T12:00:00Z")
}
