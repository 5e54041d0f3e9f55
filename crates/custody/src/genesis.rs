//! The genesis file: what strangers agree on before there is a chain, in a text they can read, compare and sign.
//!
//! It holds every field of [`Genesis`], each with its unit in its name, and two things that the chain's id does not
//! cover: where each validator is reached, and the validators' signatures over that id. A scenario proposes terms and
//! the members it expects; cards admit them one by one; every validator's member signs; then each starts its node from
//! an equal copy. A change after a signature voids it.

mod carbon_text;
mod difference;
mod error;
mod sealed_text;
mod text;

use crate::{
    Address, Card, Name,
    file::{self, Audience, FileError},
};
use commonware_cryptography::{Signer as _, Verifier as _, ed25519};
use gridaccord_ledger::{
    Genesis, Role,
    genesis::{
        CLASS_NAME_MAX, CarbonPolicy, Clock, DEPOSIT_MAX, GenesisError, GenesisMember, Market,
        STAKE_MAX, Thresholds, Trust, Validator,
    },
};
use gridaccord_model::{
    Money, OwnerId, TimeMs,
    codec::{Bounded, Label},
    scenario::Scenario,
};
use std::{collections::BTreeMap, path::Path};

pub use difference::{Difference, differences};
pub use error::GenesisFileError;
use text::{boundary_name, horizon_intervals};
pub use text::{role_name, role_named};

/// Most bytes of the file: a thousand members and their signatures.
pub(crate) const TEXT_MAX: u64 = 2 * 1024 * 1024;
/// Domain of a member's signature over a chain's id.
const NAMESPACE: &[u8] = b"gridaccord/genesis/signature/v1";

/// A genesis document in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisFile {
    label: Label<64>,
    clock: Clock,
    market: Market,
    trust: Trust,
    thresholds: Thresholds,
    carbon: CarbonPolicy,
    members: Vec<Admitted>,
    validators: Vec<FileValidator>,
    expected: Vec<Expected>,
    signatures: BTreeMap<Name, ed25519::Signature>,
}

/// A member in it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Admitted {
    name: Name,
    role: Role,
    class: Label<CLASS_NAME_MAX>,
    owner: OwnerId,
    key: ed25519::PublicKey,
    stake: u64,
    deposit: Money,
}

/// A validator in it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FileValidator {
    name: Name,
    key: ed25519::PublicKey,
    address: Option<Address>,
}

/// A member that a scenario knows and that has not shown its card yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its name.
    pub name: Name,
    /// What it may do.
    pub role: Role,
    /// Kind of its resource, as the carbon policy names it; empty for none.
    pub class: Label<CLASS_NAME_MAX>,
    /// Who stands behind it.
    pub owner: OwnerId,
    /// Whether it runs a validator.
    pub validator: bool,
    /// Trust tokens it starts with.
    pub stake: u64,
    /// Money it starts with.
    pub deposit: Money,
}

/// On which terms a card is admitted; what is left out is taken from what the file expects of that name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// What it may do.
    pub role: Option<Role>,
    /// Kind of its resource, as the carbon policy names it; without, none.
    pub class: Option<Label<CLASS_NAME_MAX>>,
    /// Who stands behind it.
    pub owner: Option<OwnerId>,
    /// Trust tokens it starts with.
    pub stake: Option<u64>,
    /// Money it starts with.
    pub deposit: Option<Money>,
}

impl GenesisFile {
    /// Terms and expected members of a scenario; no member yet. Ledger time runs `speed` times as fast as wall time
    /// from `wall_start` on, and starts just before the scenario's first gate opens.
    ///
    /// # Errors
    /// [`GenesisFileError::TooMany`], [`GenesisFileError::TooLarge`], and [`GenesisFileError::Name`] for a member that
    /// no card can have.
    pub fn propose(
        scenario: &Scenario,
        label: Option<&str>,
        wall_start: TimeMs,
        speed: u32,
    ) -> Result<Self, GenesisFileError> {
        let expected = scenario.members.iter().map(|member| {
            Ok(Expected {
                name: member.name.parse()?,
                role: member.role.into(),
                class: Label::new(member.class.clone().unwrap_or_default())
                    .expect("a scenario bounds classes"),
                owner: member.owner,
                validator: member.validator,
                stake: member.stake_tokens,
                deposit: member.deposit,
            })
        });
        let proposed = Self {
            label: Label::new(label.unwrap_or(&scenario.name))
                .map_err(|_| GenesisFileError::TooMany { what: "bytes of the label", limit: 64 })?,
            clock: Clock::at_speed(scenario, 0, wall_start, speed),
            market: Market::of(scenario, 0..scenario.horizon.intervals),
            trust: scenario.trust,
            thresholds: scenario.thresholds,
            carbon: scenario.carbon.clone(),
            members: Vec::new(),
            validators: Vec::new(),
            expected: expected.collect::<Result<_, GenesisFileError>>()?,
            signatures: BTreeMap::new(),
        };
        proposed.check_numbers()?;
        Ok(proposed)
    }

