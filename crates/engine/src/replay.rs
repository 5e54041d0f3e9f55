//! Checks a stored chain from its first block, trusting nothing but genesis.
//!
//! The archive is copied before it is opened, because opening one mends torn ends; the node's own directory is only
//! read. Every block is executed again into fresh databases, and every root, seed and finality certificate is
//! compared with what the archive says.

use crate::{
    application::{check, compare, execute},
    block::{Block, Header},
    chain::Chain,
    handle::Finalized,
    light::{Certificate, verify_certificate},
    node::{BLOCKS_ARCHIVE, CERTIFICATES_ARCHIVE, archive_config, page_cache},
    state::{self, Databases},
    tcp::{Context, Runtime},
};
use commonware_consensus::Block as _;
use commonware_cryptography::Digestible as _;
use commonware_glue::stateful::db::DatabaseSet;
use commonware_runtime::Supervisor as _;
use commonware_storage::{
    archive::{Archive as _, Identifier, prunable},
    translator::EightCap,
};
use commonware_utils::NZUsize;
use gridaccord_ledger::Digest;
use std::{fs, io, path::Path, sync::Arc};

/// What a check of a stored chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Blocks that hold, from height 1.
    pub blocks: u64,
    /// Finality certificates that hold. Heights finalised by a descendant's have none of their own.
    pub certificates: u64,
    /// Record root after the last block that holds.
    pub state_root: Digest,
    /// The first thing that does not hold.
    pub mismatch: Option<Mismatch>,
}

/// Something in a stored chain that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// No block, or one that does not read.
    #[error("block {height} is missing or damaged")]
    Block {
        /// Where.
        height: u64,
    },
    /// It does not follow the one before it.
    #[error("block {height} does not follow block {}", height - 1)]
    Parent {
        /// Where.
        height: u64,
    },
    /// A rule of blocks is broken.
    #[error("block {height}: {reason}")]
    Rule {
        /// Where.
        height: u64,
        /// Which.
        reason: String,
    },
    /// A certificate does not read.
    #[error("certificate of block {height} is damaged")]
    CertificateDamaged {
        /// Where.
        height: u64,
    },
    /// A certificate is not the group's, or for another block.
    #[error("certificate of block {height} does not hold")]
    Certificate {
        /// Where.
        height: u64,
    },
}

/// Why a stored chain could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Nothing to check.
    #[error("{directory} holds no chain under the name {prefix}")]
    Missing {
        /// Where it was looked for.
        directory: String,
        /// Under which name.
        prefix: String,
    },
    /// Files could not be read or copied.
    #[error("cannot read the archive: {0}")]
    Files(#[from] io::Error),
    /// The archive does not open.
    #[error("cannot open the archive: {0}")]
    Archive(String),
}

type Blocks = prunable::Archive<EightCap, Context, Digest, Arc<Block>>;
type Certificates = prunable::Archive<EightCap, Context, Digest, Certificate>;

/// Names of the nodes that keep a chain in a directory.
///
/// # Errors
/// When the directory cannot be read.
pub fn nodes(directory: &Path) -> io::Result<Vec<String>> {
    let suffix = format!("-{BLOCKS_ARCHIVE}-values");
    let mut nodes = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        nodes.extend(name.to_string_lossy().strip_suffix(&suffix).map(str::to_owned));
    }
    nodes.sort();
    Ok(nodes)
}

/// Checks the chain that the node named `prefix` stored in `directory`, and shows every block that holds to
/// `each`, with what it did.
///
/// # Errors
/// [`ReplayError`]; what the chain itself gets wrong is in [`Replayed::mismatch`].
pub fn replay(
    directory: &Path,
    prefix: &str,
    chain: &Chain,
    each: &mut dyn FnMut(Finalized),
) -> Result<Replayed, ReplayError> {
    let copy = tempfile::tempdir()?;
    let names = [CERTIFICATES_ARCHIVE, BLOCKS_ARCHIVE].map(|name| format!("{prefix}-{name}-"));
    let mut copied = false;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if names.iter().any(|start| name.to_string_lossy().starts_with(start)) {
            copy_partition(&entry.path(), &copy.path().join(name))?;
            copied = true;
        }
    }
    if !copied {
        return Err(ReplayError::Missing {
            directory: directory.display().to_string(),
            prefix: prefix.into(),
        });
    }
    Runtime::new(copy.path()).run(|context| walk(context, prefix, chain, each))?
}

