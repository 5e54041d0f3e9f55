//! One validator of a measured network, and the load it makes for itself.

use anyhow::{Context as _, Result};
use clap::Args;
use commonware_cryptography::{Signer as _, ed25519};
use gridaccord_engine::{Chain, Config, Handle, tcp};
use gridaccord_ledger::{
    Command, Genesis, Role, SignedCommand,
    genesis::{CarbonPolicy, Clock, GateKind, GenesisMember, Market, Thresholds, Trust, Validator},
};
use gridaccord_model::{
    MemberId, Money, OwnerId, Price, TimeMs, TimeS,
    codec::{Bounded, Label},
};
use gridaccord_sim::keys::{Purpose, key, stream};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

const SEED: u64 = 1;
/// Members of each validator; a block takes 16 commands of each, and 64 may wait.
const MEMBERS: u16 = 128;
/// Commands of one member that may wait.
const MEMBER_WAITING: u64 = 48;
/// No gate opens while this runs.
const FAR_S: u64 = 1 << 33;

/// Run one validator of a measured network.
#[derive(Args, Debug)]
pub(crate) struct BenchNodeArgs {
    #[arg(long)]
    node: u16,
    #[arg(long)]
    spec: PathBuf,
}

/// What the processes of one run share.
#[derive(Deserialize, Serialize)]
pub(super) struct Spec {
    pub(super) directory: PathBuf,
    pub(super) wall_start_ms: u64,
    pub(super) ports: Vec<u16>,
    /// Commands that wait at any time on each validator.
    pub(super) waiting: u32,
    pub(super) seconds: u32,
}

/// What one process saw.
#[derive(Deserialize, Serialize)]
pub(super) struct Measured {
    pub(super) commands: u64,
    pub(super) blocks: u64,
    pub(super) finality_ms: Vec<u64>,
    pub(super) memory_mb: u64,
    pub(super) disk_bytes: u64,
}

pub(crate) fn run(args: &BenchNodeArgs) -> Result<ExitCode> {
    let spec: Spec = serde_json::from_slice(&fs::read(&args.spec)?)?;
    let directory = spec.directory.join(args.node.to_string());
    let measured = tcp::Runtime::new(&directory)
        .run(|context| async move { serve(&context, &spec, args.node, &directory).await })
        .context("cannot use the temporary directory")??;
    println!("{}", serde_json::to_string(&measured)?);
    Ok(ExitCode::SUCCESS)
}

async fn serve(
    context: &tcp::Context,
    spec: &Spec,
    node: u16,
    directory: &Path,
) -> Result<Measured> {
    let validators = u16::try_from(spec.ports.len())?;
    let nodes: Vec<ed25519::PrivateKey> =
        (0..validators).map(|one| key(SEED, Purpose::Node, u64::from(one))).collect();
    let public: Vec<_> = nodes.iter().map(ed25519::PrivateKey::public_key).collect();
    let mut dealing = gridaccord_engine::deal(&public, &mut stream(SEED, Purpose::Dealing, 0))?;
    let chain = Chain::new(genesis(spec, &public)?, dealing.group)?;
    let address = |port: &u16| SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
    let own = usize::from(node);
    let peers = public.iter().cloned().zip(spec.ports.iter().map(address)).enumerate();
    let network = tcp::Tcp {
        key: nodes[own].clone(),
        listen: address(&spec.ports[own]),
        peers: peers.filter(|(one, _)| *one != own).map(|(_, peer)| peer).collect(),
        followers: vec![],
        local: true,
    };
    let share = dealing.shares.remove(&public[own]).context("every validator is dealt a share")?;
    let config = Config::new(chain, public[own].clone(), share, "node");
    let (handle, _task) = tcp::start(context, config, network).await?;
    measure(&handle, spec, node, directory).await
}

