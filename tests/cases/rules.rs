//! The files of `rules`: vendors that fail, rules that answer to it, and what callers and recipients see of it. The tests
//! of the pure core, of the built filter in the host and of the filter in Envoy all include this file, so that they read
//! the same and are held to the same.

#[path = "support/rules/behaviour.rs"]
pub(crate) mod behaviour;
#[path = "support/rules/case.rs"]
pub(crate) mod case;
#[path = "support/rules/dialect.rs"]
pub(crate) mod dialect;
#[path = "support/rules/expect.rs"]
mod expect;
#[path = "support/rules/instant.rs"]
pub(crate) mod instant;
#[path = "support/rules/seen.rs"]
pub(crate) mod seen;
#[path = "support/rules/vendor.rs"]
pub(crate) mod vendor;
#[path = "support/rules/world.rs"]
pub(crate) mod world;

pub(crate) use case::Case;
pub(crate) use seen::Seen;

use std::error::Error;
use std::path::Path;

/// Runs a case of the folder that holds this file, and holds what was seen to what is expected.
///
/// # Errors
/// The case has a fault, or cannot be run.
pub(crate) fn check(
    folder: &Path,
    name: &str,
    run: impl FnOnce(&Case) -> Result<Seen, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let case = Case::read(folder, name)?;
    let seen = run(&case)?;
    let faults = case.expect.faults(&seen);
    let turns: Vec<String> = seen.turns.iter().map(|turn| format!("{turn:?}")).collect();
    assert!(faults.is_empty(), "{name}: {}\n  {}\nturns:\n  {}", case.about, faults.join("\n  "), turns.join("\n  "));
    Ok(())
}

/// Makes one test a case out of a function of its name. Those that depend on the calendar are left out `in real time`:
/// nobody can turn the clock of a whole machine.
macro_rules! each_rule {
    ($check:path) => {
        each_rule! { $check, in real time }
        #[test]
        fn quota_midnight() -> std::result::Result<(), Box<dyn std::error::Error>> {
            $check("quota-midnight")
        }
    };
    ($check:path, in real time) => {
        each_rule! { $check:
            auth_fault "auth-fault", backup_down "backup-down", backup_unsure "backup-unsure", brown_out "brown-out",
            drill "drill", flapping "flapping", hang_with_key "hang-with-key", hang_without_key "hang-without-key",
            limit "limit", limit_switch "limit-switch", low_traffic "low-traffic", manual_hold "manual-hold",
            manual_shed "manual-shed", manual_switch "manual-switch", no_hold "no-hold", outage_code "outage-code",
            outage_refused "outage-refused", quota "quota", recovery "recovery", reset_taken "reset-taken",
            rules_replaced "rules-replaced", second_backup "second-backup", shed "shed", throttled "throttled"
        }
    };
    ($check:path: $($test:ident $case:literal),+) => {
        $(
            #[test]
            fn $test() -> std::result::Result<(), Box<dyn std::error::Error>> {
                $check($case)
            }
        )+

        #[test]
        fn every_case_is_run() -> std::result::Result<(), Box<dyn std::error::Error>> {
            let mut of_the_calendar = Vec::new();
            for file in std::fs::read_dir(folder().join("rules"))? {
                let path = file?.path();
                let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
                let is_run = [$($case),+].contains(&name.as_str());
                let has_clock = crate::cases_of_rules::Case::read(&folder(), &name)?.clock.is_some();
                assert!(is_run != has_clock, "{name} is not run");
                of_the_calendar.extend(has_clock.then_some(name));
            }
            assert_eq!(of_the_calendar, ["quota-midnight"]);
            Ok(())
        }
    };
}

pub(crate) use each_rule;
