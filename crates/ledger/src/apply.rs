//! One block, applied to the state before it.
//!
//! Order within a block: seeds draw builders; ledger time moves gates on; gates that are due open; commands
//! run; gates whose windows are full or over move on. Nobody presses a button.

use crate::{
    Block,
    block::Payload,
    event::{Event, Receipt},
    gate::{Gate, Phase},
    records::{Head, Params, Rules, key, slot},
    sealed::{Setup, Stage},
    state::{BodyId, Key, Missing, Read, Record},
    store::{Stop, Store},
};
use bytes::Bytes;
use gridaccord_model::{GateId, TimeMs};
use gridaccord_sealed::sums::SumSearch;
use std::collections::BTreeMap;

mod birth;
mod commands;
mod building;
mod gates;
mod settling;
mod sealed;
mod stated;
mod postings;
mod pieces;

pub use postings::CELLS_MAX;
pub(crate) use postings::posting_of;
pub use stated::HORIZON_RULES;
use stated::Stated;

/// Everything a block does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// One per command, in order.
    pub receipts: Vec<Receipt>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Records written (`Some`) or deleted (`None`).
    pub changes: BTreeMap<Key, Option<Record>>,
    /// Bodies appended.
    pub bodies: BTreeMap<BodyId, Bytes>,
}

/// Applies a block to the state after its parent.
///
/// The caller has checked what concerns the chain and not the market: parent, height, seeds, signatures of
/// validators, and that block 1 carries the chain's genesis.
///
/// # Errors
/// [`Missing`] names what the caller must load before calling again; never empty. A few rounds suffice.
pub fn apply(state: &impl Read, block: &Block) -> Result<Outcome, Missing> {
    match &block.payload {
        Payload::Genesis { genesis, .. } => Ok(birth::outcome(genesis, block)),
        Payload::Commands { commands } => {
            let mut store = Store::new(state);
            match Context::load(&mut store) {
                Ok(context) => Run::new(store, context, block).finish(commands),
                Err(Stop) => Err(store.missing),
            }
        }
    }
}

/// What the next block should bring, and by when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agenda {
    /// Views whose seeds gates wait for. A proposer that holds one puts it into its block.
    pub seeds: Vec<u64>,
    /// Wall time at which the next deadline is due.
    pub due: Option<TimeMs>,
    /// A gate is between Closed and Decided: blocks should follow at once.
    pub pending: bool,
}

/// What the block after this state should bring. Nothing before block 1.
///
/// # Errors
/// [`Missing`], as for [`apply`].
pub fn agenda(state: &impl Read) -> Result<Agenda, Missing> {
    let mut store = Store::new(state);
    let found = collect_agenda(&mut store);
    found.map_err(|Stop| store.missing)
}

fn collect_agenda<R: Read>(store: &mut Store<'_, R>) -> Result<Agenda, Stop> {
    let Some(head) = store.find::<Head>(&key::head())? else {
        return Ok(Agenda::default());
    };
    let params: Params = store.get(&key::params())?;
    let (clock, market) = (params.clock, params.market);
    let live: Vec<Key> = head.live_gates().map(key::gate).collect();
    let gates: Vec<Gate> = store.get_all(&live)?;

    let mut agenda = Agenda::default();
    let next_opens = market.has(head.next_gate).then(|| market.opens(head.next_gate));
    let mut due = next_opens.filter(|_| head.live & slot(head.next_gate) == 0);
    for gate in &gates {
        let end = gate.interval.end();
        let deadline = match &gate.phase {
            Phase::Open { .. } => market.closes(gate.id),
            Phase::Closed { closed } => {
                agenda.seeds.push(closed.draw_view);
                agenda.pending = true;
                gate.interval.start
            }
            Phase::Drawn { .. } | Phase::Committed { .. } => {
                agenda.pending = true;
                gate.interval.start
            }
            Phase::Decided { .. } => gate.interval.start,
            // At the interval's end members read their meters, and for that time must be seen to pass.
            Phase::Dispatched { dispatched } => dispatched.due.unwrap_or(end),
            Phase::Sealed { stage: Stage::Opening { .. } } => {
                agenda.pending = true;
                gate.interval.start
            }
            Phase::Sealed { stage: Stage::Decided { .. } } => gate.interval.start,
            Phase::Sealed { stage: Stage::Dispatched { dispatched } } => {
                dispatched.due.unwrap_or(end)
            }
            Phase::Settled { .. } | Phase::Failed { .. } => continue,
        };
        due = Some(due.map_or(deadline, |earlier| earlier.min(deadline)));
    }
    agenda.due = due.map(|time| clock.wall(time));
    Ok(agenda)
}

