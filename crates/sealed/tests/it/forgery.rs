//! Forgeries, each refused by the rule that is there for it.

use crate::world::{firm, rng, six};
use bytes::Bytes;
use commonware_codec::{DecodeExt as _, Encode as _};
use commonware_cryptography::{Signer as _, ed25519};
use curve25519_dalek::Scalar;
use gridaccord_model::{GateId, Interval, MemberId, Price, TimeS, Watts};
use gridaccord_sealed::{
    Digest, Refusal,
    curve::Curve,
    group::{Commitment, Opening, Point, base, bases},
    limit::{LimitCertificate, SourceClass},
    range::Width,
    rehearsal::{Offered, Rehearsal},
    statement::{
        Cipher, Form, ProveError, Statement, Witness, verify, verify_all, verify_statements,
    },
    submission::{Admission, Body, SealError, Submission, Wallet},
    transcript::Place,
};

fn curve_body(submission: &mut Submission) -> &mut gridaccord_sealed::submission::CurveBody {
    let Body::Curve(body) = &mut submission.body else { panic!("a full curve") };
    body
}

fn firm_body(submission: &mut Submission) -> &mut gridaccord_sealed::submission::FirmBody {
    let Body::Firm(body) = &mut submission.body else { panic!("firm demand") };
    body
}

fn refused(submission: Submission, facts: &Admission) -> Refusal {
    verify(submission, facts).unwrap_err()
}

fn supply(market: &Rehearsal, seed: u64) -> Submission {
    let steps = [(Price(60_000), Watts(10_000)), (Price(100_000), Watts(9_000))];
    let curve = Curve::from_steps(&market.tariff.grid, Watts(0), &steps, Watts(20_000));
    market.seal(&market.parties[0], &Offered::Curve(Box::new(curve)), &mut rng(seed)).unwrap().0
}

#[test]
fn curves_changed_after_proving_are_refused() {
    let market = six(10);
    let facts = market.admission(&market.parties[0]);
    let honest = supply(&market, 1);
    assert!(verify(honest.clone(), &facts).is_ok());
    let mut forged: Vec<Submission> = Vec::new();
    // Not monotone any more: a high point before a low one, ciphertexts moved along.
    let mut falling = honest.clone();
    let body = curve_body(&mut falling);
    body.points.swap(0, 27);
    body.ciphers.swap(0, 27);
    forged.push(falling);
    // A watt more at the top, commitment and ciphertext alike.
    let mut higher = honest.clone();
    let body = curve_body(&mut higher);
    body.points[27] = Commitment::new(body.points[27].point() + base());
    body.ciphers[27].m = Commitment::new(body.ciphers[27].m.point() + base());
    forged.push(higher);
    // Curve and ciphertext differ.
    let mut differing = honest.clone();
    let cipher = &mut curve_body(&mut differing).ciphers[5];
    cipher.m = Commitment::new(cipher.m.point() + base());
    forged.push(differing);
    // Reserve understated in the sum only.
    let mut hollow = honest.clone();
    let cipher = &mut curve_body(&mut hollow).reserve_cipher;
    cipher.m = Commitment::new(cipher.m.point() - base());
    forged.push(hollow);
    // The same values under other randomness.
    let mut blinded = honest.clone();
    let body = curve_body(&mut blinded);
    body.points[3] = Commitment::new(body.points[3].point() + bases().blinding);
    forged.push(blinded);
    let mut batch: Vec<(Submission, &Admission)> =
        forged.into_iter().map(|f| (f, &facts)).collect();
    batch.insert(2, (honest, &facts));
    let verdicts: Vec<Option<Refusal>> =
        verify_all(batch).into_iter().map(|verdict| verdict.err()).collect();
    let mut expected = vec![Some(Refusal::ProofFalse); 6];
    expected[2] = None;
    assert_eq!(verdicts, expected);
}

