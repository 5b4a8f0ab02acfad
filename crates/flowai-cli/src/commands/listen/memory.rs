//! Events from a queue in memory: what was acknowledged and not printed when the process dies is lost.

use std::time::Duration;

use flowai::ErrorKind;

use super::{Watch, print};
use crate::{
    commands::Context,
    exit::{self, Failure},
};

/// Prints events until the count or the time is over, or somebody asks to stop, and then what came meanwhile. Gives
/// their number.
pub(super) fn print_events(
    context: &Context<'_>,
    wanted: Option<u64>,
    watch: &Watch<'_>,
) -> Result<u64, Failure> {
    let mut printed = 0;
    while wanted != Some(printed) {
        let next = watch.receiver.next_with(watch.time_left(), &mut || watch.look());
        watch.tell_refused()?;
        match next {
            Ok(Some(event)) => print(context, &event)?,
            Ok(None) => break,
            Err(error) if error.kind() == ErrorKind::Cancelled => break,
            Err(error) => return Err(error.into()),
        }
        printed += 1;
    }
    // Calls in flight get their answer, and what was acknowledged will not come again.
    watch.receiver.stop()?;
    print_rest(context, watch, printed, wanted)
}

/// Prints what came until the stop, as far as events are wanted, and tells of the others. Gives the number of all that
/// were printed.
fn print_rest(
    context: &Context<'_>,
    watch: &Watch<'_>,
    mut printed: u64,
    wanted: Option<u64>,
) -> Result<u64, Failure> {
    let mut unwanted = 0;
    // Ends with the error of an empty receiver that has stopped.
    while let Ok(Some(event)) = watch.receiver.next(Some(Duration::ZERO)) {
        if wanted == Some(printed) {
            unwanted += 1;
        } else {
            print(context, &event)?;
            printed += 1;
        }
    }
    if unwanted > 0 {
        exit::say(&format!(
            "{unwanted} more came meanwhile; they will not come again"
        ));
    }
    Ok(printed)
}
