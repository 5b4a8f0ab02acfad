//! What `FLOWAI_LOG` asks for.

/// Writes log records to standard error as `FLOWAI_LOG` says (`debug`, `flowai=trace`); nothing without it. A program
/// that has a logger already keeps it.
pub(crate) fn start() {
    let wanted = env_logger::Env::default().filter_or("FLOWAI_LOG", "off");
    // Refused only when there is a logger.
    let _ = env_logger::Builder::from_env(wanted).try_init();
}