/// Keeps commands waiting, and counts what becomes final.
async fn measure(handle: &Handle, spec: &Spec, node: u16, directory: &Path) -> Result<Measured> {
    let mut blocks = handle.subscribe();
    while blocks.recv().await.context("the validator runs")?.height < 2 {}
    let warm = Duration::from_secs(u64::from(spec.seconds)) / 4;
    let begin = Instant::now() + warm;
    let end = begin + Duration::from_secs(u64::from(spec.seconds));
    let mut load = Load::new(handle, node, spec.waiting);
    load.fill().await;
    let mut measured =
        Measured { commands: 0, blocks: 0, finality_ms: Vec::new(), memory_mb: 0, disk_bytes: 0 };
    let mut disk_before = None;
    while let Ok(block) = timeout_at(end, blocks.recv()).await {
        let block = block.context("the validator fell behind or stopped")?;
        if Instant::now() >= begin {
            disk_before.get_or_insert_with(|| bytes_in(directory));
            measured.blocks += 1;
            measured.commands += block.outcome.receipts.len() as u64;
            measured.finality_ms.extend(block.finality_ms);
        }
        for receipt in &block.outcome.receipts {
            load.done(receipt.member);
        }
        load.fill().await;
    }
    measured.memory_mb = resident_max_mb();
    measured.disk_bytes = bytes_in(directory).saturating_sub(disk_before.unwrap_or(0));
    Ok(measured)
}

/// The members of one validator, and what of theirs waits.
struct Load<'a> {
    handle: &'a Handle,
    members: BTreeMap<MemberId, (ed25519::PrivateKey, u64, u64)>,
    waiting: u32,
    wanted: u32,
}

impl<'a> Load<'a> {
    fn new(handle: &'a Handle, node: u16, wanted: u32) -> Self {
        let first = node * MEMBERS;
        let members = (first..first + MEMBERS)
            .map(|id| (MemberId(id), (key(SEED, Purpose::Member, u64::from(id)), 0, 0)));
        Self { handle, members: members.collect(), waiting: 0, wanted }
    }

    fn done(&mut self, member: MemberId) {
        if let Some((_, _, waiting)) = self.members.get_mut(&member) {
            *waiting -= 1;
            self.waiting -= 1;
        }
    }

    /// Signs and submits until as many wait as are wanted.
    async fn fill(&mut self) {
        let chain = self.handle.chain_id();
        let mut progress = true;
        while self.waiting < self.wanted && progress {
            progress = false;
            for (id, (key, nonce, waiting)) in &mut self.members {
                if *waiting >= MEMBER_WAITING || self.waiting >= self.wanted {
                    continue;
                }
                // The cheapest command that always holds: the key it has already.
                let command = Command::RotateKey { key: key.public_key() };
                let signed = SignedCommand::sign(&chain, key, *id, *nonce, command);
                if self.handle.submit(signed).await.is_ok() {
                    *nonce += 1;
                    *waiting += 1;
                    self.waiting += 1;
                    progress = true;
                }
            }
        }
    }
}

/// Members of every validator, and no gate.
fn genesis(spec: &Spec, nodes: &[ed25519::PublicKey]) -> Result<Genesis> {
    let validators = u16::try_from(nodes.len())?;
    let members = (0..validators * MEMBERS).map(|id| {
        Ok(GenesisMember {
            name: Label::new(format!("m{id}")).ok().context("a short name")?,
            role: Role::Auditor,
            class: Label::default(),
            owner: OwnerId(id),
            key: key(SEED, Purpose::Member, u64::from(id)).public_key(),
            stake: 0,
            deposit: Money::ZERO,
        })
    });
    let validators =
        (0u16..).zip(nodes).map(|(one, key)| Validator { member: one * MEMBERS, key: key.clone() });
    let bounded = "genesis bounds members and validators";
    Ok(Genesis {
        label: Label::new("bench").ok().context("a short label")?,
        clock: Clock {
            ledger_start: TimeS(0),
            wall_start: TimeMs(spec.wall_start_ms),
            speed: 1,
            drift_ms: 2_000,
        },
        market: Market {
            kind: GateKind::default(),
            first_start: TimeS(FAR_S),
            interval_s: 300,
            period_s: 300,
            gates: 1,
            open_lead_s: 600,
            close_lead_s: 300,
            meter_lag_s: 300,
            price_cap: Price(1_000_000),
        },
        trust: Trust::default(),
        thresholds: Thresholds::default(),
        carbon: CarbonPolicy::default(),
        validators: Bounded::new(validators.collect()).ok().context(bounded)?,
        members: Bounded::new(members.collect::<Result<_>>()?).ok().context(bounded)?,
    })
}

/// Largest resident memory of this process so far, MB. Source: proc(5), `VmHWM`.
fn resident_max_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024 / 1_000_000
}

/// Bytes of all files below a directory.
fn bytes_in(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => bytes_in(&entry.path()),
            Ok(data) => data.len(),
            Err(_) => 0,
        })
        .sum()
}
