//! Closing a billing cycle: rounding to whole µ, and the energy balance of all members at once.
//!
//! V = 3,600,000·Q + rem with 0 ≤ rem < 3,600,000: Q whole µ, rounded toward −∞, and the remainder moves to
//! the remainder account as a commitment. With it each member posts encryptions of its net energy and of Q;
//! only the two sums over **all** members are opened: energy supplied less used, which must lie in the loss
//! band, and the pool. The band bounds the total only to the uncertainty of the loss factor.

use crate::{
    gate::{OWNERS_MIN, SumIndex},
    group::{Commitment, Opening, Point, combine},
    opening::{Opened, SealedSum},
    range::Width,
    refusal::Refusal,
    statement::{Cipher, Form, Proof, Provable, Statement, Verified, Witness},
    submission::{SealError, WireVersion},
    tariff::MONEY_PER_MICRO,
    transcript::{GateFacts, Place},
};
use commonware_codec::Encode as _;
use commonware_cryptography::{Hasher as _, Sha256, sha256::Digest};
use curve25519_dalek::{RistrettoPoint, traits::Identity as _};
use gridaccord_model::{GateId, Joules, MemberId, OwnerId, codec_struct};
use rand_core::CryptoRng;
use std::collections::{BTreeMap, BTreeSet};

/// Added to Q before its range, so that a debit is in range too: |Q| < 2⁶² µ.
const MICRO_OFFSET: i128 = 1 << 62;

/// A member's closing of a cycle, as posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CycleClose {
    /// Wire format.
    pub version: WireVersion,
    /// The cycle, in the place of a gate.
    pub cycle: GateId,
    /// Whose.
    pub participant: MemberId,
    /// Com(Q), µ.
    pub whole: Commitment,
    /// Ciphertext of net energy, J.
    pub energy: Cipher,
    /// Ciphertext of Q.
    pub money: Cipher,
    /// All of it holds.
    pub proof: Proof,
}

codec_struct!(CycleClose { version, cycle, participant, whole, energy, money, proof });

/// What everybody derives for a member over a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CycleFacts {
    /// The cycle: its number as gate, its whole span as interval.
    pub cycle: GateFacts,
    /// Whose.
    pub participant: MemberId,
    /// Com of net energy, J.
    pub energy: Commitment,
    /// Com(V), µ·J/kWh.
    pub money: Commitment,
}

impl CycleFacts {
    fn statement(&self, whole: Commitment, energy: Cipher, money: Cipher) -> Statement {
        let place =
            Place { gate: self.cycle, certificate: Digest([0; 32]), participant: self.participant };
        let down = MONEY_PER_MICRO.saturating_neg();
        let last = MONEY_PER_MICRO.saturating_sub(1);
        Statement {
            domain: b"cycle",
            place,
            publics: vec![MONEY_PER_MICRO],
            points: vec![self.energy, self.money, whole],
            ciphers: vec![(0, energy), (2, money)],
            forms: vec![
                Form::new(Width::Bits32, &[(1, 1), (2, down)], 0),
                Form::new(Width::Bits32, &[(1, -1), (2, MONEY_PER_MICRO)], last),
                Form::new(Width::Bits64, &[(2, 1)], MICRO_OFFSET),
            ],
        }
    }

    /// Com(rem): what moves to the remainder account.
    #[must_use]
    pub fn remainder(&self, whole: &Commitment) -> Commitment {
        combine(&[(1, &self.money), (MONEY_PER_MICRO.saturating_neg(), whole)], 0)
    }
}

impl Provable for CycleClose {
    type Facts = CycleFacts;

    fn statement(&self, facts: &CycleFacts) -> Result<Statement, Refusal> {
        if self.cycle != facts.cycle.gate || self.participant != facts.participant {
            return Err(Refusal::WrongPlace);
        }
        Ok(facts.statement(self.whole, self.energy, self.money))
    }

    fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// Closes a member's cycle; gives the opening of Q besides.
///
/// # Errors
/// Q is beyond 2⁶² µ.
pub fn close_cycle(
    facts: &CycleFacts,
    energy: &Opening,
    money: &Opening,
    rng: &mut impl CryptoRng,
) -> Result<(CycleClose, Opening), SealError> {
    let whole = Opening::hide(money.value.div_euclid(MONEY_PER_MICRO), rng);
    let (energy_cipher, energy_nonce) = Cipher::seal(energy, &facts.cycle.key, rng);
    let (money_cipher, money_nonce) = Cipher::seal(&whole, &facts.cycle.key, rng);
    let statement = facts.statement(whole.commit(), energy_cipher, money_cipher);
    let nonces = vec![&energy_nonce, &money_nonce];
    let proof = statement.prove(&Witness { openings: vec![energy, money, &whole], nonces }, rng)?;
    let close = CycleClose {
        version: WireVersion,
        cycle: facts.cycle.gate,
        participant: facts.participant,
        whole: whole.commit(),
        energy: energy_cipher,
        money: money_cipher,
        proof,
    };
    Ok((close, whole))
}

/// A total over a fixed set that holders may open once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CycleTotal(SealedSum);

impl CycleTotal {
    pub(crate) const fn new(sum: SealedSum) -> Self {
        Self(sum)
    }

    /// The ciphertext.
    #[must_use]
    pub const fn sum(&self) -> &SealedSum {
        &self.0
    }
}

/// The two totals of a cycle, and who is missing from them.
#[derive(Clone, Debug)]
pub struct CycleTotals {
    /// Σ net energy, J.
    pub energy: CycleTotal,
    /// Σ Q, µ.
    pub money: CycleTotal,
    /// Members that posted nothing: named, billed at the limit, and the balance is partial.
    pub missing: BTreeSet<MemberId>,
}

/// Sums a cycle's closings over all members of the cycle.
///
/// `members` are all members of the cycle and who stands behind each.
///
/// # Errors
/// A closing not verified in this cycle, a second one of a member, or fewer than three owners in all.
pub fn total_cycle(
    cycle: &GateFacts,
    members: &BTreeMap<MemberId, OwnerId>,
    closings: &[Verified<CycleClose>],
) -> Result<CycleTotals, Refusal> {
    let mut posted = BTreeMap::new();
    let mut owners = BTreeSet::new();
    for closing in closings {
        let place = closing.place();
        let owner = members.get(&place.participant).ok_or(Refusal::WrongPlace)?;
        if place.gate != *cycle {
            return Err(Refusal::WrongPlace);
        }
        owners.insert(*owner);
        let closing = closing.get();
        if posted.insert(closing.participant, (closing.energy, closing.money)).is_some() {
            return Err(Refusal::CurveStands);
        }
    }
    if owners.len() < OWNERS_MIN {
        return Err(Refusal::OwnersTooFew);
    }
    let mut hasher = Sha256::default();
    hasher.update(b"gridaccord/sealed/cycle set/v1");
    for (member, (energy, money)) in &posted {
        hasher.update(&member.encode());
        hasher.update(&energy.encode());
        hasher.update(&money.encode());
    }
    let set = hasher.finalize().1;
    let energies = posted.values().map(|(energy, _)| (1, *energy));
    let moneys = posted.values().map(|(_, money)| (1, *money));
    Ok(CycleTotals {
        energy: sum_ciphers(cycle, SumIndex::CycleEnergy, set, energies)?,
        money: sum_ciphers(cycle, SumIndex::CycleMoney, set, moneys)?,
        missing: members.keys().filter(|member| !posted.contains_key(member)).copied().collect(),
    })
}

/// Adds (sign = 1) and subtracts (sign = −1) ciphertexts into a total.
pub(crate) fn sum_ciphers(
    cycle: &GateFacts,
    index: SumIndex,
    set: Digest,
    ciphers: impl Iterator<Item = (i8, Cipher)>,
) -> Result<CycleTotal, Refusal> {
    let (mut k, mut m) = (RistrettoPoint::identity(), RistrettoPoint::identity());
    for (sign, cipher) in ciphers {
        if sign < 0 {
            k -= cipher.k.point();
            m -= cipher.m.point();
        } else {
            k += cipher.k.point();
            m += cipher.m.point();
        }
    }
    let k = Point::new(k).ok_or(Refusal::SumDegenerate)?;
    Ok(CycleTotal::new(SealedSum::new(*cycle, index, set, k, Commitment::new(m))))
}

/// Judges a cycle's energy: supplied less used must lie in [0, `loss_max`].
///
/// # Errors
/// It does not, or the opened sum is another.
pub fn check_balance(energy: &Opened, loss_max: Joules) -> Result<Joules, Refusal> {
    if energy.index() != SumIndex::CycleEnergy {
        return Err(Refusal::OutOfTurn);
    }
    let lost = i64::try_from(energy.value()).map_err(|_| Refusal::Bounds)?;
    if (0..=loss_max.0).contains(&lost) { Ok(Joules(lost)) } else { Err(Refusal::BalanceOutside) }
}
