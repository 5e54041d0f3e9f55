//! Data directories: one process, one chain; and the room they have.

use super::common::{mode, unsigned};
use commonware_codec::{DecodeExt as _, Encode as _};
use gridaccord_custody::{Home, disk, home};
use gridaccord_ledger::Genesis;
use std::fs;

#[test]
fn one_process_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("a/b");
    let home = Home::open(&data).unwrap();
    assert_eq!(mode(&data), 0o700);
    let message = Home::open(&data).unwrap_err().to_string();
    let pid = std::process::id();
    assert_eq!(
        message,
        format!(
            "{} is in use by process {pid}: stop that node first, or use another data_dir",
            data.display()
        )
    );
    assert_eq!(home.directory(), data);
    fs::write(data.join(home::LOCK_FILE), "").unwrap();
    assert!(Home::open(&data).unwrap_err().to_string().contains("is in use by another process:"));
    drop(home);
    // What a killed process left behind locks nobody out.
    fs::write(data.join(home::LOCK_FILE), "999999999999\n").unwrap();
    Home::open(&data).unwrap();
    assert_eq!(fs::read_to_string(data.join(home::LOCK_FILE)).unwrap(), format!("{pid}\n"));
}

#[test]
fn one_chain_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::open(directory.path()).unwrap();
    let genesis = unsigned().genesis().unwrap();
    home.bind(&genesis).unwrap();
    home.bind(&genesis).unwrap();
    let path = directory.path().join(home::GENESIS_FILE);
    assert_eq!(Genesis::decode(fs::read(&path).unwrap()).unwrap(), genesis);

    let mut other = genesis.clone();
    other.market.interval_s = 900;
    let message = home.bind(&other).unwrap_err().to_string();
    assert!(message.contains("holds another chain than the genesis file gives: market.interval_s: 300 here, 900 there; use another data_dir"), "{message}");
    other.trust.seats += 1;
    other.trust.fee_ppm += 1;
    other.trust.alpha_ppm += 1;
    other.trust.beta_worse_ppm += 1;
    other.trust.commit_window += 1;
    other.trust.reveal_window += 1;
    other.trust.epsilon_ppb += 1;
    other.clock.speed += 1;
    other.clock.drift_ms += 1;
    assert!(home.bind(&other).unwrap_err().to_string().contains("; and 2 more; use another"));

    fs::write(&path, &genesis.encode()[1..]).unwrap();
    assert!(home.bind(&genesis).unwrap_err().to_string().contains("genesis.bin is damaged"));
    assert_eq!(home.secrets(), directory.path().join("secrets"));
    assert_eq!(home.group_file(), directory.path().join("group.pub"));
}

#[test]
fn room_is_counted_and_a_missing_path_said() {
    let directory = tempfile::tempdir().unwrap();
    assert!(disk::free_mb(directory.path()).unwrap() < 1_000_000_000_000);
    let missing = disk::free_mb(&directory.path().join("none")).unwrap_err().to_string();
    assert!(missing.starts_with("cannot look for free space at "), "{missing}");
}
