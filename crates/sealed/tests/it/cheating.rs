//! Provers that leave the honest code: proofs of weaker statements, errors that cancel, elements that are not
//! points, and postings of every kind moved to another place.

use crate::world::{firm, rng, six};
use bytes::Bytes;
use commonware_codec::{DecodeExt as _, Encode as _};
use curve25519_dalek::Scalar;
use gridaccord_model::{CarbonMg, GateId, Interval, Joules, MemberId, TimeS, codec::Label};
use gridaccord_sealed::{
    Digest, Refusal,
    carbon::{BurnFacts, IssueFacts, burn_allowance, issue_allowances},
    claim::{Bounds, ClaimFacts, FeederFacts, claim, pair_feeder},
    cycle::{CycleFacts, close_cycle},
    deviation::{DeviationFacts, post_deviation},
    group::{Opening, Point, base},
    metering::{SignedBy, read_meter},
    range::Width,
    rehearsal::Rehearsal,
    split::{SplitFacts, SupplyFacts, post_supply, split_energy},
    statement::{Cipher, Form, Proof, Provable, Statement, Witness, verify, verify_statements},
    submission::{Admission, Body, CurveBody, Submission, WireVersion},
    tariff::{PRICES, SCALE},
    transcript::{GateFacts, Place},
};
use rand_chacha::ChaCha20Rng;

/// Posts these values under a proof of everything but form `dropped`, which the values break.
fn weaker(
    market: &Rehearsal,
    facts: &Admission,
    points: [i128; PRICES],
    reserve: i128,
    dropped: usize,
    rng: &mut ChaCha20Rng,
) -> Submission {
    let party = &market.parties[0];
    let openings = points.map(|value| Opening::hide(value, rng));
    let reserve = Opening::hide(reserve, rng);
    let sealed = openings.each_ref().map(|opening| Cipher::seal(opening, &facts.gate.key, rng));
    let (reserve_cipher, reserve_nonce) = Cipher::seal(&reserve, &facts.gate.key, rng);
    let body = Body::Curve(Box::new(CurveBody {
        points: openings.each_ref().map(Opening::commit),
        ciphers: sealed.each_ref().map(|(cipher, _)| *cipher),
        reserve: reserve.commit(),
        reserve_cipher,
    }));
    let nothing = Statement {
        domain: b"nothing",
        place: facts.limit.place(&facts.gate).unwrap(),
        publics: Vec::new(),
        points: Vec::new(),
        ciphers: Vec::new(),
        forms: Vec::new(),
    };
    let empty = Witness { openings: Vec::new(), nonces: Vec::new() };
    let mut posting = Submission {
        version: WireVersion,
        gate: facts.gate.gate,
        participant: party.seat.member,
        body,
        proof: nothing.prove(&empty, rng).unwrap(),
    };
    let mut statement = posting.statement(facts).unwrap();
    // A constant in the place of the broken inequality keeps the shape and is always in range.
    statement.forms[dropped] = Form::new(statement.forms[dropped].width, &[], 1);
    let limits = &party.openings;
    let mut known: Vec<&Opening> = openings.iter().collect();
    known.extend([&reserve, &limits.import, &limits.export, &limits.reserve, &party.balance]);
    let mut nonces: Vec<_> = sealed.iter().map(|(_, nonce)| nonce).collect();
    nonces.push(&reserve_nonce);
    posting.proof = statement.prove(&Witness { openings: known, nonces }, rng).unwrap();
    assert_eq!(verify_statements(&[(&statement, &posting.proof)]), [], "the weaker proof holds");
    posting
}

#[test]
fn a_proof_of_all_inequalities_but_one_is_refused() {
    let mut rng = rng(200);
    let market = six(200);
    let facts = market.admission(&market.parties[0]);
    let mut falling = [500; PRICES];
    falling[..9].fill(501);
    let mut importing = [0; PRICES];
    importing[0] = -1;
    // Party 0: L = 0, C = 50,000, Q = 30,000, R = 60,000.
    let cases = [
        (importing, 0, 0),
        (falling, 0, 9),
        ([30_000; PRICES], 20_001, 28),
        ([0; PRICES], 30_001, 30),
    ];
    for (points, reserve, dropped) in cases {
        let posting = weaker(&market, &facts, points, reserve, dropped, &mut rng);
        assert_eq!(verify(posting, &facts).unwrap_err(), Refusal::ProofFalse, "form {dropped}");
    }
}

