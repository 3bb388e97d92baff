//! `pointsman switch` and `pointsman drill report` as an operator runs them, and what a crash leaves behind.

#[path = "switch/bed.rs"]
mod bed;
#[path = "switch/crash.rs"]
mod crash;
#[path = "switch/program.rs"]
mod program;
