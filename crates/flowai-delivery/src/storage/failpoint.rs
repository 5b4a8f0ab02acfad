//! Places where tests make a process die, fail or wait.
//!
//! With the feature `failpoints` (never on in a release) the environment variable `FLOWAI_FAILPOINTS` holds rules
//! `NAME=ACTION[@N]`, separated by `;`: the N-th time (default: the first) that the point with this name is reached,
//! `kill` ends the process as SIGKILL would, `fail` makes the step fail as an I/O error does, and `sleep:MS` waits. With
//! `@*` it happens every time. Without the feature a point is nothing at all.

/// Reaches the point with this name; an error when the step has to fail.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn reach(_name: &'static str) -> rusqlite::Result<()> {
    Ok(())
}

#[cfg(feature = "failpoints")]
pub(crate) use active::reach;

#[cfg(feature = "failpoints")]
mod active {
    use std::{
        collections::HashMap,
        sync::{LazyLock, Mutex, PoisonError},
        thread,
        time::Duration,
    };

    use nix::sys::signal::{Signal, raise};

    struct Rule {
        action: Action,
        /// `None`: every time.
        at: Option<u64>,
        reached: u64,
    }

    #[derive(Clone, Copy)]
    enum Action {
        Kill,
        Fail,
        Sleep(Duration),
    }

    static RULES: LazyLock<Mutex<HashMap<String, Rule>>> = LazyLock::new(|| {
        let text = std::env::var("FLOWAI_FAILPOINTS").unwrap_or_default();
        Mutex::new(text.split(';').filter_map(parse).collect())
    });

    fn parse(rule: &str) -> Option<(String, Rule)> {
        let (name, rest) = rule.trim().split_once('=')?;
        let (action, at) = rest.split_once('@').unwrap_or((rest, "1"));
        let action = match action.split_once(':') {
            None if action == "kill" => Action::Kill,
            None if action == "fail" => Action::Fail,
            Some(("sleep", ms)) => Action::Sleep(Duration::from_millis(ms.parse().ok()?)),
            _ => return None,
        };
        let at = if at == "*" { None } else { Some(at.parse().ok()?) };
        Some((
            name.to_owned(),
            Rule {
                action,
                at,
                reached: 0,
            },
        ))
    }

    pub(crate) fn reach(name: &'static str) -> rusqlite::Result<()> {
        let action = {
            let mut rules = RULES.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(rule) = rules.get_mut(name) else {
                return Ok(());
            };
            rule.reached += 1;
            if rule.at.is_some_and(|at| at != rule.reached) {
                return Ok(());
            }
            rule.action
        };
        match action {
            Action::Kill => {
                let _ = raise(Signal::SIGKILL);
            }
            Action::Sleep(time) => thread::sleep(time),
            Action::Fail => {
                return Err(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_WRITE),
                    None,
                ));
            }
        }
        Ok(())
    }
}
