//! `gridaccord status`: where a node stands.

use crate::remote::{RemoteNode, block_on};
use anyhow::Result;
use clap::Args;
use std::process::ExitCode;

/// Show where a node stands.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    node: RemoteNode,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &StatusArgs) -> Result<ExitCode> {
    let client = args.node.client()?;
    let status = block_on(client.status())??;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        println!("node of {} on chain {:?} ({})", status.member, status.label, status.chain);
        println!(
            "height {}, view {}, state root {}",
            status.height, status.view, status.state_root
        );
        let (others, of) = if status.follows {
            println!("it follows: it has all state and no vote");
            (status.validators, "validators")
        } else {
            (status.validators.saturating_sub(1), "other validators")
        };
        println!(
            "{} of {others} {of} connected, {} commands waiting",
            status.peers_connected, status.mempool_commands,
        );
    }
    Ok(ExitCode::SUCCESS)
}
