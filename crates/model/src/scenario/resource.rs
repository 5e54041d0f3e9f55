//! A member's offer, tie and need: from keys to quanta, one cost per offer, one unit per power.

use super::{
    Load, ScenarioError, Series,
    document::{BlockText, NeedText, Number, OfferText, SeriesAt, TieText},
    reader::{Field, Reader},
    storage,
    supply::{Plant, PlantCost, Tie},
    terms::MICRO,
};
use crate::{
    TimeS,
    horizon::{DEMAND_CHARGE_MAX, RampLimit},
    need::TIERS_MAX,
    offer::{BLOCKS_MAX, LINEAR_MAX, POWER_MAX, PRICE_MAX, QUADRATIC_MAX},
};
use std::ops::Range;
use toml::Spanned;

/// Pico-currency per Wh in one currency per kWh, as a power of ten.
pub(super) const LINEAR_POWER: i32 = 9;
/// Pico-currency per W²h in one currency per kW²h, as a power of ten.
const QUADRATIC_POWER: i32 = 6;

pub(super) fn offer(
    reader: &mut Reader<'_>,
    text: &Spanned<OfferText>,
) -> Result<Plant, ScenarioError> {
    let offer = text.get_ref();
    let power_min = optional_power(
        reader,
        text.span(),
        ("power_min_w", offer.power_min_w.as_ref()),
        ("power_min_kw", offer.power_min_kw.as_ref()),
        -POWER_MAX.0..=POWER_MAX.0,
    )?;
    let power_max = required_power(
        reader,
        text.span(),
        ("power_max_w", offer.power_max_w.as_ref()),
        ("power_max_kw", offer.power_max_kw.as_ref()),
    )?;
    let cost = cost_of(reader, text)?;
    if let PlantCost::Blocks(blocks) = &cost {
        let width = blocks.iter().fold(0i64, |sum, (power, _)| sum.saturating_add(*power));
        let range =
            power_max.0.iter().chain(&power_min.0).fold(0i64, |most, power| most.max(power.abs()));
        if power_min.0.iter().any(|power| *power != 0) || width < range {
            let message = format!(
                "`blocks` are {width} W wide and start at 0 W; they must reach `power_max_w`"
            );
            return Err(reader.refuse(text.span(), message));
        }
    }
    let ramp = ramp_of(reader, text)?;
    if ramp.is_some() && matches!(cost, PlantCost::Blocks(_)) {
        let refusal = reader.refuse(text.span(), "a ramp limit has no form with `blocks`");
        return Err(refusal.help("give `price_per_kwh`, or a quadratic cost"));
    }
    Ok(Plant { power_min, power_max, cost, ramp })
}

fn ramp_of(
    reader: &mut Reader<'_>,
    text: &Spanned<OfferText>,
) -> Result<Option<RampLimit>, ScenarioError> {
    let offer = text.get_ref();
    let given = |one: &Option<Number>, other: &Option<Number>| one.is_some() || other.is_some();
    let up = given(&offer.ramp_up_w_per_interval, &offer.ramp_up_kw_per_interval);
    let down = given(&offer.ramp_down_w_per_interval, &offer.ramp_down_kw_per_interval);
    if !up && !down {
        return Ok(None);
    }
    let mut limit = |watts, kilowatts| {
        storage::power(reader, text.span(), watts, kilowatts, crate::horizon::POWER_MAX)
    };
    Ok(Some(RampLimit {
        up: limit(
            ("ramp_up_w_per_interval", offer.ramp_up_w_per_interval.as_ref()),
            ("ramp_up_kw_per_interval", offer.ramp_up_kw_per_interval.as_ref()),
        )?,
        down: limit(
            ("ramp_down_w_per_interval", offer.ramp_down_w_per_interval.as_ref()),
            ("ramp_down_kw_per_interval", offer.ramp_down_kw_per_interval.as_ref()),
        )?,
    }))
}

fn cost_of(reader: &mut Reader<'_>, text: &Spanned<OfferText>) -> Result<PlantCost, ScenarioError> {
    let offer = text.get_ref();
    match (&offer.price_per_kwh, &offer.blocks, &offer.quadratic_per_kw2h, &offer.linear_per_kwh) {
        (Some(price), None, None, None) => {
            Ok(PlantCost::Flat(reader.series(price_field("price_per_kwh"), price)?))
        }
        (None, Some(blocks), None, None) => blocks_of(reader, text.span(), blocks),
        (None, None, Some(quadratic), Some(linear)) => {
            let a = Field::new("quadratic_per_kw2h", QUADRATIC_POWER, 0..=QUADRATIC_MAX);
            let b = Field::new("linear_per_kwh", LINEAR_POWER, -LINEAR_MAX..=LINEAR_MAX);
            let (quadratic, linear) = (reader.series(a, quadratic)?, reader.series(b, linear)?);
            Ok(PlantCost::Quadratic { quadratic, linear })
        }
        _ => Err(reader.refuse(text.span(), "an offer needs one cost").help(
            "give `price_per_kwh`, or `blocks`, or both `quadratic_per_kw2h` and `linear_per_kwh`",
        )),
    }
}