fn copy_partition(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}

async fn walk(
    context: Context,
    prefix: &str,
    chain: &Chain,
    each: &mut dyn FnMut(Finalized),
) -> Result<Replayed, ReplayError> {
    let cache = page_cache(NZUsize!(1_024));
    let failed =
        |error: commonware_storage::archive::Error| ReplayError::Archive(error.to_string());
    let blocks =
        Blocks::init(context.child("blocks"), archive_config(prefix, BLOCKS_ARCHIVE, &cache))
            .await
            .map_err(failed)?;
    let certificates = Certificates::init(
        context.child("certificates"),
        archive_config(prefix, CERTIFICATES_ARCHIVE, &cache),
    )
    .await
    .map_err(failed)?;
    let last = blocks.last_index().max(certificates.last_index()).unwrap_or_default();
    let databases = <Databases<Context> as DatabaseSet<Context>>::init(
        context.child("databases"),
        state::config("replay", &cache),
        None,
    )
    .await;
    let genesis = chain.genesis_block();
    let mut replayed = Replayed {
        blocks: 0,
        certificates: 0,
        state_root: genesis.header().state.root,
        mismatch: None,
    };
    let mut walk = Walk { chain, databases, parent: genesis.header().clone() };
    for height in 1..=last {
        match walk.step(height, &blocks, &certificates).await {
            Ok((finalized, certified)) => {
                replayed.blocks = height;
                replayed.certificates += u64::from(certified);
                replayed.state_root = finalized.state_root;
                each(finalized);
            }
            Err(mismatch) => {
                replayed.mismatch = Some(mismatch);
                break;
            }
        }
    }
    Ok(replayed)
}

struct Walk<'a> {
    chain: &'a Chain,
    databases: Databases<Context>,
    parent: Header,
}

impl Walk<'_> {
    async fn step(
        &mut self,
        height: u64,
        blocks: &Blocks,
        certificates: &Certificates,
    ) -> Result<(Finalized, bool), Mismatch> {
        let damaged = Mismatch::Block { height };
        let block = blocks.get(Identifier::Index(height)).await.ok().flatten().ok_or(damaged)?;
        let header = block.header();
        if block.parent() != self.parent.digest() || header.height != height {
            return Err(Mismatch::Parent { height });
        }
        let rule = |reason: crate::application::Invalid| Mismatch::Rule {
            height,
            reason: reason.to_string(),
        };
        let verifier = self.chain.verifier();
        check(self.chain, &verifier, |_| false, &self.parent, &block).map_err(rule)?;
        let ledger = block.to_ledger();
        let batches = self.databases.new_batches().await;
        let executed = execute::<Context>(&ledger, batches).await;
        let (outcome, sealed) =
            executed.ok_or(crate::application::Invalid::Rounds).map_err(rule)?;
        compare::<Context>(header, &sealed).map_err(rule)?;
        let certificate = certificates.get(Identifier::Index(height)).await;
        let certificate = certificate.map_err(|_| Mismatch::CertificateDamaged { height })?;
        if let Some(certificate) = &certificate
            && (certificate.proposal.payload != block.digest()
                || !verify_certificate(&verifier, certificate))
        {
            return Err(Mismatch::Certificate { height });
        }
        DatabaseSet::<Context>::apply(&self.databases, sealed).await;
        self.parent = header.clone();
        let finalized = Finalized {
            height,
            view: header.view(),
            digest: block.digest(),
            state_root: header.state.root,
            timestamp: header.timestamp,
            block: Arc::new(ledger),
            outcome: Arc::new(outcome),
            finality_ms: None,
        };
        Ok((finalized, certificate.is_some()))
    }
}
