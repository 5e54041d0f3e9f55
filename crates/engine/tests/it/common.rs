//! Chains to test with.

use commonware_cryptography::{Signer as _, ed25519};
use gridaccord_engine::simulation::{Keys, Link, Scenario};
use gridaccord_ledger::{
    Command, Digest, Genesis, Role, SignedCommand,
    genesis::{CarbonPolicy, Clock, GateKind, GenesisMember, Market, Thresholds, Trust, Validator},
};
use gridaccord_model::{
    MemberId, Money, OwnerId, Price, TimeMs, TimeS,
    codec::{Bounded, Label},
};
use std::{collections::BTreeMap, time::Duration};

/// Wall time at which simulated chains start.
const WALL_START: u64 = 1_800_000_000_000;

/// The key of a member; a rotated one has another `round`.
pub(super) fn member_key(member: u16, round: u64) -> ed25519::PrivateKey {
    ed25519::PrivateKey::from_seed(1_000_000 + u64::from(member) + 1_000 * round)
}

/// A genesis for these validators, one member each.
pub(super) fn genesis(keys: &Keys, wall_start: u64) -> Genesis {
    let members = (0u16..).zip(&keys.nodes).map(|(id, _)| GenesisMember {
        name: Label::new(format!("member-{id}")).unwrap(),
        role: [Role::Supplier, Role::Campus, Role::Auditor, Role::Utility][usize::from(id) % 4],
        class: Label::default(),
        owner: OwnerId(id),
        key: member_key(id, 0).public_key(),
        stake: 10_000,
        deposit: Money(1_000_000_000),
    });
    let validators =
        (0u16..).zip(&keys.nodes).map(|(member, key)| Validator { member, key: key.public_key() });
    Genesis {
        label: Label::new("engine tests").unwrap(),
        clock: Clock {
            ledger_start: TimeS(1_800_000_000),
            wall_start: TimeMs(wall_start),
            speed: 1,
            drift_ms: 500,
        },
        market: Market {
            kind: GateKind::default(),
            first_start: TimeS(1_800_000_060),
            interval_s: 30,
            period_s: 30,
            gates: 0,
            open_lead_s: 30,
            close_lead_s: 10,
            meter_lag_s: 10,
            price_cap: Price(1_000_000),
        },
        trust: Trust {
            beacon_offset: 3,
            seats: 3,
            commit_window: 3,
            reveal_window: 3,
            index_start_ppm: 100_000,
            wager_min_ppm: 50_000,
            token_value: Money(1_000),
            significance_floor: Money(1_000_000),
            significance_ref: Money(10_000_000),
            fee_ppm: 1_000,
            epsilon_ppb: 100_000,
            alpha_ppm: 20_000,
            beta_worse_ppm: 20_000,
            beta_false_ppm: 500_000,
        },
        thresholds: Thresholds { gap_ppb: 1_000_000, price_rise_ppm: 0, energy_loss_ppm: 20_000 },
        carbon: CarbonPolicy::default(),
        validators: Bounded::new(validators.collect()).unwrap(),
        members: Bounded::new(members.collect()).unwrap(),
    }
}

/// A quiet world of `count` validators that runs to `height`.
pub(super) fn scenario(seed: u64, count: u16, height: u64) -> Scenario {
    let keys = Keys::from_seed(seed, count).unwrap();
    Scenario {
        seed,
        genesis: genesis(&keys, WALL_START),
        keys,
        link: Link::GOOD,
        events: vec![],
        agent: None,
        followers: vec![],
        hostile: BTreeMap::new(),
        skews_ms: BTreeMap::new(),
        byzantine: BTreeMap::new(),
        height,
        done: None,
        limit: Duration::from_secs(600),
    }
}

/// A network that loses every fourth message.
pub(super) fn lossy() -> Link {
    Link { latency: Duration::from_millis(50), jitter: Duration::from_millis(50), loss_percent: 25 }
}

/// A member's change of its key from that of one round to the next, which also is its nonce.
pub(super) fn rotate(chain: &Digest, member: u16, round: u64) -> SignedCommand {
    let command = Command::RotateKey { key: member_key(member, round + 1).public_key() };
    SignedCommand::sign(chain, &member_key(member, round), MemberId(member), round, command)
}
