//! The check against the library's own verifier.

use super::*;
use crate::{
    group::{Opening, mul_blinding},
    range::{BulletproofsPlus, RangeJob, RangeProofs as _, statement},
};
use bytes::Bytes;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use tari_bulletproofs_plus::range_proof::{RangeProof as LibraryProof, VerifyAction};

/// The library's verdict.
fn library(job: &RangeJob) -> bool {
    let log = log_of(job.commitments.len()).unwrap();
    let Ok(proof) = LibraryProof::<RistrettoPoint>::from_bytes(job.proof.as_bytes()) else {
        return false;
    };
    let statement = statement(job.width, log, &job.commitments).unwrap();
    let mut transcripts = [job.transcript.clone()];
    let verdict = LibraryProof::verify_batch(
        &mut transcripts,
        &[statement],
        &[proof],
        VerifyAction::VerifyOnly,
    );
    verdict.is_ok()
}

fn job(width: Width, count: usize, rng: &mut ChaCha20Rng) -> RangeJob {
    let most = u64::try_from(width.max()).unwrap();
    let openings: Vec<Opening> =
        (0..count).map(|number| Opening::hide(i128::from([0, most, 7][number % 3]), rng)).collect();
    let commitments: Vec<RistrettoPoint> = openings.iter().map(|o| o.commit().point()).collect();
    let known: Vec<(u64, Scalar)> =
        openings.iter().map(|o| (u64::try_from(o.value).unwrap(), o.blinding)).collect();
    let transcript = Transcript::new(b"test");
    let proof =
        BulletproofsPlus::prove(width, &mut transcript.clone(), &commitments, &known, rng).unwrap();
    RangeJob { width, transcript, commitments, proof }
}

#[test]
fn generators_of_32_bits_are_the_first_half_of_those_of_64() {
    let narrow = parameters(Width::Bits32, AGGREGATION_LOG_MAX);
    for (number, points) in CONSTANTS.g.chunks(BITS_MAX).enumerate() {
        let own: Vec<_> = narrow.gi_base_iter().skip(32 * number).take(32).copied().collect();
        assert_eq!(points[..32], own);
    }
    for (number, points) in CONSTANTS.h.chunks(BITS_MAX).enumerate() {
        let own: Vec<_> = narrow.hi_base_iter().skip(32 * number).take(32).copied().collect();
        assert_eq!(points[..32], own);
    }
}

#[test]
fn the_check_and_the_library_agree_on_true_and_false_proofs() {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let mut all = Vec::new();
    for (width, count) in [
        (Width::Bits32, 1),
        (Width::Bits32, 2),
        (Width::Bits32, 3),
        (Width::Bits32, 32),
        (Width::Bits64, 1),
        (Width::Bits64, 3),
        (Width::Bits64, 16),
    ] {
        let honest = job(width, count, rng);
        assert!(library(&honest) && BulletproofsPlus::verify(std::slice::from_ref(&honest)));
        let size = honest.proof.as_bytes().len();
        // Every element in turn: one bit, the identity, no point, another proof's element.
        let mut forged = Vec::new();
        for at in (1..size).step_by(32) {
            for change in 0..3 {
                let mut bytes = honest.proof.as_bytes().to_vec();
                match change {
                    0 => bytes[at] ^= 2,
                    1 => bytes[at..at + 32].fill(0),
                    _ => bytes.copy_within(if at > 97 { 33..65 } else { 97..129 }, at),
                }
                forged.push(bytes);
            }
        }
        forged.push(honest.proof.as_bytes()[..size - 32].to_vec());
        forged.push(honest.proof.as_bytes()[..size - 64].to_vec());
        forged.push([honest.proof.as_bytes(), &[1; 32]].concat());
        for bytes in forged {
            let Some(proof) = RangeProof::from_bytes(Bytes::from(bytes)) else { continue };
            if proof == honest.proof {
                continue;
            }
            let forged = RangeJob { proof, ..honest.clone() };
            assert!(!BulletproofsPlus::verify(std::slice::from_ref(&forged)), "{width:?} {count}");
            assert!(!library(&forged), "{width:?} {count}");
        }
        // Other commitments, another transcript, another width.
        let mut moved = honest.clone();
        moved.commitments[0] += base();
        let mut blinded = honest.clone();
        blinded.commitments[0] += mul_blinding(&Scalar::ONE);
        let mut elsewhere = honest.clone();
        elsewhere.transcript.append_message(b"other", b"place");
        for forged in [moved, blinded, elsewhere] {
            assert!(!BulletproofsPlus::verify(std::slice::from_ref(&forged)) && !library(&forged));
        }
        all.push(honest);
    }
    // Widths and sizes mixed in one sum, and one false among them.
    assert!(BulletproofsPlus::verify(&all));
    for position in 0..all.len() {
        let mut batch = all.clone();
        batch[position].commitments[0] += base();
        assert!(!BulletproofsPlus::verify(&batch));
    }
    assert!(BulletproofsPlus::verify(&[]));
}

#[test]
fn a_number_beyond_its_range_has_no_proof_that_passes() {
    // A proof of 2 bits more, cut down to the shape of 32: what a prover with its own generators could try.
    let rng = &mut ChaCha20Rng::seed_from_u64(2);
    let wide = job(Width::Bits64, 1, rng);
    let narrow = RangeJob { width: Width::Bits32, ..wide.clone() };
    assert!(!BulletproofsPlus::verify(&[narrow]));
    let two = job(Width::Bits32, 2, rng);
    let as_one_wide =
        RangeJob { width: Width::Bits64, commitments: vec![two.commitments[0]], ..two.clone() };
    // Six rounds both: the shapes agree, the equations do not.
    assert!(!BulletproofsPlus::verify(&[as_one_wide]));
    assert!(BulletproofsPlus::verify(&[wide, two]));
}
