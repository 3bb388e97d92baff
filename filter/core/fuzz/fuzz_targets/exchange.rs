//! `cargo fuzz run exchange`, in the folder above: any adapter, any request and any answer.
#![no_main]

#[path = "../../tests/support/exchange.rs"]
mod exchange;

use exchange::{Origin, faults};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let faults = faults(bytes, Origin::Mutated);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
});