    /// A finished document as a file, with addresses where they are known and no signature.
    ///
    /// # Errors
    /// [`GenesisFileError::Rule`], [`GenesisFileError::Name`], [`GenesisFileError::TooLarge`].
    pub fn of(
        genesis: &Genesis,
        addresses: &BTreeMap<Name, Address>,
    ) -> Result<Self, GenesisFileError> {
        genesis.check()?;
        let members: Vec<Admitted> = genesis
            .members
            .iter()
            .map(|member| {
                let GenesisMember { name, role, class, owner, key, stake, deposit } =
                    member.clone();
                let name = name.to_string().parse()?;
                Ok(Admitted { name, role, class, owner, key, stake, deposit })
            })
            .collect::<Result<_, GenesisFileError>>()?;
        let validators = genesis.validators.iter().map(|validator| {
            let name = members[usize::from(validator.member)].name.clone();
            let address = addresses.get(&name).cloned();
            FileValidator { name, key: validator.key.clone(), address }
        });
        let file = Self {
            label: genesis.label.clone(),
            clock: genesis.clock,
            market: genesis.market,
            trust: genesis.trust,
            thresholds: genesis.thresholds,
            carbon: genesis.carbon.clone(),
            validators: validators.collect(),
            members,
            expected: Vec::new(),
            signatures: BTreeMap::new(),
        };
        file.check_numbers()?;
        Ok(file)
    }

    /// The document that a chain starts from, as far as it is; not checked.
    ///
    /// # Errors
    /// [`GenesisFileError::TooMany`], [`GenesisFileError::UnknownValidator`].
    pub fn genesis(&self) -> Result<Genesis, GenesisFileError> {
        let members = self.members.iter().map(|member| GenesisMember {
            name: Label::new(String::from(member.name.clone()))
                .expect("a name's bound is the label's"),
            role: member.role,
            class: member.class.clone(),
            owner: member.owner,
            key: member.key.clone(),
            stake: member.stake,
            deposit: member.deposit,
        });
        let validators = self.validators.iter().map(|validator| {
            let position = self.members.iter().position(|member| member.name == validator.name);
            let member = position.and_then(|position| u16::try_from(position).ok());
            let member =
                member.ok_or_else(|| GenesisFileError::UnknownValidator(validator.name.clone()))?;
            Ok(Validator { member, key: validator.key.clone() })
        });
        let validators = validators.collect::<Result<Vec<_>, GenesisFileError>>()?;
        Ok(Genesis {
            label: self.label.clone(),
            clock: self.clock,
            market: self.market,
            trust: self.trust,
            thresholds: self.thresholds,
            carbon: self.carbon.clone(),
            validators: bounded(validators, "validators")?,
            members: bounded(members.collect(), "members")?,
        })
    }

    /// Admits the member that shows this card. Signatures given before no longer hold and are removed: whose, is
    /// returned.
    ///
    /// # Errors
    /// [`GenesisFileError::Twice`], [`GenesisFileError::Term`], [`GenesisFileError::Rule`],
    /// [`GenesisFileError::NoNode`]; the file is then as it was.
    pub fn admit(&mut self, card: &Card, terms: Terms) -> Result<Vec<Name>, GenesisFileError> {
        let name = card.name();
        if let Some(what) = self.taken(card) {
            return Err(GenesisFileError::Twice { name: name.clone(), what });
        }
        let position = self.expected.iter().position(|expected| expected.name == *name);
        let expected = position.and_then(|position| self.expected.get(position));
        let term = |option| GenesisFileError::Term { name: name.clone(), option };
        let admitted = Admitted {
            name: name.clone(),
            key: card.member_key().clone(),
            role: terms.role.or(expected.map(|it| it.role)).ok_or_else(|| term("--role"))?,
            class: terms.class.or_else(|| expected.map(|it| it.class.clone())).unwrap_or_default(),
            owner: terms.owner.or(expected.map(|it| it.owner)).ok_or_else(|| term("--owner"))?,
            stake: terms.stake.or(expected.map(|it| it.stake)).ok_or_else(|| term("--stake"))?,
            deposit: terms
                .deposit
                .or(expected.map(|it| it.deposit))
                .ok_or_else(|| term("--deposit"))?,
        };
        if admitted.stake > STAKE_MAX {
            return Err(GenesisError::StakeTooLarge(name.to_string()).into());
        }
        if !(Money::ZERO..=DEPOSIT_MAX).contains(&admitted.deposit) {
            return Err(GenesisError::DepositOutOfRange(name.to_string()).into());
        }
        if card.node().is_none() && expected.is_some_and(|it| it.validator) {
            return Err(GenesisFileError::NoNode(name.clone()));
        }
        if let Some(position) = position {
            self.expected.remove(position);
        }
        self.members.push(admitted);
        self.validators.extend(card.node().map(|node| FileValidator {
            name: name.clone(),
            key: node.key.clone(),
            address: Some(node.address.clone()),
        }));
        Ok(std::mem::take(&mut self.signatures).into_keys().collect())
    }

