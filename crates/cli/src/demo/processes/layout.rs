//! What each validator's operator would have on disk: keys, the genesis file that all have signed, a configuration.

use crate::demo::stage::free_addresses;
use anyhow::{Context as _, Result};
use gridaccord_api::client::Client;
use gridaccord_custody::{
    Address, Config, GenesisFile, Name, Protection,
    config::{Agent, Api, Disk, names},
    keys::{self, KeyUse},
};
use gridaccord_sim::Campus;
use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// A demonstration may use more of the disk than a node in service.
const DISK_FREE_MIN_MB: u64 = 64;

/// One validator's directory.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) directory: PathBuf,
    api: SocketAddr,
}

impl Place {
    pub(super) fn config(&self) -> PathBuf {
        self.directory.join(names::CONFIG)
    }

    pub(super) fn data(&self) -> PathBuf {
        self.directory.join(names::DATA)
    }

    pub(super) fn client(&self) -> Result<Client> {
        Ok(Client::new(&format!("http://{}", self.api))?)
    }
}

/// Writes one directory per validator.
pub(super) fn write(
    campus: &Campus,
    directory: &Path,
    scenario: &str,
    seed: u64,
) -> Result<Vec<Place>> {
    let count = campus.validators().count();
    let free = free_addresses(2 * count)?;
    let (listens, apis) = free.split_at(count);
    let name = |text: &str| text.parse::<Name>().context("a scenario's names are a chain's");
    let mut addresses = BTreeMap::new();
    for ((member, _), listen) in campus.validators().zip(listens) {
        let address: Address = listen.to_string().parse().context("an address of loopback")?;
        addresses.insert(name(&member.name)?, address);
    }
    let mut genesis = GenesisFile::of(&campus.genesis, &addresses)?;
    for (member, _) in campus.validators() {
        genesis.sign(&member.key)?;
    }
    let mut places = Vec::new();
    for (((member, node), listen), api) in campus.validators().zip(listens).zip(apis) {
        let own = directory.join(&member.name);
        fs::create_dir_all(&own).with_context(|| format!("cannot make {}", own.display()))?;
        let owner = name(&member.name)?;
        let mut config = Config::new(&own, owner.clone(), listen.port(), listen.is_ipv6());
        config.listen = *listen;
        config.api = Api { listen: *api };
        config.agent = Agent { scenario: Some(own.join(names::SCENARIO)), seed };
        config.disk = Disk { free_min_mb: DISK_FREE_MIN_MB };
        let plain = Protection::Plain;
        keys::create(&own.join(names::MEMBER_KEY), KeyUse::Member, &owner, &member.key, plain)?;
        keys::create(&own.join(names::NODE_KEY), KeyUse::Node, &owner, &node.key, plain)?;
        genesis.create(&own.join(names::GENESIS))?;
        let place = Place { name: member.name.clone(), directory: own, api: *api };
        let texts = [
            (place.config(), config.text(&place.directory)),
            (place.directory.join(names::SCENARIO), scenario.to_owned()),
        ];
        for (path, text) in texts {
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        places.push(place);
    }
    Ok(places)
}
