//! A node elsewhere: its address as an option of commands, and requests to it.

use anyhow::{Context as _, Result};
use clap::Args;
use gridaccord_api::client::{Client, ClientError};

// Which node to ask. No doc comment: the command that takes it in keeps its own description.
#[derive(Args, Debug)]
pub(crate) struct RemoteNode {
    /// The node's HTTP interface.
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:8600",
        env = "GRIDACCORD_API"
    )]
    api: String,
}

impl RemoteNode {
    /// A client of it; connects when first used.
    pub(crate) fn client(&self) -> Result<Client, ClientError> {
        Client::new(&self.api)
    }
}

/// Runs one request to its end.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    Ok(runtime.block_on(future))
}