/// A statement of one ciphertext, and its proof.
fn sealed_value(place: Place, number: i128, rng: &mut ChaCha20Rng) -> (Statement, Proof) {
    let value = Opening::hide(number, rng);
    let (cipher, nonce) = Cipher::seal(&value, &place.gate.key, rng);
    let statement = Statement {
        domain: b"test",
        place,
        publics: Vec::new(),
        points: vec![value.commit()],
        ciphers: vec![(0, cipher)],
        forms: Vec::new(),
    };
    let witness = Witness { openings: vec![&value], nonces: vec![&nonce] };
    let proof = statement.prove(&witness, rng).unwrap();
    (statement, proof)
}

/// Adds to one of the three responses of a proof that has nothing but them: tag, three points, three scalars.
fn shift(proof: &Proof, response: usize, by: Scalar) -> Proof {
    let mut bytes = proof.encode().to_vec();
    let at = 1 + 32 * (3 + response);
    let old: [u8; 32] = bytes[at..at + 32].try_into().unwrap();
    let new = Scalar::from_canonical_bytes(old).unwrap() + by;
    bytes[at..at + 32].copy_from_slice(new.as_bytes());
    Proof::decode(Bytes::from(bytes)).unwrap()
}

#[test]
fn errors_that_cancel_in_an_unweighted_sum_are_found() {
    let mut rng = rng(201);
    let market = six(201);
    let place = Place { gate: market.gate, certificate: Digest([0; 32]), participant: MemberId(0) };
    let (one, two) = (sealed_value(place, 1, &mut rng), sealed_value(place, 2, &mut rng));
    for response in 0..3 {
        let plus = shift(&one.1, response, Scalar::ONE);
        let minus = shift(&two.1, response, -Scalar::ONE);
        let batch = [(&one.0, &plus), (&two.0, &minus)];
        let expected = [(0, Refusal::ProofFalse), (1, Refusal::ProofFalse)];
        assert_eq!(verify_statements(&batch), expected, "response {response}");
    }
    assert_eq!(verify_statements(&[(&one.0, &one.1), (&two.0, &two.1)]), []);
}

#[test]
fn one_false_ciphertext_at_every_edge_of_a_large_batch_is_named() {
    let mut rng = rng(202);
    let market = six(202);
    let place = Place { gate: market.gate, certificate: Digest([0; 32]), participant: MemberId(0) };
    let (good, proof) = sealed_value(place, 3, &mut rng);
    let mut bad = good.clone();
    let cipher = &mut bad.ciphers[0].1;
    cipher.m = gridaccord_sealed::group::Commitment::new(cipher.m.point() + base());
    for edge in [0, 127, 128, 255, 256, 511, 512, 599] {
        let batch: Vec<_> =
            (0..600).map(|at| (if at == edge { &bad } else { &good }, &proof)).collect();
        assert_eq!(verify_statements(&batch), [(edge, Refusal::ProofFalse)]);
    }
}

#[test]
fn no_element_of_a_proof_may_be_the_identity_or_no_element() {
    let mut rng = rng(203);
    let market = six(203);
    let facts = market.admission(&market.parties[3]);
    let bytes = firm(&market, 3, 1_000, &mut rng).encode();
    let size = 1 + 32 * (6 + 12);
    // From the end: the funds proof, its length, its tag; before it the power proof.
    let order = crate::wire::ORDER;
    for element in 0..18 {
        let at = bytes.len() - size + 1 + 32 * element;
        for forged in [[0; 32], [0xff; 32], order] {
            let mut tampered = bytes.to_vec();
            tampered[at..at + 32].copy_from_slice(&forged);
            let posting = Submission::decode(Bytes::from(tampered)).unwrap();
            let refusal = verify(posting, &facts).unwrap_err();
            assert!(
                matches!(refusal, Refusal::ProofFalse | Refusal::ProofShape),
                "element {element}: {refusal:?}"
            );
        }
    }
}

/// Everything about a gate that a proof is bound to, each changed by itself.
fn elsewhere(gate: GateFacts) -> [GateFacts; 6] {
    let interval = Interval { start: TimeS(gate.interval.start.0 + 300), ..gate.interval };
    [
        GateFacts { chain: Digest([9; 32]), ..gate },
        GateFacts { gate: GateId(gate.gate.0 + 1), ..gate },
        GateFacts { interval, ..gate },
        GateFacts { epoch: gate.epoch + 1, ..gate },
        GateFacts { key: Point::new(base()).unwrap(), ..gate },
        GateFacts { grid: Digest([9; 32]), ..gate },
    ]
}

