//! The section `[carbon]`: factors with their sources, forbidden classes, caps.

use super::{
    ScenarioError,
    document::{BoundaryText, CarbonText, FactorText, Number},
    reader::{Field, Reader},
};
use crate::{
    carbon::{CarbonPolicy, EmissionFactor, INTENSITY_MAX, WiderBoundary},
    codec::{Bounded, Label},
};
use std::ops::Range;
use toml::Spanned;

/// mg per kWh in one g per kWh, as a power of ten.
const MILLI: i32 = 3;

pub(super) fn policy(
    reader: &mut Reader<'_>,
    text: Option<&Spanned<CarbonText>>,
) -> Result<CarbonPolicy, ScenarioError> {
    let Some(text) = text else { return Ok(CarbonPolicy::default()) };
    let (span, carbon) = (text.span(), text.get_ref());
    let mut factors = Vec::with_capacity(carbon.factors.len());
    for (class, factor) in &carbon.factors {
        factors.push(factor_of(reader, class, factor)?);
    }
    let mut forbidden = Vec::with_capacity(carbon.forbidden.len());
    for class in &carbon.forbidden {
        forbidden.push(label(reader, class.span(), "a class", class.get_ref())?);
    }
    let too_many = |what: &str| format!("`{what}` has more classes than a policy takes");
    let policy = CarbonPolicy {
        version: label(reader, span.clone(), "`version`", &carbon.version)?,
        factors: Bounded::new(factors)
            .map_err(|_| reader.refuse(span.clone(), too_many("factors")))?,
        forbidden: Bounded::new(forbidden)
            .map_err(|_| reader.refuse(span.clone(), too_many("forbidden")))?,
        wider: match carbon.boundary {
            BoundaryText::Embodied => WiderBoundary::Embodied,
            BoundaryText::Travel => WiderBoundary::Travel,
        },
        operating_max_mg_per_kwh: cap(
            reader,
            "operating_max_g_per_kwh",
            carbon.operating_max_g_per_kwh.as_ref(),
        )?,
        wider_max_mg_per_kwh: cap(
            reader,
            "wider_max_g_per_kwh",
            carbon.wider_max_g_per_kwh.as_ref(),
        )?,
        momentary_ppm: match &carbon.momentary_ppm {
            Some(number) => {
                reader.unsigned(Field::new("momentary_ppm", 0, 0..=1_000_000), number)?
            }
            None => 0,
        },
    };
    policy.check().map_err(|error| reader.refuse(span, error.to_string()))?;
    Ok(policy)
}

fn factor_of(
    reader: &mut Reader<'_>,
    class: &Spanned<String>,
    text: &FactorText,
) -> Result<EmissionFactor, ScenarioError> {
    Ok(EmissionFactor {
        class: label(reader, class.span(), "a class", class.get_ref())?,
        operating_mg_per_kwh: intensity(reader, "operating_g_per_kwh", &text.operating_g_per_kwh)?,
        embodied_mg_per_kwh: intensity(reader, "embodied_g_per_kwh", &text.embodied_g_per_kwh)?,
        travel_mg_per_kwh: match &text.travel_g_per_kwh {
            Some(number) => intensity(reader, "travel_g_per_kwh", number)?,
            None => 0,
        },
        source: label(reader, class.span(), "`source`", &text.source)?,
    })
}

fn cap(
    reader: &mut Reader<'_>,
    key: &'static str,
    number: Option<&Number>,
) -> Result<Option<u32>, ScenarioError> {
    number.map(|number| intensity(reader, key, number)).transpose()
}

fn intensity(
    reader: &mut Reader<'_>,
    key: &'static str,
    number: &Number,
) -> Result<u32, ScenarioError> {
    reader.unsigned(Field::new(key, MILLI, 0..=i64::from(INTENSITY_MAX)), number)
}

fn label<const MAX: usize>(
    reader: &Reader<'_>,
    span: Range<usize>,
    what: &str,
    text: &str,
) -> Result<Label<MAX>, ScenarioError> {
    Label::new(text).map_err(|_| reader.refuse(span, format!("{what} is longer than {MAX} bytes")))
}
