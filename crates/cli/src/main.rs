//! The `gridaccord` command: parse, wire, run, print.

mod backup;
mod bench_network;
mod bench_rivals;
mod bench_sealed;
mod bill;
mod check;
mod completions;
mod convert;
mod demo;
mod explain;
mod genesis;
mod group_file;
mod guard;
mod input;
mod keys;
mod ledger;
mod light;
mod remote;
mod run;
mod scenarios;
mod sealed;
mod sim;
mod solve;
mod status;
mod submit;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Rival suppliers, a data-center campus and its tenants agree on a dispatch that nobody has to be trusted for.
#[derive(Parser, Debug)]
#[command(name = "gridaccord", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Demo(demo::DemoArgs),
    Solve(solve::SolveArgs),
    Check(check::CheckArgs),
    Explain(explain::ExplainArgs),
    Convert(convert::ConvertArgs),
    /// Offer a resource's power for a gate.
    #[command(subcommand)]
    Offer(submit::OfferCommand),
    /// State the consumption needed in a gate's interval.
    #[command(subcommand)]
    Need(submit::NeedCommand),
    /// Stake trust tokens for a seat among a gate's builders.
    #[command(subcommand)]
    Wager(submit::WagerCommand),
    Run(run::RunArgs),
    Status(status::StatusArgs),
    /// Make and look at keys.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Agree on what a chain starts from.
    #[command(subcommand)]
    Genesis(genesis::GenesisCommand),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Light(light::LightArgs),
    /// Look into a chain's log.
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// Run a campus in simulated time, with faults and liars.
    #[command(subcommand)]
    Sim(sim::SimCommand),
    /// Curves nobody sees, cleared and billed in one process.
    Sealed(sealed::SealedArgs),
    /// Check bills without any network.
    Bill(bill::BillArgs),
    /// Measure on this machine.
    #[command(subcommand)]
    Bench(BenchCommand),
    Completions(completions::CompletionsArgs),
}

#[derive(Subcommand, Debug)]
enum BenchCommand {
    /// Time every step of a sealed gate and of a month's bills, beside its goal.
    Sealed(bench_sealed::BenchSealedArgs),
    Network(bench_network::BenchNetworkArgs),
    #[command(hide = true)]
    NetworkNode(bench_network::BenchNodeArgs),
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            // A task that fails says so once, where it is caught.
            EnvFilter::try_from_env("GRIDACCORD_LOG")
                .unwrap_or_else(|_| EnvFilter::new("error,commonware_runtime::utils=off")),
        )
        .with_writer(std::io::stderr)
        .init();
    let result = match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Solve(args) => solve::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Offer(command) => submit::offer(&command),
        Command::Need(command) => submit::need(&command),
        Command::Wager(command) => submit::wager(&command),
        Command::Run(args) => run::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Keys(command) => keys::run(&command),
        Command::Genesis(command) => genesis::run(&command),
        Command::Backup(args) => backup::create(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Light(args) => light::run(&args),
        Command::Ledger(command) => ledger::run(&command),
        Command::Sim(command) => sim::run(&command),
        Command::Sealed(args) => sealed::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Bill(args) => bill::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Bench(BenchCommand::Sealed(args)) => {
            bench_sealed::run(&args).map(|()| ExitCode::SUCCESS)
        }
        Command::Bench(BenchCommand::Network(args)) => bench_network::run(&args),
        Command::Bench(BenchCommand::NetworkNode(args)) => bench_network::run_node(&args),
        Command::Completions(args) => completions::run(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
