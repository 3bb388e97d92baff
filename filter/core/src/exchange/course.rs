//! Which channels may be asked to take a message whose send has failed.
//!
//! A message that has surely not been sent may go to any backup. Of one that may have been sent only the same vendor may be
//! asked, and only if the request carries a key by which that vendor removes repeats; or anybody, if the rule accepts that
//! a user gets it twice.

use super::Shell;
use super::relay::{Course, Stop};
use super::visit::Visit;
use crate::classify::Verdict;
use crate::outcome::Fate;
use crate::plan::Plan;
use crate::policy::List;
use crate::worker::Worker;

/// The channels to ask after `verdict`, if any may be.
pub(super) fn of_failure(
    worker: &Worker,
    plan: &Plan,
    visit: &Visit,
    verdict: &Verdict,
    shell: &mut dyn Shell,
) -> Option<Course> {
    let asked = visit.asked?;
    let failover = plan.channel(asked.first)?.policy.failover.as_ref()?;
    visit.original.as_ref()?;
    if !visit.is_message() || !verdict.call.is_of_channel() || failover.manual.is_over(shell.wall_clock()) {
        return None;
    }
    if !worker.governor.may_relay(asked.first, failover.max_concurrent) {
        return None;
    }
    let listed = failover.to.iter().enumerate().filter(|(_, target)| target.channel != asked.now);
    let stop = |(index, _)| Stop::Listed(List::Failover, index);
    let stops: Vec<Stop> = match verdict.fate {
        Fate::Accepted => return None,
        Fate::NotSent | Fate::Rejected => listed.map(stop).collect(),
        Fate::Unsure if failover.accepts_duplicates => listed.map(stop).collect(),
        Fate::Unsure if visit.facts.dedupes() => {
            // A vendor knows a key by whose it is: with other credentials it is another one.
            let same = listed.filter(|(_, target)| target.same_adapter && target.keep_credentials);
            let same: Vec<Stop> = same.map(stop).collect();
            match same.is_empty() {
                true if asked.now == asked.first => vec![Stop::Again],
                _ => same,
            }
        }
        Fate::Unsure => return None,
    };
    (!stops.is_empty()).then(|| Course { stops: stops.into_iter(), timeout: failover.timeout })
}
