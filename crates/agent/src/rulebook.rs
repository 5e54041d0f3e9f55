//! A member's rulebook: what it offers, needs and dares, without being asked each time.

use crate::Standing;
use gridaccord_field::Health;
use gridaccord_model::{
    CostCurve, GateId, HorizonOffer, HorizonPosting, Interval, Need, Offer, Series, Watts,
    codec::Bounded,
};

/// What a member does about a gate. Evaluated when the gate opens, and again when its resource is lost or back.
pub trait Rulebook: Send {
    /// The offer of its resource, if it has one.
    fn offer(&self, gate: GateId, interval: Interval) -> Option<Offer>;

    /// The consumption of its loads, if it has any.
    fn need(&self, gate: GateId, interval: Interval) -> Option<Need>;

    /// Resource and loads over the horizon of a gate of that kind; `None` to stay out. Evaluated also when a gate before
    /// is decided: what is stored, or left to consume, is another then.
    fn posting(
        &self,
        gate: GateId,
        interval: Interval,
        standing: &Standing<'_>,
    ) -> Option<HorizonPosting> {
        let _ = (gate, interval, standing);
        None
    }

    /// Trust tokens it stakes for a seat, where the gate asks for at least `wager_min`; `None` to stay out.
    fn wager(&self, gate: GateId, wager_min: u64) -> Option<u64>;
}

/// What is offered of a resource in this health: nothing of one that is lost.
pub(crate) fn offer_in(health: Health, offer: Offer) -> Offer {
    match health {
        Health::Ready => offer,
        Health::Lost { .. } => Offer {
            power_min: Watts::ZERO,
            power_max: Watts::ZERO,
            cost: CostCurve::Blocks { blocks: Bounded::default() },
        },
    }
}

/// The same over a horizon: nobody knows when a lost resource is back.
pub(crate) fn posting_in(health: Health, mut posting: HorizonPosting) -> HorizonPosting {
    if health == Health::Ready {
        return posting;
    }
    let nothing = |series: &mut Series<Watts>| {
        let intervals = u16::try_from(series.len()).unwrap_or(u16::MAX);
        *series = Series::flat(Watts::ZERO, intervals);
    };
    match &mut posting.offer {
        Some(HorizonOffer::Generator { generator }) => {
            nothing(&mut generator.power_min);
            nothing(&mut generator.power_max);
        }
        Some(HorizonOffer::Storage { storage }) => {
            storage.charge_max = Watts::ZERO;
            storage.discharge_max = Watts::ZERO;
            storage.final_min_uwh = 0;
        }
        Some(HorizonOffer::Tie { tie }) => {
            nothing(&mut tie.import_max);
            nothing(&mut tie.export_max);
        }
        None => {}
    }
    posting
}
