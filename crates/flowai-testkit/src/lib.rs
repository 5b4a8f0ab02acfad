//! Servers that the tests of every language talk to: one that checks requests against the vectors, one that fails on purpose.
