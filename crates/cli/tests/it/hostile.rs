//! What breaks around a validator, or is thrown at it: one clear line or recovery, and the others do not notice.

use crate::{
    nodes::{FOUR, Four, path},
    run::{alone, gridaccord, text},
};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::Duration,
};

/// The validator that everything happens to.
const STRUCK: &str = "utility";
/// Storage failed.
const EXIT_STORAGE: i32 = 74;

/// A small file system in memory, until it is dropped.
struct Small(PathBuf);

impl Small {
    /// `None` where this process may not mount one, with the reason printed.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let options = format!("size={size}");
        let mut mount = Command::new("mount");
        match mount_of(mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at)) {
            Ok(()) => Some(Self(at.to_owned())),
            Err(reason) => {
                println!("skipped: a small file system cannot be mounted here: {reason}");
                None
            }
        }
    }

    fn remount(&self, option: &str) {
        let option = format!("remount,{option}");
        mount_of(Command::new("mount").args(["-o", &option]).arg(&self.0)).unwrap();
    }
}

fn mount_of(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(text(&output.stderr)) }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: a node may still be ending in it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Starts a node that must refuse, and gives the one line it says.
#[track_caller]
fn refused(output: &Output) -> String {
    let said = text(&output.stderr);
    assert!(!output.status.success(), "it ran: {}", text(&output.stdout));
    assert!(!said.contains("panicked") && !said.contains("stack backtrace"), "{said}");
    assert_eq!(
        said.trim_end().lines().filter(|line| line.starts_with("error: ")).count(),
        1,
        "{said}"
    );
    said
}

/// The three others have gone on by some blocks.
#[track_caller]
fn others_go_on(four: &Four) {
    let others = FOUR.iter().filter(|name| **name != STRUCK);
    let heights: Vec<_> = others.map(|name| (*name, four.height(name).unwrap())).collect();
    for (name, height) in heights {
        four.until_height(name, height + 3);
    }
}

#[test]
fn a_full_disk_and_a_read_only_one_stop_their_validator_alone() {
    let _alone = alone();
    let mut four = Four::new(&[]);
    let data = four.data(STRUCK);
    let Some(small) = Small::mount(&data, "48m") else { return };
    four.edit(STRUCK, "free_min_mb = 512", "free_min_mb = 0");
    for name in FOUR {
        four.start(name);
    }
    for name in FOUR {
        four.until_height(name, 3);
    }

    // Every byte is taken: the next write fails.
    let filler = data.join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 4_096]).is_ok() {}
    while file.write_all(&[0]).is_ok() {}
    drop(file);
    assert_eq!(four.until_ended(STRUCK), EXIT_STORAGE);
    let log = four.log(STRUCK);
    assert!(log.contains("error: storage failed: ") && log.contains("mend the disk"), "{log}");
    assert!(!log.contains("panicked") && !log.contains("stack backtrace"), "{log}");
    others_go_on(&four);

    // Still full: it says so again. With room it comes back to where the others are.
    let run = ["run", "--config", &four.config_file(STRUCK)];
    let again = refused(&gridaccord(&run));
    assert!(again.contains("No space left") || again.contains("storage failed"), "{again}");
    fs::remove_file(&filler).unwrap();
    four.start(STRUCK);
    let height = four.height("wind").unwrap();
    four.until_height(STRUCK, height + 2);

    // Nothing can be written at all.
    four.stop(STRUCK);
    small.remount("ro");
    let said = refused(&gridaccord(&run));
    assert!(said.contains("Read-only file system"), "{said}");
    small.remount("rw");
    four.start(STRUCK);
    four.until_height(STRUCK, height + 4);
    four.stop(STRUCK);
}

#[test]
fn a_directory_that_may_not_be_written_is_named() {
    let _alone = alone();
    let four = Four::new(&[]);
    let data = four.data(STRUCK);
    fs::create_dir_all(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(data.join("probe"), b"").is_ok() {
        println!("skipped: this user may write everywhere");
        return;
    }
    let said = refused(&gridaccord(&["run", "--config", &four.config_file(STRUCK)]));
    assert!(said.contains("Permission denied") && said.contains(&path(data)), "{said}");
}

/// Flips a bit in the middle of a file; gives back what was in it.
fn flip(file: &Path) -> Vec<u8> {
    let whole = fs::read(file).unwrap();
    let mut bytes = whole.clone();
    // In the first line that is no comment, where it is text.
    let at = match std::str::from_utf8(&whole) {
        Ok(text) => {
            let start = text.lines().take_while(|line| line.starts_with('#') || line.is_empty());
            let start: usize = start.map(|line| line.len() + 1).sum();
            (start + whole.len()) / 2
        }
        Err(_) => whole.len() / 2,
    };
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
    whole
}

/// Every file below a directory, largest first.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort_by_key(|file| std::cmp::Reverse(fs::metadata(file).map_or(0, |data| data.len())));
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
}

