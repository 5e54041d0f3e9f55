//! Why something sealed is refused: one variant per rule, in `docs/rules.md` under the same number.

/// A broken rule. Numbers are part of receipts and are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u16)]
pub enum Refusal {
    /// Rule Z1.
    #[error("prices of the grid do not rise strictly within ±2^40 µ/kWh")]
    PriceGrid = 1,
    /// Rule Z2.
    #[error("a public number of the tariff is negative or too large")]
    Tariff = 2,
    /// Rule Z3.
    #[error("rating or interval is too large for the widths of the proofs")]
    Widths = 3,
    /// Rule Z4.
    #[error("a certified limit is outside [0, 2^31) W")]
    LimitRange = 4,
    /// Rule Z5.
    #[error("the limit certificate is of another chain")]
    LimitChain = 5,
    /// Rule Z6.
    #[error("the limit certificate is another participant's")]
    LimitOwner = 6,
    /// Rule Z7.
    #[error("the limit certificate does not hold throughout the interval")]
    LimitExpired = 7,
    /// Rule Z8.
    #[error("the limit certificate is revoked")]
    LimitRevoked = 8,
    /// Rule Z9.
    #[error("the limit certificate is not signed by the certifier")]
    LimitSignature = 9,
    /// Rule Z10.
    #[error("the source class is forbidden, its export limit must be a public zero")]
    CarbonClass = 10,
    /// Rule Z11.
    #[error("the curve starts below the import limit")]
    CurveBelowImport = 11,
    /// Rule Z12.
    #[error("the curve falls somewhere")]
    CurveFalls = 12,
    /// Rule Z13.
    #[error("the curve and its reserve exceed the export limit")]
    CurveAboveExport = 13,
    /// Rule Z14.
    #[error("the reserve is negative or exceeds the certified reserve")]
    ReserveRange = 14,
    /// Rule Z15.
    #[error("the curve and its reserve exceed the public reserve requirement")]
    CurveAboveReserve = 15,
    /// Rule Z16.
    #[error("a proof has parts its statement does not call for, or lacks some")]
    ProofShape = 16,
    /// Rule Z17.
    #[error("the proof does not hold for its statement")]
    ProofFalse = 17,
    /// Rule Z18.
    #[error("posted for another gate or by another participant")]
    WrongPlace = 18,
    /// Rule Z19.
    #[error("as many intervals are unbilled as a balance covers; settle first")]
    Unbilled = 19,
    /// Rule Z20.
    #[error("a source that emits needs a carbon allowance account")]
    AllowanceMissing = 20,
    /// Rule Z21.
    #[error("a curve of this participant stands already")]
    CurveStands = 21,
    /// Rule Z22.
    #[error("fewer than three owners of supply or of demand take part")]
    OwnersTooFew = 22,
    /// Rule Z23.
    #[error("the sum's ciphertext is degenerate")]
    SumDegenerate = 23,
    /// Rule Z24.
    #[error("a share is from an unknown holder, or a holder's second")]
    ShareHolder = 24,
    /// Rule Z25.
    #[error("a share does not carry a valid proof")]
    ShareFalse = 25,
    /// Rule Z26.
    #[error("too few shares for the threshold")]
    SharesTooFew = 26,
    /// Rule Z27.
    #[error("the opened number does not satisfy the shares")]
    OpeningFalse = 27,
    /// Rule Z28.
    #[error("the opened number was not found in its range")]
    OpeningNotFound = 28,
    /// Rule Z29.
    #[error("this is not the sum to be opened now")]
    OutOfTurn = 29,
    /// Rule Z30.
    #[error("the reading is not signed by the key it names")]
    ReadingSignature = 30,
    /// Rule Z31.
    #[error("the reading is out of sequence")]
    ReadingSequence = 31,
    /// Rule Z32.
    #[error("the account does not exist")]
    AccountUnknown = 32,
    /// Rule Z33.
    #[error("a bill line does not belong to the bill's member or cycle")]
    BillLine = 33,
    /// Rule Z34.
    #[error("the bill's total is not what its lines and rounding give")]
    BillTotal = 34,
    /// Rule Z35.
    #[error("the bill does not name a finalised root")]
    BillRoot = 35,
    /// Rule Z36.
    #[error("the cycle's energy balance is outside the loss band")]
    BalanceOutside = 36,
    /// Rule Z37.
    #[error("the parts do not add up to the whole")]
    SplitTotal = 37,
    /// Rule Z38.
    #[error("a number is outside the bounds that keep the arithmetic exact")]
    Bounds = 38,
    /// Rule Z39.
    #[error("one owner would hold more key shares than may be faulty")]
    OwnerShares = 39,
    /// Rule Z40.
    #[error("the owners of one role would together hold a threshold of key shares")]
    RoleShares = 40,
    /// Rule Z41.
    #[error("this share was given before, or for another set of curves")]
    ShareGiven = 41,
    /// Rule Z42.
    #[error("the closing block is not final")]
    NotFinal = 42,
}

impl Refusal {
    /// The rule's number.
    #[must_use]
    pub const fn rule(self) -> u16 {
        self as u16
    }
}
