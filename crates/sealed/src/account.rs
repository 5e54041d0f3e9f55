//! Accounts nobody can read: balances are commitments, every transfer is +V here and −V there.
//!
//! Money counts in µ·J/kWh. A member's line for one interval is linear in its commitments:
//! λ·E⁺ − λ_w·E⁻ + Δt·ρ·r − κ·W, with public prices; bills over intervals simply add, exactly. λ_w is the
//! price of withdrawals: λ with the public loss factor, rounded to a quantum. The pool takes the other side,
//! so that the sum over all accounts never changes.

use crate::{
    group::{Commitment, Opening, combine},
    metering::{ReadingSecret, Registers},
    refusal::Refusal,
    tariff::Tariff,
};
use gridaccord_model::{GateId, MemberId, Price, codec_struct};
use std::collections::BTreeMap;

/// First amount too large to deposit, µ·J/kWh.
const DEPOSIT_LIMIT: i128 = 1 << 63;

/// Whose account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// A member's.
    Member(MemberId),
    /// The other side of every settlement: losses, penalties and the residue meet here.
    Pool,
    /// What rounding leaves over.
    Remainder,
    /// What the pool keeps after the grid-forming resource is paid.
    Losses,
}

/// Public prices of one interval's settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
    /// λ: paid for energy injected, µ/kWh.
    pub injected: Price,
    /// λ_w: charged for energy absorbed, µ/kWh.
    pub absorbed: Price,
    /// Paid for reserve held, µ/kWh.
    pub reserve: Price,
    /// κ: charged for deviation, µ/kWh.
    pub penalty: Price,
    /// Δt.
    pub duration_s: u32,
}

codec_struct!(Prices { injected, absorbed, reserve, penalty, duration_s });

impl Prices {
    /// Prices that follow from λ* and the tariff.
    ///
    /// # Errors
    /// A price leaves its range.
    pub fn of(price: Price, tariff: &Tariff, duration_s: u32) -> Result<Self, Refusal> {
        let narrow = |value: i128| i64::try_from(value).map(Price).map_err(|_| Refusal::Bounds);
        Ok(Self {
            injected: price,
            absorbed: narrow(tariff.withdrawal(price))?,
            reserve: tariff.reserve_price,
            penalty: narrow(tariff.penalty(price))?,
            duration_s,
        })
    }

    /// Coefficients of injected energy, absorbed energy, reserve and deviation.
    fn coefficients(&self) -> [i128; 4] {
        let reserve = i128::from(self.reserve.0).saturating_mul(i128::from(self.duration_s));
        [
            i128::from(self.injected.0),
            i128::from(self.absorbed.0).saturating_neg(),
            reserve,
            i128::from(self.penalty.0).saturating_neg(),
        ]
    }

    /// The plaintext twin of [`Line::amount`]: energy in J, reserve in W, deviation in J; µ·J/kWh.
    #[must_use]
    pub fn amount(
        &self,
        injected: i128,
        absorbed: i128,
        reserve: i128,
        deviation: i128,
    ) -> Option<i128> {
        let numbers = [injected, absorbed, reserve, deviation];
        self.coefficients()
            .into_iter()
            .zip(numbers)
            .try_fold(0i128, |sum, (coefficient, number)| {
                sum.checked_add(coefficient.checked_mul(number)?)
            })
    }
}

/// One member's settlement of one interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The interval's gate.
    pub gate: GateId,
    /// Its public prices.
    pub prices: Prices,
    /// Metered energy.
    pub registers: Registers,
    /// Com(r); Com(0; 0) where none is held.
    pub reserve: Commitment,
    /// Com(W).
    pub deviation: Commitment,
}

codec_struct!(Line { gate, prices, registers, reserve, deviation });

impl Line {
    /// Com(V): the member's credit, µ·J/kWh.
    #[must_use]
    pub fn amount(&self) -> Commitment {
        let [injected, absorbed, reserve, penalty] = self.prices.coefficients();
        combine(
            &[
                (injected, &self.registers.injected),
                (absorbed, &self.registers.absorbed),
                (reserve, &self.reserve),
                (penalty, &self.deviation),
            ],
            0,
        )
    }
}

/// The member's own side of a line.
#[derive(Debug)]
pub struct LineSecret<'a> {
    /// Openings of the registers.
    pub reading: &'a ReadingSecret,
    /// Opening of r.
    pub reserve: &'a Opening,
    /// Opening of W.
    pub deviation: &'a Opening,
}

impl LineSecret<'_> {
    /// The opening of V.
    #[must_use]
    pub fn amount(&self, prices: &Prices) -> Option<Opening> {
        let [injected, absorbed, reserve, penalty] = prices.coefficients();
        let parts = [
            (injected, &self.reading.injected),
            (absorbed, &self.reading.absorbed),
            (reserve, self.reserve),
            (penalty, self.deviation),
        ];
        Opening::combine(&parts, 0)
    }
}

/// All accounts.
#[derive(Clone, Debug, Default)]
pub struct Accounts(BTreeMap<Account, Commitment>);

impl Accounts {
    /// Opens an account with a public deposit, µ·J/kWh; its owner's deposits together stay below 2⁶³.
    ///
    /// # Errors
    /// The amount is negative or reaches 2⁶³: a balance of 2⁶⁴ and more fits no range, so that its owner could
    /// not prove its funds.
    pub fn deposit(&mut self, account: Account, amount: i128) -> Result<(), Refusal> {
        if !(0..DEPOSIT_LIMIT).contains(&amount) {
            return Err(Refusal::Bounds);
        }
        let balance = self.balance(&account);
        self.0.insert(account, combine(&[(1, &balance)], amount));
        Ok(())
    }

    /// A balance; Com(0; 0) before the first deposit.
    #[must_use]
    pub fn balance(&self, account: &Account) -> Commitment {
        self.0.get(account).copied().unwrap_or_else(Commitment::zero)
    }

    /// Moves a committed amount, or leaves everything as it was.
    ///
    /// # Errors
    /// The payer has no account.
    pub fn transfer(
        &mut self,
        from: Account,
        to: Account,
        amount: &Commitment,
    ) -> Result<(), Refusal> {
        let payer = self.0.get(&from).copied().ok_or(Refusal::AccountUnknown)?;
        if from == to {
            return Ok(());
        }
        let payee = self.balance(&to);
        self.0.insert(from, combine(&[(1, &payer), (-1, amount)], 0));
        self.0.insert(to, combine(&[(1, &payee), (1, amount)], 0));
        Ok(())
    }

    /// The sum over all accounts, which no transfer changes.
    #[must_use]
    pub fn total(&self) -> Commitment {
        let all: Vec<(i128, &Commitment)> = self.0.values().map(|balance| (1, balance)).collect();
        combine(&all, 0)
    }
}
