//! The scenarios that come with the program.

/// Their names, in the order in which they are best read.
pub const SHIPPED: [&str; 6] =
    ["oppo-outage", "brown-out", "quota-exhausted", "flapping", "all-down", "double-eleven-burst"];

/// A shipped scenario's text by its name.
pub fn shipped(name: &str) -> Option<&'static str> {
    Some(match name {
        "oppo-outage" => include_str!("../../../scenarios/oppo-outage.toml"),
        "brown-out" => include_str!("../../../scenarios/brown-out.toml"),
        "quota-exhausted" => include_str!("../../../scenarios/quota-exhausted.toml"),
        "flapping" => include_str!("../../../scenarios/flapping.toml"),
        "all-down" => include_str!("../../../scenarios/all-down.toml"),
        "double-eleven-burst" => include_str!("../../../scenarios/double-eleven-burst.toml"),
        _ => return None,
    })
}