#[test]
fn a_proof_holds_in_one_place_only() {
    let mut rng = rng(11);
    let market = six(11);
    let facts = market.admission(&market.parties[3]);
    let honest = firm(&market, 3, 1_000, &mut rng);
    assert!(verify(honest.clone(), &facts).is_ok());
    let with = |change: &dyn Fn(&mut Admission)| {
        let mut other = facts.clone();
        change(&mut other);
        other
    };
    let interval = Interval { start: TimeS(1_800_000_300), duration_s: 300 };
    let key = Point::new(base()).unwrap();
    let places = [
        with(&|f| f.gate.interval = interval),
        with(&|f| f.gate.interval.duration_s = 299),
        with(&|f| f.gate.epoch = 2),
        with(&|f| f.gate.key = key),
        with(&|f| f.balance = Commitment::public(5_000_000_000_000_000)),
        with(&|f| f.limit = market.parties[3].certificate_of(&market, 2)),
    ];
    let chain = with(&|f| f.gate.chain = Digest([1; 32]));
    assert_eq!(refused(honest.clone(), &chain), Refusal::LimitChain);
    for place in &places {
        assert_eq!(refused(honest.clone(), place), Refusal::ProofFalse);
    }
    assert_eq!(refused(honest.clone(), &with(&|f| f.gate.gate = GateId(2))), Refusal::WrongPlace);
    let moved = Submission { gate: GateId(2), ..honest.clone() };
    assert_eq!(refused(moved, &with(&|f| f.gate.gate = GateId(2))), Refusal::ProofFalse);
    let tariff = gridaccord_sealed::tariff::Tariff { version: 2, ..market.tariff };
    let other_grid = with(&|f| {
        f.tariff = tariff;
        f.gate.grid = tariff.hash();
    });
    assert_eq!(refused(honest.clone(), &other_grid), Refusal::ProofFalse);
    assert_eq!(refused(honest.clone(), &with(&|f| f.tariff = tariff)), Refusal::Tariff);
    assert_eq!(refused(honest, &with(&|f| f.unbilled = 12)), Refusal::Unbilled);
}

/// Another certificate of the same party, for a test.
trait Reissue {
    fn certificate_of(
        &self,
        market: &Rehearsal,
        serial: u64,
    ) -> gridaccord_sealed::limit::LiveLimit;
}

impl Reissue for gridaccord_sealed::rehearsal::Party {
    fn certificate_of(
        &self,
        market: &Rehearsal,
        serial: u64,
    ) -> gridaccord_sealed::limit::LiveLimit {
        let mut limit = self.certificate.limit.clone();
        limit.serial = serial;
        let issued = LimitCertificate::issue(limit, &market.certifier);
        issued.check(self.seat.member, market.gate.interval, &market.registry).unwrap()
    }
}

#[test]
fn copied_rerandomised_and_subtracted_ciphertexts_are_refused() {
    let mut rng = rng(12);
    let market = six(12);
    let victim = firm(&market, 3, 1_500, &mut rng);
    let own = firm(&market, 4, 700, &mut rng);
    let facts = market.admission(&market.parties[4]);
    let thief = MemberId(4);
    assert_eq!(refused(victim.clone(), &facts), Refusal::WrongPlace);
    let copied = Submission { participant: thief, ..victim.clone() };
    assert_eq!(refused(copied.clone(), &facts), Refusal::ProofFalse);
    let mut rerandomised = copied.clone();
    let body = firm_body(&mut rerandomised);
    let shift = Scalar::from(99u64);
    body.cipher.k = Point::new(body.cipher.k.point() + base() * shift).unwrap();
    body.cipher.m = Commitment::new(body.cipher.m.point() + market.gate.key.point() * shift);
    body.point = Commitment::new(body.point.point() + bases().blinding * shift);
    assert_eq!(refused(rerandomised, &facts), Refusal::ProofFalse);
    // The last poster's attack: minus the others' sum plus a victim's, under the poster's own proof.
    let mut differencing = own.clone();
    let Body::Firm(theirs) = &victim.body else { panic!("firm demand") };
    let body = firm_body(&mut differencing);
    body.cipher.k = Point::new(body.cipher.k.point() - theirs.cipher.k.point()).unwrap();
    body.cipher.m = Commitment::new(body.cipher.m.point() - theirs.cipher.m.point());
    body.point = Commitment::new(body.point.point() - theirs.point.point());
    assert_eq!(refused(differencing, &facts), Refusal::ProofFalse);
    // Swapped proofs.
    let mut swapped = [victim.clone(), own.clone()];
    let [first, second] = &mut swapped;
    std::mem::swap(&mut first.proof, &mut second.proof);
    let theirs = market.admission(&market.parties[3]);
    let [first, second] = swapped;
    let verdicts = verify_all(vec![(first, &theirs), (second, &facts), (own, &facts)]);
    assert_eq!(
        verdicts.into_iter().map(|v| v.err()).collect::<Vec<_>>(),
        [Some(Refusal::ProofFalse), Some(Refusal::ProofFalse), None]
    );
}

