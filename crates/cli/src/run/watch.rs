//! What a node keeps an eye on: that its stores open, and that its disk lasts.

use crate::guard::EXIT_STORAGE;
use gridaccord_custody::disk::free_mb;
use gridaccord_engine::Handle;
use gridaccord_node::NodePort;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};
use tokio::time::sleep;

/// Stores that are sound open within seconds.
const OPENING_MAX: Duration = Duration::from_secs(180);
/// How often the disk is looked at.
const DISK_EVERY: Duration = Duration::from_secs(5);

/// Watches the time between the start of opening the stores and its end, from a thread of its own: a store that
/// cannot be opened may keep every thread of the runtime busy.
#[derive(Clone, Default)]
pub(super) struct Opening(Arc<Mutex<Option<mpsc::Sender<()>>>>);

impl Opening {
    /// The stores are being opened.
    pub(super) fn begin(&self) {
        let (done, end) = mpsc::channel();
        self.set(Some(done));
        thread::spawn(move || {
            if end.recv_timeout(OPENING_MAX) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!(
                    "error: the stores did not open within {} s: they are damaged, or the disk is far too slow; \
                     what is final can be fetched again from the other validators (see \"Coming back\" in the README)",
                    OPENING_MAX.as_secs()
                );
                std::process::exit(i32::from(EXIT_STORAGE));
            }
        });
    }

    /// They are open, or the node ends.
    pub(super) fn done(&self) {
        self.set(None);
    }

    fn set(&self, sender: Option<mpsc::Sender<()>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sender;
    }
}

/// Ends this process when its standard input closes.
pub(super) fn end_with_standard_input() {
    thread::spawn(|| {
        // Nothing is ever written to it; an error is an end too.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
}

/// Stops proposing while the disk has less than `least` MB free; resolves, with the reason, once it has less than a
/// quarter of that and the node must stop.
pub(super) async fn disk(directory: PathBuf, least: u64, handle: Handle, port: NodePort) -> String {
    let mut low = false;
    loop {
        match free_mb(&directory) {
            Ok(free) if free < least / 4 => {
                return format!(
                    "{} has {free} MB free: stopped before the disk is full; make room and start again",
                    directory.display()
                );
            }
            Ok(free) if (free < least) != low => {
                low = free < least;
                let trouble = low.then(|| {
                    format!(
                        "{} has {free} MB free, less than disk.free_min_mb = {least}: this node proposes no blocks until there is room",
                        directory.display()
                    )
                });
                match &trouble {
                    Some(trouble) => eprintln!("warning: {trouble}"),
                    None => eprintln!("there is room on the disk again: proposing"),
                }
                handle.set_proposing(!low);
                port.set_trouble(trouble);
            }
            Ok(_) => {}
            Err(error) => return error.to_string(),
        }
        sleep(DISK_EVERY).await;
    }
}
