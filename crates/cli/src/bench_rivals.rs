//! The same ranges with the `bulletproofs` crate, one by one: a rival, measured in the same process.
//!
//! It rests on an older release of the same curve library, so it is behind the feature `rivals` and in no
//! ordinary build.

use anyhow::Result;
use rand_chacha::ChaCha20Rng;

#[cfg(not(feature = "rivals"))]
pub(crate) fn run(_rng: &mut ChaCha20Rng) -> Result<()> {
    println!("rivals: built without the feature `rivals`; build the command with it to compare");
    Ok(())
}

#[cfg(feature = "rivals")]
pub(crate) fn run(rng: &mut ChaCha20Rng) -> Result<()> {
    use anyhow::{anyhow, ensure};
    use bulletproofs::{BulletproofGens, PedersenGens, RangeProof};
    use curve25519_dalek_rival::scalar::Scalar;
    use gridaccord_sealed::{
        group::{base, bases, scalar},
        range::{BulletproofsPlus, RangeJob, RangeProofs as _, Width},
    };
    use rand_chacha::rand_core::Rng as _;
    use std::time::Instant;
    use tari_merlin::Transcript;

    let count = 32;
    let values: Vec<u64> = (0..count).map(|_| u64::from(rng.next_u32())).collect();
    let theirs = {
        let (gens, pedersen) = (BulletproofGens::new(32, count), PedersenGens::default());
        let mut rival_rng = rand_rival::rngs::OsRng;
        let blindings: Vec<Scalar> = (0..count).map(|_| Scalar::random(&mut rival_rng)).collect();
        let start = Instant::now();
        let mut transcript = merlin::Transcript::new(b"rival");
        let (proof, commitments) =
            RangeProof::prove_multiple(&gens, &pedersen, &mut transcript, &values, &blindings, 32)
                .map_err(|error| anyhow!("{error:?}"))?;
        let proven = start.elapsed();
        let start = Instant::now();
        for _ in 0..5 {
            let mut transcript = merlin::Transcript::new(b"rival");
            let held = proof.verify_multiple(&gens, &pedersen, &mut transcript, &commitments, 32);
            ensure!(held.is_ok(), "the rival's proof verifies");
        }
        (proven, start.elapsed() / 5, proof.to_bytes().len())
    };
    let ours = {
        let openings: Vec<_> = values
            .iter()
            .map(|value| (*value, gridaccord_sealed::group::random_scalar(rng)))
            .collect();
        let commitments: Vec<_> = openings
            .iter()
            .map(|(value, blinding)| {
                base() * scalar(i128::from(*value)) + bases().blinding * blinding
            })
            .collect();
        let prove = |rng: &mut ChaCha20Rng| {
            BulletproofsPlus::prove(
                Width::Bits32,
                &mut Transcript::new(b"ours"),
                &commitments,
                &openings,
                rng,
            )
        };
        prove(rng)?;
        let start = Instant::now();
        let proof = prove(rng)?;
        let proven = start.elapsed();
        let transcript = Transcript::new(b"ours");
        let bytes = proof.as_bytes().len();
        let job = [RangeJob { width: Width::Bits32, transcript, commitments, proof }];
        let start = Instant::now();
        for _ in 0..5 {
            ensure!(BulletproofsPlus::verify(&job), "our proof verifies");
        }
        let single = start.elapsed() / 5;
        let batch: Vec<RangeJob> = job.iter().cloned().cycle().take(57).collect();
        let start = Instant::now();
        ensure!(BulletproofsPlus::verify(&batch), "our batch verifies");
        (proven, single, bytes, start.elapsed() / 57)
    };
    let ms = |duration: std::time::Duration| duration.as_secs_f64() * 1e3;
    println!("32 ranges of 32 bits, ms           ours   bulletproofs 5.0   ratio");
    println!(
        "prove                          {:8.1} {:18.1} {:7.2}",
        ms(ours.0),
        ms(theirs.0),
        ms(theirs.0) / ms(ours.0)
    );
    println!(
        "verify alone                   {:8.1} {:18.1} {:7.2}",
        ms(ours.1),
        ms(theirs.1),
        ms(theirs.1) / ms(ours.1)
    );
    println!(
        "verify each of 57 (no batch)   {:8.1} {:18.1} {:7.2}",
        ms(ours.3),
        ms(theirs.1),
        ms(theirs.1) / ms(ours.3)
    );
    println!("proof bytes                    {:8} {:18}", ours.2, theirs.2);
    Ok(())
}
