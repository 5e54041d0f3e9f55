//! Decimal text to whole quanta, exactly: no binary fraction ever stands between a file and the ledger.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "digits and exponents are bounded before they are combined"
)]

/// Largest relative rounding a field may suffer, parts per trillion: 10⁻⁷.
pub(crate) const ROUNDING_MAX_PPT: u64 = 100_000;
/// Significant digits of a number in a scenario; 10³⁶ times a quantum's power of ten still fits `i128`.
const DIGITS_MAX: usize = 18;
/// Largest absolute power of ten of a number's last digit.
const EXPONENT_MAX: i32 = 18;
const PPT: i128 = 1_000_000_000_000;

/// mantissa · 10^exponent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    mantissa: i64,
    exponent: i32,
}

/// Why a number is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecimalError {
    #[error("not a decimal number")]
    NotDecimal,
    #[error("more than {DIGITS_MAX} significant digits")]
    TooLong,
    #[error("too large")]
    TooLarge,
    #[error("rounding to a whole quantum would change it by more than one part in ten million")]
    RoundsTooMuch,
}

/// A whole number of quanta and how far the decimal was from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quanta {
    pub(crate) value: i64,
    pub(crate) rounding_ppt: u64,
}

impl Decimal {
    /// Reads a TOML integer or float as written, underscores and all. Hexadecimal, infinities and NaN are not
    /// decimal numbers.
    pub(crate) fn parse(text: &str) -> Result<Self, DecimalError> {
        let (body, exponent) = match text.split_once(['e', 'E']) {
            Some((body, exponent)) => {
                (body, exponent.parse::<i32>().map_err(|_| DecimalError::NotDecimal)?)
            }
            None => (text, 0),
        };
        let (negative, body) = match body.as_bytes().first() {
            Some(b'-') => (true, &body[1..]),
            Some(b'+') => (false, &body[1..]),
            _ => (false, body),
        };
        let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
        let digits: String =
            whole.chars().chain(fraction.chars()).filter(|digit| *digit != '_').collect();
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(DecimalError::NotDecimal);
        }
        let places = fraction.bytes().filter(|digit| *digit != b'_').count();
        let significant = digits.trim_start_matches('0');
        if significant.len() > DIGITS_MAX {
            return Err(DecimalError::TooLong);
        }
        let magnitude: i64 = if significant.is_empty() {
            0
        } else {
            significant.parse().map_err(|_| DecimalError::TooLong)?
        };
        let places = i32::try_from(places).map_err(|_| DecimalError::TooLong)?;
        let exponent =
            exponent.checked_sub(places).filter(|exponent| exponent.abs() <= EXPONENT_MAX);
        let mantissa = if negative { -magnitude } else { magnitude };
        Ok(Self { mantissa, exponent: exponent.ok_or(DecimalError::TooLarge)? })
    }

    /// This number times 10^`power`, to the nearest whole quantum, halves away from zero.
    pub(crate) fn quanta(self, power: i32) -> Result<Quanta, DecimalError> {
        let mantissa = i128::from(self.mantissa);
        let exponent = self.exponent + power;
        let (value, rounding_ppt) = if exponent >= 0 {
            (mantissa.checked_mul(ten_to(exponent)?).ok_or(DecimalError::TooLarge)?, 0)
        } else {
            let divisor = ten_to(-exponent)?;
            let half = if mantissa < 0 { -divisor / 2 } else { divisor / 2 };
            let value = (mantissa + half) / divisor;
            let off = (value * divisor - mantissa).abs();
            (value, if off == 0 { 0 } else { (off * PPT).div_euclid(mantissa.abs()) })
        };
        let rounding_ppt = u64::try_from(rounding_ppt).map_err(|_| DecimalError::RoundsTooMuch)?;
        if rounding_ppt > ROUNDING_MAX_PPT {
            return Err(DecimalError::RoundsTooMuch);
        }
        Ok(Quanta {
            value: i64::try_from(value).map_err(|_| DecimalError::TooLarge)?,
            rounding_ppt,
        })
    }
}

fn ten_to(exponent: i32) -> Result<i128, DecimalError> {
    u32::try_from(exponent)
        .ok()
        .and_then(|exponent| 10i128.checked_pow(exponent))
        .ok_or(DecimalError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quanta(text: &str, power: i32) -> Result<(i64, u64), DecimalError> {
        Decimal::parse(text)?.quanta(power).map(|quanta| (quanta.value, quanta.rounding_ppt))
    }

    #[test]
    fn decimals_are_exact_or_refused() {
        assert_eq!(quanta("0.0421", 6), Ok((42_100, 0)));
        assert_eq!(quanta("-0.0421", 6), Ok((-42_100, 0)));
        assert_eq!(quanta("+1_000.5e1", 0), Ok((10_005, 0)));
        assert_eq!(quanta("0", 6), Ok((0, 0)));
        assert_eq!(quanta("0.000", 0), Ok((0, 0)));
        // One part in ten million is the limit: 10,000,000.9 W is off by 10⁻⁸, 1.5 W by a third.
        assert_eq!(quanta("10_000_000.9", 0), Ok((10_000_001, 9_999)));
        assert_eq!(quanta("1.5", 0), Err(DecimalError::RoundsTooMuch));
        assert_eq!(quanta("0.0000001", 6), Err(DecimalError::RoundsTooMuch));
        assert_eq!(quanta("1e18", 6), Err(DecimalError::TooLarge));
        assert_eq!(quanta("1e99", 0), Err(DecimalError::TooLarge));
        assert_eq!(quanta("1234567890123456789", 0), Err(DecimalError::TooLong));
        for text in ["", "-", "nan", "inf", "0x10", "1e", "1.2.3", "é"] {
            assert_eq!(quanta(text, 0), Err(DecimalError::NotDecimal), "{text}");
        }
    }
}
