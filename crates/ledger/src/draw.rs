//! The draw of a gate's builders: owners without replacement, one seat each, weighted by wager and trust.
//!
//! Weight of an owner = min(its wager, 10 % of the gate's wagers) · (τ₀ + τ). Everything follows from the seed,
//! so every node and every light client can redo it. Source: proof of trust, a round, step 3.
//!
//! An owner's wager is the largest of its members': the one seat it can get puts only that one at stake, and a
//! wager that cannot be lost must weigh nothing.

use crate::{Digest, Seed};
use commonware_codec::Encode as _;
use commonware_cryptography::{Hasher as _, Sha256};
use gridaccord_model::{GateId, MemberId, OwnerId};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::collections::BTreeMap;

/// Weight that an owner without any trust still has, ppm: a newcomer can be drawn, rarely.
pub const INDEX_FLOOR_PPM: u64 = 10_000;
/// One owner's wagers count up to this part of all.
const CAP_DIVISOR: u64 = 10;

/// A member that wagered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bidder {
    /// Who.
    pub member: MemberId,
    /// Who stands behind it.
    pub owner: OwnerId,
    /// Trust tokens wagered.
    pub wager: u64,
    /// The owner's trust index, ppm.
    pub index_ppm: u32,
}

/// Draws up to `seats` bidders of distinct owners, in seat order. An owner is represented by the member that
/// wagered most, then by the lower id.
#[must_use]
pub fn draw(
    chain: &Digest,
    gate: GateId,
    seed: &Seed,
    bidders: &[Bidder],
    seats: u16,
) -> Vec<Bidder> {
    let mut owners: BTreeMap<OwnerId, Bidder> = BTreeMap::new();
    for bidder in bidders {
        let face = owners.entry(bidder.owner).or_insert(*bidder);
        if (bidder.wager, core::cmp::Reverse(bidder.member))
            > (face.wager, core::cmp::Reverse(face.member))
        {
            *face = *bidder;
        }
    }
    let total = owners.values().fold(0u64, |sum, face| sum.saturating_add(face.wager));
    let cap = (total / CAP_DIVISOR).max(1);
    let mut urn: Vec<(u128, Bidder)> = owners
        .into_values()
        .map(|face| {
            let trust = INDEX_FLOOR_PPM.saturating_add(u64::from(face.index_ppm));
            (u128::from(face.wager.min(cap)).saturating_mul(u128::from(trust)), face)
        })
        .collect();

    let mut stream = stream(chain, gate, seed);
    let mut seated = Vec::new();
    while seated.len() < usize::from(seats) && !urn.is_empty() {
        let total = urn.iter().fold(0u128, |sum, (weight, _)| sum.saturating_add(*weight));
        let mut ticket = below(&mut stream, total);
        let mut winner = 0usize;
        for (position, (weight, _)) in urn.iter().enumerate() {
            winner = position;
            match ticket.checked_sub(*weight) {
                Some(rest) => ticket = rest,
                None => break,
            }
        }
        seated.push(urn.remove(winner).1);
    }
    seated
}

/// The gate's stream of random words: ChaCha20 keyed by chain, gate and the beacon's value.
fn stream(chain: &Digest, gate: GateId, seed: &Seed) -> ChaCha20Rng {
    let mut hasher = Sha256::default();
    hasher.update(b"gridaccord/committee/v1");
    hasher.update(&(*chain, gate, *seed).encode());
    ChaCha20Rng::from_seed(hasher.finalize().1.0)
}

/// Uniform below `bound` (at least 1), by rejection: a plain remainder would favour the first owners.
fn below(stream: &mut ChaCha20Rng, bound: u128) -> u128 {
    let bound = bound.max(1);
    let zone = u128::MAX.saturating_sub(u128::MAX.checked_rem(bound).unwrap_or(0));
    loop {
        let word = (u128::from(stream.next_u64()) << 64) | u128::from(stream.next_u64());
        if word < zone {
            return word.checked_rem(bound).unwrap_or(0);
        }
    }
}
