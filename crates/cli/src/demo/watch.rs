//! Watching a run: every validator's blocks are compared, one validator's are told.

use gridaccord_engine::{Finalized, Handle};
use gridaccord_ledger::{Digest, Event, genesis::Clock};
use gridaccord_model::{GateId, MemberId, TimeMs, TimeS};
use gridaccord_node::Journal;
use gridaccord_sim::{Campus, campus::Cast};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    collections::{BTreeMap, HashMap},
    io::IsTerminal as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::sync::mpsc;

/// What tasks of a run tell each other.
#[derive(Default)]
pub(super) struct Shared(Mutex<Facts>);

#[derive(Default)]
struct Facts {
    /// Root by height, as the first validator to get there had it.
    roots: BTreeMap<u64, Digest>,
    submitted: HashMap<Digest, Instant>,
    finality_ms: Vec<u64>,
    problems: Vec<String>,
}

impl Shared {
    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A command was handed to a node.
    pub(super) fn submitted(&self, id: Digest) {
        self.facts().submitted.entry(id).or_insert_with(Instant::now);
    }

    /// Something that must not happen happened.
    pub(super) fn problem(&self, problem: String) {
        self.facts().problems.push(problem);
    }

    pub(super) fn problems(&self) -> Vec<String> {
        self.facts().problems.clone()
    }

    pub(super) fn finality_ms(&self) -> Vec<u64> {
        self.facts().finality_ms.clone()
    }

    /// One validator finalised a block: its root must be everybody's at that height.
    fn finalised(&self, member: &str, block: &Finalized) {
        let mut facts = self.facts();
        facts.finality_ms.extend(block.finality_ms);
        let root = *facts.roots.entry(block.height).or_insert(block.state_root);
        if root != block.state_root {
            facts.problems.push(format!(
                "{member} has another state at height {} than the others",
                block.height
            ));
        }
    }

    fn receipt_ms(&self, id: &Digest) -> Option<u64> {
        let since = self.facts().submitted.remove(id)?;
        u64::try_from(since.elapsed().as_millis()).ok()
    }
}

/// A final block as it is told.
pub(super) struct Told {
    pub(super) height: u64,
    pub(super) timestamp: TimeMs,
    pub(super) events: Vec<Event>,
    /// Root and receipts, where the block comes from a validator in this process.
    pub(super) inside: Option<Arc<Finalized>>,
}

impl From<Arc<Finalized>> for Told {
    fn from(block: Arc<Finalized>) -> Self {
        Self {
            height: block.height,
            timestamp: block.timestamp,
            events: block.outcome.events.clone(),
            inside: Some(block),
        }
    }
}

/// One validator's view of the run.
pub(super) struct Watch {
    pub(super) journal: Journal,
    pub(super) command_ms: Vec<u64>,
    pub(super) gate_ms: Vec<u64>,
    pub(super) height: u64,
    pub(super) state_root: Option<Digest>,
    pub(super) shared: Arc<Shared>,
    clock: Clock,
    gates: usize,
    names: BTreeMap<MemberId, String>,
    closed: BTreeMap<GateId, Instant>,
    blocks: mpsc::UnboundedReceiver<Told>,
    bar: ProgressBar,
    quiet: bool,
}

impl Watch {
    /// Follows every validator of this process; the first one's blocks are the ones told.
    pub(super) fn start(
        campus: &Campus,
        handles: &[(&Cast, Handle)],
        shared: Arc<Shared>,
        quiet: bool,
    ) -> Self {
        let (told, blocks) = mpsc::unbounded_channel();
        let mut told = Some(told);
        for (member, handle) in handles {
            let (name, mut stream) = (member.name.clone(), handle.subscribe());
            let (shared, told) = (shared.clone(), told.take());
            tokio::spawn(async move {
                while let Some(block) = stream.recv().await {
                    shared.finalised(&name, &block);
                    if let Some(told) = &told {
                        // Nobody listens any more once the run is over.
                        let _ = told.send(Told::from(block));
                    }
                }
            });
        }
        Self::of(campus, blocks, shared, quiet)
    }

