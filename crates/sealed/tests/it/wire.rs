//! Wire formats: one value, one encoding; pinned known answers; anything else is refused.

use crate::world::{firm, rng, six};
use bytes::Bytes;
use commonware_codec::{DecodeExt as _, Encode as _};
use gridaccord_model::Watts;
use gridaccord_sealed::{
    curve::Curve,
    group::{Commitment, Opening, Point, SecretScalar, WireScalar},
    rehearsal::Offered,
    submission::{SUBMISSION_SIZE_MAX, Submission},
    tariff::{PRICES, Tariff},
};

/// ℓ, little-endian: the smallest scalar that is not canonical.
pub(crate) const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn raw(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

#[test]
fn scalars_and_points_have_one_encoding() {
    assert!(WireScalar::decode(raw(&ORDER)).is_err());
    let mut below = ORDER;
    below[0] -= 1;
    assert!(WireScalar::decode(raw(&below)).is_ok());
    // p and p + 1 as field elements: not canonical; 1: not on the even half.
    let mut field = [0xff; 32];
    (field[0], field[31]) = (0xed, 0x7f);
    for first in [0xed, 0xee] {
        field[0] = first;
        assert!(Commitment::decode(raw(&field)).is_err() && Point::decode(raw(&field)).is_err());
    }
    let mut odd = [0; 32];
    odd[0] = 1;
    assert!(Commitment::decode(raw(&odd)).is_err());
    // The identity is a commitment to a public zero and never a key.
    assert!(Commitment::decode(raw(&[0; 32])).unwrap().is_zero());
    assert!(Point::decode(raw(&[0; 32])).is_err());
}

#[test]
fn postings_round_trip_and_fit_their_bound() {
    let mut rng = rng(60);
    let market = six(60);
    let curve = Curve::new([Watts(10); PRICES], Watts(5));
    let offer = Offered::Curve(Box::new(curve));
    let (full, _) = market.seal(&market.parties[0], &offer, &mut rng).unwrap();
    for posting in [full, firm(&market, 3, 9, &mut rng)] {
        let bytes = posting.encode();
        assert!(bytes.len() <= SUBMISSION_SIZE_MAX);
        assert_eq!(Submission::decode(bytes.clone()).unwrap(), posting);
        let mut longer = bytes.to_vec();
        longer.push(0);
        assert!(Submission::decode(Bytes::from(longer)).is_err());
        assert!(Submission::decode(bytes.slice(..bytes.len() - 1)).is_err());
        let mut version = bytes.to_vec();
        version[0] = 2;
        assert!(Submission::decode(Bytes::from(version)).is_err());
    }
}

#[test]
fn secrets_do_not_print() {
    let mut rng = rng(61);
    let secret = SecretScalar::random(&mut rng);
    assert_eq!(format!("{secret:?}"), "SecretScalar(..)");
    assert_eq!(format!("{:?}", Opening::hide(123_456, &mut rng)), "Opening(..)");
    assert_eq!(format!("{:?}", Curve::firm(Watts(123_456))), "Curve(..)");
}

#[test]
fn a_tariff_with_falling_prices_does_not_decode() {
    let tariff = crate::world::tariff(0);
    let mut bytes = tariff.encode().to_vec();
    assert_eq!(Tariff::decode(Bytes::from(bytes.clone())).unwrap(), tariff);
    let (second, third) = (2 + 8, 2 + 16);
    for byte in 0..8 {
        bytes.swap(second + byte, third + byte);
    }
    assert!(Tariff::decode(Bytes::from(bytes)).is_err());
}

#[allow(unreachable_pub, reason = "the fuzz target includes the same file")]
#[path = "../../../../fuzz/src/sealed.rs"]
mod decoders;

const CORPUS: &str = "../../fuzz/corpus/sealed_decode";

/// Each decoder's own seed decodes in it, is in the corpus, and the corpus has nothing older.
#[test]
#[allow(clippy::disallowed_methods, reason = "a test reads its corpus and leaves what it made")]
fn every_decoder_has_a_seed_of_this_wire_format() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(CORPUS);
    let seeds = crate::seeds::seeds();
    assert_eq!(seeds.len(), decoders::DECODERS.len());
    let mut stale = Vec::new();
    for (position, (name, bytes)) in (0u8..).zip(seeds) {
        assert!(decoders::DECODERS[usize::from(position)](&bytes), "{name} does not decode");
        let mut data = vec![position];
        data.extend_from_slice(&bytes);
        let file = format!("seed-{position:02}-{name}");
        if std::fs::read(corpus.join(&file)).ok().as_ref() != Some(&data) {
            std::fs::write(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(&file), data)
                .unwrap();
            stale.push(file);
        }
    }
    assert!(stale.is_empty(), "{stale:?} in {CORPUS} differ from {}", env!("CARGO_TARGET_TMPDIR"));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test reads its corpus")]
fn the_fuzzers_corpus_replays() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(CORPUS);
    let mut replayed = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        let data = std::fs::read(entry.unwrap().path()).unwrap();
        decoders::decode_any(&data);
        // And every prefix and flipped bit of its start, which no corpus holds.
        for cut in (0..data.len()).step_by(97) {
            decoders::decode_any(&data[..cut]);
        }
        for bit in 0..(8 * data.len().min(24)) {
            let mut flipped = data.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            decoders::decode_any(&flipped);
        }
        replayed += 1;
    }
    assert!(replayed > decoders::DECODERS.len(), "the corpus is missing");
}
