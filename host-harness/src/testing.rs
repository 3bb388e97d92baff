//! A proxy with a filter, for tests.
