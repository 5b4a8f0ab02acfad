//! libflowai: the C library of flowai.
