//! A vendor fails under 200 pushes a second in two workers: what the stand-ins have accepted, recipient by recipient,
//! tells whether a message was lost or doubled.

pub(crate) mod bed;
mod bodies;
mod credentials;
mod keys;
pub(crate) mod messages;
mod outages;
pub(crate) mod steady;
