//! The encoding of a horizon's answer: one value, one encoding, and no bytes that harm.

use gridaccord_dispatch::horizon::{
    CarbonMultipliers, HORIZON_ANSWER_SIZE_MAX, HorizonAnswer, HorizonCertificate,
    HorizonCodecError, HorizonSolution,
};
use gridaccord_model::Watts;
use proptest::{collection::vec, prelude::*};

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![4 => Just(0i64), 4 => -200i64..200, 2 => any::<i64>(), 1 => Just(i64::MIN)]
}

fn numbers() -> impl Strategy<Value = Vec<i64>> {
    vec(number(), 0..9)
}

fn lists() -> impl Strategy<Value = Vec<Vec<i64>>> {
    vec(numbers(), 0..4)
}

fn watts(list: Vec<i64>) -> Vec<Watts> {
    list.into_iter().map(Watts).collect()
}

fn answer() -> impl Strategy<Value = HorizonAnswer> {
    let powers = || lists().prop_map(|lists| lists.into_iter().map(watts).collect::<Vec<_>>());
    let solution = (powers(), powers(), powers(), numbers(), numbers(), powers(), powers());
    let caps =
        || {
            (number(), numbers(), number()).prop_map(|(horizon, interval, excess)| {
                CarbonMultipliers { horizon, interval, excess }
            })
        };
    let certificate = (vec(numbers(), 4), caps(), caps(), vec(lists(), 4));
    (solution, certificate).prop_map(|(solution, certificate)| {
        let (generators, charge, discharge, import, export, shed, shift) = solution;
        let (mut series, first, second, mut nested) = certificate;
        let mut list = || series.pop().unwrap();
        let mut many = || nested.pop().unwrap();
        HorizonAnswer {
            solution: HorizonSolution {
                generators,
                charge,
                discharge,
                import: watts(import),
                export: watts(export),
                shed,
                shift,
            },
            certificate: HorizonCertificate {
                price: list(),
                reserve: list(),
                carbon: [first, second],
                peak: list(),
                ramp: many(),
                energy: many(),
                shift: list(),
                loss: many(),
                hold: many(),
            },
        }
    })
}

proptest! {
    #[test]
    fn answers_round_trip(answer in answer()) {
        let bytes = answer.to_bytes().unwrap();
        prop_assert_eq!(HorizonAnswer::decode(&bytes), Ok(answer));
    }

    #[test]
    fn mutated_bytes_are_refused_or_are_the_encoding_of_what_they_say(
        answer in answer(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>(), 0..4), 1..6),
    ) {
        let mut bytes = answer.to_bytes().unwrap();
        for (at, byte, kind) in changes {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << (byte % 8),
                2 => bytes.insert(at, byte),
                _ if bytes.len() > 1 => { bytes.remove(at); }
                _ => {}
            }
        }
        if let Ok(decoded) = HorizonAnswer::decode(&bytes) {
            prop_assert_eq!(decoded.to_bytes(), Ok(bytes));
        }
    }

    #[test]
    fn noise_is_refused_or_canonical(mut bytes in vec(any::<u8>(), 0..200), version in any::<bool>()) {
        if version && !bytes.is_empty() {
            bytes[0] = 1;
        }
        if let Ok(decoded) = HorizonAnswer::decode(&bytes) {
            prop_assert_eq!(decoded.to_bytes(), Ok(bytes));
        }
    }

    #[test]
    fn no_prefix_is_an_answer(answer in answer(), end in any::<prop::sample::Index>()) {
        let bytes = answer.to_bytes().unwrap();
        let end = end.index(bytes.len());
        prop_assert!(HorizonAnswer::decode(&bytes[..end]).is_err());
    }
}

/// An answer with nothing but prices, and what follows the prices in its encoding.
fn prices(list: &[i64]) -> HorizonAnswer {
    let certificate = HorizonCertificate { price: list.to_vec(), ..HorizonCertificate::default() };
    HorizonAnswer { certificate, ..HorizonAnswer::default() }
}

#[test]
fn the_encoding_is_pinned() {
    // Version; no lists, no tie powers; three prices 0, 0, 200 (a run of two zeros, then 400 zigzag); nothing else.
    let bytes = prices(&[0, 0, 200]).to_bytes().unwrap();
    let mut expected = vec![1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0x90, 3];
    expected.extend([0, 0, 0]);
    expected.extend([0, 0, 0, 0, 0, 0]);
    expected.extend([0, 0, 0, 0]);
    assert_eq!(bytes, expected);
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        HorizonAnswer::decode(&bytes).unwrap_err()
    };
    assert_eq!(refused(&|bytes| bytes[0] = 2), HorizonCodecError::Version);
    assert_eq!(refused(&|bytes| bytes.clear()), HorizonCodecError::Version);
    assert_eq!(refused(&|bytes| bytes.push(0)), HorizonCodecError::Trailing);
    assert_eq!(refused(&|bytes| bytes.truncate(10)), HorizonCodecError::Truncated);
    // Two runs of one zero for one of two, a run beyond the series, and 200 in three bytes.
    let splice = |bytes: &mut Vec<u8>, with: &[u8]| {
        bytes.splice(9..13, with.iter().copied());
    };
    assert_eq!(
        refused(&|bytes| splice(bytes, &[0, 0, 0, 0, 0x90, 3])),
        HorizonCodecError::NotCanonical
    );
    assert_eq!(refused(&|bytes| splice(bytes, &[0, 3])), HorizonCodecError::NotCanonical);
    assert_eq!(
        refused(&|bytes| splice(bytes, &[0, 1, 0x90, 0x83, 0])),
        HorizonCodecError::NotCanonical
    );
    let eleven = [0xff; 11];
    assert_eq!(refused(&|bytes| splice(bytes, &eleven)), HorizonCodecError::NotCanonical);
}

#[test]
fn little_does_not_unfold_to_much() {
    // 8,192 lists of 8,192 zeros in four bytes each.
    let mut bytes = vec![1, 0x80, 0x40];
    for _ in 0..8_192 {
        bytes.extend([0x80, 0x40, 0, 0xff, 0x3f]);
    }
    assert_eq!(HorizonAnswer::decode(&bytes), Err(HorizonCodecError::TooLarge));
    bytes = vec![1, 0xff, 0x7f];
    assert_eq!(HorizonAnswer::decode(&bytes), Err(HorizonCodecError::TooLarge));
    assert_eq!(
        HorizonAnswer::decode(&vec![1; HORIZON_ANSWER_SIZE_MAX + 1]),
        Err(HorizonCodecError::TooLarge)
    );
    assert_eq!(prices(&[0; 8_193]).to_bytes(), Err(HorizonCodecError::TooLarge));
}
