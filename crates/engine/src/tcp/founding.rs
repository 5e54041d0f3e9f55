//! Founding a chain: the validators of a genesis document meet, make sure that all hold the same one, and generate
//! the group key among themselves. Nobody ever holds its secret: `2f + 1` shares of it sign, and each validator
//! keeps one.
//!
//! The ceremony runs on a chain of its own, signed with node keys, that ends with the group's public polynomial.
//! A validator that was away when the others finished follows that chain, so each serves it until all have
//! their share.

use super::{
    Channel, Context, Oracle, StartError,
    introduction::{self, Met, Stage},
    safe::{Safe, Vault},
};
use crate::{
    chain::{Chain, PublicKey, Share, group},
    node,
    voters::Voters,
};
use commonware_consensus::types::Epoch;
use commonware_cryptography::{
    Signer as _,
    bls12381::{
        dkg::feldman_desmedt::Reveal,
        primitives::{
            sharing::{Mode, ModeVersion},
            variant::MinSig,
        },
    },
    ed25519,
};
use commonware_glue::dkg::{SecretStore as _, bootstrap};
use commonware_p2p::{Message, Receiver};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock as _, Handle as TaskHandle, Spawner as _, Supervisor as _};
use commonware_utils::{
    NZDuration, NZU64, NZUsize, TryCollect as _, channel::oneshot, ordered::Set, sequence::Unit,
};
use futures::FutureExt as _;
use gridaccord_ledger::Genesis;
use std::{
    collections::BTreeSet,
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::watch;

/// Domain of the ceremony; the chain's id follows it.
const NAMESPACE: &[u8] = b"gridaccord/founding/v1";
/// Pages of storage the ceremony keeps in memory.
const CACHE_PAGES: usize = 64;
/// Blocks of the ceremony per validator. In the second half of them each must lead one that becomes final.
const BLOCKS_PER_VALIDATOR: u64 = 6;
/// From the first document that differs to the end of this node.
const PARTING: Duration = Duration::from_secs(2);
/// Between two rounds of votes of a ceremony that only waits for who lacks its share.
const LEISURE: Duration = Duration::from_millis(500);
const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
const FETCH_RETRY: Duration = Duration::from_millis(250);

/// How far a founding is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// These validators have not been heard yet.
    Waiting(Vec<PublicKey>),
    /// All are there: the group key is being generated. This node's key signs from here on.
    Generating,
    /// To finish without these validators, their shares were made public: with respect to faults, count each of them as
    /// one.
    Revealed(Vec<PublicKey>),
    /// This validator has its share.
    Founded,
}

/// Told of every step of a founding.
pub type Told = Arc<dyn Fn(Progress) + Send + Sync>;

/// What a validator needs to found a chain with the others.
#[derive(Clone)]
pub struct Founding {
    /// The document that all must hold.
    pub genesis: Genesis,
    /// Where its secrets are kept.
    pub safe: Arc<dyn Safe>,
    /// Told of every step.
    pub told: Told,
    /// Refuse a group key for which shares were made public.
    pub refuse_revealed: bool,
}

impl core::fmt::Debug for Founding {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Founding({:?})", self.genesis.chain_id())
    }
}

/// Largest message of a ceremony among this many validators.
pub(super) fn message_size_max(validators: usize) -> usize {
    let participants = u32::try_from(validators).ok().and_then(NonZeroU32::new);
    let participants = participants.expect("rules G1 and G2 of genesis");
    bootstrap::max_payload_size::<MinSig, Unit>(participants, ModeVersion::v0())
        .max(introduction::MESSAGE_SIZE_MAX)
}

/// Channels of the ceremony: votes, certificates, resolver, backfill, blocks, dealings.
pub(super) type Channels = [Channel; 6];

