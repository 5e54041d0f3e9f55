//! A bill: one party's file for one cycle. It verifies without a network and holds that party's lines only.
//!
//! The lines' commitments and public prices give Com(V); the closing's proof shows that Q is V rounded down to
//! whole µ; the bill opens Q to whoever holds the file. What it cannot show by itself is that its lines are the
//! ledger's: for that it names the finalised root they stand under.

use crate::{
    account::Line,
    cycle::{CycleClose, CycleFacts},
    group::{Commitment, Opening, WireScalar, combine},
    refusal::Refusal,
    statement::{Proof, Provable, Statement, Verified, verify_statements},
    submission::WireVersion,
    transcript::GateFacts,
};
use commonware_codec::Encode as _;
use commonware_cryptography::{Hasher as _, Sha256, sha256::Digest};
use gridaccord_model::{MemberId, Money, codec::Bounded, codec_struct};

/// Most lines in a bill: a month of quarter-hours and some.
pub const LINES_MAX: usize = 4_096;
/// First bytes of a bill file.
pub const MAGIC: [u8; 8] = *b"GABILL\0\x01";

/// A bill file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Marks the file and its version.
    pub magic: Magic,
    /// Wire format of what follows.
    pub version: WireVersion,
    /// The cycle it bills.
    pub cycle: GateFacts,
    /// Whose bill.
    pub participant: MemberId,
    /// Height of the finalised block.
    pub height: u64,
    /// Its state root.
    pub root: Digest,
    /// Intervals, gates rising.
    pub lines: Bounded<Line, LINES_MAX>,
    /// The cycle's closing.
    pub close: CycleClose,
    /// Q: the credit in whole µ; negative where the party owes.
    pub total: Money,
    /// Opens Com(Q).
    pub blinding: WireScalar,
}

codec_struct!(Bill {
    magic,
    version,
    cycle,
    participant,
    height,
    root,
    lines,
    close,
    total,
    blinding
});

/// The mark of a bill file: any other bytes are refused on reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Magic;

impl commonware_codec::Write for Magic {
    fn write(&self, buf: &mut impl bytes::BufMut) {
        buf.put_slice(&MAGIC);
    }
}

impl commonware_codec::FixedSize for Magic {
    const SIZE: usize = 8;
}

impl commonware_codec::Read for Magic {
    type Cfg = ();
    fn read_cfg(
        buf: &mut impl commonware_codec::Buf,
        (): &(),
    ) -> Result<Self, commonware_codec::Error> {
        let bytes = <[u8; 8]>::read_cfg(buf, &())?;
        if bytes == MAGIC {
            Ok(Self)
        } else {
            Err(commonware_codec::Error::Invalid("Bill", "not a bill file"))
        }
    }
}

impl Bill {
    /// What the lines add up to: net energy and money over the cycle, as everybody derives them.
    ///
    /// # Errors
    /// No lines, or gates do not rise.
    pub fn facts(&self) -> Result<CycleFacts, Refusal> {
        cycle_facts(&self.cycle, self.participant, &self.lines)
    }

    /// Hash of the lines: what a light proof ties to the root.
    #[must_use]
    pub fn lines_hash(&self) -> Digest {
        Sha256::hash(&[
            b"gridaccord/sealed/bill lines/v1",
            &self.participant.encode(),
            &self.lines.encode(),
        ])
    }
}

/// Adds a member's lines of one cycle up.
///
/// # Errors
/// No lines, or gates do not rise.
pub fn cycle_facts(
    cycle: &GateFacts,
    participant: MemberId,
    lines: &[Line],
) -> Result<CycleFacts, Refusal> {
    if lines.is_empty() || lines.windows(2).any(|pair| pair[0].gate >= pair[1].gate) {
        return Err(Refusal::BillLine);
    }
    let amounts: Vec<Commitment> = lines.iter().map(Line::amount).collect();
    let energies: Vec<Commitment> = lines.iter().map(|line| line.registers.net()).collect();
    let sum =
        |parts: &[Commitment]| combine(&parts.iter().map(|part| (1, part)).collect::<Vec<_>>(), 0);
    Ok(CycleFacts { cycle: *cycle, participant, energy: sum(&energies), money: sum(&amounts) })
}

impl Provable for Bill {
    /// The root the reader trusts, where it has one.
    type Facts = Option<Digest>;

    fn statement(&self, root: &Option<Digest>) -> Result<Statement, Refusal> {
        if root.is_some_and(|root| root != self.root) {
            return Err(Refusal::BillRoot);
        }
        let statement = self.close.statement(&self.facts()?)?;
        if !self.close.whole.opens_to(i128::from(self.total.0), &self.blinding.0) {
            return Err(Refusal::BillTotal);
        }
        Ok(statement)
    }

    fn proof(&self) -> &Proof {
        self.close.proof()
    }
}

/// Makes the bill of a closed cycle. `whole` opens the closing's Q.
///
/// # Errors
/// Too many lines, or the total leaves its range.
pub fn make_bill(
    cycle: &GateFacts,
    (height, root): (u64, Digest),
    lines: Vec<Line>,
    close: CycleClose,
    whole: &Opening,
) -> Result<Bill, Refusal> {
    Ok(Bill {
        magic: Magic,
        version: WireVersion,
        cycle: *cycle,
        participant: close.participant,
        height,
        root,
        lines: Bounded::new(lines).map_err(|_| Refusal::BillLine)?,
        close,
        total: Money(i64::try_from(whole.value()).map_err(|_| Refusal::Bounds)?),
        blinding: WireScalar(whole.expose_blinding()),
    })
}

/// Verifies many bills in one batch and names the false ones by position.
#[must_use]
pub fn verify_bills(bills: &[Bill], root: Option<Digest>) -> Vec<(usize, Refusal)> {
    let mut refused = Vec::new();
    let mut statements = Vec::with_capacity(bills.len());
    for (position, bill) in bills.iter().enumerate() {
        match bill.statement(&root) {
            Ok(statement) => statements.push((position, statement, bill.proof())),
            Err(refusal) => refused.push((position, refusal)),
        }
    }
    let batch: Vec<(&Statement, &Proof)> =
        statements.iter().map(|(_, statement, proof)| (statement, *proof)).collect();
    for (within, refusal) in verify_statements(&batch) {
        refused.extend(statements.get(within).map(|(position, _, _)| (*position, refusal)));
    }
    refused.sort_unstable_by_key(|(position, _)| *position);
    refused
}

/// A bill that verified.
pub type VerifiedBill = Verified<Bill>;
