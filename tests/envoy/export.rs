//! Records on their way to a collector, which may be well, slow, gone, or of another mind.

mod chosen;
mod fields;
mod lifecycle;
mod queue;
mod trouble;
mod undelayed;