#[test]
fn a_curve_proven_under_larger_limits_is_refused_under_the_certified_ones() {
    let mut rng = rng(13);
    let market = six(13);
    let party = &market.parties[3];
    let facts = market.admission(party);
    let mut wider = party.certificate.limit.clone();
    let openings = gridaccord_sealed::limit::LimitOpenings {
        import: Opening::hide(60_000, &mut rng),
        export: Opening::hide(0, &mut rng),
        reserve: Opening::hide(0, &mut rng),
    };
    wider.import = openings.import.commit();
    wider.export = openings.export.commit();
    wider.reserve = openings.reserve.commit();
    let forger = ed25519::PrivateKey::from_seed(1);
    let own = LimitCertificate::issue(wider, &forger);
    assert_eq!(
        own.check(party.seat.member, market.gate.interval, &market.registry),
        Err(Refusal::LimitSignature)
    );
    // Even past the signature, the proof names the certificate it was made under.
    let mut lenient = market.registry.clone();
    lenient.certifier = forger.public_key();
    let live = own.check(party.seat.member, market.gate.interval, &lenient).unwrap();
    let elsewhere = Admission { limit: live, ..facts.clone() };
    let wallet = Wallet { limits: &openings, balance: &party.balance, allowance: None };
    let (posting, _) =
        gridaccord_sealed::submission::seal_firm(Watts(50_000), &elsewhere, &wallet, &mut rng)
            .unwrap();
    assert!(verify(posting.clone(), &elsewhere).is_ok());
    assert_eq!(refused(posting, &facts), Refusal::ProofFalse);
}

#[test]
fn certificates_are_judged_rule_by_rule() {
    let mut market = six(14);
    let party = market.parties[0].certificate.clone();
    let member = MemberId(0);
    let interval = market.gate.interval;
    market.registry.revoked.insert((member, 0, 7));
    market.registry.forbidden.insert(SourceClass::Fossil);
    let issue = |change: &dyn Fn(&mut gridaccord_sealed::limit::Limit)| {
        let mut limit = party.limit.clone();
        change(&mut limit);
        LimitCertificate::issue(limit, &market.certifier)
    };
    let check = |certificate: &LimitCertificate| {
        certificate.check(member, interval, &market.registry).err()
    };
    let table: [(LimitCertificate, Option<Refusal>); 9] = [
        (issue(&|l| l.chain = Digest([9; 32])), Some(Refusal::LimitChain)),
        (issue(&|l| l.participant = MemberId(1)), Some(Refusal::LimitOwner)),
        (issue(&|l| l.valid_from = TimeS(interval.start.0 + 1)), Some(Refusal::LimitExpired)),
        (issue(&|l| l.valid_until = TimeS(interval.end().0 - 1)), Some(Refusal::LimitExpired)),
        (issue(&|l| l.serial = 7), Some(Refusal::LimitRevoked)),
        (issue(&|l| l.source = SourceClass::Fossil), Some(Refusal::CarbonClass)),
        (
            LimitCertificate { limit: issue(&|l| l.tier = 9).limit, ..party.clone() },
            Some(Refusal::LimitSignature),
        ),
        (
            issue(&|l| {
                l.source = SourceClass::Fossil;
                l.export = Commitment::zero();
            }),
            None,
        ),
        (issue(&|l| (l.valid_from, l.valid_until) = (interval.start, interval.end())), None),
    ];
    for (row, (certificate, expected)) in table.iter().enumerate() {
        assert_eq!(check(certificate), *expected, "row {row}");
    }
}

#[test]
fn nothing_unfunded_or_unlimited_can_be_proven() {
    let mut rng = rng(15);
    let mut market = six(15);
    let over =
        market.seal(&market.parties[3], &Offered::Firm(Watts(40_001)), &mut rng).unwrap_err();
    assert_eq!(over, SealError::Unprovable(ProveError::OutOfRange { form: 0 }));
    let injecting =
        market.seal(&market.parties[3], &Offered::Firm(Watts(-1)), &mut rng).unwrap_err();
    assert_eq!(injecting, SealError::Unprovable(ProveError::OutOfRange { form: 1 }));
    // Exactly the exposure is enough; a quantum less is not.
    let [per_import, _] = market.tariff.exposure(300).unwrap();
    let exposure = per_import * 40_000;
    for (balance, funded) in [(exposure, true), (exposure - 1, false)] {
        market.parties[3].balance = Opening::public(balance);
        let mut facts = market.admission(&market.parties[3]);
        facts.balance = Commitment::public(balance);
        let party = &market.parties[3];
        let wallet = Wallet { limits: &party.openings, balance: &party.balance, allowance: None };
        let sealed = gridaccord_sealed::submission::seal_firm(Watts(5), &facts, &wallet, &mut rng);
        match sealed {
            Ok((posting, _)) => assert!(funded && verify(posting, &facts).is_ok()),
            Err(error) => assert!(
                !funded && error == SealError::Unprovable(ProveError::OutOfRange { form: 2 })
            ),
        }
    }
}

