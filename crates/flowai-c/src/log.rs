//! What the library says about its work.

use std::{
    cell::Cell,
    ffi::{CString, c_char, c_void},
    mem::MaybeUninit,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use ::log::{LevelFilter, Log, Metadata, Record, set_logger, set_max_level};
use flowai::{Error, ErrorKind, Result};

use crate::{
    error::flowai_error,
    guard::call,
    registry::{self, Handle},
    status::flowai_status,
    user_data::UserData,
};

/// How much is said: one of FLOWAI_LOG_...; each has everything of those before it.
pub type flowai_log_level = i32;

/// Nothing.
pub const FLOWAI_LOG_OFF: flowai_log_level = 0;
/// What is lost, or cannot be done.
pub const FLOWAI_LOG_ERROR: flowai_log_level = 1;
/// What should be looked at.
pub const FLOWAI_LOG_WARN: flowai_log_level = 2;
/// What has changed.
pub const FLOWAI_LOG_INFO: flowai_log_level = 3;
/// Every call and every attempt, and what happened to connections.
pub const FLOWAI_LOG_DEBUG: flowai_log_level = 4;
/// Everything.
pub const FLOWAI_LOG_TRACE: flowai_log_level = 5;

/// Called for everything that the library says, on any thread: on those of the program that are in a call, and on those of
/// the library; several at once. It should be quick and must not call the library, which may be in the middle of
/// something. Its arguments: the user_data that was given with it; one of FLOWAI_LOG_ERROR to FLOWAI_LOG_TRACE; where in
/// the library it comes from, such as "flowai::transport"; what happened, in one line. The texts live until it returns.
/// They never contain the API key. It must not unwind: no C++ exception may leave it.
pub type flowai_log_function = Option<
    extern "C" fn(
        user_data: *mut c_void,
        level: flowai_log_level,
        target: *const c_char,
        message: *const c_char,
    ),
>;

/// A function of the host. It stands behind a handle that nobody sees, so that nothing is locked while it runs, and
/// everybody can tell when it runs no more.
struct Sink {
    call: extern "C" fn(*mut c_void, flowai_log_level, *const c_char, *const c_char),
    user_data: UserData,
    used: Arc<()>,
}

#[derive(Clone, Copy)]
struct SinkHandle {
    id: u64,
}

impl Handle for SinkHandle {
    type Object = Sink;
    const TAG: u8 = 44;
    const NAME: &'static str = "log function";
    fn id(self) -> u64 {
        self.id
    }
    fn of(id: u64) -> Self {
        SinkHandle { id }
    }
}

struct Forward;

static FORWARD: Forward = Forward;
static CURRENT: AtomicU64 = AtomicU64::new(0);
/// Whether [`FORWARD`] is what this copy of the log crate calls.
static INSTALLED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether this thread is in the function of the host.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

impl Log for Forward {
    /// What other libraries say is not ours to show: it may hold more than it should.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("flowai")
    }

    fn log(&self, record: &Record<'_>) {
        let current = SinkHandle {
            id: CURRENT.load(Ordering::Acquire),
        };
        if !self.enabled(record.metadata()) || INSIDE.get() {
            return;
        }
        let Ok(sink) = registry::get(current) else { return };
        let text = |text: String| CString::new(text.replace('\0', " ")).unwrap_or_default();
        let (target, message) = (text(record.target().to_owned()), text(record.args().to_string()));
        INSIDE.set(true);
        (sink.call)(
            sink.user_data.get(),
            record.level() as flowai_log_level,
            target.as_ptr(),
            message.as_ptr(),
        );
        INSIDE.set(false);
    }

    fn flush(&self) {}
}

fn filter_of(level: flowai_log_level) -> Result<LevelFilter> {
    LevelFilter::iter()
        .find(|filter| *filter as flowai_log_level == level)
        .ok_or_else(|| Error::argument("level", "is not one of FLOWAI_LOG_..."))
}

fn install() -> Result<()> {
    if INSTALLED.load(Ordering::Acquire) {
        return Ok(());
    }
    // Of two threads one is first; the other finds it done.
    if set_logger(&FORWARD).is_ok() {
        INSTALLED.store(true, Ordering::Release);
        return Ok(());
    }
    thread::sleep(Duration::from_millis(1));
    match INSTALLED.load(Ordering::Acquire) {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Internal, "the program has another logger")),
    }
}

/// Sets the function that is told what the library does, for the whole process, in place of the one before. When this
/// returns no thread is in that any more (except this one, when it calls this from inside of it), and its user_data can be
/// freed. Default: none, and nothing is said. flowai_shutdown() forgets it. A forked child has it too.
///
/// @param function   The function; NULL for none.
/// @param user_data  Passed to the function and never looked at; may be NULL.
/// @param level      How much is said: one of FLOWAI_LOG_... .
/// @param err        Receives an error on failure; may be NULL.
/// @return           FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
/// @par Blocking       Until the function before has returned on every thread; do not hold a lock that it waits for.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_log_set(
    function: flowai_log_function,
    user_data: *mut c_void,
    level: flowai_log_level,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    call(err, || {
        let filter = filter_of(level)?;
        install()?;
        let used = Arc::new(());
        let new = match function {
            Some(call) => registry::insert(Sink {
                call,
                user_data: UserData::new(user_data),
                used,
            })?,
            None => SinkHandle { id: 0 },
        };
        set_max_level(if function.is_some() {
            filter
        } else {
            LevelFilter::Off
        });
        let old = SinkHandle {
            id: CURRENT.swap(new.id, Ordering::AcqRel),
        };
        let in_use = registry::get(old).map(|sink| Arc::downgrade(&sink.used));
        registry::remove(old);
        if let Ok(in_use) = in_use
            && !INSIDE.get()
        {
            while in_use.strong_count() > 0 {
                thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(())
    })
}
