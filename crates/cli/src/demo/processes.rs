//! The demo with every validator in a process of its own: each found its chain with the others as strangers would,
//! and a supervisor starts again whichever dies.

mod layout;
mod supervisor;

use super::{
    Outcome,
    report::{LightCheck, Report},
    watch::{Shared, Told, Watch},
};
use crate::group_file::{self, GROUP_FILE};
use anyhow::{Context as _, Result, anyhow, bail};
use gridaccord_agent::Honest;
use gridaccord_api::client::Client;
use gridaccord_engine::{Chain, LightProof, light, replay};
use gridaccord_ledger::{Digest, Role, records::key};
use gridaccord_node::{Journal, guest, journal::GateStage};
use gridaccord_sim::Campus;
use layout::Place;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use supervisor::Supervisor;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

/// Between attempts at a proof or a guest's node.
const PAUSE: Duration = Duration::from_millis(500);
const PROOF_ATTEMPTS: usize = 40;

/// Everything a run needs.
pub(super) struct Run {
    pub(super) campus: Campus,
    pub(super) directory: PathBuf,
    /// Scenario text for the agents.
    pub(super) scenario: String,
    pub(super) seed: u64,
    pub(super) restart_after: Duration,
    pub(super) quiet: bool,
}

impl Run {
    /// Plays until every gate has settled or failed, or the deadline is over; then checks every store.
    pub(super) fn play(self, deadline: Duration) -> Result<Outcome> {
        let places = layout::write(&self.campus, &self.directory, &self.scenario, self.seed)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let mut supervisor = Supervisor::start(&places, self.restart_after)?;
        let started = Instant::now();
        let (watch, light_check, mut problems) =
            runtime.block_on(self.watch(&places, deadline, &mut supervisor))?;
        supervisor.stop();
        runtime.shutdown_background();
        let (watch, found) = self.verify(&places, watch);
        problems.extend(found);
        let mut report = Report::new(&self.campus, &watch, light_check, started.elapsed());
        report.set_processes(supervisor.starts());
        problems.extend(report.problems(&watch));
        Ok(Outcome { report, problems })
    }

    async fn watch(
        &self,
        places: &[Place],
        deadline: Duration,
        supervisor: &mut Supervisor,
    ) -> Result<(Watch, Option<LightCheck>, Vec<String>)> {
        let shared = Arc::new(Shared::default());
        let (tell, blocks) = mpsc::unbounded_channel();
        let clients: Vec<Client> = places.iter().map(Place::client).collect::<Result<_>>()?;
        for client in &clients {
            tokio::spawn(follow(client.clone(), tell.clone()));
        }
        let mut watch = Watch::of(&self.campus, blocks, shared.clone(), self.quiet);
        watch.say(&format!(
            "{} validators, each a process with keys and a store of its own; {} members beside them over HTTP\nlogs: {}/NAME/log; interface of {}: {}",
            places.len(),
            self.campus.guests().count(),
            self.directory.display(),
            places[0].name,
            clients[0].address(),
        ));
        for (position, member) in self.campus.guests().enumerate() {
            let mut agent = self.campus.agent(member, Box::new(Honest));
            let client = clients[position % clients.len()].clone();
            tokio::spawn(async move {
                // A node that is down comes back: its supervisor starts it again.
                while guest::drive(&client, &mut agent).await.is_err() {
                    sleep(PAUSE).await;
                }
            });
        }
        let mut problems = Vec::new();
        tokio::select! {
            over = timeout(deadline, watch.until_over()) => {
                if over.is_err() {
                    problems.push(format!("not every gate was over after {} s", deadline.as_secs()));
                }
            }
            failed = supervisor.keep_running() => problems.push(failed),
        }
        let light_check = match self.light_check(places, &clients, &watch).await {
            Ok(checked) => checked,
            Err(error) => {
                problems.push(format!("light check: {error:#}"));
                None
            }
        };
        problems.extend(shared.problems());
        Ok((watch, light_check, problems))
    }