/// One bit of each kind of file, one after the other. Either the node says in one line what is wrong, or it comes back
/// to the others' chain; and nobody ever sees it vote against itself.
#[test]
fn one_flipped_bit_is_named_or_mended() {
    let _alone = alone();
    let mut four = Four::started(&[]);
    four.until_height(STRUCK, 10);
    four.stop(STRUCK);
    let home = four.directory(STRUCK);
    let data = four.data(STRUCK);
    let mut kinds: Vec<PathBuf> =
        ["member.key.toml", "node.key.toml", "node.key.toml.signing", "genesis.toml", "node.toml"]
            .map(|name| home.join(name))
            .into();
    kinds.extend(["genesis.bin", "group.pub", "secrets/share.toml"].map(|name| data.join(name)));
    for store in ["simplex", "blocks-values", "state-log", "state-nodes", "certificates-values"] {
        let start = format!("{STRUCK}-{store}");
        let of_it = |file: &PathBuf| {
            let inner = file.strip_prefix(&data).unwrap().to_string_lossy();
            inner.starts_with(&start) && fs::metadata(file).unwrap().len() > 64
        };
        kinds.extend(files(&data).into_iter().find(of_it));
    }
    assert!(kinds.len() >= 13, "{kinds:?}");
    let sound = four.directory("sound");
    copy(&home, &sound);
    let mut named = 0;
    for file in kinds {
        let shown = file.strip_prefix(&home).unwrap().display().to_string();
        flip(&file);
        four.start(STRUCK);
        let height = four.height("wind").unwrap();
        let caught_up = loop {
            if four.height(STRUCK).is_some_and(|found| found > height) {
                break true;
            }
            if four.ended(STRUCK).is_some() {
                break false;
            }
            thread::sleep(Duration::from_millis(50));
        };
        let log = four.log(STRUCK);
        assert!(!log.contains("panicked") && !log.contains("stack backtrace"), "{shown}: {log}");
        if !caught_up {
            let lines = log.lines().filter(|line| line.starts_with("error: ")).count();
            assert_eq!(lines, 1, "{shown}: {log}");
            named += 1;
        }
        println!(
            "{shown}: {}",
            if caught_up { "mended".to_owned() } else { log.trim_end().into() }
        );
        four.stop(STRUCK);
        // Files of the operator are put back; a store must not be: it holds votes.
        if !shown.starts_with(&format!("data/{STRUCK}-")) {
            fs::copy(sound.join(&shown), &file).unwrap();
        } else if !caught_up {
            break;
        }
    }
    assert!(named >= 5, "only {named} kinds of damage were named");
    others_go_on(&four);
    for name in FOUR.iter().filter(|name| **name != STRUCK) {
        let log = four.log(name);
        assert!(!log.contains("blocked") && !log.contains("conflict"), "{name}: {log}");
    }
}

/// Bytes that are no handshake, connections that are none, and many at once, on the port for other nodes.
#[test]
fn noise_on_the_port_for_nodes_changes_nothing() {
    let _alone = alone();
    let four = Four::started(&[]);
    let address = four.p2p(STRUCK).unwrap().replace("0.0.0.0", "127.0.0.1");
    let start = four.height("wind").unwrap();
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut open = Vec::new();
    for round in 0..300 {
        let Ok(mut stream) = TcpStream::connect(&address) else { continue };
        let mut bytes = [0; 512];
        for byte in &mut bytes {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_041);
            *byte = random.to_be_bytes()[0];
        }
        // The node may have hung up already.
        let _ = match round % 4 {
            // A scan: connect and go.
            0 => Ok(()),
            1 => stream.write_all(&bytes),
            2 => stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            // Silence, held.
            _ => {
                open.push(stream);
                continue;
            }
        };
    }
    others_go_on(&four);
    let height = four.height("wind").unwrap();
    four.until_height(STRUCK, height + 3);
    assert!(height > start);
    let connected = |name| four.get(name, "/v1/status").unwrap()["peers_connected"].as_u64();
    assert_eq!(connected(STRUCK), Some(3));
    drop(open);
}

/// As many connections as the interface may be offered, each of which begins a request and goes on a byte at a time.
#[test]
fn slow_clients_stop_an_interface_at_most() {
    let _alone = alone();
    let four = Four::started(&[]);
    let api = four.api(STRUCK).unwrap();
    let start = four.height("wind").unwrap();
    let mut open = Vec::new();
    for _ in 0..2_000 {
        let Ok(mut stream) = TcpStream::connect(&api) else { break };
        if stream.write_all(b"GET /v1/status HTTP/1.1\r\nHo").is_ok() {
            open.push(stream);
        }
    }
    println!("{} slow connections", open.len());
    assert!(open.len() > 400, "{} connections", open.len());
    others_go_on(&four);
    for stream in &mut open {
        // It may have been given up on.
        let _ = stream.write_all(b"s");
    }
    others_go_on(&four);
    let height = four.height("wind").unwrap();
    assert!(height >= start + 6);
    drop(open);
    // It answers again, and it had never fallen behind.
    let found = four.until("the interface answers again", || four.height(STRUCK));
    let now = four.height("wind").unwrap();
    assert!(found + 3 >= now.min(height), "{found} while others were at {now}");
    let mut answer = String::new();
    let mut stream = TcpStream::connect(&api).unwrap();
    stream.write_all(b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
