//! A whole sealed market in one process: certifier, key holders and every party, each with its own secrets.
//!
//! What the demo shows, the benches time and the tests attack is this, so that all three run the real steps in
//! the real order. A node does the same with the ledger between the parties. Nothing here is a shortcut: each
//! party proves with what it knows, and every posting passes through its bytes' types.

use crate::{
    account::{Account, Accounts},
    book::{Book, ClosedBook, SealedGate},
    curve::{Curve, Limits},
    cycle::CycleTotal,
    gate::{Outcome, Role, Seat},
    group::{Opening, Point, SecretScalar},
    holder::{Closing, Holder, Intent},
    keygen::{Committee, Dealing, Dealings, EpochKey, KeygenError, Receiver},
    limit::{Limit, LimitCertificate, LimitOpenings, LiveLimit, Registry, SourceClass},
    logarithm::LogTable,
    metering::{MeterFacts, energy_width},
    opening::{OpenSum, Opened, SealedSum, assemble},
    refusal::Refusal,
    submission::{
        Admission, SealError, Submission, SubmissionSecret, VerifiedSubmission, Wallet, seal_curve,
        seal_firm,
    },
    tariff::{MONEY_PER_MICRO, Tariff},
    transcript::GateFacts,
};
use commonware_cryptography::{Hasher as _, Sha256, Signer as _, ed25519, sha256::Digest};
use gridaccord_model::{GateId, Interval, MemberId, Money, OwnerId, TimeS, Watts};
use rand_core::CryptoRng;
use std::collections::{BTreeMap, BTreeSet};

/// A party before it has keys and certificates.
#[derive(Clone, Debug)]
pub struct PartySpec {
    /// For people.
    pub name: String,
    /// Who stands behind it.
    pub owner: OwnerId,
    /// What it is on the bus.
    pub role: Role,
    /// Where its energy comes from.
    pub source: SourceClass,
    /// Criticality of its demand.
    pub tier: u8,
    /// What its device can do.
    pub limits: Limits,
    /// What it puts into its account.
    pub deposit: Money,
}

/// A party: its public seat and certificate, and its secrets.
#[derive(Debug)]
pub struct Party {
    /// For people.
    pub name: String,
    /// Its public place.
    pub seat: Seat,
    /// Its limits in the clear: its own.
    pub limits: Limits,
    /// Openings of its certificate: its own.
    pub openings: LimitOpenings,
    /// The posted certificate.
    pub certificate: LimitCertificate,
    /// The certificate as checked by everybody.
    pub live: LiveLimit,
    /// Its meter's key.
    pub meter: ed25519::PrivateKey,
    /// Opening of its balance.
    pub balance: Opening,
}

/// What a party offers.
pub enum Offered {
    /// A curve.
    Curve(Box<Curve>),
    /// Firm demand, W, at least 0.
    Firm(Watts),
}

impl core::fmt::Debug for Offered {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Offered(..)")
    }
}

/// A market with its parties.
#[derive(Debug)]
pub struct Rehearsal {
    /// The gate.
    pub gate: GateFacts,
    /// The tariff.
    pub tariff: Tariff,
    /// The certifier's register.
    pub registry: Registry,
    /// The certifier's key.
    pub certifier: ed25519::PrivateKey,
    /// The epoch's key.
    pub epoch: EpochKey,
    /// Key holders.
    pub holders: Vec<Holder>,
    /// Parties by member id.
    pub parties: Vec<Party>,
    /// Balances.
    pub accounts: Accounts,
    table: LogTable,
}