    /// Proves one settlement line from the group key that the validators generated, and nothing else.
    async fn light_check(
        &self,
        places: &[Place],
        clients: &[Client],
        watch: &Watch,
    ) -> Result<Option<LightCheck>> {
        let gates = &watch.journal.gates;
        let settled = gates.iter().rev().find(|(_, story)| story.stage == GateStage::Settled);
        let supplier = self.campus.members.iter().find(|member| member.role == Role::Supplier);
        let (Some((gate, _)), Some(supplier)) = (settled, supplier) else { return Ok(None) };
        let trusted = group_file::read(&places[0].data().join(GROUP_FILE))?;
        let path = format!("line/{}/{}", gate.0, supplier.name);
        for attempt in 0..PROOF_ATTEMPTS {
            let Ok(view) = clients[attempt % clients.len()].proof(&path).await else {
                sleep(PAUSE).await;
                continue;
            };
            let bytes =
                gridaccord_custody::hex::decode(&view.proof).context("proof is not hexadecimal")?;
            let started = Instant::now();
            let proven = LightProof::from_bytes(&bytes)
                .and_then(|proof| light::verify(&trusted.group.key, &trusted.chain, &proof));
            let took = started.elapsed();
            let proven = proven.and_then(|proven| {
                let asked = proven.key == key::line(*gate, supplier.id);
                asked.then_some(proven).ok_or(light::LightError::Record)
            });
            return Ok(Some(LightCheck::new(supplier, *gate, bytes.len(), took, proven)));
        }
        Err(anyhow!("no validator gave a proof"))
    }

    /// Executes every store's chain again: all must hold, and have one root at each height they share. The longest one
    /// tells the run.
    fn verify(&self, places: &[Place], mut watch: Watch) -> (Watch, Vec<String>) {
        let mut problems = Vec::new();
        let mut roots: BTreeMap<u64, Digest> = BTreeMap::new();
        let mut longest: Option<Verified> = None;
        for place in places {
            match self.verify_one(place, &mut roots) {
                Err(error) => problems.push(format!("the store of {}: {error:#}", place.name)),
                Ok(verified) => {
                    if longest.as_ref().is_none_or(|known| known.blocks < verified.blocks) {
                        longest = Some(verified);
                    }
                }
            }
        }
        if let Some(Verified { blocks, journal, root }) = longest {
            watch.replace(blocks, journal, root);
        }
        (watch, problems)
    }

    fn verify_one(&self, place: &Place, roots: &mut BTreeMap<u64, Digest>) -> Result<Verified> {
        let group = group_file::read(&place.data().join(GROUP_FILE))?;
        let chain = Chain::new(self.campus.genesis.clone(), group.group)?;
        let mut journal = Journal::default();
        let mut fork = None;
        let replayed = replay::replay(&place.data(), &place.name, &chain, &mut |block| {
            journal.record(block.timestamp, &block.outcome.events);
            for receipt in &block.outcome.receipts {
                journal.record_receipt(&receipt.result);
            }
            let known = *roots.entry(block.height).or_insert(block.state_root);
            if known != block.state_root {
                fork.get_or_insert(block.height);
            }
        })?;
        if let Some(mismatch) = replayed.mismatch {
            bail!("{mismatch}");
        }
        if let Some(height) = fork {
            bail!("its state at height {height} is not the others'");
        }
        Ok(Verified { blocks: replayed.blocks, journal, root: replayed.state_root })
    }
}

/// What a store's chain says, executed again.
struct Verified {
    blocks: u64,
    journal: Journal,
    root: Digest,
}

/// Tells every block of one node, through its deaths.
async fn follow(client: Client, tell: mpsc::UnboundedSender<Told>) {
    let mut events = client.events(&[], None).after(0);
    loop {
        match events.next().await {
            Ok(block) => {
                let told = Told {
                    height: block.height,
                    timestamp: block.timestamp,
                    events: block.events,
                    inside: None,
                };
                if tell.send(told).is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "events");
                sleep(PAUSE).await;
            }
        }
    }
}

/// A child's log, beside its configuration.
fn log_path(directory: &Path) -> PathBuf {
    directory.join("log")
}
