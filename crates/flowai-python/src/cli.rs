//! The `flowai` command, for the console script of the wheel.

use std::{cell::RefCell, ffi::OsString};

use pyo3::{exceptions::PyKeyboardInterrupt, prelude::*};

use crate::{
    errors::{Outcome, guard},
    logging,
};

/// Runs the ``flowai`` command with these arguments, the name of the program first, and returns its exit code. Ctrl-C ends
/// it gracefully.
#[pyfunction]
#[pyo3(signature = (argv, /))]
pub fn run_cli(py: Python<'_>, argv: Vec<OsString>) -> Outcome<i32> {
    if let Some((logger, level)) = flowai_cli::logger() {
        logging::write_directly(logger, level);
    }
    let (code, raised) = py.detach(|| {
        let raised = RefCell::new(None);
        let stop = || {
            let looked = Python::try_attach(|py| py.check_signals());
            if let Some(Err(error)) = looked {
                raised.replace(Some(error));
            }
            raised.borrow().is_some()
        };
        let code = guard(|| Ok(flowai_cli::run_until(argv, &stop)));
        (code, raised.into_inner())
    });
    match raised {
        Some(error) if !error.is_instance_of::<PyKeyboardInterrupt>(py) => Err(error.into()),
        _ => code,
    }
}