#[test]
fn one_false_proof_at_every_edge_of_a_large_batch_is_named() {
    let mut rng = rng(16);
    let market = six(16);
    let place = Place { gate: market.gate, certificate: Digest([0; 32]), participant: MemberId(0) };
    let value = Opening::hide(12, &mut rng);
    let statement = |publics: i128| Statement {
        domain: b"test",
        place,
        publics: vec![publics],
        points: vec![value.commit()],
        ciphers: Vec::new(),
        forms: vec![Form::new(Width::Bits32, &[(0, 1)], 0)],
    };
    let (good, bad) = (statement(1), statement(2));
    let proof =
        good.prove(&Witness { openings: vec![&value], nonces: Vec::new() }, &mut rng).unwrap();
    for edge in [0, 127, 128, 255, 256, 257, 299] {
        let batch: Vec<_> =
            (0..300).map(|at| (if at == edge { &bad } else { &good }, &proof)).collect();
        assert_eq!(verify_statements(&batch), [(edge, Refusal::ProofFalse)]);
    }
    let two: Vec<_> =
        (0..300).map(|at| (if at % 150 == 149 { &bad } else { &good }, &proof)).collect();
    assert_eq!(verify_statements(&two), [(149, Refusal::ProofFalse), (299, Refusal::ProofFalse)]);
    assert_eq!(verify_statements(&[]), []);
}

#[test]
fn proofs_of_another_shape_are_refused_without_arithmetic() {
    let mut rng = rng(17);
    let market = six(17);
    let value = Opening::hide(12, &mut rng);
    let (cipher, nonce) = Cipher::seal(&value, &market.gate.key, &mut rng);
    let place = Place { gate: market.gate, certificate: Digest([0; 32]), participant: MemberId(0) };
    let ranged = Statement {
        domain: b"test",
        place,
        publics: Vec::new(),
        points: vec![value.commit()],
        ciphers: Vec::new(),
        forms: vec![Form::new(Width::Bits32, &[(0, 1)], 0)],
    };
    let sealed = Statement { ciphers: vec![(0, cipher)], forms: Vec::new(), ..ranged.clone() };
    let range =
        ranged.prove(&Witness { openings: vec![&value], nonces: Vec::new() }, &mut rng).unwrap();
    let same =
        sealed.prove(&Witness { openings: vec![&value], nonces: vec![&nonce] }, &mut rng).unwrap();
    assert_eq!(verify_statements(&[(&ranged, &range), (&sealed, &same)]), []);
    let wide = Statement { forms: vec![Form::new(Width::Bits64, &[(0, 1)], 0)], ..ranged.clone() };
    let outside =
        Statement { forms: vec![Form::new(Width::Bits32, &[(1, 1)], 0)], ..ranged.clone() };
    for (statement, proof) in
        [(&ranged, &same), (&sealed, &range), (&wide, &range), (&outside, &range)]
    {
        assert_eq!(verify_statements(&[(statement, proof)]), [(0, Refusal::ProofShape)]);
    }
}

#[test]
fn every_tampered_byte_of_a_posting_is_refused() {
    let mut rng = rng(18);
    let market = six(18);
    let facts = market.admission(&market.parties[3]);
    let bytes = firm(&market, 3, 1_000, &mut rng).encode();
    let (mut undecodable, mut batch) = (0, Vec::new());
    for position in (0..bytes.len()).step_by(11) {
        let mut tampered = bytes.to_vec();
        tampered[position] ^= 1;
        match Submission::decode(Bytes::from(tampered)) {
            Ok(posting) => batch.push((posting, &facts)),
            Err(_) => undecodable += 1,
        }
    }
    assert!(undecodable > 0 && batch.len() > 20);
    // One alone and the rest together: bisecting a batch in which all are false is the slow path.
    assert!(verify_all(batch).iter().all(Result::is_err));
}
