//! `gridaccord run`: one node, the interface in front of it, and its member's agent, until it is stopped.
//!
//! In order: configuration, limits, keys, genesis, data directory, leave to sign; then the network. At the first start
//! the validators meet and generate the group key, and a follower copies a recent state; at a later one the node goes
//! on from what it has stored.

mod prepare;
mod watch;

use crate::{
    group_file::{self, GROUP_FILE},
    guard,
};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use gridaccord_api::{Config as ApiConfig, serve};
use gridaccord_custody::{Name, genesis::differences, signing::Permit};
use gridaccord_engine::{
    Config as NodeConfig, Handle, PublicKey,
    follow::{Following, Joining},
    tcp::{self, Context, Founding, Progress, StartError, Task},
};
use gridaccord_node::{NodePort, member};
use prepare::{Part, Prepared, VaultSafe};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{signal::unix, task::JoinHandle, time::sleep};
use watch::Opening;

/// Set by a supervisor that holds this process's standard input: when it closes, the supervisor is gone.
pub(crate) const SUPERVISED: &str = "GRIDACCORD_SUPERVISED";
/// Before an agent that lost its node looks for it again.
const RESUME_PAUSE: Duration = Duration::from_secs(1);

/// Run a validator, or a node that follows the validators without a vote.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// The node's configuration.
    #[arg(long, value_name = "FILE", default_value = "node.toml")]
    config: PathBuf,
}

pub(crate) fn run(args: &RunArgs) -> Result<ExitCode> {
    let node = Prepared::new(&args.config)?;
    if std::env::var_os(SUPERVISED).is_some() {
        watch::end_with_standard_input();
    }
    guard::run(|| {
        let directory = node.home.directory().to_owned();
        tcp::Runtime::new(&directory)
            .run(|context| async move { node.run(&context).await })
            .with_context(|| format!("cannot use the data directory {}", directory.display()))?
    })
}

impl Prepared {
    async fn run(self, context: &Context) -> Result<ExitCode> {
        let mut terminate = unix::signal(unix::SignalKind::terminate())?;
        let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
        let stopped = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        tokio::select! {
            ended = self.serve(context) => ended,
            () = stopped => {
                println!("stopped");
                Ok(ExitCode::SUCCESS)
            }
        }
    }

    async fn serve(self, context: &Context) -> Result<ExitCode> {
        let (handle, task) = match self.start(context).await {
            Ok(started) => started,
            Err(StartError::GenesisDiffers { peer, theirs }) => {
                let name = self.names.get(&*peer).map_or("a peer", |name| name.as_ref());
                let fields = differences(&self.genesis, &theirs);
                let fields: Vec<String> = fields.iter().map(ToString::to_string).collect();
                bail!("{name} holds another genesis:\n  {}", fields.join("\n  "));
            }
            Err(error) => return Err(error.into()),
        };
        self.keep_group(&handle)?;

        let port = NodePort::new(handle.clone(), self.name.as_ref(), |_| ());
        tokio::spawn(port.clone().watch());
        let config = ApiConfig { address: self.config.api.listen, ..self.api_limits() };
        let server =
            serve(config, &self.genesis, Arc::new(port.clone()), std::future::pending()).await?;
        println!(
            "{} {} at height {}; interface: http://{}",
            self.name,
            if handle.status().follows { "follows" } else { "runs" },
            handle.status().height,
            server.address()
        );
        let agent = self.start_agent(&handle)?;
        let disk = watch::disk(
            self.home.directory().to_owned(),
            self.config.disk.free_min_mb,
            handle.clone(),
            port,
        );
        tokio::select! {
            full = disk => {
                eprintln!("error: {full}");
                Ok(ExitCode::from(guard::EXIT_STORAGE))
            }
            ended = agent => bail!("the member's agent ended: {ended:?}"),
            ended = task.ended() => {
                ended?;
                Ok(ExitCode::FAILURE)
            }
        }
    }

