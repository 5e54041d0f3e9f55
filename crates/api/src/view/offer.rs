//! Offers and needs.

use gridaccord_model::{CostCurve, HorizonOffer, HorizonPosting, Need, Offer, Watts};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An offer: power and cost over it. Positive power is injection into the bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfferView {
    /// Least power, W; negative where the resource can absorb.
    pub power_min_w: i64,
    /// Greatest power, W.
    pub power_max_w: i64,
    /// Cost of power.
    pub cost: CostView,
}

/// Cost of power.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum CostView {
    /// ½·a·g² + b·g.
    Quadratic {
        /// a, pico-currency per W²h.
        quadratic_pico_per_w2h: i64,
        /// b, pico-currency per Wh.
        linear_pico_per_wh: i64,
    },
    /// Priced steps from the least power upward.
    Blocks {
        /// The steps.
        blocks: Vec<BlockStep>,
    },
}

/// One priced step, or one sheddable tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockStep {
    /// Width, W.
    pub power_w: i64,
    /// Price, or value of lost load, µ-currency per kWh.
    pub price_micro_per_kwh: i64,
}

/// Consumption needed, as positive power.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NeedView {
    /// Served whatever it costs, W.
    pub firm_w: i64,
    /// Shed where energy is dearer than the tier's price.
    pub sheddable: Vec<BlockStep>,
}

/// What a member posted over a horizon, for the gate's own interval; the event's bytes hold all intervals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PostingView {
    /// Intervals of its series; 0 for a storage alone, which has none.
    pub intervals: usize,
    /// `generator`, `storage` or `tie`; null without a resource.
    pub resource: Option<String>,
    /// Least power, W; negative where the resource can absorb.
    pub power_min_w: i64,
    /// Greatest power, W.
    pub power_max_w: i64,
    /// Consumption served whatever it costs, W.
    pub firm_w: i64,
    /// Firm and sheddable consumption, W.
    pub stated_w: i64,
    /// Energy of loads that may choose their time, J.
    pub shiftable_j: i64,
}

impl From<&HorizonPosting> for PostingView {
    fn from(posting: &HorizonPosting) -> Self {
        let first = |series: &[Watts]| series.first().map_or(0, |power| power.0);
        let (resource, power_min_w, power_max_w, intervals) = match &posting.offer {
            Some(HorizonOffer::Generator { generator }) => (
                Some("generator"),
                first(&generator.power_min),
                first(&generator.power_max),
                generator.power_max.len(),
            ),
            Some(HorizonOffer::Storage { storage }) => {
                (Some("storage"), -storage.charge_max.0, storage.discharge_max.0, 0)
            }
            Some(HorizonOffer::Tie { tie }) => {
                (Some("tie"), -first(&tie.export_max), first(&tie.import_max), tie.import_max.len())
            }
            None => (None, 0, 0, 0),
        };
        let need = posting.need.as_ref();
        let shiftable = need.map(|need| need.shiftable.iter().map(|load| load.energy.0).sum());
        Self {
            intervals: need.map_or(intervals, |need| need.firm.len()),
            resource: resource.map(str::to_owned),
            power_min_w,
            power_max_w,
            firm_w: need.map_or(0, |need| first(&need.firm)),
            stated_w: need.map_or(0, |need| need.stated(0).0),
            shiftable_j: shiftable.unwrap_or(0),
        }
    }
}

impl From<&Offer> for OfferView {
    fn from(offer: &Offer) -> Self {
        let cost = match &offer.cost {
            CostCurve::Quadratic { quadratic, linear } => CostView::Quadratic {
                quadratic_pico_per_w2h: *quadratic,
                linear_pico_per_wh: *linear,
            },
            CostCurve::Blocks { blocks } => CostView::Blocks {
                blocks: blocks.iter().map(|block| step(block.power.0, block.price.0)).collect(),
            },
        };
        Self { power_min_w: offer.power_min.0, power_max_w: offer.power_max.0, cost }
    }
}

impl From<&Need> for NeedView {
    fn from(need: &Need) -> Self {
        let sheddable = need.sheddable.iter().map(|tier| step(tier.power.0, tier.value.0));
        Self { firm_w: need.firm.0, sheddable: sheddable.collect() }
    }
}

const fn step(power_w: i64, price_micro_per_kwh: i64) -> BlockStep {
    BlockStep { power_w, price_micro_per_kwh }
}
