//! The genesis file's text: sections as the ledger has them, each field with its unit in its name, times with what
//! they mean in UTC beside them.

use super::{Admitted, Expected, FileValidator, GenesisFile};
use super::{carbon_text::CarbonText, sealed_text::SealedText};
use crate::{Address, Name, hex};
use commonware_cryptography::ed25519;
use gridaccord_ledger::{
    Role,
    genesis::{CLASS_NAME_MAX, Clock, GateKind, Market, Thresholds, Trust},
};
use gridaccord_model::{
    Money, OwnerId, Price, TimeMs, TimeS, carbon::WiderBoundary, codec::Label, scenario::utc,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the text.
const VERSION: u32 = 1;

const HEAD: &str = "\
# What a chain starts from. Every validator starts from an equal copy; `gridaccord genesis check` tells whether it is
# complete. Whatever is changed here changes the chain's id and voids the signatures, but for validators' addresses.
# Money is in millionths of the currency; shares are in millionths (ppm) or billionths (ppb).
";

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    version: u32,
    label: String,
    clock: ClockText,
    market: MarketText,
    trust: TrustText,
    thresholds: ThresholdsText,
    #[serde(skip_serializing_if = "Option::is_none")]
    carbon: Option<CarbonText>,
    #[serde(default)]
    member: Vec<MemberText>,
    #[serde(default)]
    validator: Vec<ValidatorText>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    expected: Vec<ExpectedText>,
    #[serde(default)]
    signature: Vec<SignatureText>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ClockText {
    ledger_start_s: u64,
    wall_start_ms: u64,
    speed: u32,
    drift_ms: u32,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct MarketText {
    #[serde(skip_serializing_if = "Option::is_none")]
    horizon_intervals: Option<u16>,
    first_start_s: u64,
    interval_s: u32,
    period_s: u32,
    gates: u32,
    open_lead_s: u32,
    close_lead_s: u32,
    meter_lag_s: u32,
    price_cap_micro_per_kwh: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed: Option<SealedText>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct TrustText {
    beacon_offset_views: u64,
    seats: u16,
    commit_window_heights: u32,
    reveal_window_heights: u32,
    index_start_ppm: u32,
    wager_min_ppm: u32,
    token_value_micro: i64,
    significance_floor_micro: i64,
    significance_ref_micro: i64,
    fee_ppm: u32,
    epsilon_ppb: u32,
    alpha_ppm: u32,
    beta_worse_ppm: u32,
    beta_false_ppm: u32,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ThresholdsText {
    gap_ppb: u32,
    price_rise_ppm: u32,
    energy_loss_ppm: u32,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct MemberText {
    name: Name,
    role: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    class: String,
    owner: u16,
    key_hex: String,
    stake_tokens: u64,
    deposit_micro: i64,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ValidatorText {
    name: Name,
    node_key_hex: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ExpectedText {
    name: Name,
    role: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    class: String,
    owner: u16,
    validator: bool,
    stake_tokens: u64,
    deposit_micro: i64,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SignatureText {
    name: Name,
    signature_hex: String,
}

/// Roles and the words that scenarios have for them.
const ROLES: [(Role, &str); 8] = [
    (Role::Supplier, "supplier"),
    (Role::StorageOwner, "storage"),
    (Role::Campus, "campus"),
    (Role::Tenant, "tenant"),
    (Role::Utility, "utility"),
    (Role::Authority, "authority"),
    (Role::Certifier, "certifier"),
    (Role::Auditor, "auditor"),
];

/// The word for a role.
#[must_use]
pub fn role_name(role: Role) -> &'static str {
    ROLES.iter().find(|(one, _)| *one == role).map_or("", |(_, name)| name)
}

/// The role of a word.
///
/// # Errors
/// The words there are.
pub fn role_named(name: &str) -> Result<Role, String> {
    ROLES.iter().find(|(_, one)| *one == name).map(|(role, _)| *role).ok_or_else(|| {
        let words: Vec<&str> = ROLES.iter().map(|(_, name)| *name).collect();
        format!("`{name}` is no role: one of {}", words.join(", "))
    })
}

/// Wider boundaries and the words that scenarios have for them.
const BOUNDARIES: [(WiderBoundary, &str); 2] =
    [(WiderBoundary::Embodied, "embodied"), (WiderBoundary::Travel, "travel")];

/// The word for a boundary.
pub(super) fn boundary_name(boundary: WiderBoundary) -> &'static str {
    BOUNDARIES.iter().find(|(one, _)| *one == boundary).map_or("", |(_, name)| name)
}

pub(super) fn boundary_named(name: &str) -> Result<WiderBoundary, String> {
    let found = BOUNDARIES.iter().find(|(_, one)| *one == name);
    found
        .map(|(boundary, _)| *boundary)
        .ok_or_else(|| format!("carbon.boundary `{name}` is none: embodied or travel"))
}

impl GenesisFile {
    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        let body = toml::to_string(&self.to_text()).expect("numbers are checked where they enter");
        let mut text = String::from(HEAD);
        for line in body.lines() {
            text.push_str(line);
            if let Some(time) = meaning(line) {
                text.push_str("  # ");
                text.push_str(&time);
            }
            text.push('\n');
        }
        text
    }

    /// Reads a text.
    ///
    /// # Errors
    /// What is wrong, with line and place where it is the text's form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text: FileText = toml::from_str(text).map_err(|error| error.to_string())?;
        if text.version != VERSION {
            return Err(format!("it has version {}, this release reads {VERSION}", text.version));
        }
        Self::from_text(text)
    }

    fn to_text(&self) -> FileText {
        FileText {
            version: VERSION,
            label: self.label.to_string(),
            clock: ClockText::of(&self.clock),
            market: MarketText::of(&self.market),
            trust: TrustText::of(&self.trust),
            thresholds: ThresholdsText::of(&self.thresholds),
            carbon: CarbonText::of(&self.carbon),
            member: self.members.iter().map(MemberText::of).collect(),
            validator: self.validators.iter().map(ValidatorText::of).collect(),
            expected: self.expected.iter().map(ExpectedText::of).collect(),
            signature: self
                .signatures
                .iter()
                .map(|(name, signature)| SignatureText {
                    name: name.clone(),
                    signature_hex: hex::of(signature),
                })
                .collect(),
        }
    }

    fn from_text(text: FileText) -> Result<Self, String> {
        let mut signatures = BTreeMap::new();
        for SignatureText { name, signature_hex } in text.signature {
            let signature: ed25519::Signature =
                hex::to(&signature_hex).ok_or_else(|| digits(&name, "signature_hex", 128))?;
            if signatures.insert(name.clone(), signature).is_some() {
                return Err(format!("there are two signatures of {name}"));
            }
        }
        Ok(Self {
            label: Label::new(text.label).map_err(|_| "label has more than 64 bytes")?,
            clock: text.clock.read(),
            market: text.market.read()?,
            trust: text.trust.read(),
            thresholds: text.thresholds.read(),
            carbon: text.carbon.map(CarbonText::read).transpose()?.unwrap_or_default(),
            members: text.member.into_iter().map(MemberText::read).collect::<Result<_, _>>()?,
            validators: text
                .validator
                .into_iter()
                .map(ValidatorText::read)
                .collect::<Result<_, _>>()?,
            expected: text
                .expected
                .into_iter()
                .map(ExpectedText::read)
                .collect::<Result<_, _>>()?,
            signatures,
        })
    }
}

/// The horizon of a chain's gates; `None` where each interval stands on its own.
pub(super) const fn horizon_intervals(kind: GateKind) -> Option<u16> {
    match kind {
        GateKind::Open {} | GateKind::Sealed { .. } => None,
        GateKind::Horizon { intervals } => Some(intervals),
    }
}

fn class_of(name: &Name, class: String) -> Result<Label<CLASS_NAME_MAX>, String> {
    Label::new(class).map_err(|_| format!("class of {name} has more than {CLASS_NAME_MAX} bytes"))
}

/// What the time on a line means to people.
fn meaning(line: &str) -> Option<String> {
    let (key, value) = line.split_once(" = ")?;
    let number: u64 = value.parse().ok()?;
    match key {
        "ledger_start_s" | "first_start_s" => Some(utc(TimeS(number))),
        "wall_start_ms" => Some(utc(TimeS(number / 1_000))),
        _ => None,
    }
}

fn digits(name: &Name, field: &str, count: usize) -> String {
    format!("{field} of {name} must be {count} hexadecimal digits of a valid one")
}

impl ClockText {
    const fn of(clock: &Clock) -> Self {
        let Clock { ledger_start, wall_start, speed, drift_ms } = *clock;
        Self { ledger_start_s: ledger_start.0, wall_start_ms: wall_start.0, speed, drift_ms }
    }

    const fn read(self) -> Clock {
        Clock {
            ledger_start: TimeS(self.ledger_start_s),
            wall_start: TimeMs(self.wall_start_ms),
            speed: self.speed,
            drift_ms: self.drift_ms,
        }
    }
}

impl MarketText {
    const fn of(market: &Market) -> Self {
        Self {
            horizon_intervals: horizon_intervals(market.kind),
            first_start_s: market.first_start.0,
            interval_s: market.interval_s,
            period_s: market.period_s,
            gates: market.gates,
            open_lead_s: market.open_lead_s,
            close_lead_s: market.close_lead_s,
            meter_lag_s: market.meter_lag_s,
            price_cap_micro_per_kwh: market.price_cap.0,
            sealed: match market.kind {
                GateKind::Sealed { ref terms } => Some(SealedText::of(terms)),
                _ => None,
            },
        }
    }

    fn read(self) -> Result<Market, String> {
        Ok(Market {
            kind: match (self.horizon_intervals, self.sealed) {
                (Some(_), Some(_)) => {
                    return Err("market is sealed or over a horizon, not both".into());
                }
                (None, Some(sealed)) => GateKind::Sealed { terms: sealed.read() },
                (Some(intervals), None) => GateKind::Horizon { intervals },
                (None, None) => GateKind::Open {},
            },
            first_start: TimeS(self.first_start_s),
            interval_s: self.interval_s,
            period_s: self.period_s,
            gates: self.gates,
            open_lead_s: self.open_lead_s,
            close_lead_s: self.close_lead_s,
            meter_lag_s: self.meter_lag_s,
            price_cap: Price(self.price_cap_micro_per_kwh),
        })
    }
}

impl TrustText {
    const fn of(trust: &Trust) -> Self {
        Self {
            beacon_offset_views: trust.beacon_offset,
            seats: trust.seats,
            commit_window_heights: trust.commit_window,
            reveal_window_heights: trust.reveal_window,
            index_start_ppm: trust.index_start_ppm,
            wager_min_ppm: trust.wager_min_ppm,
            token_value_micro: trust.token_value.0,
            significance_floor_micro: trust.significance_floor.0,
            significance_ref_micro: trust.significance_ref.0,
            fee_ppm: trust.fee_ppm,
            epsilon_ppb: trust.epsilon_ppb,
            alpha_ppm: trust.alpha_ppm,
            beta_worse_ppm: trust.beta_worse_ppm,
            beta_false_ppm: trust.beta_false_ppm,
        }
    }

    const fn read(self) -> Trust {
        Trust {
            beacon_offset: self.beacon_offset_views,
            seats: self.seats,
            commit_window: self.commit_window_heights,
            reveal_window: self.reveal_window_heights,
            index_start_ppm: self.index_start_ppm,
            wager_min_ppm: self.wager_min_ppm,
            token_value: Money(self.token_value_micro),
            significance_floor: Money(self.significance_floor_micro),
            significance_ref: Money(self.significance_ref_micro),
            fee_ppm: self.fee_ppm,
            epsilon_ppb: self.epsilon_ppb,
            alpha_ppm: self.alpha_ppm,
            beta_worse_ppm: self.beta_worse_ppm,
            beta_false_ppm: self.beta_false_ppm,
        }
    }
}

impl ThresholdsText {
    const fn of(thresholds: &Thresholds) -> Self {
        let Thresholds { gap_ppb, price_rise_ppm, energy_loss_ppm } = *thresholds;
        Self { gap_ppb, price_rise_ppm, energy_loss_ppm }
    }

    const fn read(self) -> Thresholds {
        let Self { gap_ppb, price_rise_ppm, energy_loss_ppm } = self;
        Thresholds { gap_ppb, price_rise_ppm, energy_loss_ppm }
    }
}

impl MemberText {
    fn of(member: &Admitted) -> Self {
        Self {
            name: member.name.clone(),
            role: role_name(member.role).into(),
            class: member.class.to_string(),
            owner: member.owner.0,
            key_hex: hex::of(&member.key),
            stake_tokens: member.stake,
            deposit_micro: member.deposit.0,
        }
    }

    fn read(self) -> Result<Admitted, String> {
        Ok(Admitted {
            role: role_named(&self.role)?,
            class: class_of(&self.name, self.class)?,
            owner: OwnerId(self.owner),
            key: hex::to(&self.key_hex).ok_or_else(|| digits(&self.name, "key_hex", 64))?,
            stake: self.stake_tokens,
            deposit: Money(self.deposit_micro),
            name: self.name,
        })
    }
}

impl ValidatorText {
    fn of(validator: &FileValidator) -> Self {
        Self {
            name: validator.name.clone(),
            node_key_hex: hex::of(&validator.key),
            address: validator.address.clone(),
        }
    }

    fn read(self) -> Result<FileValidator, String> {
        let key = hex::to(&self.node_key_hex);
        let key = key.ok_or_else(|| digits(&self.name, "node_key_hex", 64))?;
        Ok(FileValidator { name: self.name, key, address: self.address })
    }
}

impl ExpectedText {
    fn of(expected: &Expected) -> Self {
        Self {
            name: expected.name.clone(),
            role: role_name(expected.role).into(),
            class: expected.class.to_string(),
            owner: expected.owner.0,
            validator: expected.validator,
            stake_tokens: expected.stake,
            deposit_micro: expected.deposit.0,
        }
    }

    fn read(self) -> Result<Expected, String> {
        Ok(Expected {
            role: role_named(&self.role)?,
            class: class_of(&self.name, self.class)?,
            owner: OwnerId(self.owner),
            validator: self.validator,
            stake: self.stake_tokens,
            deposit: Money(self.deposit_micro),
            name: self.name,
        })
    }
}