fn blocks_of(
    reader: &mut Reader<'_>,
    span: Range<usize>,
    texts: &[BlockText],
) -> Result<PlantCost, ScenarioError> {
    if texts.len() > BLOCKS_MAX {
        return Err(reader.refuse(span, format!("an offer has at most {BLOCKS_MAX} blocks")));
    }
    let mut blocks = Vec::with_capacity(texts.len());
    for text in texts {
        let (key, power, number) = reader.either(
            span.clone(),
            ("power_w", text.power_w.as_ref()),
            ("power_kw", text.power_kw.as_ref()),
        )?;
        let width = reader.number(Field::new(key, power, 1..=POWER_MAX.0), number)?;
        blocks.push((width, reader.series(price_field("price_per_kwh"), &text.price_per_kwh)?));
    }
    Ok(PlantCost::Blocks(blocks))
}

pub(super) fn tie(reader: &mut Reader<'_>, text: &Spanned<TieText>) -> Result<Tie, ScenarioError> {
    let tie = text.get_ref();
    let import_max = required_power(
        reader,
        text.span(),
        ("import_max_w", tie.import_max_w.as_ref()),
        ("import_max_kw", tie.import_max_kw.as_ref()),
    )?;
    let import_price =
        reader.series(price_field("import_price_per_kwh"), &tie.import_price_per_kwh)?;
    let export_max = optional_power(
        reader,
        text.span(),
        ("export_max_w", tie.export_max_w.as_ref()),
        ("export_max_kw", tie.export_max_kw.as_ref()),
        0..=POWER_MAX.0,
    )?;
    let export_price = match &tie.export_price_per_kwh {
        Some(price) => reader.series(price_field("export_price_per_kwh"), price)?,
        None if export_max == Series(vec![0]) => Series(vec![0]),
        None => {
            return Err(
                reader.refuse(text.span(), "a tie that exports needs `export_price_per_kwh`")
            );
        }
    };
    // Without export any import price will do, a negative one too.
    let intervals =
        u32::try_from(import_price.0.len().max(export_price.0.len())).unwrap_or(u32::MAX);
    let wash = |interval: &u32| export_price.at(*interval) > import_price.at(*interval);
    if export_max != Series(vec![0])
        && let Some(interval) = (0..intervals).find(wash)
    {
        let message = format!(
            "interval {interval}: feed-in is paid above the tariff, which invites wash trades"
        );
        return Err(reader.refuse(text.span(), message));
    }
    let demand_charge = match &tie.demand_charge_per_kw {
        Some(charge) => reader
            .number(Field::new("demand_charge_per_kw", MICRO, 0..=DEMAND_CHARGE_MAX), charge)?,
        None => 0,
    };
    Ok(Tie { import_max, import_price, export_max, export_price, demand_charge })
}

pub(super) fn need(
    reader: &mut Reader<'_>,
    text: &Spanned<NeedText>,
    start: TimeS,
) -> Result<Load, ScenarioError> {
    let need = text.get_ref();
    let range = 0..=POWER_MAX.0;
    let firm = optional_power(
        reader,
        text.span(),
        ("firm_w", need.firm_w.as_ref()),
        ("firm_kw", need.firm_kw.as_ref()),
        range,
    )?;
    if need.tiers.len() > TIERS_MAX {
        return Err(
            reader.refuse(text.span(), format!("a need has at most {TIERS_MAX} sheddable tiers"))
        );
    }
    let mut tiers = Vec::with_capacity(need.tiers.len());
    for tier in &need.tiers {
        let power = required_power(
            reader,
            text.span(),
            ("power_w", tier.power_w.as_ref()),
            ("power_kw", tier.power_kw.as_ref()),
        )?;
        let value = Field::new("value_per_kwh", MICRO, 0..=PRICE_MAX.0);
        tiers.push((power, reader.series(value, &tier.value_per_kwh)?));
    }
    let shiftable = storage::shiftable(reader, text.span(), &need.shiftable, start)?;
    Ok(Load { firm, tiers, shiftable })
}

fn required_power(
    reader: &mut Reader<'_>,
    span: Range<usize>,
    watts: (&'static str, Option<&SeriesAt>),
    kilowatts: (&'static str, Option<&SeriesAt>),
) -> Result<Series, ScenarioError> {
    let (key, power, series) = reader.either(span, watts, kilowatts)?;
    reader.series(Field::new(key, power, 0..=POWER_MAX.0), series)
}

fn optional_power(
    reader: &mut Reader<'_>,
    span: Range<usize>,
    watts: (&'static str, Option<&SeriesAt>),
    kilowatts: (&'static str, Option<&SeriesAt>),
    range: std::ops::RangeInclusive<i64>,
) -> Result<Series, ScenarioError> {
    if watts.1.is_none() && kilowatts.1.is_none() {
        return Ok(Series(vec![0]));
    }
    let (key, power, series) = reader.either(span, watts, kilowatts)?;
    reader.series(Field::new(key, power, range), series)
}

const fn price_field(key: &str) -> Field<'_> {
    Field::new(key, MICRO, -PRICE_MAX.0..=PRICE_MAX.0)
}
