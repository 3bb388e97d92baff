//! However an exchange ends, its visit ends once, with the right outcome, and leaves nothing in flight.

mod clients;
mod local;
mod vendors;
