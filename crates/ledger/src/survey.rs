//! Where the live gates stand: what a member needs to know when it joins or comes back.

use crate::{
    gate::{Gate, Phase, Seat},
    records::{Head, Member, Part, key},
    sealed::Stage,
    state::{BodyId, Missing, Read},
    store::{Stop, Store},
};
use commonware_codec::DecodeExt as _;
use gridaccord_model::{GateId, MemberId, Offer};

/// A live gate and everything it has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surveyed {
    /// The gate.
    pub gate: Gate,
    /// Everybody's part, in order of entry.
    pub parts: Vec<(MemberId, Part)>,
    /// Offers among them.
    pub offers: Vec<(MemberId, Offer)>,
    /// Its seats, once drawn.
    pub seats: Vec<Seat>,
}

/// The chain's head, a member's record, and the live gates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Where the chain stands.
    pub head: Head,
    /// The member asked about; `None` where it is not admitted.
    pub member: Option<Member>,
    /// Live gates, oldest first.
    pub gates: Vec<Surveyed>,
}

/// Surveys the state for one member; `None` before block 1.
///
/// # Errors
/// [`Missing`] names what the caller must load before calling again, as for [`apply`](crate::apply()).
pub fn survey(state: &impl Read, member: MemberId) -> Result<Option<Survey>, Missing> {
    let mut store = Store::new(state);
    collect(&mut store, member).map_err(|Stop| store.missing)
}

fn collect<R: Read>(store: &mut Store<'_, R>, member: MemberId) -> Result<Option<Survey>, Stop> {
    let Some(head) = store.find::<Head>(&key::head())? else {
        return Ok(None);
    };
    let member = store.find(&key::member(member))?;
    let live: Vec<GateId> = head.live_gates().collect();
    let gates: Vec<_> = live.into_iter().map(|id| collect_gate(store, id)).collect();
    Ok(Some(Survey { head, member, gates: gates.into_iter().collect::<Result<_, _>>()? }))
}

fn collect_gate<R: Read>(store: &mut Store<'_, R>, id: GateId) -> Result<Surveyed, Stop> {
    let gate: Gate = store.get(&key::gate(id))?;
    let parts = store.parts(&gate)?;
    let named: Vec<(MemberId, BodyId)> =
        parts.iter().filter_map(|(member, part)| Some((*member, part.offer?))).collect();
    let ids: Vec<BodyId> = named.iter().map(|(_, body)| *body).collect();
    let bodies = store.bodies(&ids)?;
    let offers = named
        .into_iter()
        .zip(bodies)
        .map(|((member, _), body)| {
            (member, Offer::decode(body).expect("admission stored a canonical offer"))
        })
        .collect();
    let seats = store.seats(id, seat_count(&gate.phase))?;
    Ok(Surveyed { gate, parts, offers, seats })
}

const fn seat_count(phase: &Phase) -> u16 {
    match phase {
        Phase::Open { .. }
        | Phase::Closed { .. }
        | Phase::Settled { .. }
        | Phase::Failed { .. } => 0,
        Phase::Drawn { drawn } => drawn.seats,
        Phase::Committed { committed } => committed.seats,
        Phase::Decided { decided } => decided.seats,
        Phase::Dispatched { dispatched } => dispatched.seats,
        Phase::Sealed { stage: Stage::Opening { opening } } => opening.seats,
        Phase::Sealed { .. } => 0,
    }
}
