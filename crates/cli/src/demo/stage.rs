//! The stage: validators, interfaces and agents of a campus, started, watched and checked.

use super::{
    Outcome,
    report::{LightCheck, Report},
    watch::{Shared, Watch},
};
use anyhow::{Context as _, Result, anyhow};
use gridaccord_agent::Honest;
use gridaccord_api::{Config as ApiConfig, client::Client, serve};
use gridaccord_engine::{Chain, Config, Handle, LightProof, PublicKey, light, tcp};
use gridaccord_ledger::{Role, records::key};
use gridaccord_model::GateId;
use gridaccord_node::{NodePort, guest, journal::GateStage, member};
use gridaccord_sim::{Campus, campus::Cast};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};

/// Before an agent that lost its node looks for it again.
const RESUME_PAUSE: Duration = Duration::from_secs(1);
/// Between attempts at a proof: a new block must be final under a certificate.
const PROOF_PAUSE: Duration = Duration::from_millis(200);
const PROOF_ATTEMPTS: usize = 50;

/// Everything a run needs.
pub(super) struct Run {
    pub(super) campus: Campus,
    pub(super) directory: PathBuf,
    pub(super) api_port: u16,
    pub(super) quiet: bool,
}

impl Run {
    /// Plays until every gate has settled or failed, or the deadline is over.
    pub(super) fn play(self, deadline: Duration) -> Result<Outcome> {
        let directory = self.directory.clone();
        tcp::Runtime::new(&directory)
            .run(|context| async move { self.on_stage(&context, deadline).await })
            .with_context(|| format!("cannot use the data directory {}", directory.display()))?
    }

    async fn on_stage(self, context: &tcp::Context, deadline: Duration) -> Result<Outcome> {
        let chain = Chain::new(self.campus.genesis.clone(), self.campus.group.clone())?;
        let shared = Arc::new(Shared::default());
        let started = Instant::now();
        let handles = self.start_validators(context, &chain).await?;
        let interfaces = self.start_interfaces(&handles, &shared).await?;
        let mut watch = Watch::start(&self.campus, &handles, shared.clone(), self.quiet);
        watch.say(&format!(
            "{} validators on TCP, each with its own store; {} members beside them over HTTP\ninterface of {}: {}",
            handles.len(),
            self.campus.guests().count(),
            handles.first().map_or("", |(member, _)| &member.name),
            interfaces.first().map_or("", |client| client.address()),
        ));
        self.start_agents(&handles, &interfaces, &shared)?;

        let in_time = timeout(deadline, watch.until_over()).await.is_ok();
        let light_check = self.light_check(&chain, &handles, &watch).await;
        let mut problems = shared.problems();
        if !in_time {
            problems.push(format!("not every gate was over after {} s", deadline.as_secs()));
        }
        let report = Report::new(&self.campus, &watch, light_check, started.elapsed());
        problems.extend(report.problems(&watch));
        Ok(Outcome { report, problems })
    }

