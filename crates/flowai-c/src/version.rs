//! The version, and the end.

use std::{ffi::c_char, time::Duration};

use flowai::runtime;

use crate::{guard::quiet, registry};

/// The version of the library that is running, such as "0.1.0"; compare with FLOWAI_VERSION, that of this header.
///
/// @return  A string that lives for ever. Never NULL.
/// @par Thread safety  Any thread; async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the library that is running as a number, in the form of FLOWAI_VERSION_NUMBER.
///
/// @return  major * 1000000 + minor * 1000 + patch.
/// @par Thread safety  Any thread; async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_version_number() -> u32 {
    const PARTS: [&str; 3] = [
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    ];
    PARTS
        .iter()
        .fold(0, |number, part| number * 1000 + part.parse::<u32>().unwrap_or(0))
}

/// How long work may take to end that was given up.
const GRACE: Duration = Duration::from_secs(1);

/// Frees every handle that is left, which closes clients, receivers, inboxes, outboxes and queues, and ends the threads of
/// the library. Nobody has to call this: it is for programs that want to leave nothing behind, such as under a memory
/// checker. The library can be used again afterwards; handles from before are invalid.
///
/// @par Thread safety  Any thread that is not in a function that the library has called. Calls that other threads are in
///                     go on to their end; when that takes longer than a second the threads of the library stay.
/// @par Blocking       At most a second for each receiver; see flowai_outbox_close() and flowai_inbox_close().
#[unsafe(no_mangle)]
pub extern "C" fn flowai_shutdown() {
    quiet(|| {
        registry::remove_all();
        runtime::shutdown(GRACE);
    });
}
