//! Every decoder of the sealed market: bytes either do not decode, or are the one encoding of what they decode to.

use bytes::Bytes;
use commonware_codec::{DecodeExt, Encode};
use gridaccord_sealed::{
    account::Line,
    bill::Bill,
    carbon::{Burn, Issue},
    claim::{Claim, FeederPair},
    cycle::CycleClose,
    deviation::Deviation,
    group::{Commitment, Point, WireScalar},
    holder::LogRecord,
    keygen::{Complaint, Dealing},
    limit::LimitCertificate,
    metering::Reading,
    opening::{OpenSum, Share},
    split::{Split, Supply},
    statement::Proof,
    submission::Submission,
    tariff::Tariff,
};

/// Whether the bytes decode; if they do, they must be the value's own encoding.
fn one<T: DecodeExt<()> + Encode>(bytes: &Bytes) -> bool {
    let Ok(value) = T::decode(bytes.clone()) else { return false };
    assert_eq!(value.encode(), *bytes, "a second encoding of one value");
    true
}

/// Every decoder of bytes that come from outside.
pub const DECODERS: [fn(&Bytes) -> bool; 21] = [
    one::<Submission>,
    one::<Reading>,
    one::<Deviation>,
    one::<OpenSum>,
    one::<Share>,
    one::<Dealing>,
    one::<Complaint>,
    one::<LimitCertificate>,
    one::<CycleClose>,
    one::<Split>,
    one::<Supply>,
    one::<Issue>,
    one::<Burn>,
    one::<Claim>,
    one::<FeederPair>,
    one::<Bill>,
    one::<Line>,
    one::<Tariff>,
    one::<Proof>,
    one::<LogRecord>,
    |bytes| one::<Point>(bytes) | one::<Commitment>(bytes) | one::<WireScalar>(bytes),
];

/// The first byte names the decoder, the rest is its input.
pub fn decode_any(data: &[u8]) {
    let Some((decoder, rest)) = data.split_first() else { return };
    DECODERS[usize::from(*decoder) % DECODERS.len()](&Bytes::copy_from_slice(rest));
}
