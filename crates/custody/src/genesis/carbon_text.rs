//! The section `[carbon]` of a genesis file.

use super::{boundary_name, text::boundary_named};
use gridaccord_ledger::genesis::CarbonPolicy;
use gridaccord_model::{
    carbon::EmissionFactor,
    codec::{Bounded, Label},
};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CarbonText {
    version: String,
    forbidden: Vec<String>,
    boundary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    operating_max_mg_per_kwh: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wider_max_mg_per_kwh: Option<u32>,
    momentary_ppm: u32,
    #[serde(default)]
    factor: Vec<FactorText>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct FactorText {
    class: String,
    operating_mg_per_kwh: u32,
    embodied_mg_per_kwh: u32,
    travel_mg_per_kwh: u32,
    source: String,
}

impl CarbonText {
    /// `None` for the policy that allows everything.
    pub(super) fn of(policy: &CarbonPolicy) -> Option<Self> {
        (*policy != CarbonPolicy::default()).then(|| Self {
            version: policy.version.to_string(),
            forbidden: policy.forbidden.iter().map(ToString::to_string).collect(),
            boundary: boundary_name(policy.wider).to_owned(),
            operating_max_mg_per_kwh: policy.operating_max_mg_per_kwh,
            wider_max_mg_per_kwh: policy.wider_max_mg_per_kwh,
            momentary_ppm: policy.momentary_ppm,
            factor: policy.factors.iter().map(FactorText::of).collect(),
        })
    }

    pub(super) fn read(self) -> Result<CarbonPolicy, String> {
        let forbidden = self.forbidden.into_iter().map(|class| label("forbidden", class));
        let factors = self.factor.into_iter().map(FactorText::read);
        Ok(CarbonPolicy {
            version: label("version", self.version)?,
            factors: Bounded::new(factors.collect::<Result<_, _>>()?)
                .map_err(|_| "carbon.factor has more classes than a policy takes")?,
            forbidden: Bounded::new(forbidden.collect::<Result<_, _>>()?)
                .map_err(|_| "carbon.forbidden has more classes than a policy takes")?,
            wider: boundary_named(&self.boundary)?,
            operating_max_mg_per_kwh: self.operating_max_mg_per_kwh,
            wider_max_mg_per_kwh: self.wider_max_mg_per_kwh,
            momentary_ppm: self.momentary_ppm,
        })
    }
}

impl FactorText {
    fn of(factor: &EmissionFactor) -> Self {
        Self {
            class: factor.class.to_string(),
            operating_mg_per_kwh: factor.operating_mg_per_kwh,
            embodied_mg_per_kwh: factor.embodied_mg_per_kwh,
            travel_mg_per_kwh: factor.travel_mg_per_kwh,
            source: factor.source.to_string(),
        }
    }

    fn read(self) -> Result<EmissionFactor, String> {
        Ok(EmissionFactor {
            class: label("factor.class", self.class)?,
            operating_mg_per_kwh: self.operating_mg_per_kwh,
            embodied_mg_per_kwh: self.embodied_mg_per_kwh,
            travel_mg_per_kwh: self.travel_mg_per_kwh,
            source: label("factor.source", self.source)?,
        })
    }
}

fn label<const MAX: usize>(field: &str, text: String) -> Result<Label<MAX>, String> {
    Label::new(text).map_err(|_| format!("carbon.{field} has more than {MAX} bytes"))
}
