//! The closing book: which verified curves stand, what their sums are, and what follows for each member.
//!
//! Open → closed is a change of type; a closed book takes nothing more, so that all sums are over one set.

use crate::{
    clearing::{Search, Share},
    gate::{GateRun, OWNERS_MIN, Outcome, Role, Seat, tier_groups},
    group::{Commitment, Opening, combine},
    limit::LiveLimit,
    opening::{Opened, SealedSum},
    refusal::Refusal,
    statement::Cipher,
    submission::{Body, SubmissionSecret, VerifiedSubmission},
    sums::{CURVES_MAX, SumCipher, SumSearch, SumTable, TierSum},
    tariff::{PRICES, SCALE, Tariff},
    transcript::GateFacts,
};
use commonware_codec::Encode as _;
use commonware_cryptography::{Hasher as _, Sha256, sha256::Digest};
use curve25519_dalek::{RistrettoPoint, traits::Identity as _};
use gridaccord_model::{MemberId, OwnerId, Watts, codec::Bounded};
use std::collections::{BTreeMap, BTreeSet};

/// Curves standing before closing, one a member.
#[derive(Debug)]
pub struct Book {
    gate: GateFacts,
    entries: BTreeMap<MemberId, (Seat, Body)>,
}

impl Book {
    /// An empty book for a gate.
    #[must_use]
    pub const fn open(gate: GateFacts) -> Self {
        Self { gate, entries: BTreeMap::new() }
    }

    /// Admits a verified curve, or leaves the book as it was. Role and tier are the certificate's.
    ///
    /// # Errors
    /// The curve was not verified in this gate, all its facts included, and under this certificate; one of the
    /// member's stands; or the book is full.
    pub fn admit(
        &mut self,
        owner: OwnerId,
        limit: &LiveLimit,
        curve: VerifiedSubmission,
    ) -> Result<(), Refusal> {
        if *curve.place() != limit.place(&self.gate)? {
            return Err(Refusal::WrongPlace);
        }
        let curve = curve.into_inner();
        let (member, limit) = (curve.participant, limit.limit());
        let seat = Seat { member, owner, role: limit.role, tier: limit.tier };
        if self.entries.contains_key(&seat.member) {
            return Err(Refusal::CurveStands);
        }
        if self.entries.len() >= CURVES_MAX {
            return Err(Refusal::Bounds);
        }
        self.entries.insert(seat.member, (seat, curve.body));
        Ok(())
    }

    /// Closes the book: from here on every sum is over this set.
    ///
    /// # Errors
    /// Fewer than three owners of supply, or of demand: a sum would say too much about one of them. Who
    /// posts firm demand is publicly no supply, whatever its role: a lone curve would stand bare in the sums.
    pub fn close(self) -> Result<ClosedBook, Refusal> {
        let owners = |stands: &dyn Fn(Role, &Body) -> bool| {
            let stand = self.entries.values().filter(|(seat, body)| stands(seat.role, body));
            stand.map(|(seat, _)| seat.owner).collect::<BTreeSet<OwnerId>>().len()
        };
        let supply = owners(&|role, body| {
            matches!(role, Role::Supplier | Role::Storage) && matches!(body, Body::Curve(_))
        });
        let demand = owners(&|role, _| matches!(role, Role::Consumer | Role::Campus));
        if supply < OWNERS_MIN || demand < OWNERS_MIN {
            return Err(Refusal::OwnersTooFew);
        }
        let mut hasher = Sha256::default();
        hasher.update(b"gridaccord/sealed/set/v1");
        hasher.update(&self.gate.encode());
        for (seat, body) in self.entries.values() {
            hasher.update(&seat.encode());
            hasher.update(&Sha256::hash(&[&body.encode()]));
        }
        let set = hasher.finalize().1;
        Ok(ClosedBook { gate: self.gate, entries: self.entries, set })
    }
}

/// All curves of a gate, after closing.
#[derive(Debug)]
pub struct ClosedBook {
    gate: GateFacts,
    entries: BTreeMap<MemberId, (Seat, Body)>,
    set: Digest,
}

impl ClosedBook {
    /// The gate.
    #[must_use]
    pub const fn gate(&self) -> &GateFacts {
        &self.gate
    }

    /// Hash of the set of curves: what shares are given for.
    #[must_use]
    pub const fn set(&self) -> Digest {
        self.set
    }

    /// Who takes part.
    #[must_use]
    pub fn seats(&self) -> Vec<Seat> {
        self.entries.values().map(|(seat, _)| *seat).collect()
    }

