//! Where records wait for a thread of Python.

use std::{
    cell::RefCell,
    collections::VecDeque,
    io, mem,
    os::fd::RawFd,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use flowai::runtime::{Doorbell, PerProcess};
use log::{
    Level, Record,
    kv::{self, Key, Value, VisitSource, VisitValue},
};
use pyo3::prelude::*;

use super::{deliver, logger::Area};

/// How many records wait at most. The newest are left out, and counted.
const MOST: usize = 4096;

/// One record.
pub struct Entry {
    pub area: Area,
    pub level: Level,
    /// Since 1970.
    pub time: Duration,
    kept_at: Instant,
    pub file: Option<&'static str>,
    pub line: Option<u32>,
    /// The name of its thread, if that is not the one that passes it on.
    pub thread: Option<String>,
    pub message: String,
    pub facts: Vec<(String, Fact)>,
}

/// A value that a record carries beside its text.
pub enum Fact {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Truth(bool),
    Text(String),
}

/// What this thread has logged and not passed on.
#[derive(Default)]
struct Own {
    /// Nothing when this thread passes nothing on.
    entries: Option<Vec<Entry>>,
    left_out: u64,
    muted: bool,
}

thread_local! {
    static OWN: RefCell<Own> = RefCell::default();
}

/// What threads that pass nothing on have logged.
struct Queue {
    entries: Mutex<VecDeque<Entry>>,
    left_out: AtomicU64,
    filled: AtomicBool,
    doorbell: Doorbell,
}

/// A child has its own: a thread of the parent may have held the lock, and would answer the same bell.
static QUEUE: PerProcess<Queue> = PerProcess::new();

impl Queue {
    fn of_process() -> io::Result<&'static Queue> {
        QUEUE.get_or_try_init(|| {
            Ok(Queue {
                entries: Mutex::default(),
                left_out: AtomicU64::new(0),
                filled: AtomicBool::new(false),
                doorbell: Doorbell::new()?,
            })
        })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub fn keep(area: Area, record: &Record<'_>) {
    let mut entry = Some(Entry::new(area, record));
    // At the end of a thread nothing of its own is left.
    let _ = OWN.try_with(|own| {
        let Ok(mut own) = own.try_borrow_mut() else { return };
        let own = &mut *own;
        if own.muted {
            entry = None;
        } else if let Some(entries) = &mut own.entries {
            if entries.len() < MOST {
                entries.extend(entry.take());
            } else {
                own.left_out += 1;
                entry = None;
            }
        }
    });
    let (Some(mut entry), Ok(queue)) = (entry, Queue::of_process()) else {
        return;
    };
    entry.thread = thread::current().name().map(str::to_owned);
    {
        let mut entries = queue.lock();
        if entries.len() >= MOST {
            queue.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        entries.push_back(entry);
    }
    if !queue.filled.swap(true, Ordering::SeqCst) {
        queue.doorbell.ring();
    }
}

/// Takes what waits for whoever comes.
pub fn take() -> Vec<Entry> {
    take_older(Duration::ZERO)
}

/// Takes what has waited for this long.
pub fn take_older(age: Duration) -> Vec<Entry> {
    let Ok(queue) = Queue::of_process() else {
        return Vec::new();
    };
    if !queue.filled.swap(false, Ordering::SeqCst) {
        return Vec::new();
    }
    let mut entries: Vec<Entry> = {
        let mut waiting = queue.lock();
        let old = waiting.partition_point(|entry| entry.kept_at.elapsed() >= age);
        let entries = waiting.drain(..old).collect();
        if !waiting.is_empty() {
            queue.filled.store(true, Ordering::SeqCst);
            queue.doorbell.ring();
        }
        entries
    };
    entries.extend(Entry::left_out(queue.left_out.swap(0, Ordering::Relaxed)));
    entries
}

/// What to wait for.
pub fn descriptor() -> io::Result<RawFd> {
    Ok(Queue::of_process()?.doorbell.descriptor())
}

/// The bell was heard.
pub fn answer() {
    if let Ok(queue) = Queue::of_process() {
        queue.doorbell.answer();
    }
}

pub fn is_muted() -> bool {
    OWN.with(|own| own.borrow().muted)
}

pub fn mute(mute: bool) -> bool {
    OWN.with(|own| mem::replace(&mut own.borrow_mut().muted, mute))
}

/// Keeps what this thread logs until it is passed on.
pub struct Ear {
    /// Another one of this thread may have begun to before.
    began: bool,
}

impl Ear {
    pub fn new() -> Ear {
        let began = log::max_level() != log::LevelFilter::Off
            && OWN.with(|own| {
                let entries = &mut own.borrow_mut().entries;
                let began = entries.is_none();
                entries.get_or_insert_default();
                began
            });
        Ear { began }
    }

    /// Passes on what this thread has logged, and what waits for whoever comes. Raises an exception such as
    /// KeyboardInterrupt, and none that is only about the log.
    pub fn pass_on(&self, py: Python<'_>) -> PyResult<()> {
        let entries = OWN.with(|own| {
            let mut own = own.borrow_mut();
            let mut entries = own.entries.as_mut().map(mem::take).unwrap_or_default();
            entries.extend(Entry::left_out(mem::take(&mut own.left_out)));
            entries
        });
        deliver(py, entries)
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        if self.began {
            let _ = OWN.try_with(|own| own.borrow_mut().entries.take());
        }
    }
}

impl Entry {
    fn new(area: Area, record: &Record<'_>) -> Entry {
        let mut facts = Facts(Vec::new());
        // A visitor that never fails.
        let _ = record.key_values().visit(&mut facts);
        Entry {
            area,
            level: record.level(),
            time: now(),
            kept_at: Instant::now(),
            file: record.file_static(),
            line: record.line(),
            thread: None,
            message: record.args().to_string(),
            facts: facts.0,
        }
    }

    /// Says that records were left out.
    fn left_out(count: u64) -> Option<Entry> {
        (count > 0).then(|| Entry {
            area: Area::Client,
            level: Level::Warn,
            time: now(),
            kept_at: Instant::now(),
            file: Some(file!()),
            line: Some(line!()),
            thread: None,
            message: format!("{count} log records were left out, since nobody took them in time"),
            facts: Vec::new(),
        })
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

struct Facts(Vec<(String, Fact)>);

impl<'kvs> VisitSource<'kvs> for Facts {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let mut reader = Reader(None);
        value.visit(&mut reader)?;
        self.0.extend(reader.0.map(|fact| (key.to_string(), fact)));
        Ok(())
    }
}

/// Reads one value; nothing of one that is null.
struct Reader(Option<Fact>);

impl<'v> VisitValue<'v> for Reader {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), kv::Error> {
        self.0 = Some(Fact::Text(value.to_string()));
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), kv::Error> {
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
        self.0 = Some(Fact::Unsigned(value));
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), kv::Error> {
        self.0 = Some(Fact::Signed(value));
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), kv::Error> {
        self.0 = Some(Fact::Float(value));
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), kv::Error> {
        self.0 = Some(Fact::Truth(value));
        Ok(())
    }
}
