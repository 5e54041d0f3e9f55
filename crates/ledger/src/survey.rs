//! Where the live gates stand: what a member needs to know when it joins or comes back.

use crate::{
    apply::posting_of,
    gate::{Gate, Phase, Seat},
    records::{Head, Member, Outlook, Output, Params, Part, key},
    sealed::Stage,
    state::{BodyId, Missing, Read},
    store::{Stop, Store},
};
use commonware_codec::DecodeExt as _;
use gridaccord_model::{GateId, HorizonPosting, MemberId, Offer, terms::GateKind};

/// A live gate and everything it has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surveyed {
    /// The gate.
    pub gate: Gate,
    /// Everybody's part, in order of entry.
    pub parts: Vec<(MemberId, Part)>,
    /// Offers among them, in a gate of kind *open*.
    pub offers: Vec<(MemberId, Offer)>,
    /// Postings and what its horizon starts from, in a gate of kind *horizon*.
    pub horizon: Option<SurveyedHorizon>,
    /// Its seats, once drawn.
    pub seats: Vec<Seat>,
}

/// What makes the problem of a gate of kind *horizon*, as far as members and plans do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedHorizon {
    /// What members posted.
    pub postings: Vec<(MemberId, HorizonPosting)>,
    /// What it starts from; fixed once the gate is closed.
    pub outlook: Outlook,
    /// Powers of ramp-limited generators in the plan before.
    pub before: Vec<(MemberId, Output)>,
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
    let seats = store.seats(id, seat_count(&gate.phase))?;
    let members = named.into_iter().map(|(member, _)| member);
    let params: Params = store.get(&key::params())?;
    if let GateKind::Horizon { .. } = params.market.kind {
        let postings = members.zip(bodies.iter().map(posting_of)).collect();
        let horizon = Some(collect_horizon(store, id, postings)?);
        return Ok(Surveyed { gate, parts, offers: Vec::new(), horizon, seats });
    }
    let offers = members
        .zip(bodies)
        .map(|(member, body)| {
            (member, Offer::decode(body).expect("admission stored a canonical offer"))
        })
        .collect();
    Ok(Surveyed { gate, parts, offers, horizon: None, seats })
}

fn collect_horizon<R: Read>(
    store: &mut Store<'_, R>,
    id: GateId,
    postings: Vec<(MemberId, HorizonPosting)>,
) -> Result<SurveyedHorizon, Stop> {
    let outlook: Outlook = store.get(&key::outlook(id))?;
    let mut before = Vec::new();
    if let Some(plan) = outlook.before {
        let members: Vec<MemberId> = postings.iter().map(|(member, _)| *member).collect();
        let keys: Vec<_> = members.iter().map(|member| key::output(plan, *member)).collect();
        let outputs: Vec<Option<Output>> = store.find_all(&keys)?;
        let found = members.into_iter().zip(outputs);
        before.extend(found.filter_map(|(member, output)| Some((member, output?))));
    }
    Ok(SurveyedHorizon { postings, outlook, before })
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
