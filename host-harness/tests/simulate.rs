//! Rehearsals as a user sees them.

use pointsman_host::simulate::{SHIPPED, Scenario, Summary, rehearse, shipped};

fn short(name: &str, factor: u32) -> Scenario {
    Scenario::parse(shipped(name).unwrap()).unwrap().shortened(factor)
}

fn bare(scenario: &Scenario) -> Summary {
    rehearse(scenario, None, |_| {}).unwrap().summary()
}

#[test]
fn shipped_scenarios_have_no_faults() {
    for name in SHIPPED {
        assert!(Scenario::parse(shipped(name).unwrap()).is_ok(), "{name}");
    }
}

#[test]
fn bare_tables() {
    for name in SHIPPED {
        let summary = bare(&short(name, 10));
        println!("{}", summary.to_table());
    }
}
