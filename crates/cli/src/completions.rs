//! `gridaccord completions`: what a shell needs to complete the command.

use anyhow::{Context as _, Result};
use clap::{Args, CommandFactory as _};
use clap_complete::{Generator as _, Shell};
use std::{
    io::{ErrorKind, Write as _},
    process::ExitCode,
};

/// Print completions for a shell.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> Result<ExitCode> {
    let mut command = crate::Cli::command();
    command.set_bin_name("gridaccord");
    command.build();
    let mut text = Vec::new();
    args.shell.try_generate(&command, &mut text).context("cannot generate completions")?;
    match std::io::stdout().write_all(&text) {
        // `gridaccord completions bash | head` closes the pipe: that is no error.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        other => other.map(|()| ExitCode::SUCCESS).context("cannot write to standard output"),
    }
}
