//! Scripted exchanges with the guest `tests/guests/script`: what they are, who plays client and upstream, what is seen of
//! them, and how they run through a proxy or straight through a worker.

pub mod case;
pub mod client;
pub mod direct;
pub mod observe;
pub mod paced;
pub mod run;
pub mod settings;
pub mod upstream;
mod world;