/// Holds as posted, and nowhere else: `moved` makes the posting and its facts claim another gate.
fn holds_here_only<T: Provable + Clone + core::fmt::Debug>(
    gate: GateFacts,
    (item, facts): (&T, &T::Facts),
    moved: impl Fn(GateFacts) -> (T, T::Facts),
    others: Vec<(T, T::Facts)>,
) {
    assert!(verify(item.clone(), facts).is_ok());
    for place in elsewhere(gate) {
        let (item, facts) = moved(place);
        assert!(verify(item, &facts).is_err(), "{place:?}");
    }
    for (item, facts) in others {
        assert!(verify(item, &facts).is_err(), "another participant's");
    }
}

#[test]
fn readings_and_deviations_hold_in_one_place_only() {
    let mut rng = rng(204);
    let market = six(204);
    let party = &market.parties[3];
    let facts = market.meter_facts(party, 0);
    let signer = (SignedBy::Meter, &party.meter);
    let (reading, secret) =
        read_meter(Joules(0), Joules(90_000), &facts, &party.openings, signer, &mut rng).unwrap();
    let moved = |gate: GateFacts| {
        let mut item = reading.clone();
        item.gate = gate.gate;
        (item, gridaccord_sealed::metering::MeterFacts { gate, ..facts.clone() })
    };
    let mut other = reading.clone();
    other.participant = MemberId(4);
    let others = vec![(other, market.meter_facts(&market.parties[4], 0))];
    holds_here_only(market.gate, (&reading, &facts), moved, others);
    let scaled = Opening::hide(-300 * SCALE, &mut rng);
    let net = secret.net().unwrap();
    let facts = DeviationFacts {
        gate: market.gate,
        limit: party.live.clone(),
        set_point: scaled.commit(),
        net: net.commit(),
    };
    let (posting, _) = post_deviation(&facts, &scaled, &net, &party.openings, &mut rng).unwrap();
    let moved = |gate: GateFacts| {
        let mut item = posting.clone();
        item.gate = gate.gate;
        (item, DeviationFacts { gate, ..facts.clone() })
    };
    let mut other = posting.clone();
    other.participant = MemberId(4);
    let limit = market.parties[4].live.clone();
    let others = vec![(other, DeviationFacts { limit, ..facts.clone() })];
    holds_here_only(market.gate, (&posting, &facts), moved, others);
}

#[test]
fn postings_of_a_cycle_hold_in_one_place_only() {
    let mut rng = rng(205);
    let cycle = six(205).gate;
    let value = Opening::hide(7_200_001, &mut rng);
    let (participant, committed) = (MemberId(3), value.commit());
    let facts = CycleFacts { cycle, participant, energy: committed, money: committed };
    let (close, _) = close_cycle(&facts, &value, &value, &mut rng).unwrap();
    let moved = |gate: GateFacts| {
        let mut item = close.clone();
        item.cycle = gate.gate;
        (item, CycleFacts { cycle: gate, ..facts })
    };
    let mut other = close.clone();
    other.participant = MemberId(4);
    let others = vec![(other, CycleFacts { participant: MemberId(4), ..facts })];
    holds_here_only(cycle, (&close, &facts), moved, others);

    let facts = SplitFacts { cycle, participant, used: committed, sources: 2 };
    let (split, _) = split_energy(&facts, &value, &[1, 7_200_000], &mut rng).unwrap();
    let moved = |gate: GateFacts| {
        let mut item = split.clone();
        item.cycle = gate.gate;
        (item, SplitFacts { cycle: gate, ..facts })
    };
    let mut other = split.clone();
    other.participant = MemberId(4);
    let others = vec![(other, SplitFacts { participant: MemberId(4), ..facts })];
    holds_here_only(cycle, (&split, &facts), moved, others);

    let facts = SupplyFacts { cycle, participant, supplied: committed };
    let supply = post_supply(&facts, &value, &mut rng).unwrap();
    let moved = |gate: GateFacts| {
        let mut item = supply.clone();
        item.cycle = gate.gate;
        (item, SupplyFacts { cycle: gate, ..facts })
    };
    let mut other = supply.clone();
    other.participant = MemberId(4);
    let others = vec![(other, SupplyFacts { participant: MemberId(4), ..facts })];
    holds_here_only(cycle, (&supply, &facts), moved, others);
}

