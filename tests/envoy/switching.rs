//! Rules that change, workers that lose their VM, and clients that leave, while messages go elsewhere.

mod leaving;
mod metrics;
mod replaced;
mod survives;
