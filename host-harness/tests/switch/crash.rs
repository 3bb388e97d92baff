//! What a crash leaves behind at every point, and what the next operation makes of it.

use super::bed::{Bed, CONFIG};
use anyhow::{Context as _, Result};
use pointsman_core::time::WallClock;
use pointsman_host::oplog::{self, Step};
use pointsman_host::switch::{Action, Crash, Files, Force, Order, Point, SwitchError, World, perform};
use std::fs;

const NOW: WallClock = WallClock(1_800_000_000_000_000_000);

fn order(channel: &str) -> Order {
    let force = Force::Switch { to: vec!["xiaomi-b".to_owned()], keep_credentials: false };
    Order {
        channel: channel.to_owned(),
        action: Action::Force(force, WallClock(NOW.0 + 60_000_000_000)),
        by: "alice".to_owned(),
        approved_by: None,
        reason: "test".to_owned(),
    }
}

fn files(bed: &Bed) -> Files {
    Files { config: bed.config.clone(), log: bed.log.clone(), destination: None }
}

/// Carries the order out until `point`, and not a step further; tells what has become of an earlier one.
fn until(bed: &Bed, order: &Order, point: Option<Point>) -> Result<Option<Box<oplog::Entry>>, SwitchError> {
    let reached = |reached| if Some(reached) == point { Err(Crash) } else { Ok(()) };
    let world = World { now: NOW, check: &|_| Ok(()), reached: &reached };
    Ok(perform(&files(bed), order, &world)?.settled)
}

#[test]
fn no_switch_is_ever_without_its_line() -> Result<()> {
    for (point, switched, outcome) in [
        (Point::Intended, false, Step::Abandoned),
        (Point::Staged, false, Step::Abandoned),
        (Point::InPlace, true, Step::Done),
        (Point::Applied, true, Step::Done),
    ] {
        let bed = Bed::new()?;
        let crashed = until(&bed, &order("xiaomi"), Some(point));
        assert!(matches!(crashed, Err(SwitchError::Crashed)), "{point:?}");
        assert_eq!(bed.text()? != CONFIG, switched, "{point:?}");
        let entries = bed.entries()?;
        assert_eq!((entries.len(), entries[0].step), (1, Step::Intent), "{point:?}");

        let settled = until(&bed, &order("apns"), None)?.context("the interrupted one is seen")?;
        assert_eq!((settled.channel.as_str(), settled.step, settled.settled), ("xiaomi", outcome, true), "{point:?}");
        let steps: Vec<Step> = bed.entries()?.iter().map(|entry| entry.step).collect();
        assert_eq!(steps, [Step::Intent, outcome, Step::Intent, Step::Done], "{point:?}");
        let chain = oplog::read(&fs::read(&bed.log)?)?;
        assert_eq!((chain.lines, chain.changed_before.as_slice()), (4, &[][..]), "{point:?}");
        assert_eq!(bed.text()?.contains("switch-xiaomi"), switched, "{point:?}");
        assert!(bed.text()?.contains("switch-apns"), "{point:?}");
    }
    Ok(())
}

#[test]
fn a_config_edited_after_a_crash_is_unclear() -> Result<()> {
    let bed = Bed::new()?;
    let _ = until(&bed, &order("xiaomi"), Some(Point::Staged));
    fs::write(&bed.config, CONFIG.replace("push", "notify"))?;
    let settled = until(&bed, &order("xiaomi"), None)?;
    assert_eq!(settled.map(|settled| settled.step), Some(Step::Unclear));
    Ok(())
}

#[test]
fn a_line_that_was_cut_off_means_that_nothing_was_switched() -> Result<()> {
    let bed = Bed::new()?;
    until(&bed, &order("xiaomi"), None)?;
    let log = fs::read(&bed.log)?;
    // The end of the second line, `done`, was lost: the first tells of the switch, and the config shows it.
    fs::write(&bed.log, &log[..log.len() - 20])?;
    let settled = until(&bed, &order("apns"), None)?.context("the interrupted one is seen")?;
    assert_eq!((settled.channel.as_str(), settled.step), ("xiaomi", Step::Done));
    assert!(bed.entries()?[1].cut_off.is_some());
    oplog::read(&fs::read(&bed.log)?)?;
    Ok(())
}

#[test]
fn a_refused_order_leaves_no_line() -> Result<()> {
    let bed = Bed::new()?;
    let back = Order { action: Action::Back, ..order("xiaomi") };
    assert!(matches!(until(&bed, &back, None), Err(SwitchError::Unfit(_))));
    assert!(!fs::exists(&bed.log)?);
    Ok(())
}
