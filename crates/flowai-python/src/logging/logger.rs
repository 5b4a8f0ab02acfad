//! The logger that the core writes to.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use log::{LevelFilter, Log, Metadata, Record};

use super::queue;

/// What a record is about. Each has a logger in Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    Client,
    Receiver,
    Inbox,
    Outbox,
    Storage,
    Sandbox,
}

impl Area {
    pub const ALL: [Area; 6] = [
        Area::Client,
        Area::Receiver,
        Area::Inbox,
        Area::Outbox,
        Area::Storage,
        Area::Sandbox,
    ];

    /// The name of its logger.
    pub const fn logger(self) -> &'static str {
        match self {
            Area::Client => "flowai.client",
            Area::Receiver => "flowai.receiver",
            Area::Inbox => "flowai.inbox",
            Area::Outbox => "flowai.outbox",
            Area::Storage => "flowai.storage",
            Area::Sandbox => "flowai.sandbox",
        }
    }

    /// By the module that logs; none for the libraries below, which say nothing that users of this one could act on.
    pub fn of(target: &str) -> Option<Area> {
        let (krate, module) = target.split_once("::").unwrap_or((target, ""));
        let module = module.split("::").next().unwrap_or_default();
        match (krate, module) {
            ("flowai", _) => Some(Area::Client),
            ("flowai_delivery", "receiver" | "intake") => Some(Area::Receiver),
            ("flowai_delivery", "inbox") => Some(Area::Inbox),
            ("flowai_delivery", "outbox") => Some(Area::Outbox),
            ("flowai_delivery", _) => Some(Area::Storage),
            ("flowai_sandbox", _) => Some(Area::Sandbox),
            _ => None,
        }
    }
}

/// What is wanted, by area: a `LevelFilter` as a number.
static WANTED: [AtomicUsize; Area::ALL.len()] = [const { AtomicUsize::new(0) }; Area::ALL.len()];

/// Where records go instead, in the process of the command.
static DIRECT: OnceLock<Box<dyn Log>> = OnceLock::new();

/// Takes what the core logs from now on.
pub fn start() {
    // This copy of the core belongs to this module alone, so there is no other.
    let _ = log::set_logger(&ForPython);
}

/// Writes records with this logger from now on, past Python.
pub fn write_directly(logger: Box<dyn Log>, level: LevelFilter) {
    if DIRECT.set(logger).is_ok() {
        log::set_max_level(level);
    }
}

pub fn set_level(area: Area, level: LevelFilter) {
    let Some(wanted) = WANTED.get(area as usize) else {
        return;
    };
    if wanted.swap(level as usize, Ordering::Relaxed) != level as usize && DIRECT.get().is_none() {
        let all = Area::ALL.map(self::level);
        log::set_max_level(all.into_iter().max().unwrap_or(LevelFilter::Off));
    }
}

fn level(area: Area) -> LevelFilter {
    let number = WANTED
        .get(area as usize)
        .map(|wanted| wanted.load(Ordering::Relaxed));
    let found = LevelFilter::iter().find(|level| Some(*level as usize) == number);
    found.unwrap_or(LevelFilter::Off)
}

struct ForPython;

impl Log for ForPython {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        match DIRECT.get() {
            Some(logger) => logger.enabled(metadata),
            None => Area::of(metadata.target()).is_some_and(|area| metadata.level() <= level(area)),
        }
    }

    fn log(&self, record: &Record<'_>) {
        if let Some(logger) = DIRECT.get() {
            logger.log(record);
        } else if let Some(area) = Area::of(record.target())
            && record.level() <= level(area)
        {
            queue::keep(area, record);
        }
    }

    fn flush(&self) {
        if let Some(logger) = DIRECT.get() {
            logger.flush();
        }
    }
}
