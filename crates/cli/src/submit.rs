//! `gridaccord offer|need|wager submit`: one command, signed here, handed to a node.

use crate::{
    keys,
    remote::{RemoteNode, block_on},
};
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use commonware_cryptography::Signer as _;
use gridaccord_api::view::command::SubmittedStatus;
use gridaccord_custody::{hex, keys::OwnedKey};
use gridaccord_ledger::{Command, Genesis, SignedCommand};
use gridaccord_model::{
    Block, CostCurve, GateId, MemberId, Need, Offer, Price, Tier, Watts, codec::Bounded,
    offer::LINEAR_PER_PRICE,
};
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// Who signs, and which node takes the command.
#[derive(Args, Debug)]
pub(crate) struct Signer {
    #[command(flatten)]
    node: RemoteNode,
    /// The member's key file [default: the key in GRIDACCORD_MEMBER_KEY].
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Number of the gate.
    #[arg(long, value_name = "N")]
    gate: u64,
    /// How long to wait for the receipt, ms.
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    wait_ms: u64,
}

/// Offers.
#[derive(Subcommand, Debug)]
pub(crate) enum OfferCommand {
    /// Sign and submit an offer.
    Submit(OfferArgs),
}

/// An offer.
#[derive(Args, Debug)]
pub(crate) struct OfferArgs {
    #[command(flatten)]
    signer: Signer,
    /// Least power, W; negative where the resource can absorb.
    #[arg(long, value_name = "W", default_value_t = 0, allow_negative_numbers = true)]
    power_min_w: i64,
    /// Greatest power, W.
    #[arg(
        long,
        value_name = "W",
        allow_negative_numbers = true,
        required_unless_present = "block"
    )]
    power_max_w: Option<i64>,
    /// Price of all of it, millionths of the currency per kWh.
    #[arg(
        long,
        value_name = "MICRO",
        allow_negative_numbers = true,
        required_unless_present = "block"
    )]
    price_micro_per_kwh: Option<i64>,
    /// Quadratic coefficient, millionths of a millionth of the currency per W²h.
    #[arg(long, value_name = "PICO", requires = "price_micro_per_kwh", conflicts_with = "block")]
    quadratic_pico_per_w2h: Option<i64>,
    /// A block of power and its price, `W@MICRO`; blocks stack upward from the least power. Repeatable.
    #[arg(long, value_name = "W@MICRO", value_parser = block, conflicts_with_all = ["power_max_w", "price_micro_per_kwh"])]
    block: Vec<Block>,
}

/// Needs.
#[derive(Subcommand, Debug)]
pub(crate) enum NeedCommand {
    /// Sign and submit a need.
    Submit(NeedArgs),
}

/// A need.
#[derive(Args, Debug)]
pub(crate) struct NeedArgs {
    #[command(flatten)]
    signer: Signer,
    /// Consumption that must be served, W.
    #[arg(long, value_name = "W")]
    firm_w: i64,
    /// Consumption that may be shed and what it is worth, `W@MICRO` per kWh. Repeatable.
    #[arg(long, value_name = "W@MICRO", value_parser = block)]
    sheddable: Vec<Block>,
}

/// Wagers.
#[derive(Subcommand, Debug)]
pub(crate) enum WagerCommand {
    /// Sign and submit a wager.
    Submit(WagerArgs),
}

/// A wager.
#[derive(Args, Debug)]
pub(crate) struct WagerArgs {
    #[command(flatten)]
    signer: Signer,
    /// Trust tokens to stake.
    #[arg(long, value_name = "N")]
    tokens: u64,
}

/// Submits an offer.
pub(crate) fn offer(command: &OfferCommand) -> Result<ExitCode> {
    let OfferCommand::Submit(args) = command;
    let gate = GateId(args.signer.gate);
    let offer = args.offer()?;
    offer.check().context("the offer is refused before it is sent")?;
    submit(&args.signer, Command::Offer { gate, offer })
}