    /// Tells blocks in order of height; what comes twice is told once.
    pub(super) fn of(
        campus: &Campus,
        blocks: mpsc::UnboundedReceiver<Told>,
        shared: Arc<Shared>,
        quiet: bool,
    ) -> Self {
        let gates = usize::try_from(campus.genesis.market.gates).unwrap_or(usize::MAX);
        Self {
            journal: Journal::default(),
            command_ms: Vec::new(),
            gate_ms: Vec::new(),
            height: 0,
            state_root: None,
            shared,
            clock: campus.genesis.clock,
            gates,
            names: campus.members.iter().map(|member| (member.id, member.name.clone())).collect(),
            closed: BTreeMap::new(),
            blocks,
            bar: progress_bar(gates),
            quiet,
        }
    }

    /// Waits until every gate has settled or failed.
    pub(super) async fn until_over(&mut self) {
        while self.journal.over() < self.gates {
            let Some(block) = self.blocks.recv().await else {
                self.shared.problem("the first validator stopped".into());
                return;
            };
            if block.height > self.height {
                self.take(&block);
            }
        }
        self.bar.finish_and_clear();
    }

    /// Takes a verified story of the whole run in place of what was watched.
    pub(super) fn replace(&mut self, height: u64, journal: Journal, state_root: Digest) {
        self.height = height;
        self.journal = journal;
        self.state_root = Some(state_root);
    }

    /// Prints a line of progress.
    pub(super) fn say(&self, line: &str) {
        self.bar.suspend(|| if self.quiet { eprintln!("{line}") } else { println!("{line}") });
    }

    fn take(&mut self, block: &Told) {
        self.height = block.height;
        if let Some(inside) = &block.inside {
            self.state_root = Some(inside.state_root);
            for receipt in &inside.outcome.receipts {
                self.command_ms.extend(self.shared.receipt_ms(&receipt.id));
                self.journal.record_receipt(&receipt.result);
            }
        }
        self.journal.record(block.timestamp, &block.events);
        for event in &block.events {
            self.tell(event, self.clock.ledger(block.timestamp));
        }
        self.bar.set_position(u64::try_from(self.journal.over()).unwrap_or(0));
        self.bar.set_message(format!("height {}", block.height));
    }

    fn tell(&mut self, event: &Event, now: TimeS) {
        match event {
            Event::Closed { gate, .. } => {
                self.closed.insert(*gate, Instant::now());
            }
            Event::Decided { gate, .. } => {
                let took =
                    self.closed.remove(gate).map_or(0, |closed| closed.elapsed().as_millis());
                self.gate_ms.push(u64::try_from(took).unwrap_or(u64::MAX));
                self.say(&self.decided_line(*gate, now, took));
            }
            Event::Failed { gate, reason } => {
                self.say(&format!("gate {:>3}  failed: {reason}", gate.0))
            }
            Event::Settled { gate, turnover, .. } => {
                self.bar.set_message(format!("gate {} settled, {} µ", gate.0, turnover.0));
            }
            _ => {}
        }
    }

    fn decided_line(&self, gate: GateId, now: TimeS, took_ms: u128) -> String {
        let Some(story) = self.journal.gates.get(&gate) else {
            return String::new();
        };
        let name = |member: &MemberId| self.names.get(member).map_or("?", String::as_str);
        let builders: Vec<&str> = story.builders.iter().map(name).collect();
        let price = story.price.map_or(0, |price| price.0);
        format!(
            "gate {:>3}  for {}  decided at {} in {took_ms:>4} ms  price {}/kWh  gap {} ppb  {} of {}",
            gate.0,
            super::report::utc(story.interval.start),
            super::report::utc(now),
            super::report::currency(price),
            story.gap_ppb.unwrap_or(0),
            story.winner.as_ref().map_or("?", name),
            builders.join(", "),
        )
    }
}

/// A bar on a terminal, nothing anywhere else: there every gate has its line.
fn progress_bar(gates: usize) -> ProgressBar {
    let length = u64::try_from(gates).unwrap_or(u64::MAX);
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} gates over  {elapsed}  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(length), target).with_style(style)
}
