//! Genesis documents that cannot carry a chain, and keys that do not fit one.

use super::common::genesis;
use gridaccord_engine::{Chain, Share, chain::ChainError, simulation::Keys};
use gridaccord_ledger::{Genesis, Group, genesis::GenesisError};
use gridaccord_model::codec::{Blob, Bounded};

#[test]
fn a_dealt_genesis_carries_a_chain() {
    let keys = Keys::from_seed(1, 7).unwrap();
    let genesis = genesis(&keys, 0);
    let chain = Chain::new(genesis.clone(), keys.dealing.group.clone()).unwrap();
    assert_eq!(*chain.id(), genesis.chain_id());
    assert_eq!(chain.validators().len(), 7);
}

#[test]
fn genesis_and_dealing_must_fit() {
    let keys = Keys::from_seed(1, 4).unwrap();
    let good = genesis(&keys, 0);
    let with = |change: &dyn Fn(&mut Genesis)| {
        let mut genesis = good.clone();
        change(&mut genesis);
        Chain::new(genesis, keys.dealing.group.clone()).unwrap_err()
    };
    let with_group = |change: &dyn Fn(&mut Group)| {
        let mut group = keys.dealing.group.clone();
        change(&mut group);
        Chain::new(good.clone(), group).unwrap_err()
    };
    let few = with(&|g| g.validators = Bounded::new(g.validators[..3].to_vec()).unwrap());
    assert!(matches!(few, ChainError::Genesis(GenesisError::TooFewValidators(3))));
    let twice = with(&|g| {
        let mut validators = g.validators.to_vec();
        validators[1].key = validators[0].key.clone();
        g.validators = Bounded::new(validators).unwrap();
    });
    assert!(matches!(twice, ChainError::Genesis(GenesisError::ValidatorInvalid(1))));
    let torn = with_group(&|g| g.polynomial = Blob::new(vec![1, 2, 3]).unwrap());
    assert!(matches!(torn, ChainError::Polynomial(_)));
    let other = Keys::from_seed(2, 7).unwrap().dealing.group;
    let size = with_group(&|g| g.polynomial = other.polynomial.clone());
    assert!(matches!(size, ChainError::PolynomialSize { found: 7, expected: 4 }));
    let key = with_group(&|g| g.key = other.key);
    assert!(matches!(key, ChainError::GroupKey));
}

#[test]
fn shares_survive_storage_and_show_nothing() {
    let keys = Keys::from_seed(3, 4).unwrap();
    for share in keys.dealing.shares.values() {
        let bytes = share.to_bytes();
        assert_eq!(Share::from_bytes(&bytes).unwrap().to_bytes(), bytes);
        assert!(Share::from_bytes(&bytes[1..]).is_err());
        let shown = format!("{share:?}");
        assert!(shown.contains("secret") && shown.len() < 60, "{shown}");
    }
}