    /// All sums that may ever be opened over this set.
    #[must_use]
    pub fn table(&self) -> SumTable {
        let prices =
            core::array::from_fn(|k| self.sum(None, |body| body.cipher(k.saturating_add(1))));
        let reserve = self.sum(None, Body::reserve_cipher);
        let tiers = tier_groups(&self.seats())
            .into_iter()
            .map(|group| TierSum {
                least_critical: group.least_critical,
                cipher: self.sum(Some(&group.members), |body| body.cipher(PRICES)),
            })
            .collect();
        SumTable {
            set: self.set,
            seats: Bounded::new(self.seats()).expect("admission bounds the book"),
            prices,
            reserve,
            tiers: Bounded::new(tiers).expect("a tier is one byte"),
        }
    }

    fn sum(
        &self,
        members: Option<&BTreeSet<MemberId>>,
        cipher: impl Fn(&Body) -> Option<Cipher>,
    ) -> SumCipher {
        let taken = self
            .entries
            .iter()
            .filter(|(member, _)| members.is_none_or(|members| members.contains(member)));
        let (mut k, mut m) = (RistrettoPoint::identity(), RistrettoPoint::identity());
        for cipher in taken.filter_map(|(_, (_, body))| cipher(body)) {
            k += cipher.k.point();
            m += cipher.m.point();
        }
        SumCipher { k: Commitment::new(k), m: Commitment::new(m) }
    }
}

/// A sealed gate between closing and decision: the public search over hidden curves.
#[derive(Debug)]
pub struct SealedGate {
    book: ClosedBook,
    search: SumSearch,
}

impl SealedGate {
    /// Starts the search over a closed book. `absorb_max` is what the grid-forming resource takes in surplus.
    #[must_use]
    pub fn new(book: ClosedBook, tariff: Tariff, absorb_max: Watts, search: Search) -> Self {
        let search = SumSearch::new(book.gate, book.table(), tariff, absorb_max, search);
        Self { book, search }
    }

    /// The closed book.
    #[must_use]
    pub const fn book(&self) -> &ClosedBook {
        &self.book
    }

    /// The search over the book's sums.
    #[must_use]
    pub const fn search(&self) -> &SumSearch {
        &self.search
    }

    /// The numbers opened so far, and what follows from them.
    #[must_use]
    pub const fn run(&self) -> &GateRun {
        self.search.run()
    }

    /// The sum to be opened now; `None` once the gate is decided.
    ///
    /// # Errors
    /// The sum's ciphertext is degenerate: the gate fails.
    pub fn next_sum(&self) -> Result<Option<SealedSum>, Refusal> {
        self.search.next_sum()
    }

    /// Takes an opened sum.
    ///
    /// # Errors
    /// It is of another gate or set, or not the sum to be opened now.
    pub fn accept(&mut self, opened: &Opened) -> Result<(), Refusal> {
        self.search.accept(opened)
    }

    /// What was decided; `None` while sums are left to open.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.search.outcome()
    }

    /// S·Com(g) of a member: what everybody derives, and all that is ever known of its set point.
    #[must_use]
    pub fn set_point(&self, member: MemberId) -> Option<Commitment> {
        let (_, body) = self.book.entries.get(&member)?;
        derive_set_point(body, self.run().share(member)?)
    }

    /// Com(r) of a member: what its reserve payment is linear in.
    #[must_use]
    pub fn reserve(&self, member: MemberId) -> Option<Commitment> {
        self.book.entries.get(&member).map(|(_, body)| body.reserve())
    }
}

/// S·Com(g) from a posted curve.
#[must_use]
pub fn derive_set_point(body: &Body, share: Share) -> Option<Commitment> {
    let terms = share.terms();
    let reserve = body.reserve();
    let points =
        terms.points.map(|(k, coefficient)| body.point(k).map(|point| (coefficient, point)));
    let [first, second] = points;
    let ((a, x), (b, y)) = (first?, second?);
    Some(combine(&[(a, &x), (b, &y), (terms.reserve, &reserve)], 0))
}

/// A member's own set point: the opening of S·Com(g), and the watts it carries out, rounded down.
pub struct OwnSetPoint {
    /// Opening of S·Com(g).
    pub scaled: Opening,
    /// ⌊g⌋.
    pub power: Watts,
}

impl core::fmt::Debug for OwnSetPoint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("OwnSetPoint(..)")
    }
}

/// What a member works out for itself from its secret and the public share.
#[must_use]
pub fn own_set_point(secret: &SubmissionSecret, share: Share) -> Option<OwnSetPoint> {
    let terms = share.terms();
    let [(first, a), (second, b)] = terms.points;
    let parts =
        [(a, secret.point(first)?), (b, secret.point(second)?), (terms.reserve, &secret.reserve)];
    let scaled = Opening::combine(&parts, 0)?;
    let power = i64::try_from(scaled.value().checked_div_euclid(SCALE)?).ok().map(Watts)?;
    Some(OwnSetPoint { scaled, power })
}
