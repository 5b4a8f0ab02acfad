//! What the registry is made of. tests/registry_model.rs puts others in their place, which try every order of events.

pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// Segment `n` of the registry has `FIRST_SEGMENT << n` slots.
pub(crate) const FIRST_SEGMENT: u32 = 64;

/// Makes a value of which there is one in the process.
macro_rules! process_wide {
    ($name:ident: $type:ty = $value:expr) => {
        static $name: $type = $value;
    };
}
pub(crate) use process_wide;
