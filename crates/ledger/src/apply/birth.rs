//! Block 1: genesis becomes state.

use super::Outcome;
use crate::{
    Block,
    genesis::Genesis,
    records::{
        Account, Carbon, Head, Member, Owner, Params, Pot, PotName, Rolling, Rules, Source, key,
    },
    sealed::Setup,
    state::Record,
};
use gridaccord_model::{GateId, Joules, MemberId, Money, OwnerId, terms::GateKind};
use std::collections::BTreeSet;

pub(super) fn outcome(genesis: &Genesis, block: &Block) -> Outcome {
    let mut outcome = Outcome::default();
    let mut put = |key, record| {
        outcome.changes.insert(key, Some(record));
    };
    let setup = Setup::of(&genesis.market);
    let owners: BTreeSet<OwnerId> = genesis.members.iter().map(|member| member.owner).collect();
    let params = Params {
        chain: genesis.chain_id(),
        clock: genesis.clock,
        market: genesis.market,
        members: u16::try_from(genesis.members.len()).expect("the list is bounded"),
        owners: u16::try_from(owners.len()).expect("no more than members"),
    };
    put(key::params(), Record::of(&params));
    put(key::rules(), Record::of(&Rules { trust: genesis.trust, thresholds: genesis.thresholds }));
    let head = Head {
        height: block.height,
        timestamp: block.timestamp,
        now: genesis.clock.ledger(block.timestamp),
        next_gate: GateId(0),
        live: 0,
        turnover: Money::ZERO,
        price: None,
    };
    put(key::head(), Record::of(&head));
    if matches!(genesis.market.kind, GateKind::Horizon { .. }) {
        put(key::rolling(), Record::of(&Rolling::default()));
    }
    let policy = &genesis.carbon;
    let (operating, wider) = (policy.operating_max_mg_per_kwh, policy.wider_max_mg_per_kwh);
    if operating.is_some() || wider.is_some() {
        let momentary_ppm = policy.momentary_ppm;
        put(key::carbon(), Record::of(&Carbon { operating, wider, momentary_ppm }));
    }
    for (id, member) in (0u16..).map(MemberId).zip(&genesis.members) {
        if let Some(source) = Source::of(policy, &member.class) {
            put(key::source(id), Record::of(&source));
        }
        let record = Member {
            name: member.name.clone(),
            role: member.role,
            owner: member.owner,
            key: member.key.clone(),
            nonce: 0,
        };
        put(key::member(id), Record::of(&record));
        let account = Account {
            // Where gates are sealed, money is committed: it stands on the sealed side.
            balance: if setup.is_some() { Money::ZERO } else { member.deposit },
            stake: member.stake,
            held: 0,
            injected: Joules::ZERO,
            absorbed: Joules::ZERO,
        };
        put(key::account(id), Record::of(&account));
        put(
            key::owner(member.owner),
            Record::of(&Owner { index_ppm: genesis.trust.index_start_ppm }),
        );
    }
    for name in [PotName::Remainder, PotName::Losses, PotName::Slashed] {
        put(key::pot(name), Record::of(&Pot::default()));
    }
    if let Some(setup) = setup {
        super::sealed::birth(genesis, &setup, block.height, &mut put);
    }
    outcome
}
