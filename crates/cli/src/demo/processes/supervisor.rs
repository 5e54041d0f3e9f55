//! Keeps one process per validator running.

use super::{layout::Place, log_path};
use crate::run::SUPERVISED;
use anyhow::{Context as _, Result};
use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// How often children are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A child that ends this soon has not recovered from anything.
const SOON: Duration = Duration::from_secs(5);
/// Ends that soon, one after the other, until nobody tries any more.
const SOON_MAX: u32 = 5;

struct Validator {
    name: String,
    config: PathBuf,
    log: PathBuf,
    child: Option<Child>,
    started: Instant,
    ended: Option<Instant>,
    starts: u32,
    soon: u32,
}

/// The processes of a run. Dropping it kills them.
pub(super) struct Supervisor {
    validators: Vec<Validator>,
    restart_after: Duration,
}

impl Supervisor {
    pub(super) fn start(places: &[Place], restart_after: Duration) -> Result<Self> {
        let mut supervisor = Self { validators: Vec::new(), restart_after };
        for place in places {
            let mut validator = Validator {
                name: place.name.clone(),
                config: place.config(),
                log: log_path(&place.directory),
                child: None,
                started: Instant::now(),
                ended: None,
                starts: 0,
                soon: 0,
            };
            validator.start()?;
            supervisor.validators.push(validator);
        }
        Ok(supervisor)
    }

    /// Starts again whichever ends. Resolves, with the reason, only when one cannot be kept running.
    pub(super) async fn keep_running(&mut self) -> String {
        loop {
            for validator in &mut self.validators {
                if let Err(error) = validator.look(self.restart_after) {
                    return format!("{error:#}");
                }
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Ends all of them: for a node, that is as good as any other end.
    pub(super) fn stop(&mut self) {
        for validator in &mut self.validators {
            if let Some(mut child) = validator.child.take() {
                // It may have ended by itself.
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }

    /// How often each was started.
    pub(super) fn starts(&self) -> BTreeMap<String, u32> {
        self.validators.iter().map(|one| (one.name.clone(), one.starts)).collect()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Validator {
    fn start(&mut self) -> Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("cannot write {}", self.log.display()))?;
        let program = std::env::current_exe().context("this program has no path")?;
        let child = Command::new(program)
            .arg("run")
            .arg("--config")
            .arg(&self.config)
            .env(SUPERVISED, "1")
            // Held open as long as this process lives: the child ends with it.
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start the validator of {}", self.name))?;
        self.child = Some(child);
        self.started = Instant::now();
        self.ended = None;
        self.starts += 1;
        Ok(())
    }

    fn look(&mut self, restart_after: Duration) -> Result<()> {
        if let Some(child) = &mut self.child {
            let Some(status) = child.try_wait()? else { return Ok(()) };
            self.child = None;
            self.ended = Some(Instant::now());
            // Whoever is killed may well have been sound.
            let soon = status.signal().is_none() && self.started.elapsed() < SOON;
            self.soon = if soon { self.soon + 1 } else { 0 };
            if self.soon > SOON_MAX {
                anyhow::bail!(
                    "the validator of {} does not stay up: see {}",
                    self.name,
                    self.log.display()
                );
            }
        }
        if self.ended.is_some_and(|ended| ended.elapsed() >= restart_after) {
            self.start()?;
        }
        Ok(())
    }
}
