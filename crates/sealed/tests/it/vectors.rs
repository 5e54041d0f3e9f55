//! Known answers: bytes of version 1 that every later release must still decode and verify, and, from the
//! same seed, must still make. The file says where they come from.

use crate::world::{firm, idle, rng, seal_all, six};
use bytes::Bytes;
use commonware_codec::{DecodeExt as _, Encode};
use gridaccord_model::{GateId, Joules, MemberId, Watts, codec::Label};
use gridaccord_sealed::{
    Digest,
    account::{Line, LineSecret, Prices},
    bill::{Bill, cycle_facts, make_bill, verify_bills},
    claim::{Bounds, Claim, ClaimFacts, claim},
    cycle::close_cycle,
    deviation::{Deviation, DeviationFacts, post_deviation},
    group::{Commitment, Opening},
    holder::Closing,
    metering::{Reading, SignedBy, read_meter},
    opening::OpenSum,
    range::generators_hash,
    rehearsal::{Offered, Rehearsal},
    statement::verify,
    submission::Submission,
    tariff::SCALE,
    transcript::Place,
};
use std::collections::BTreeMap;

const FILE: &str = include_str!("../../../../vectors/sealed-v1.txt");
const HEADER: &str = "# Known answers of the sealed market, version 1.\n\
    # Provenance: made by this project's own code, test `vectors` of gridaccord-sealed, ChaCha20 seeds 70 and 71,\n\
    # curve25519-dalek 5.0.0, tari_bulletproofs_plus 0.5.3, tari_merlin 4.0.0. Line: name, space, hex.\n";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Bytes {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

struct Made {
    market: Rehearsal,
    lines: Vec<(&'static str, Vec<u8>)>,
}

/// One of everything, from fixed seeds.
fn make() -> Made {
    let mut rng = rng(71);
    let mut market = six(70);
    let mut lines: Vec<(&'static str, Vec<u8>)> = Vec::new();
    let mut put = |name, bytes: &dyn Fn() -> Bytes| lines.push((name, bytes().to_vec()));
    put("generators", &|| Bytes::copy_from_slice(generators_hash().as_ref()));
    put("commitment-of-7-blinded-by-9", &|| Opening::new(7, 9u64.into()).commit().encode());
    put("tariff-hash", &|| Bytes::copy_from_slice(market.tariff.hash().as_ref()));
    put("epoch-key", &|| market.epoch.key().encode());
    put("limit-certificate", &|| market.parties[0].certificate.encode());
    let posting = firm(&market, 3, 1_234, &mut rng);
    put("firm-submission", &|| posting.encode());
    let party = &market.parties[0];
    let facts = market.meter_facts(party, 1);
    let signer = (SignedBy::Meter, &party.meter);
    let (reading, secret) =
        read_meter(Joules(2_900_000), Joules(0), &facts, &party.openings, signer, &mut rng)
            .unwrap();
    put("reading", &|| reading.encode());
    let scaled = Opening::hide(10_000 * SCALE, &mut rng);
    let net = secret.net().unwrap();
    let facts = deviation_facts(&market, scaled.commit(), net.commit());
    let (deviation, bound) =
        post_deviation(&facts, &scaled, &net, &party.openings, &mut rng).unwrap();
    put("deviation-set-point", &|| scaled.commit().encode());
    put("deviation", &|| deviation.encode());
    let line = Line {
        gate: GateId(1),
        prices: Prices::of(gridaccord_model::Price(150_001), &market.tariff, 300).unwrap(),
        registers: reading.registers,
        reserve: Commitment::zero(),
        deviation: bound.commit(),
    };
    let nothing = Opening::public(0);
    let secret = LineSecret { reading: &secret, reserve: &nothing, deviation: &bound };
    let money = secret.amount(&line.prices).unwrap();
    let facts = cycle_facts(&market.gate, MemberId(0), &[line]).unwrap();
    let (close, whole) = close_cycle(&facts, &net, &money, &mut rng).unwrap();
    let bill = make_bill(&market.gate, (3, Digest([3; 32])), vec![line], close, &whole).unwrap();
    put("bill", &|| bill.encode());
    let current = Opening::hide(31_999, &mut rng);
    let claim = claim(claim_place(&market), bounds(), &current, &mut rng).unwrap();
    put("claim", &|| claim.encode());
    let open = opened(&mut market, &mut rng);
    lines.push(("opened-sum", open.encode().to_vec()));
    Made { market, lines }
}

fn bounds() -> Bounds {
    Bounds { metric: Label::new("current_ma").unwrap(), least: 0, most: 32_000 }
}

fn claim_place(market: &Rehearsal) -> Place {
    Place { gate: market.gate, certificate: Digest([0; 32]), participant: MemberId(3) }
}

fn deviation_facts(market: &Rehearsal, set_point: Commitment, net: Commitment) -> DeviationFacts {
    DeviationFacts { gate: market.gate, limit: market.parties[0].live.clone(), set_point, net }
}

fn firm_of(watts: i64) -> Offered {
    Offered::Firm(Watts(watts))
}

/// The first sum of a market of three suppliers that offer nothing and three firm consumers.
fn opened(market: &mut Rehearsal, rng: &mut rand_chacha::ChaCha20Rng) -> OpenSum {
    let offers = [idle(), idle(), idle(), firm_of(500), firm_of(500), firm_of(500)];
    let (postings, _) = seal_all(market, &offers, rng);
    let closed = market.close(market.verify(postings).unwrap()).unwrap();
    let search = gridaccord_sealed::clearing::Search::cold();
    let gate = gridaccord_sealed::book::SealedGate::new(closed, market.tariff, Watts(0), search);
    let sum = gate.next_sum().unwrap().unwrap();
    let shares: Vec<_> = market
        .holders
        .iter_mut()
        .map(|holder| {
            let intent = holder.intend(&gate, Closing::Final).unwrap();
            holder.give(intent.persisted(), rng).unwrap()
        })
        .collect();
    let table = gridaccord_sealed::logarithm::LogTable::new(8);
    let open =
        gridaccord_sealed::opening::assemble(&sum, &market.epoch, &shares, &table, 10_000).unwrap();
    assert_eq!(open.verify(&sum, &market.epoch).unwrap().value(), -1_500);
    open
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a failing test leaves what it made")]
fn version_1_is_still_made_byte_for_byte() {
    let made = make();
    let lines: Vec<String> =
        made.lines.iter().map(|(name, bytes)| format!("{name} {}\n", hex(bytes))).collect();
    let text = format!("{HEADER}{}", lines.concat());
    if text != FILE {
        let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/sealed-v1.txt");
        std::fs::write(path, &text).unwrap();
        panic!(
            "encodings changed: a new protocol version, or a mistake; what is made now is in {path}"
        );
    }
}

#[test]
fn version_1_still_decodes_and_verifies() {
    let market = make().market;
    let pinned: BTreeMap<&str, Bytes> = FILE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, text)| (name, unhex(text)))
        .collect();
    let posting = Submission::decode(pinned["firm-submission"].clone()).unwrap();
    assert!(verify(posting, &market.admission(&market.parties[3])).is_ok());
    let reading = Reading::decode(pinned["reading"].clone()).unwrap();
    let net = reading.registers.net();
    assert!(verify(reading, &market.meter_facts(&market.parties[0], 1)).is_ok());
    let set_point = Commitment::decode(pinned["deviation-set-point"].clone()).unwrap();
    let deviation = Deviation::decode(pinned["deviation"].clone()).unwrap();
    assert!(verify(deviation, &deviation_facts(&market, set_point, net)).is_ok());
    let bill = Bill::decode(pinned["bill"].clone()).unwrap();
    assert_eq!(verify_bills(&[bill], Some(Digest([3; 32]))), []);
    let claim = Claim::decode(pinned["claim"].clone()).unwrap();
    let facts = ClaimFacts { place: claim_place(&market), recorded: claim.commitment };
    assert!(verify(claim, &facts).is_ok());
    assert!(OpenSum::decode(pinned["opened-sum"].clone()).is_ok());
}