#[test]
fn allowances_burns_claims_and_pairs_hold_in_one_place_only() {
    let mut rng = rng(206);
    let gate = six(206).gate;
    let participant = MemberId(3);
    let facts = IssueFacts { cycle: gate, issuer: participant, cap: CarbonMg(700) };
    let amounts = [CarbonMg(500), CarbonMg(200)];
    let (issue, openings) = issue_allowances(&facts, &amounts, &mut rng).unwrap();
    let moved = |cycle: GateFacts| (issue.clone(), IssueFacts { cycle, ..facts });
    let mut other = issue.clone();
    other.issuer = MemberId(4);
    let others = vec![(other, IssueFacts { issuer: MemberId(4), ..facts })];
    holds_here_only(gate, (&issue, &facts), moved, others);

    let injected = Opening::hide(9, &mut rng);
    let facts = BurnFacts {
        gate,
        participant,
        allowance: issue.allowances[0],
        injected: injected.commit(),
        carbon_mg_per_kwh: 400,
    };
    let (burn, _) = burn_allowance(&facts, &openings[0], &injected, &mut rng).unwrap();
    let moved = |gate: GateFacts| {
        let mut item = burn.clone();
        item.gate = gate.gate;
        (item, BurnFacts { gate, ..facts })
    };
    let mut other = burn.clone();
    other.participant = MemberId(4);
    let others = vec![(other, BurnFacts { participant: MemberId(4), ..facts })];
    holds_here_only(gate, (&burn, &facts), moved, others);

    let place = Place { gate, certificate: Digest([0; 32]), participant };
    let bounds = Bounds { metric: Label::new("current_ma").unwrap(), least: 0, most: 32_000 };
    let made = claim(place, bounds, &injected, &mut rng).unwrap();
    let at = |place: Place| ClaimFacts { place, recorded: injected.commit() };
    let moved = |gate: GateFacts| (made.clone(), at(Place { gate, ..place }));
    let theirs = Place { participant: MemberId(4), ..place };
    holds_here_only(gate, (&made, &at(place)), moved, vec![(made.clone(), at(theirs))]);
    let mut renamed = made.clone();
    renamed.bounds.metric = Label::new("current_mb").unwrap();
    assert_eq!(verify(renamed, &at(place)).unwrap_err(), Refusal::ProofFalse);

    let (upstream, downstream) = (injected.commit(), openings[0].commit());
    let tolerance = 1 << 40;
    let at = |place: Place| FeederFacts { place, upstream, downstream, tolerance };
    let pair = pair_feeder(&at(place), &injected, &openings[0], &mut rng).unwrap();
    let moved = |gate: GateFacts| (pair.clone(), at(Place { gate, ..place }));
    holds_here_only(gate, (&pair, &at(place)), moved, vec![(pair.clone(), at(theirs))]);
    let swapped = FeederFacts { upstream: downstream, downstream: upstream, ..at(place) };
    assert_eq!(verify(pair, &swapped).unwrap_err(), Refusal::ProofFalse);
}

#[test]
fn forms_of_both_widths_hold_on_both_ends_of_their_range_and_not_beyond() {
    let mut rng = rng(207);
    let market = six(207);
    let place = Place { gate: market.gate, certificate: Digest([0; 32]), participant: MemberId(0) };
    for width in [Width::Bits32, Width::Bits64] {
        let most = width.max();
        for (number, holds) in [(0, true), (most, true), (-1, false), (most + 1, false)] {
            let value = Opening::hide(number, &mut rng);
            let statement = Statement {
                domain: b"test",
                place,
                publics: Vec::new(),
                points: vec![value.commit()],
                ciphers: Vec::new(),
                forms: vec![Form::new(width, &[(0, 1)], 0)],
            };
            let witness = Witness { openings: vec![&value], nonces: Vec::new() };
            let proven = statement.prove(&witness, &mut rng);
            assert_eq!(proven.is_ok(), holds, "{number}");
            if let Ok(proof) = proven {
                assert_eq!(verify_statements(&[(&statement, &proof)]), []);
                let mut beside = statement.clone();
                beside.forms[0].constant = if number == 0 { -1 } else { 1 };
                let refused = verify_statements(&[(&beside, &proof)]);
                assert_eq!(refused, [(0, Refusal::ProofFalse)]);
            }
        }
    }
}
