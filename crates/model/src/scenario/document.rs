//! A scenario as its file has it: keys, their places, nothing interpreted.
//!
//! Numbers are kept as spans into the text, so that [`Decimal`](super::decimal::Decimal) reads what was written.
//! Every quantity has its unit in its key; prices are currency per kWh.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use std::{collections::BTreeMap, fmt};
use toml::Spanned;

/// A number, known by its place only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digits;

/// A number with its place.
pub(crate) type Number = Spanned<Digits>;

impl<'de> Deserialize<'de> for Digits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl Visitor<'_> for NumberVisitor {
            type Value = Digits;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_i64<E>(self, _: i64) -> Result<Digits, E> {
                Ok(Digits)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Digits, E> {
                Ok(Digits)
            }
        }
        deserializer.deserialize_any(NumberVisitor)
    }
}

/// One number for all intervals, one for each, or a profile times a peak.
#[derive(Debug)]
pub(crate) enum SeriesText {
    Constant,
    Listed(Vec<Number>),
    Profile(ProfileUse),
}

/// A series with its place.
pub(crate) type SeriesAt = Spanned<SeriesText>;

/// A named shape and what it peaks at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileUse {
    pub(crate) profile: Spanned<String>,
    pub(crate) peak: Number,
}

impl<'de> Deserialize<'de> for SeriesText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SeriesVisitor;
        impl<'de> Visitor<'de> for SeriesVisitor {
            type Value = SeriesText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, a list with one number per interval, or { profile = \"name\", peak = number }")
            }
            fn visit_i64<E>(self, _: i64) -> Result<SeriesText, E> {
                Ok(SeriesText::Constant)
            }
            fn visit_f64<E>(self, _: f64) -> Result<SeriesText, E> {
                Ok(SeriesText::Constant)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<SeriesText, A::Error> {
                let mut numbers = Vec::new();
                while let Some(number) = list.next_element()? {
                    numbers.push(number);
                }
                Ok(SeriesText::Listed(numbers))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SeriesText, A::Error> {
                ProfileUse::deserialize(MapAccessDeserializer::new(map)).map(SeriesText::Profile)
            }
        }
        deserializer.deserialize_any(SeriesVisitor)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) name: Spanned<String>,
    pub(crate) description: String,
    pub(crate) horizon: HorizonText,
    pub(crate) market: MarketText,
    #[serde(default)]
    pub(crate) trust: TrustText,
    #[serde(default)]
    pub(crate) thresholds: ThresholdsText,
    pub(crate) carbon: Option<Spanned<CarbonText>>,
    pub(crate) demo: Option<DemoText>,
    #[serde(default)]
    pub(crate) profiles: BTreeMap<Spanned<String>, ProfileText>,
    #[serde(default)]
    pub(crate) members: Vec<Spanned<MemberText>>,
    #[serde(default)]
    pub(crate) groups: Vec<Spanned<GroupText>>,
    #[serde(default)]
    pub(crate) events: Vec<EventText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HorizonText {
    pub(crate) start: Spanned<String>,
    pub(crate) interval_s: Number,
    pub(crate) period_s: Option<Number>,
    pub(crate) intervals: Number,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MarketText {
    pub(crate) horizon_intervals: Option<Number>,
    pub(crate) open_lead_s: Number,
    pub(crate) close_lead_s: Number,
    pub(crate) meter_lag_s: Number,
    pub(crate) price_cap_per_kwh: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrustText {
    pub(crate) beacon_offset_views: Option<Number>,
    pub(crate) seats: Option<Number>,
    pub(crate) commit_window_heights: Option<Number>,
    pub(crate) reveal_window_heights: Option<Number>,
    pub(crate) index_start_ppm: Option<Number>,
    pub(crate) wager_min_ppm: Option<Number>,
    pub(crate) token_value_currency: Option<Number>,
    pub(crate) significance_floor_currency: Option<Number>,
    pub(crate) significance_ref_currency: Option<Number>,
    pub(crate) fee_ppm: Option<Number>,
    pub(crate) epsilon_ppb: Option<Number>,
    pub(crate) alpha_ppm: Option<Number>,
    pub(crate) beta_worse_ppm: Option<Number>,
    pub(crate) beta_false_ppm: Option<Number>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThresholdsText {
    pub(crate) gap_ppb: Option<Number>,
    pub(crate) price_rise_ppm: Option<Number>,
    pub(crate) energy_loss_ppm: Option<Number>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CarbonText {
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) forbidden: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) boundary: BoundaryText,
    pub(crate) operating_max_g_per_kwh: Option<Number>,
    pub(crate) wider_max_g_per_kwh: Option<Number>,
    pub(crate) momentary_ppm: Option<Number>,
    pub(crate) factors: BTreeMap<Spanned<String>, FactorText>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BoundaryText {
    #[default]
    Embodied,
    Travel,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FactorText {
    pub(crate) operating_g_per_kwh: Number,
    pub(crate) embodied_g_per_kwh: Number,
    pub(crate) travel_g_per_kwh: Option<Number>,
    pub(crate) source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DemoText {
    pub(crate) intervals: Option<Number>,
    pub(crate) focus: Option<Spanned<String>>,
    pub(crate) interval_wall_ms: Option<Number>,
    pub(crate) weather_ppm: Option<Number>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileText {
    pub(crate) step_s: Number,
    pub(crate) shares: Spanned<Vec<Number>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RoleText {
    Supplier,
    Storage,
    Campus,
    Tenant,
    Utility,
    Authority,
    Certifier,
    Auditor,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemberText {
    pub(crate) name: Spanned<String>,
    pub(crate) role: RoleText,
    pub(crate) owner: Option<String>,
    pub(crate) class: Option<String>,
    #[serde(default)]
    pub(crate) validator: bool,
    pub(crate) stake_tokens: Option<Number>,
    pub(crate) deposit_currency: Option<Number>,
    pub(crate) offer: Option<Spanned<OfferText>>,
    pub(crate) tie: Option<Spanned<TieText>>,
    pub(crate) storage: Option<Spanned<StorageText>>,
    pub(crate) need: Option<Spanned<NeedText>>,
}

/// Members that differ in name and firm power only.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupText {
    pub(crate) name: Spanned<String>,
    pub(crate) count: Number,
    pub(crate) role: RoleText,
    pub(crate) class: Option<String>,
    #[serde(default)]
    pub(crate) validator: bool,
    pub(crate) stake_tokens: Option<Number>,
    pub(crate) deposit_currency: Option<Number>,
    pub(crate) firm_each_w: Option<Spanned<Vec<Number>>>,
    pub(crate) firm_each_kw: Option<Spanned<Vec<Number>>>,
    pub(crate) profile: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfferText {
    pub(crate) power_min_w: Option<SeriesAt>,
    pub(crate) power_min_kw: Option<SeriesAt>,
    pub(crate) power_max_w: Option<SeriesAt>,
    pub(crate) power_max_kw: Option<SeriesAt>,
    pub(crate) price_per_kwh: Option<SeriesAt>,
    pub(crate) blocks: Option<Vec<BlockText>>,
    pub(crate) quadratic_per_kw2h: Option<SeriesAt>,
    pub(crate) linear_per_kwh: Option<SeriesAt>,
    pub(crate) ramp_up_w_per_interval: Option<Number>,
    pub(crate) ramp_up_kw_per_interval: Option<Number>,
    pub(crate) ramp_down_w_per_interval: Option<Number>,
    pub(crate) ramp_down_kw_per_interval: Option<Number>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockText {
    pub(crate) power_w: Option<Number>,
    pub(crate) power_kw: Option<Number>,
    pub(crate) price_per_kwh: SeriesAt,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TieText {
    pub(crate) import_max_w: Option<SeriesAt>,
    pub(crate) import_max_kw: Option<SeriesAt>,
    pub(crate) import_price_per_kwh: SeriesAt,
    pub(crate) export_max_w: Option<SeriesAt>,
    pub(crate) export_max_kw: Option<SeriesAt>,
    pub(crate) export_price_per_kwh: Option<SeriesAt>,
    pub(crate) demand_charge_per_kw: Option<Number>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StorageText {
    pub(crate) charge_max_w: Option<Number>,
    pub(crate) charge_max_kw: Option<Number>,
    pub(crate) discharge_max_w: Option<Number>,
    pub(crate) discharge_max_kw: Option<Number>,
    pub(crate) capacity_wh: Option<Number>,
    pub(crate) capacity_kwh: Option<Number>,
    pub(crate) initial_wh: Option<Number>,
    pub(crate) initial_kwh: Option<Number>,
    pub(crate) final_min_wh: Option<Number>,
    pub(crate) final_min_kwh: Option<Number>,
    pub(crate) charge_efficiency: Option<Number>,
    pub(crate) discharge_efficiency: Option<Number>,
    pub(crate) loss_share_per_interval: Option<Number>,
    pub(crate) wear_per_kwh: Option<Number>,
    #[serde(default)]
    pub(crate) targets: Vec<TargetText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetText {
    pub(crate) by: Spanned<String>,
    pub(crate) stored_wh: Option<Number>,
    pub(crate) stored_kwh: Option<Number>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NeedText {
    pub(crate) firm_w: Option<SeriesAt>,
    pub(crate) firm_kw: Option<SeriesAt>,
    #[serde(default)]
    pub(crate) tiers: Vec<TierText>,
    #[serde(default)]
    pub(crate) shiftable: Vec<ShiftableText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShiftableText {
    pub(crate) energy_wh: Option<Number>,
    pub(crate) energy_kwh: Option<Number>,
    pub(crate) power_max_w: Option<Number>,
    pub(crate) power_max_kw: Option<Number>,
    pub(crate) from: Spanned<String>,
    pub(crate) until: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TierText {
    pub(crate) power_w: Option<SeriesAt>,
    pub(crate) power_kw: Option<SeriesAt>,
    pub(crate) value_per_kwh: SeriesAt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EventKindText {
    Outage,
    Island,
    DemandResponse,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventText {
    pub(crate) kind: EventKindText,
    pub(crate) member: Spanned<String>,
    pub(crate) at: Spanned<String>,
    pub(crate) until: Option<Spanned<String>>,
    pub(crate) announced: Option<bool>,
    pub(crate) import_max_w: Option<Number>,
    pub(crate) import_max_kw: Option<Number>,
}
