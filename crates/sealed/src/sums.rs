//! The sums of a closed book, and the public search over them: all that is left of the curves once they are closed.
//!
//! A table is computed once, when a gate closes, and is a few kilobytes whatever the number of curves; replicas,
//! openers and key holders follow the gate through it. Nothing in it is secret.

use crate::{
    clearing::{Search, Share},
    gate::{GateRun, Outcome, Seat, Step, SumIndex},
    group::{Commitment, Point},
    opening::{Opened, SealedSum},
    refusal::Refusal,
    tariff::{PRICES, Tariff},
    transcript::GateFacts,
};
use commonware_codec::{Buf, Error, FixedSize, Read, Write};
use commonware_cryptography::sha256::Digest;
use gridaccord_model::{MemberId, Watts, codec::Bounded, codec_struct};

/// Most curves in one gate.
pub const CURVES_MAX: usize = 1_024;
/// Most groups of tiers: a tier is one byte.
pub const TIERS_MAX: usize = 256;

/// A sum's ciphertext. Its K may be the identity: then the sum cannot be opened, and the gate fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SumCipher {
    /// ΣK.
    pub k: Commitment,
    /// ΣM.
    pub m: Commitment,
}

impl Write for SumCipher {
    fn write(&self, buf: &mut impl bytes::BufMut) {
        self.k.write(buf);
        self.m.write(buf);
    }
}

impl FixedSize for SumCipher {
    const SIZE: usize = Commitment::SIZE + Commitment::SIZE;
}

impl Read for SumCipher {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        Ok(Self { k: Commitment::read_cfg(buf, &())?, m: Commitment::read_cfg(buf, &())? })
    }
}

/// Demand at the cap of one group of tiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierSum {
    /// The group, by its least critical tier.
    pub least_critical: u8,
    /// Its sum.
    pub cipher: SumCipher,
}

codec_struct!(TierSum { least_critical, cipher });

/// Every sum that may be opened over one closed book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SumTable {
    /// Hash of the set of curves.
    pub set: Digest,
    /// Who takes part.
    pub seats: Bounded<Seat, CURVES_MAX>,
    /// Z_1 … Z_P.
    pub prices: [SumCipher; PRICES],
    /// Σr.
    pub reserve: SumCipher,
    /// Groups of consumers.
    pub tiers: Bounded<TierSum, TIERS_MAX>,
}

codec_struct!(SumTable { set, seats, prices, reserve, tiers });

impl SumTable {
    /// One of the sums.
    ///
    /// # Errors
    /// The table has no such sum, or its ciphertext is degenerate.
    pub fn sum(&self, gate: &GateFacts, index: SumIndex) -> Result<SealedSum, Refusal> {
        let cipher = match index {
            SumIndex::Price(k) => self.prices.get(usize::from(k).wrapping_sub(1)),
            SumIndex::Reserve => Some(&self.reserve),
            SumIndex::Tier(tier) => {
                let group = self.tiers.iter().find(|group| group.least_critical == tier);
                group.map(|group| &group.cipher)
            }
            _ => None,
        };
        let cipher = cipher.ok_or(Refusal::OutOfTurn)?;
        let k = Point::new(cipher.k.point()).ok_or(Refusal::SumDegenerate)?;
        Ok(SealedSum::new(*gate, index, self.set, k, cipher.m))
    }
}

/// A gate's public search, step by step.
#[derive(Clone, Debug)]
pub struct SumSearch {
    gate: GateFacts,
    table: SumTable,
    run: GateRun,
}

impl SumSearch {
    /// Starts the search. `absorb_max` is what the grid-forming resource takes in surplus.
    #[must_use]
    pub fn new(
        gate: GateFacts,
        table: SumTable,
        tariff: Tariff,
        absorb_max: Watts,
        search: Search,
    ) -> Self {
        let run = GateRun::new(tariff, absorb_max, &table.seats, search);
        Self { gate, table, run }
    }

    /// The gate.
    #[must_use]
    pub const fn gate(&self) -> &GateFacts {
        &self.gate
    }

    /// The table.
    #[must_use]
    pub const fn table(&self) -> &SumTable {
        &self.table
    }

    /// The numbers opened so far, and what follows from them.
    #[must_use]
    pub const fn run(&self) -> &GateRun {
        &self.run
    }

    /// The sum to be opened now; `None` once the gate is decided.
    ///
    /// # Errors
    /// The sum's ciphertext is degenerate: the gate fails.
    pub fn next_sum(&self) -> Result<Option<SealedSum>, Refusal> {
        match self.run.step() {
            Step::Open(index) => self.table.sum(&self.gate, index).map(Some),
            Step::Done(_) => Ok(None),
        }
    }

    /// Takes an opened sum.
    ///
    /// # Errors
    /// It is of another gate or set, or not the sum to be opened now.
    pub fn accept(&mut self, opened: &Opened) -> Result<(), Refusal> {
        if opened.gate() != self.gate.gate || opened.set() != self.table.set {
            return Err(Refusal::WrongPlace);
        }
        self.run.record(opened.index(), opened.value()).map_err(|_| Refusal::OutOfTurn)
    }

    /// Takes a sum that was verified when it was posted, as a ledger's record has it.
    ///
    /// # Errors
    /// It is not the sum to be opened now.
    pub fn recall(&mut self, index: SumIndex, value: i64) -> Result<(), Refusal> {
        self.run.record(index, i128::from(value)).map_err(|_| Refusal::OutOfTurn)
    }

    /// What was decided; `None` while sums are left to open.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        match self.run.step() {
            Step::Open(_) => None,
            Step::Done(outcome) => Some(outcome),
        }
    }

    /// What one member's set point is made of; `None` before a decision, and where there is none.
    #[must_use]
    pub fn share(&self, member: MemberId) -> Option<Share> {
        self.run.share(member)
    }
}
