//! A member's resource over the horizon, and the offer it makes for one interval.

use super::{Series, storage::Store};
use crate::{Block, CostCurve, Offer, Price, Watts, codec::Bounded, horizon::RampLimit};

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
    Storage(Store),
}

/// What events leave of a resource in one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Restriction {
    /// It gives, takes and carries nothing.
    pub(super) out: bool,
    /// A tie imports no more than this.
    pub(super) import_max: Option<Watts>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plant {
    pub(super) power_min: Series,
    pub(super) power_max: Series,
    pub(super) cost: PlantCost,
    pub(super) ramp: Option<RampLimit>,
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
    /// µ-currency per kW.
    pub(super) demand_charge: i64,
}

/// The offer of a resource that can give nothing.
pub(super) fn nothing() -> Offer {
    stacked(Watts::ZERO, Watts::ZERO, std::iter::empty())
}

impl Supply {
    /// What it offers for one interval on its own; `None` for a storage, which has no cost without the next one.
    pub(super) fn offer(&self, interval: u32, restriction: Restriction) -> Option<Offer> {
        match self {
            Self::Storage(_) => None,
            _ if restriction.out => Some(nothing()),
            Self::Plant(plant) => Some(plant.offer(interval)),
            Self::Tie(tie) => Some(tie.offer(interval, restriction.import_max)),
        }
    }

    pub(super) fn capability(&self, interval: u32, restriction: Restriction) -> Capability {
        if restriction.out {
            return Capability::default();
        }
        match self {
            Self::Storage(Store { offer, .. }) => Capability {
                power_min: Watts(0i64.saturating_sub(offer.charge_max.0)),
                power_max: offer.discharge_max,
            },
            Self::Plant(plant) => Capability {
                power_min: Watts(plant.power_min.at(interval)),
                power_max: Watts(plant.power_max.at(interval)),
            },
            Self::Tie(tie) => Capability {
                power_min: Watts(0i64.saturating_sub(tie.export_max.at(interval))),
                power_max: tie.import_limit(interval, restriction.import_max),
            },
        }
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
    pub(super) fn import_limit(&self, interval: u32, restricted: Option<Watts>) -> Watts {
        let limit = Watts(self.import_max.at(interval));
        restricted.map_or(limit, |most| limit.min(most))
    }

    fn offer(&self, interval: u32, restricted: Option<Watts>) -> Offer {
        let (import, export) =
            (self.import_limit(interval, restricted), Watts(self.export_max.at(interval)));
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
