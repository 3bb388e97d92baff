//! Rehearsal in virtual time.
