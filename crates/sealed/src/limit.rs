//! Limit certificates: a certifier's word for what a device can do, with the numbers hidden.
//!
//! The certifier knows L, C and Q and hands their openings, each in [0, 2³¹), to the participant; everybody
//! else sees commitments. Availability (sun, charge) is not certified: deviation penalties enforce it.

use crate::{
    gate::Role,
    group::{Commitment, Opening},
    refusal::Refusal,
    transcript::{GateFacts, Place},
};
use commonware_codec::Encode as _;
use commonware_cryptography::{
    Hasher as _, Sha256, Signer as _, Verifier as _, ed25519, sha256::Digest,
};
use gridaccord_model::{Interval, MemberId, TimeS, codec_enum, codec_struct};
use std::collections::BTreeSet;

/// Domain of certifiers' signatures.
const NAMESPACE: &[u8] = b"gridaccord/sealed/limit/v1";

/// Where a device's energy comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceClass {
    /// No source: a load.
    None,
    /// Sun.
    Solar,
    /// Wind.
    Wind,
    /// Heat of the earth.
    Geothermal,
    /// Fuel grown.
    Biofuel,
    /// Fuel dug up.
    Fossil,
    /// Whatever the macrogrid delivers.
    Grid,
    /// Stored from elsewhere.
    Storage,
}

codec_enum!(SourceClass {
    None = 0,
    Solar = 1,
    Wind = 2,
    Geothermal = 3,
    Biofuel = 4,
    Fossil = 5,
    Grid = 6,
    Storage = 7,
});

/// What is certified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Hash of the genesis document.
    pub chain: Digest,
    /// Whose device.
    pub participant: MemberId,
    /// Which device of the participant's.
    pub device: u16,
    /// What it is on the bus.
    pub role: Role,
    /// Where its energy comes from.
    pub source: SourceClass,
    /// Greenhouse gas per kWh injected, mg CO2e.
    pub carbon_mg_per_kwh: u32,
    /// Criticality of its demand; the greatest number is shed first.
    pub tier: u8,
    /// Key of the meter that signs its readings.
    pub meter: ed25519::PublicKey,
    /// Com(L).
    pub import: Commitment,
    /// Com(C).
    pub export: Commitment,
    /// Com(Q).
    pub reserve: Commitment,
    /// First second it holds, UTC.
    pub valid_from: TimeS,
    /// First second it no longer holds, UTC.
    pub valid_until: TimeS,
    /// Rises with every certificate of a device; revocation names it.
    pub serial: u64,
}

codec_struct!(Limit {
    chain,
    participant,
    device,
    role,
    source,
    carbon_mg_per_kwh,
    tier,
    meter,
    import,
    export,
    reserve,
    valid_from,
    valid_until,
    serial,
});

/// A limit with its certifier's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitCertificate {
    /// What is certified.
    pub limit: Limit,
    /// The certifier's signature over it.
    pub signature: ed25519::Signature,
}

codec_struct!(LimitCertificate { limit, signature });

/// A device and a serial number: what a revocation names.
pub type Serial = (MemberId, u16, u64);

/// Public state certificates are judged by.
#[derive(Clone, Debug)]
pub struct Registry {
    /// Hash of the genesis document.
    pub chain: Digest,
    /// Key of the certifier.
    pub certifier: ed25519::PublicKey,
    /// Certificates that no longer count; a newer certificate of a device revokes the older one.
    pub revoked: BTreeSet<Serial>,
    /// Classes that must not inject under the carbon rules.
    pub forbidden: BTreeSet<SourceClass>,
}

/// A certificate that held for one participant and interval: only [`LimitCertificate::check`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveLimit {
    limit: Limit,
    hash: Digest,
}

impl LiveLimit {
    /// What is certified.
    #[must_use]
    pub const fn limit(&self) -> &Limit {
        &self.limit
    }

    /// Hash of the certificate, bound into proofs.
    #[must_use]
    pub const fn hash(&self) -> Digest {
        self.hash
    }

    /// The participant's place in a gate. With it, what is used in one gate cannot outlive the certificate:
    /// the interval it was checked for need not be the gate's.
    ///
    /// # Errors
    /// The gate is of another chain, or the certificate does not hold throughout its interval.
    pub fn place(&self, gate: &GateFacts) -> Result<Place, Refusal> {
        if self.limit.chain != gate.chain {
            return Err(Refusal::LimitChain);
        }
        self.limit.covers(gate.interval)?;
        let participant = self.limit.participant;
        Ok(Place { gate: *gate, certificate: self.hash, participant })
    }
}

impl Limit {
    fn covers(&self, interval: Interval) -> Result<(), Refusal> {
        if interval.start < self.valid_from || interval.end() > self.valid_until {
            return Err(Refusal::LimitExpired);
        }
        Ok(())
    }
}

impl LimitCertificate {
    /// Signs a limit.
    #[must_use]
    pub fn issue(limit: Limit, certifier: &ed25519::PrivateKey) -> Self {
        let signature = certifier.sign(NAMESPACE, &limit.encode());
        Self { limit, signature }
    }

    /// Checks that the certificate holds for `participant` throughout `interval`.
    ///
    /// # Errors
    /// In order: another chain, another's certificate, not valid yet or any more, revoked, a forbidden class
    /// with a capacity that is not publicly zero, a false signature.
    pub fn check(
        &self,
        participant: MemberId,
        interval: Interval,
        registry: &Registry,
    ) -> Result<LiveLimit, Refusal> {
        let limit = &self.limit;
        if limit.chain != registry.chain {
            return Err(Refusal::LimitChain);
        }
        if limit.participant != participant {
            return Err(Refusal::LimitOwner);
        }
        limit.covers(interval)?;
        if registry.revoked.contains(&(limit.participant, limit.device, limit.serial)) {
            return Err(Refusal::LimitRevoked);
        }
        if registry.forbidden.contains(&limit.source) && !limit.export.is_zero() {
            return Err(Refusal::CarbonClass);
        }
        let bytes = limit.encode();
        if !registry.certifier.verify(NAMESPACE, &bytes, &self.signature) {
            return Err(Refusal::LimitSignature);
        }
        Ok(LiveLimit { limit: limit.clone(), hash: Sha256::hash(&[NAMESPACE, &bytes]) })
    }
}

/// The certified numbers' openings, handed to the participant by the certifier.
#[derive(Debug)]
pub struct LimitOpenings {
    /// L in W.
    pub import: Opening,
    /// C in W.
    pub export: Opening,
    /// Q in W.
    pub reserve: Opening,
}