    async fn start_validators<'a>(
        &'a self,
        context: &tcp::Context,
        chain: &Chain,
    ) -> Result<Vec<(&'a Cast, Handle)>> {
        let addresses = free_addresses(self.campus.validators().count())?;
        let seats: Vec<(PublicKey, SocketAddr)> = self
            .campus
            .validators()
            .zip(&addresses)
            .map(|((_, node), address)| (node.public_key(), *address))
            .collect();
        let starts = self.campus.validators().zip(&addresses).map(|((member, node), address)| {
            let own = node.public_key();
            let peers = seats.iter().filter(|(key, _)| *key != own).cloned().collect();
            let network = tcp::Tcp {
                key: node.key.clone(),
                listen: *address,
                peers,
                followers: vec![],
                local: true,
            };
            let config = Config::new(chain.clone(), own, node.share.clone(), member.name.as_str());
            async move {
                let (handle, _) =
                    tcp::start(context, config, network).await.with_context(|| {
                        format!("cannot start the validator of {} on {address}", member.name)
                    })?;
                Ok::<_, anyhow::Error>((member, handle))
            }
        });
        futures::future::try_join_all(starts).await
    }

    /// One HTTP interface per validator; gives back a client of each.
    async fn start_interfaces(
        &self,
        handles: &[(&Cast, Handle)],
        shared: &Arc<Shared>,
    ) -> Result<Vec<Client>> {
        let mut clients = Vec::new();
        for (position, (member, handle)) in handles.iter().enumerate() {
            let wanted = if position == 0 { self.api_port } else { 0 };
            let config = ApiConfig::demo(SocketAddr::from((Ipv4Addr::LOCALHOST, wanted)));
            let submitted = shared.clone();
            let port = NodePort::new(handle.clone(), member.name.as_str(), move |id| {
                submitted.submitted(id)
            });
            tokio::spawn(port.clone().watch());
            let server = serve(
                config,
                &self.campus.genesis,
                Arc::new(port),
                std::future::pending(),
            )
            .await
            .with_context(|| format!("cannot start the HTTP interface of {}", member.name))?;
            clients.push(Client::new(&format!("http://{}", server.address()))?);
        }
        Ok(clients)
    }

    fn start_agents(
        &self,
        handles: &[(&Cast, Handle)],
        nodes: &[Client],
        shared: &Arc<Shared>,
    ) -> Result<()> {
        let clock = self.campus.genesis.clock;
        for (member, handle) in handles {
            let mut agent = self.campus.agent(member, Box::new(Honest));
            let (handle, shared) = (handle.clone(), shared.clone());
            tokio::spawn(async move {
                loop {
                    member::drive(&handle, clock, &mut agent, |id| shared.submitted(id)).await;
                    sleep(RESUME_PAUSE).await;
                }
            });
        }
        for (position, member) in self.campus.guests().enumerate() {
            let mut agent = self.campus.agent(member, Box::new(Honest));
            let client = nodes
                .get(position % nodes.len().max(1))
                .cloned()
                .ok_or_else(|| anyhow!("there is no validator for {} to use", member.name))?;
            let (name, shared) = (member.name.clone(), shared.clone());
            tokio::spawn(async move {
                if let Err(error) = guest::drive(&client, &mut agent).await {
                    shared.problem(format!("{name} lost its node: {error}"));
                }
            });
        }
        Ok(())
    }

    /// Proves one settlement line to somebody who knows the group key and nothing else.
    async fn light_check(
        &self,
        chain: &Chain,
        handles: &[(&Cast, Handle)],
        watch: &Watch,
    ) -> Option<LightCheck> {
        let settled = |(_, story): &(&GateId, &gridaccord_node::journal::GateStory)| {
            story.stage == GateStage::Settled
        };
        let (gate, _) = watch.journal.gates.iter().rev().find(settled)?;
        let supplier = self.campus.members.iter().find(|member| member.role == Role::Supplier)?;
        let (_, handle) = handles.first()?;
        for _ in 0..PROOF_ATTEMPTS {
            if let Some(proof) = handle.proof(key::line(*gate, supplier.id)).await {
                // What a stranger would get: bytes, checked against nothing but the group key.
                let bytes = proof.to_bytes();
                let started = Instant::now();
                let proven = LightProof::from_bytes(&bytes)
                    .and_then(|proof| light::verify(&self.campus.group.key, chain.id(), &proof));
                return Some(LightCheck::new(
                    supplier,
                    *gate,
                    bytes.len(),
                    started.elapsed(),
                    proven,
                ));
            }
            sleep(PROOF_PAUSE).await;
        }
        None
    }
}

/// Loopback addresses nobody listens on. All are held until the last is found, so that they differ.
pub(crate) fn free_addresses(count: usize) -> Result<Vec<SocketAddr>> {
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<_, _>>()
        .context("no free TCP port on loopback")?;
    listeners
        .iter()
        .map(|listener| listener.local_addr().context("a bound socket has an address"))
        .collect()
}
