//! The flowai command.