/// Submits a need.
pub(crate) fn need(command: &NeedCommand) -> Result<ExitCode> {
    let NeedCommand::Submit(args) = command;
    let tiers = args.sheddable.iter().map(|block| Tier { power: block.power, value: block.price });
    let Ok(sheddable) = Bounded::new(tiers.collect()) else {
        bail!("--sheddable: at most {} tiers fit one need", gridaccord_model::need::TIERS_MAX);
    };
    let need = Need { firm: Watts(args.firm_w), sheddable };
    need.check().context("the need is refused before it is sent")?;
    submit(&args.signer, Command::Need { gate: GateId(args.signer.gate), need })
}

/// Submits a wager.
pub(crate) fn wager(command: &WagerCommand) -> Result<ExitCode> {
    let WagerCommand::Submit(args) = command;
    submit(&args.signer, Command::Wager { gate: GateId(args.signer.gate), tokens: args.tokens })
}

impl OfferArgs {
    fn offer(&self) -> Result<Offer> {
        let power_min = Watts(self.power_min_w);
        if !self.block.is_empty() {
            let width =
                self.block.iter().fold(0i64, |width, block| width.saturating_add(block.power.0));
            let power_max = Watts(self.power_min_w.saturating_add(width));
            let Ok(blocks) = Bounded::new(self.block.clone()) else {
                bail!(
                    "--block: at most {} blocks fit one offer",
                    gridaccord_model::offer::BLOCKS_MAX
                );
            };
            return Ok(Offer { power_min, power_max, cost: CostCurve::Blocks { blocks } });
        }
        let (Some(power_max_w), Some(price)) = (self.power_max_w, self.price_micro_per_kwh) else {
            bail!("--power-max-w and --price-micro-per-kwh are needed where no --block is given");
        };
        let power_max = Watts(power_max_w);
        let cost = match self.quadratic_pico_per_w2h {
            Some(quadratic) => {
                CostCurve::Quadratic { quadratic, linear: price.saturating_mul(LINEAR_PER_PRICE) }
            }
            None => {
                let power = Watts(power_max_w.saturating_sub(self.power_min_w));
                let blocks = if power == Watts::ZERO {
                    vec![]
                } else {
                    vec![Block { power, price: Price(price) }]
                };
                CostCurve::Blocks { blocks: Bounded::new(blocks).expect("one block fits") }
            }
        };
        Ok(Offer { power_min, power_max, cost })
    }
}

fn block(text: &str) -> Result<Block, String> {
    let shape = || format!("`{text}` is not of the form W@MICRO, such as 300@24000");
    let (power, price) = text.split_once('@').ok_or_else(shape)?;
    let power = power.trim().parse().map_err(|_| shape())?;
    let price = price.trim().parse().map_err(|_| shape())?;
    Ok(Block { power: Watts(power), price: Price(price) })
}

/// Name of the key's owner: from its file, or the member that genesis gives that key.
fn whose(owned: &OwnedKey, genesis: &Genesis) -> Result<String> {
    if let Some(name) = &owned.name {
        return Ok(name.to_string());
    }
    let public = owned.key.public_key();
    let member = genesis.members.iter().find(|member| member.key == public);
    let member = member.context("the key belongs to no member of this chain")?;
    Ok(member.name.to_string())
}

fn submit(signer: &Signer, command: Command) -> Result<ExitCode> {
    let owned = keys::member(signer.key.as_deref())?;
    let client = signer.node.client()?;
    block_on(async {
        let genesis = client.genesis().await?;
        let member = client.member(&whose(&owned, &genesis)?).await?;
        let name = &member.member.name;
        if member.key != hex::encode(owned.key.public_key().as_ref()) {
            bail!("{name} signs with another key on this chain: is this its newest key file?");
        }
        let id = MemberId(member.member.id);
        let signed =
            SignedCommand::sign(&genesis.chain_id(), &owned.key, id, member.nonce, command);
        let wait = Duration::from_millis(signer.wait_ms);
        let taken =
            client.submit(&signed, Some(wait)).await.map_err(|error| match error.rule() {
                Some(rule) => anyhow::anyhow!("refused by rule {rule}: {error}"),
                None => error.into(),
            })?;
        match (taken.status, taken.height) {
            (SubmittedStatus::Accepted, Some(height)) => {
                println!("accepted at height {height}: command {}", taken.id);
            }
            _ => println!(
                "still waiting for a block after {} ms: command {}",
                signer.wait_ms, taken.id
            ),
        }
        Ok(ExitCode::SUCCESS)
    })?
}
