//! An auditor who executes every finalised block again, in memory, and holds it against what must never change.

use crate::campus::Campus;
use gridaccord_ledger::{
    Block,
    memory::MemoryState,
    records::{Account, Pot, PotName, key},
};
use gridaccord_model::MemberId;
use gridaccord_node::Journal;
use std::collections::BTreeMap;

/// Replays a chain and checks conservation at every height.
#[derive(Debug)]
pub(crate) struct Auditor {
    pub(crate) journal: Journal,
    /// The first thing that did not add up.
    pub(crate) broken: Option<String>,
    state: MemoryState,
    members: u16,
    money: i128,
    tokens: u128,
    next: u64,
    /// Blocks that came before the one they follow.
    early: BTreeMap<u64, Block>,
}

impl Auditor {
    pub(crate) fn new(campus: &Campus) -> Self {
        let members = &campus.genesis.members;
        Self {
            journal: Journal::default(),
            broken: None,
            state: MemoryState::default(),
            members: u16::try_from(members.len()).unwrap_or(u16::MAX),
            money: members.iter().map(|member| i128::from(member.deposit.0)).sum(),
            tokens: members.iter().map(|member| u128::from(member.stake)).sum(),
            next: 1,
            early: BTreeMap::new(),
        }
    }

    /// Takes a block from any node; each height counts once, in order.
    pub(crate) fn take(&mut self, block: &Block) {
        if block.height < self.next {
            return;
        }
        self.early.insert(block.height, block.clone());
        while let Some(block) = self.early.remove(&self.next) {
            self.next += 1;
            let outcome = self.state.advance(&block);
            self.journal.record(block.timestamp, &outcome.events);
            for receipt in &outcome.receipts {
                self.journal.record_receipt(&receipt.result);
            }
            self.check(block.height);
        }
    }

    /// Whether every gate is over, or there is no point in going on.
    pub(crate) fn is_done(&self, gates: usize) -> bool {
        self.broken.is_some() || self.journal.over() >= gates
    }

    fn check(&mut self, height: u64) {
        let accounts: Vec<Account> = (0..self.members)
            .filter_map(|id| self.state.find(&key::account(MemberId(id))))
            .collect();
        let pots: Vec<Pot> = [PotName::Remainder, PotName::Losses, PotName::Slashed]
            .iter()
            .filter_map(|name| self.state.find(&key::pot(*name)))
            .collect();
        let money = accounts.iter().map(|account| i128::from(account.balance.0)).sum::<i128>()
            + pots.iter().map(|pot| i128::from(pot.balance.0)).sum::<i128>();
        let tokens = accounts.iter().map(|account| u128::from(account.stake)).sum::<u128>()
            + pots.iter().map(|pot| u128::from(pot.tokens)).sum::<u128>();
        let overheld = accounts.iter().any(|account| account.held > account.stake);
        let problem = if money != self.money {
            Some(format!("money at height {height} is {money} µ, genesis had {}", self.money))
        } else if tokens != self.tokens {
            Some(format!(
                "trust tokens at height {height} are {tokens}, genesis had {}",
                self.tokens
            ))
        } else if overheld {
            Some(format!("more tokens are held at height {height} than a member has"))
        } else if self.journal.sum().0 != 0 {
            Some(format!("settlements at height {height} sum to {}", self.journal.sum()))
        } else {
            None
        };
        self.broken = self.broken.take().or(problem);
    }
}
