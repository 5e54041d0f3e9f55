//! A member's resource over the horizon, and the offer it makes for one interval.

use super::Series;
use crate::{Block, CostCurve, Offer, Price, Watts, codec::Bounded};

/// What a plant can deliver, as distinct from what was offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capability {
    /// Least power.
    pub power_min: Watts,
    /// Greatest power.
    pub power_max: Watts,
}

impl Capability {
    /// What the plant delivers when asked for `set_point`.
    #[must_use]
    pub fn deliver(self, set_point: Watts) -> Watts {
        set_point.max(self.power_min).min(self.power_max)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Supply {
    Plant(Plant),
    Tie(Tie),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plant {
    pub(super) power_min: Series,
    pub(super) power_max: Series,
    pub(super) cost: PlantCost,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PlantCost {
    /// One price.
    Flat(Series),
    /// Width and price, stacked from the least power upward; cut where the greatest power ends.
    Blocks(Vec<(i64, Series)>),
    /// a and b in the offer's units.
    Quadratic { quadratic: Series, linear: Series },
}

/// Limits are at least 0 W, export included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tie {
    pub(super) import_max: Series,
    pub(super) import_price: Series,
    pub(super) export_max: Series,
    pub(super) export_price: Series,
}

/// The offer of a resource that can give nothing.
pub(super) fn nothing() -> Offer {
    stacked(Watts::ZERO, Watts::ZERO, std::iter::empty())
}

impl Supply {
    pub(super) fn offer(&self, interval: u32) -> Offer {
        match self {
            Self::Plant(plant) => plant.offer(interval),
            Self::Tie(tie) => tie.offer(interval),
        }
    }

    pub(super) fn capability(&self, interval: u32) -> Capability {
        let offer = self.offer(interval);
        Capability { power_min: offer.power_min, power_max: offer.power_max }
    }
}

impl Plant {
    fn offer(&self, interval: u32) -> Offer {
        let (min, max) = (Watts(self.power_min.at(interval)), Watts(self.power_max.at(interval)));
        match &self.cost {
            PlantCost::Flat(price) => {
                let width = Watts(max.0.saturating_sub(min.0));
                stacked(min, max, std::iter::once((width, Price(price.at(interval)))))
            }
            PlantCost::Blocks(blocks) => stacked(
                min,
                max,
                blocks.iter().map(|(width, price)| (Watts(*width), Price(price.at(interval)))),
            ),
            PlantCost::Quadratic { quadratic, linear } => Offer {
                power_min: min,
                power_max: max,
                cost: CostCurve::Quadratic {
                    quadratic: quadratic.at(interval),
                    linear: linear.at(interval),
                },
            },
        }
    }
}

impl Tie {
    fn offer(&self, interval: u32) -> Offer {
        let (import, export) =
            (Watts(self.import_max.at(interval)), Watts(self.export_max.at(interval)));
        let blocks = [
            (export, Price(self.export_price.at(interval))),
            (import, Price(self.import_price.at(interval))),
        ];
        stacked(Watts(0i64.saturating_sub(export.0)), import, blocks.into_iter())
    }
}

/// Blocks from `min` up to `max`: empty ones left out, the last one cut.
fn stacked(min: Watts, max: Watts, steps: impl Iterator<Item = (Watts, Price)>) -> Offer {
    let mut room = max.0.saturating_sub(min.0);
    let mut blocks = Vec::new();
    for (width, price) in steps {
        let power = Watts(width.0.min(room));
        room = room.saturating_sub(power.0);
        if power > Watts::ZERO {
            blocks.push(Block { power, price });
        }
    }
    let blocks = Bounded::new(blocks).expect("parsing bounds the number of blocks");
    Offer { power_min: min, power_max: max, cost: CostCurve::Blocks { blocks } }
}