impl Founding {
    /// Founds the chain, or finds it founded; gives back what the validator votes with.
    ///
    /// What must go on afterwards (greetings, and the ceremony's chain for who lacks its share) is spawned below
    /// `context`.
    pub(super) async fn run(
        self,
        context: &Context,
        key: &ed25519::PrivateKey,
        (voters, oracle): (&Voters, &Oracle),
        introductions: Channel,
        channels: Channels,
        prefix: &str,
    ) -> Result<(Chain, Share), StartError> {
        let me = key.public_key();
        let others: BTreeSet<PublicKey> = self
            .genesis
            .validators
            .iter()
            .map(|validator| validator.key.clone())
            .filter(|other| *other != me)
            .collect();
        let mut vault = Vault::new(self.safe.clone());
        let (stage, own) = watch::channel(Stage::Meeting);
        let (meet, met) = watch::channel(Met::default());
        let (genesis, known) = (self.genesis.clone(), others.clone());
        context.child("introductions").spawn(move |context| {
            introduction::run(context, genesis, known, introductions, own, meet)
        });

        let complete = vault.is_complete();
        let ceremony = (!complete).then(|| Ceremony {
            key: key.clone(),
            voters: voters.clone(),
            oracle: oracle.clone(),
            participants: self.genesis.validators.iter().map(|one| one.key.clone()).collect(),
            namespace: [NAMESPACE, self.genesis.chain_id().as_ref()].concat(),
            prefix: format!("{prefix}-founding"),
        });
        let polynomial = match vault.polynomial() {
            Some(polynomial) => {
                if let Some(ceremony) = ceremony {
                    let (task, _) = ceremony.start(context, vault.clone(), channels, &stage);
                    retire(context, vault.clone(), task, met, others);
                }
                polynomial
            }
            None => {
                // A ceremony that had begun goes on without those that are gone since.
                if vault.get_seed(Epoch::zero()).await.is_none() {
                    self.meet(context, met.clone(), &others).await?;
                }
                let ceremony = ceremony.ok_or(StartError::SecretsIncomplete)?;
                (self.told)(Progress::Generating);
                stage.send_replace(Stage::Generating);
                let (task, completion) = ceremony.start(context, vault.clone(), channels, &stage);
                let completion = completion.await.map_err(|_| StartError::Stopped)?;
                let info = completion.info.ok_or(StartError::FoundingFailed)?;
                let revealed: Vec<PublicKey> = info.output.revealed().iter().cloned().collect();
                if !revealed.is_empty() {
                    (self.told)(Progress::Revealed(revealed.clone()));
                    if self.refuse_revealed {
                        return Err(StartError::SharesRevealed(revealed));
                    }
                }
                let polynomial = info.output.public().clone();
                vault.put_polynomial(&polynomial);
                retire(context, vault.clone(), task, met, others);
                polynomial
            }
        };
        let share = vault.get_share(Epoch::zero()).await.map(Share);
        let share = share.ok_or(StartError::SecretsIncomplete)?;
        let chain = Chain::new(self.genesis.clone(), group(&polynomial))?;
        // Says so where the share does not fit the polynomial.
        chain.signer(&me, share.clone())?;
        stage.send_replace(Stage::Founded);
        (self.told)(Progress::Founded);
        Ok((chain, share))
    }

    /// Waits until every validator is there with the same genesis, or so many have begun that an honest one has met
    /// all: whoever stayed behind then would have its share made public.
    async fn meet(
        &self,
        context: &Context,
        mut met: watch::Receiver<Met>,
        others: &BTreeSet<PublicKey>,
    ) -> Result<(), StartError> {
        let faulty = others.len() / 3;
        let mut told = None;
        loop {
            let known = met.borrow_and_update().clone();
            let missing = known.missing(others, context.current());
            if missing.is_empty() || known.begun() > faulty {
                return Ok(());
            }
            if let Some((peer, theirs)) = known.differing {
                // Long enough for the other side to get this node's document too.
                context.sleep(PARTING).await;
                return Err(StartError::GenesisDiffers {
                    peer: Box::new(peer),
                    theirs: Box::new(theirs),
                });
            }
            if told.as_ref() != Some(&missing) {
                (self.told)(Progress::Waiting(missing.clone()));
                told = Some(missing);
            }
            met.changed().await.map_err(|_| StartError::Stopped)?;
        }
    }
}