/// Why a rehearsal stops.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RehearsalError {
    /// A rule.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Key generation.
    #[error(transparent)]
    Keygen(#[from] KeygenError),
    /// A party cannot prove what it wants to post.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// An opening.
    #[error(transparent)]
    Assemble(#[from] crate::opening::AssembleError),
}

/// Generates a key among honest holders, all steps included.
///
/// # Errors
/// The committee's size is out of bounds.
pub fn generate_key(
    chain: Digest,
    epoch: u64,
    holders: u16,
    rng: &mut impl CryptoRng,
) -> Result<(EpochKey, Vec<Holder>), RehearsalError> {
    let secrets: Vec<SecretScalar> = (0..holders).map(|_| SecretScalar::random(rng)).collect();
    let keys: Vec<Point> =
        secrets.iter().filter_map(|secret| Point::new(secret.public())).collect();
    let committee = Committee::new(chain, epoch, keys)?;
    let mut dealings = Dealings::open(committee.clone());
    for dealer in 0..holders {
        dealings.post(Dealing::deal(&committee, dealer, rng)?)?;
    }
    let complaints = dealings.close();
    let key = complaints.clone().close()?;
    let holders = (0u16..)
        .zip(secrets)
        .map(|(position, secret)| {
            let share = Receiver::new(position, secret)
                .share(&complaints, &key)
                .ok_or(Refusal::ShareFalse)?;
            Holder::new(share, key.clone(), &[])
        })
        .collect::<Result<Vec<_>, Refusal>>()?;
    Ok((key, holders))
}

/// A dealing whose proofs hold and whose share for `victim` is false, to rehearse complaints with.
///
/// # Errors
/// `dealer` is not of the committee.
pub fn deal_falsely(
    committee: &Committee,
    dealer: u16,
    victim: u16,
    rng: &mut impl CryptoRng,
) -> Result<Dealing, KeygenError> {
    Dealing::deal_falsely(committee, dealer, victim, rng)
}

impl Rehearsal {
    /// Sets a market up: key generation, certificates, deposits.
    ///
    /// # Errors
    /// The tariff, a limit or the number of holders is out of bounds.
    pub fn new(
        tariff: Tariff,
        specs: &[PartySpec],
        holders: u16,
        duration_s: u32,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, RehearsalError> {
        tariff.check()?;
        let chain = Sha256::hash(&[b"gridaccord/rehearsal"]);
        let (epoch, holders) = generate_key(chain, 1, holders, rng)?;
        let interval = Interval { start: TimeS(1_800_000_000), duration_s };
        let gate = GateFacts {
            chain,
            gate: GateId(1),
            interval,
            epoch: 1,
            key: epoch.key(),
            grid: tariff.hash(),
        };
        let certifier = ed25519::PrivateKey::from_seed(rng.next_u64());
        let registry = Registry {
            chain,
            certifier: certifier.public_key(),
            revoked: BTreeSet::new(),
            forbidden: BTreeSet::new(),
        };
        let mut accounts = Accounts::default();
        accounts.deposit(Account::Pool, 0)?;
        let mut parties = Vec::with_capacity(specs.len());
        for (member, spec) in (0u16..).map(MemberId).zip(specs) {
            tariff
                .check_widths(Watts(spec.limits.import.0.max(spec.limits.export.0)), duration_s)?;
            let deposit = i128::from(spec.deposit.0).saturating_mul(MONEY_PER_MICRO);
            accounts.deposit(Account::Member(member), deposit)?;
            parties.push(certify(spec, member, &gate, &certifier, &registry, rng)?);
        }
        Ok(Self {
            gate,
            tariff,
            registry,
            certifier,
            epoch,
            holders,
            parties,
            accounts,
            table: LogTable::new(16),
        })
    }

    /// The party behind a member.
    #[must_use]
    pub fn party(&self, member: MemberId) -> Option<&Party> {
        self.parties.get(usize::from(member.0))
    }

    /// Moves on to another gate over the same interval length.
    pub const fn next_gate(&mut self) {
        let interval = self.gate.interval;
        self.gate.gate = GateId(self.gate.gate.0.saturating_add(1));
        self.gate.interval = Interval { start: interval.end(), duration_s: interval.duration_s };
    }

    /// What a party's submission is judged by.
    #[must_use]
    pub fn admission(&self, party: &Party) -> Admission {
        Admission {
            gate: self.gate,
            tariff: self.tariff,
            limit: party.live.clone(),
            balance: self.accounts.balance(&Account::Member(party.seat.member)),
            allowance: None,
            unbilled: 0,
        }
    }

    /// What a party's reading is judged by.
    #[must_use]
    pub fn meter_facts(&self, party: &Party, sequence: u64) -> MeterFacts {
        let rating = Watts(party.limits.import.0.max(party.limits.export.0));
        MeterFacts {
            gate: self.gate,
            limit: party.live.clone(),
            agent: party.meter.public_key(),
            sequence,
            width: energy_width(rating, self.gate.interval.duration_s),
        }
    }

    /// A party seals what it offers.
    ///
    /// # Errors
    /// It breaks a rule, or is not funded.
    pub fn seal(
        &self,
        party: &Party,
        offered: &Offered,
        rng: &mut impl CryptoRng,
    ) -> Result<(Submission, SubmissionSecret), SealError> {
        let facts = self.admission(party);
        let wallet = Wallet { limits: &party.openings, balance: &party.balance, allowance: None };
        match offered {
            Offered::Curve(curve) => seal_curve(curve, &facts, &wallet, rng),
            Offered::Firm(demand) => seal_firm(*demand, &facts, &wallet, rng),
        }
    }

    /// Verifies all submissions in one batch.
    ///
    /// # Errors
    /// The first one refused.
    pub fn verify(&self, submissions: Vec<Submission>) -> Result<Vec<VerifiedSubmission>, Refusal> {
        let facts: BTreeMap<MemberId, Admission> =
            self.parties.iter().map(|party| (party.seat.member, self.admission(party))).collect();
        let batch = submissions
            .into_iter()
            .map(|submission| {
                let facts = facts.get(&submission.participant).ok_or(Refusal::WrongPlace)?;
                Ok((submission, facts))
            })
            .collect::<Result<Vec<_>, Refusal>>()?;
        crate::statement::verify_all(batch).into_iter().collect()
    }

    /// Closes a book over verified curves.
    ///
    /// # Errors
    /// A second curve of a member, or too few owners.
    pub fn close(&self, curves: Vec<VerifiedSubmission>) -> Result<ClosedBook, Refusal> {
        let mut book = Book::open(self.gate);
        for curve in curves {
            let party = self.party(curve.get().participant).ok_or(Refusal::WrongPlace)?;
            book.admit(party.seat.owner, &party.live, curve)?;
        }
        book.close()
    }

    /// Opens sums until the gate is decided; gives back every opening, as posted.
    ///
    /// # Errors
    /// A holder refuses, or an opening does not verify.
    pub fn decide(
        &mut self,
        gate: &mut SealedGate,
        rng: &mut impl CryptoRng,
    ) -> Result<(Outcome, Vec<OpenSum>), RehearsalError> {
        let mut posted = Vec::new();
        loop {
            if let Some(outcome) = gate.outcome() {
                return Ok((outcome, posted));
            }
            let sum = gate.next_sum()?.ok_or(Refusal::OutOfTurn)?;
            let (open, opened) =
                self.open(&sum, |holder| holder.intend(gate, Closing::Final), rng)?;
            gate.accept(&opened)?;
            posted.push(open);
        }
    }

    /// Opens a cycle's total.
    ///
    /// # Errors
    /// A holder refuses, or the opening does not verify.
    pub fn open_total(
        &mut self,
        total: &CycleTotal,
        rng: &mut impl CryptoRng,
    ) -> Result<Opened, RehearsalError> {
        let sum = *total.sum();
        self.open(&sum, |holder| holder.intend_total(total, Closing::Final), rng)
            .map(|(_, opened)| opened)
    }

    fn open(
        &mut self,
        sum: &SealedSum,
        intend: impl Fn(&Holder) -> Result<Intent, Refusal>,
        rng: &mut impl CryptoRng,
    ) -> Result<(OpenSum, Opened), RehearsalError> {
        let mut shares = Vec::new();
        for holder in &mut self.holders {
            let intent = intend(holder)?;
            shares.push(holder.give(intent.persisted(), rng)?);
        }
        let open = assemble(sum, &self.epoch, &shares, &self.table, 1 << 42)?;
        let opened = open.verify(sum, &self.epoch)?;
        Ok((open, opened))
    }
}

fn certify(
    spec: &PartySpec,
    member: MemberId,
    gate: &GateFacts,
    certifier: &ed25519::PrivateKey,
    registry: &Registry,
    rng: &mut impl CryptoRng,
) -> Result<Party, Refusal> {
    let meter = ed25519::PrivateKey::from_seed(rng.next_u64());
    let openings = LimitOpenings {
        import: Opening::hide(i128::from(spec.limits.import.0), rng),
        export: Opening::hide(i128::from(spec.limits.export.0), rng),
        reserve: Opening::hide(i128::from(spec.limits.reserve.0), rng),
    };
    let limit = Limit {
        chain: gate.chain,
        participant: member,
        device: 0,
        role: spec.role,
        source: spec.source,
        carbon_mg_per_kwh: 0,
        tier: spec.tier,
        meter: meter.public_key(),
        import: openings.import.commit(),
        export: openings.export.commit(),
        reserve: openings.reserve.commit(),
        valid_from: TimeS(0),
        valid_until: TimeS(u64::MAX),
        serial: 1,
    };
    let certificate = LimitCertificate::issue(limit, certifier);
    let live = certificate.check(member, gate.interval, registry)?;
    let balance = i128::from(spec.deposit.0).saturating_mul(MONEY_PER_MICRO);
    Ok(Party {
        name: spec.name.clone(),
        seat: Seat { member, owner: spec.owner, role: spec.role, tier: spec.tier },
        limits: spec.limits,
        openings,
        certificate,
        live,
        meter,
        balance: Opening::public(balance),
    })
}
