//! What `FLOWAI_LOG` asks for.

use env_logger::{Builder, Env};
use log::{LevelFilter, Log};

/// The logger that `FLOWAI_LOG` asks for (`debug`, `flowai=trace`), which writes to standard error, and the most that it
/// writes; nothing when it asks for none.
pub fn logger() -> Option<(Box<dyn Log>, LevelFilter)> {
    let wanted = Env::default().filter_or("FLOWAI_LOG", "off");
    let logger = Builder::from_env(wanted).build();
    let level = logger.filter();
    (level != LevelFilter::Off).then(|| (Box::new(logger) as Box<dyn Log>, level))
}

/// Writes what is logged as `FLOWAI_LOG` says. A program that has a logger already keeps it.
pub(crate) fn start() {
    if let Some((logger, level)) = logger()
        && log::set_boxed_logger(logger).is_ok()
    {
        log::set_max_level(level);
    }
}