/// Serves the ceremony's chain until every validator has its share.
fn retire(
    context: &Context,
    mut vault: Vault,
    ceremony: TaskHandle<()>,
    mut met: watch::Receiver<Met>,
    others: BTreeSet<PublicKey>,
) {
    context.child("retire").spawn(move |_| async move {
        // An error means that greetings ended, and with them the node.
        if met.wait_for(|met| met.founded(&others)).await.is_ok() {
            vault.put_complete();
            ceremony.abort();
        }
    });
}

/// One validator's part in the ceremony.
struct Ceremony {
    key: ed25519::PrivateKey,
    voters: Voters,
    oracle: Oracle,
    participants: Vec<PublicKey>,
    namespace: Vec<u8>,
    prefix: String,
}

impl Ceremony {
    fn start(
        self,
        context: &Context,
        vault: Vault,
        channels: Channels,
        stage: &watch::Sender<Stage>,
    ) -> (TaskHandle<()>, oneshot::Receiver<bootstrap::Completion<MinSig>>) {
        let [votes, certificates, resolver, backfill, blocks, dealings] = channels;
        let clock = context.child("unhurried");
        let heard = Unhurried { inner: votes.1, clock, stage: stage.subscribe(), open: None };
        let votes = (votes.0, heard);
        let participants: Set<PublicKey> =
            self.participants.into_iter().try_collect().expect("rule G2 of genesis");
        let count = u64::try_from(participants.len()).expect("a bounded list");
        let config = bootstrap::Config {
            signer: self.key,
            manager: self.voters,
            blocker: self.oracle,
            secret_store: vault,
            strategy: Sequential,
            // Once in the life of a process.
            namespace: Box::leak(self.namespace.into_boxed_slice()),
            sharing_mode: Mode::NonZeroCounter,
            reveal: Reveal::V1,
            max_supported_mode: ModeVersion::v0(),
            partition_prefix: self.prefix,
            page_cache: node::page_cache(NZUsize!(CACHE_PAGES)),
            write_buffer: node::WRITE_BUFFER,
            replay_buffer: node::REPLAY_BUFFER,
            mailbox_size: NZUsize!(128),
            fetch_timeout: NZDuration!(FETCH_TIMEOUT),
            fetch_retry_delay: FETCH_RETRY,
            items_per_section: NZU64!(1_024),
            participants,
            directory: Unit,
            blocks_per_epoch: NonZeroU64::new(count * BLOCKS_PER_VALIDATOR)
                .expect("rule G1 of genesis"),
        };
        bootstrap::Engine::<_, MinSig, _, _, _, _, _>::new(context.child("ceremony"), config).start(
            votes,
            certificates,
            resolver,
            backfill,
            blocks,
            dealings,
        )
    }
}

/// The channel of votes, heard at leisure once this validator has its share: from then on the ceremony's chain only
/// has to stay there for who lacks its own.
struct Unhurried<R> {
    inner: R,
    clock: Context,
    stage: watch::Receiver<Stage>,
    /// When what has gathered is heard.
    open: Option<SystemTime>,
}

impl<R: core::fmt::Debug> core::fmt::Debug for Unhurried<R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Unhurried").field(&self.inner).finish()
    }
}

impl<R: Receiver<PublicKey = PublicKey>> Receiver for Unhurried<R> {
    type Error = R::Error;
    type PublicKey = PublicKey;

    async fn recv(&mut self) -> Result<Message<PublicKey>, R::Error> {
        if *self.stage.borrow() == Stage::Founded {
            if self.open.is_none()
                && let Some(message) = self.inner.recv().now_or_never()
            {
                return message;
            }
            // Kept across calls: whoever listens may give up and come back.
            let open = *self.open.get_or_insert_with(|| self.clock.current() + LEISURE);
            self.clock.sleep_until(open).await;
            self.open = None;
        }
        self.inner.recv().await
    }

    fn capacity(&self) -> NonZeroUsize {
        self.inner.capacity()
    }
}
