//! `node.toml` as text, each key with a line that says what it is.

use super::Config;
use crate::hex;
use core::fmt::Write as _;
use std::path::Path;

pub(super) fn text(config: &Config, directory: &Path) -> String {
    let mut text = String::new();
    for line in head(config, directory).into_iter().chain(sections(config, directory)) {
        writeln!(text, "{line}").expect("writing to a string never fails");
    }
    text
}

fn head(config: &Config, directory: &Path) -> Vec<String> {
    let shown = |path: &Path| path_text(path, directory);
    let key = |key: &str, path: Option<&Path>| match path {
        Some(path) => format!("{key} = {}", shown(path)),
        None => format!("# {key} = \"FILE\""),
    };
    vec![
        "# How one node runs. Paths are relative to this file. What all nodes must agree on is in genesis.".into(),
        String::new(),
        "# Whose node this is: the member's name in genesis.".into(),
        format!("name = {}", quoted(config.name.as_ref())),
        "# Where it keeps the chain, what it derives from it, and its share of the group key.".into(),
        format!("data_dir = {}", shown(&config.data_dir)),
        "# What the chain starts from: the same file on every node.".into(),
        format!("genesis = {}", shown(&config.genesis)),
        "# The member's key signs commands; GRIDACCORD_MEMBER_KEY in the environment takes its place.".into(),
        key("member_key", config.member_key.as_deref()),
        "# The node's key signs on the network; GRIDACCORD_NODE_KEY in the environment takes its place.".into(),
        key("node_key", config.node_key.as_deref()),
        "# Where it listens for other nodes. Others reach it at the address in genesis.".into(),
        format!("listen = {}", quoted(&config.listen.to_string())),
    ]
}

fn sections(config: &Config, directory: &Path) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        "# Addresses to use in place of those in genesis: NAME = \"host:port\".".into(),
        "[peers]".into(),
    ];
    for (name, address) in &config.peers {
        // A name such as `1-a` or `7` is a bare key too.
        lines.push(format!("{name} = {}", quoted(address.as_ref())));
    }
    lines.extend(match &config.follow {
        Some(follow) => vec![
            String::new(),
            "# This node follows: it has all state and no vote.".into(),
            "[follow]".into(),
            "# The public key of the validators' group: data/group.pub of any of them.".into(),
            format!("group = {}", path_text(&follow.group, directory)),
            "# It begins at a recent block, whose state it copies; \"genesis\" executes and keeps every block.".into(),
            format!("start = {}", quoted(follow.start.name())),
        ],
        None => voting(config),
    });
    lines.extend([
        String::new(),
        "[api]".into(),
        "# Where people and programs reach it. Plain HTTP: beyond this machine, put TLS in front of it.".into(),
        format!("listen = {}", quoted(&config.api.listen.to_string())),
        String::new(),
        "[agent]".into(),
        "# Scenario whose member of this name the node acts as; without one it submits nothing by itself.".into(),
        match &config.agent.scenario {
            Some(path) => format!("scenario = {}", path_text(path, directory)),
            None => "# scenario = \"FILE\"".into(),
        },
        "# What is random in its acting follows from this number.".into(),
        format!("seed = {}", config.agent.seed),
        String::new(),
        "[disk]".into(),
        "# It stops in good order when less than this is free, MB.".into(),
        format!("free_min_mb = {}", config.disk.free_min_mb),
    ]);
    lines
}

/// What only validators have.
fn voting(config: &Config) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        "# Who may follow through this node without a vote: NAME = { key_hex = \"...\", address = \"host:port\" }.".into(),
        "[followers]".into(),
    ];
    for (name, follower) in &config.followers {
        let (key, address) = (hex::of(&follower.key), quoted(follower.address.as_ref()));
        lines.push(format!("{name} = {{ key_hex = \"{key}\", address = {address} }}"));
    }
    lines.extend([
        String::new(),
        "[founding]".into(),
        "# Whether to refuse a group key for which shares of absent validators were made public."
            .into(),
        format!("refuse_revealed = {}", config.founding.refuse_revealed),
    ]);
    lines
}

fn path_text(path: &Path, directory: &Path) -> String {
    quoted(&path.strip_prefix(directory).unwrap_or(path).to_string_lossy())
}

/// A basic TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