    async fn start(&self, context: &Context) -> Result<(Handle, Task), StartError> {
        let network = self.network();
        match &self.part {
            Part::Votes { permit, vault } => {
                let opening = Opening::default();
                let founding = Founding {
                    genesis: self.genesis.clone(),
                    safe: Arc::new(VaultSafe(vault.clone())),
                    told: self.told(opening.clone(), permit.clone()),
                    refuse_revealed: self.config.founding.refuse_revealed,
                };
                let started = tcp::found(context, founding, self.name.to_string(), network).await;
                opening.done();
                started
            }
            Part::Follows { chain, start } => {
                let (start, told) = (*start, Arc::new(say_joining));
                let following = Following { start, told };
                let (chain, key) = ((**chain).clone(), network.public_key());
                let config = NodeConfig::follower(chain, key, following, self.name.as_ref());
                tcp::start(context, config, network).await
            }
        }
    }

    /// Says how the founding goes, and has the first vote marked before it is cast.
    fn told(&self, opening: Opening, permit: Permit) -> tcp::Told {
        let names = self.names.clone();
        let (directory, prefix) = (self.home.directory().to_owned(), self.name.to_string());
        let permit = Mutex::new(Some(permit));
        Arc::new(move |progress| match progress {
            Progress::Waiting(missing) => println!("waiting for {}", listed(&names, &missing)),
            Progress::Revealed(revealed) => eprintln!(
                "warning: to finish without {}, their shares of the group key were made public: count each of them as a faulty validator, or agree on a new genesis document and found that",
                listed(&names, &revealed)
            ),
            Progress::Generating => {
                println!("all are here: generating the group key");
                mark(&directory, &prefix, &permit);
            }
            Progress::Founded => {
                mark(&directory, &prefix, &permit);
                opening.begin();
            }
        })
    }

    /// Writes the group's public key for people and light clients.
    fn keep_group(&self, handle: &Handle) -> Result<()> {
        let path = self.home.directory().join(GROUP_FILE);
        let chain = handle.chain();
        let kept = group_file::read(&path);
        if kept.is_ok_and(|kept| kept.chain == *chain.id() && kept.group == *chain.group()) {
            return Ok(());
        }
        group_file::write(&path, chain.id(), chain.group())?;
        println!("the group's public key is in {}", path.display());
        Ok(())
    }

    /// The member's agent; never ends by itself.
    fn start_agent(&self, handle: &Handle) -> Result<JoinHandle<()>> {
        let (Some(scenario), Some(member_key)) = (&self.scenario, &self.member_key) else {
            return Ok(tokio::spawn(std::future::pending()));
        };
        let mut agent = gridaccord_sim::act(
            &self.genesis,
            scenario.clone(),
            self.name.as_ref(),
            member_key.clone(),
            self.config.agent.seed,
        )?;
        let (handle, clock) = (handle.clone(), self.genesis.clock);
        Ok(tokio::spawn(async move {
            loop {
                member::drive(&handle, clock, &mut agent, |_| ()).await;
                sleep(RESUME_PAUSE).await;
            }
        }))
    }
}

fn say_joining(joining: Joining) {
    match joining {
        Joining::Listening => println!("waiting to hear of a final block from the validators"),
        Joining::Copying { view } => {
            println!("copying the state of the block that became final in view {view}");
        }
    }
}

/// Names of nodes, for a message.
fn listed(names: &BTreeMap<PublicKey, Name>, keys: &[PublicKey]) -> String {
    let known = keys.iter().filter_map(|key| names.get(key)).map(AsRef::as_ref);
    known.collect::<Vec<&str>>().join(", ")
}

/// Makes the marks that this key votes, once. Without them the node must not vote.
fn mark(directory: &Path, prefix: &str, permit: &Mutex<Option<Permit>>) {
    let Some(permit) = permit.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    let marked = tcp::prepare_votes(directory, prefix)
        .map_err(anyhow::Error::from)
        .and_then(|()| Ok(permit.begin()?));
    if let Err(error) = marked {
        panic!("storage failed: cannot mark that this key signs: {error:#}");
    }
}