/// What every step needs.
#[derive(Clone, Copy, Debug)]
struct Context {
    params: Params,
    rules: Rules,
    head: Head,
}

impl Context {
    fn load<R: Read>(store: &mut Store<'_, R>) -> Result<Self, Stop> {
        let params = store.get(&key::params());
        let rules = store.get(&key::rules());
        let head = store.get(&key::head());
        Ok(Self { params: params?, rules: rules?, head: head? })
    }
}

/// A block being applied.
struct Run<'a, R> {
    store: Store<'a, R>,
    params: Params,
    rules: Rules,
    head: Head,
    block: &'a Block,
    receipts: Vec<Receipt>,
    events: Vec<Event>,
    /// Problems of gates that are closed: they change no more.
    problems: BTreeMap<GateId, Stated>,
    /// Where gates are sealed.
    setup: Option<Setup>,
    /// Searches of sealed gates, with all that is opened so far.
    searches: BTreeMap<GateId, SumSearch>,
    /// Proofs verified before commands ran.
    verdicts: sealed::Verdicts,
}

impl<'a, R: Read> Run<'a, R> {
    fn new(store: Store<'a, R>, context: Context, block: &'a Block) -> Self {
        let Context { params, rules, mut head } = context;
        head.height = block.height;
        head.timestamp = head.timestamp.max(block.timestamp);
        head.now = params.clock.ledger(head.timestamp);
        Self {
            store,
            params,
            rules,
            head,
            block,
            receipts: Vec::new(),
            events: Vec::new(),
            problems: BTreeMap::new(),
            setup: Setup::of(&params.market),
            searches: BTreeMap::new(),
            verdicts: BTreeMap::new(),
        }
    }

    fn finish(mut self, commands: &[crate::SignedCommand]) -> Result<Outcome, Missing> {
        self.each_live_gate(Self::draw_by_seed);
        self.each_live_gate(Self::move_by_time);
        self.open_due_gates();
        self.run_commands(commands);
        self.each_live_gate(Self::move_when_full);
        self.tend_sealed();
        self.store.put(key::head(), &self.head);

        if !self.store.is_complete() {
            return Err(self.store.missing);
        }
        Ok(Outcome {
            receipts: self.receipts,
            events: self.events,
            changes: self.store.changes,
            bodies: self.store.bodies,
        })
    }

    /// Runs a step on every live gate and keeps what it makes of the gate. A gate that is not loaded is
    /// named as missing, and the next one still gets its turn.
    fn each_live_gate(&mut self, step: fn(&mut Self, Gate) -> Result<Gate, Stop>) {
        let live: Vec<GateId> = self.head.live_gates().collect();
        for id in live {
            let moved = self.store.get::<Gate>(&key::gate(id)).and_then(|gate| {
                let before = gate.clone();
                step(self, gate).map(|after| (before, after))
            });
            if let Ok((before, after)) = moved
                && before != after
            {
                self.put_gate(&after);
            }
        }
    }

    fn put_gate(&mut self, gate: &Gate) {
        if matches!(gate.phase, Phase::Settled { .. } | Phase::Failed { .. }) {
            self.head.live &= !slot(gate.id);
        }
        self.store.put(key::gate(gate.id), gate);
    }
}