    fn taken(&self, card: &Card) -> Option<&'static str> {
        let member = |by: &dyn Fn(&Admitted) -> bool| self.members.iter().any(by);
        if member(&|member| member.name == *card.name()) {
            return Some("name");
        }
        if member(&|member| member.key == *card.member_key()) {
            return Some("member key");
        }
        let node = card.node()?;
        if self.validators.iter().any(|validator| validator.key == node.key) {
            return Some("node key");
        }
        let same = |validator: &FileValidator| validator.address.as_ref() == Some(&node.address);
        self.validators.iter().any(same).then_some("address")
    }

    /// Signs the chain's id as the member whose key it is; whose, is returned. The document must keep every rule: what
    /// is signed is what starts.
    ///
    /// # Errors
    /// [`GenesisFileError::NotAMember`], [`GenesisFileError::Rule`].
    pub fn sign(&mut self, key: &ed25519::PrivateKey) -> Result<Name, GenesisFileError> {
        let public = key.public_key();
        let member = self.members.iter().find(|member| member.key == public);
        let name = member.map(|member| member.name.clone()).ok_or(GenesisFileError::NotAMember)?;
        let genesis = self.genesis()?;
        genesis.check()?;
        let signature = key.sign(NAMESPACE, genesis.chain_id().as_ref());
        self.signatures.insert(name.clone(), signature);
        Ok(name)
    }

    /// Checks everything: rules G1 and on, an address for each validator, every signature given, and that each
    /// validator's member has signed. What a node starts from is what this returns.
    ///
    /// # Errors
    /// [`GenesisFileError`] for the first rule broken; [`GenesisFileError::Unsigned`] comes last.
    pub fn check(&self) -> Result<Genesis, GenesisFileError> {
        let genesis = self.genesis()?;
        genesis.check()?;
        if let Some(validator) = self.validators.iter().find(|one| one.address.is_none()) {
            return Err(GenesisFileError::NoAddress(validator.name.clone()));
        }
        let chain = genesis.chain_id();
        for (name, signature) in &self.signatures {
            let member = self.members.iter().find(|member| member.name == *name);
            let member = member.ok_or_else(|| GenesisFileError::ForeignSignature(name.clone()))?;
            if !member.key.verify(NAMESPACE, chain.as_ref(), signature) {
                return Err(GenesisFileError::Signature(name.clone()));
            }
        }
        let unsigned = self.unsigned();
        if unsigned.is_empty() { Ok(genesis) } else { Err(GenesisFileError::Unsigned(unsigned)) }
    }

    /// Validators whose member has not signed, in the file's order.
    #[must_use]
    pub fn unsigned(&self) -> Vec<Name> {
        let names = self.validators.iter().map(|validator| &validator.name);
        names.filter(|name| !self.signatures.contains_key(*name)).cloned().collect()
    }

    /// Members that the scenario knows and that have not shown a card yet.
    #[must_use]
    pub fn expected(&self) -> &[Expected] {
        &self.expected
    }

    /// Where each validator is reached, by its node key.
    pub fn addresses(&self) -> impl Iterator<Item = (&Name, &ed25519::PublicKey, &Address)> {
        self.validators.iter().filter_map(|validator| {
            Some((&validator.name, &validator.key, validator.address.as_ref()?))
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`GenesisFileError::File`], [`GenesisFileError::Malformed`] with line and place.
    pub fn read(path: &Path) -> Result<Self, GenesisFileError> {
        let text = file::read_text(path, TEXT_MAX)?;
        Self::parse(&text)
            .map_err(|problem| GenesisFileError::Malformed { path: path.to_owned(), problem })
    }

    /// Writes a file that must not exist yet.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn create(&self, path: &Path) -> Result<(), FileError> {
        file::create(path, self.text().as_bytes(), Audience::Everyone)
    }

    /// Writes the file in place of an earlier state of it.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn replace(&self, path: &Path) -> Result<(), FileError> {
        file::replace(path, self.text().as_bytes(), Audience::Everyone)
    }

    /// TOML's whole numbers have a sign: half of what the ledger's types can hold.
    fn check_numbers(&self) -> Result<(), GenesisFileError> {
        let numbers = [
            ("clock.ledger_start_s", self.clock.ledger_start.0),
            ("clock.wall_start_ms", self.clock.wall_start.0),
            ("market.first_start_s", self.market.first_start.0),
            ("trust.beacon_offset_views", self.trust.beacon_offset),
        ];
        match numbers.iter().find(|(_, number)| i64::try_from(*number).is_err()) {
            Some((field, number)) => Err(GenesisFileError::TooLarge { field, number: *number }),
            None => Ok(()),
        }
    }
}

fn bounded<T, const MAX: usize>(
    items: Vec<T>,
    what: &'static str,
) -> Result<Bounded<T, MAX>, GenesisFileError> {
    Bounded::new(items).map_err(|_| GenesisFileError::TooMany { what, limit: MAX })
}
