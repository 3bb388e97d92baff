//! The page is whole, says what it should, and is the same every time.

use super::render;
use crate::simulate::filter_view::{FilterView, HEALTHY, StateChange, Switch};
use crate::simulate::moment::Moment;
use crate::simulate::scenario::Scenario;
use crate::simulate::summary::Summary;
use crate::simulate::world::World;
use std::sync::Arc;

const SCENARIO: &str = r#"
name = "An <outage> & more"
duration = "2m"
sidecars = 2
traffic.rate = 20
[channels.apns]
[channels.oppo]
phases = [
  { name = "out", kind = "outage", start = "30s", duration = "40s" },
  { kind = "rate_limit", per_second = 40, code = "-2" },
]
"#;

/// Elements that have no end tag, in HTML and as they are drawn here.
const VOID: [&str; 2] = ["meta", "!DOCTYPE"];

fn world(scenario: &Scenario) -> World {
    let mut world = World::new(scenario, None).unwrap();
    world.run(|_| {}).unwrap();
    world
}

fn page(world: &World) -> String {
    render(world, &Summary::of(world))
}

/// A filter with rules, as it will look: both sidecars see the trouble, move messages away, and come back.
fn with_rules(mut world: World) -> World {
    world.view = FilterView::new(vec![Arc::default(); 2], &["apns".to_owned(), "oppo".to_owned()]);
    let second = |second: u64| Moment::from_micros(second * 1_000_000);
    for sidecar in 0..2 {
        let states = [(1, HEALTHY), (32, "degraded"), (60, "probing"), (75, "recovering"), (90, HEALTHY)];
        for (at, state) in states {
            let at = second(at + sidecar as u64);
            world.view.channels[1].states.push(StateChange { at, sidecar, state: state.to_owned() });
        }
        let (from, to, reason) = ("oppo".to_owned(), "apns".to_owned(), "degraded".to_owned());
        world.view.switches.push(Switch { at: second(33 + sidecar as u64), sidecar, from, to, reason, count: 17 });
    }
    world
}

#[test]
fn every_element_that_begins_ends() {
    let page = page(&with_rules(world(&Scenario::parse(SCENARIO).unwrap())));
    let markup = page.replace(include_str!("hover.js"), "");
    let mut open = Vec::new();
    for tag in markup.split('<').skip(1).map(|piece| piece.split('>').next().unwrap()) {
        let name = tag.split([' ', '/']).next().unwrap();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{tag}");
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn nothing_comes_from_outside_and_no_number_is_none() {
    let page = page(&world(&Scenario::parse(SCENARIO).unwrap()));
    assert!(
        ["http:", "https:", "//", "url(", "@import", " src="].iter().all(|it| !page.replace("// One", "").contains(it))
    );
    assert!(!page.contains("NaN") && !page.contains("inf\""), "a number could not be drawn");
    assert!(page.contains("<title>An &lt;outage&gt; &amp; more</title>"));
}

#[test]
fn states_and_switches_have_lanes_and_times() {
    let world = with_rules(world(&Scenario::parse(SCENARIO).unwrap()));
    let summary = Summary::of(&world);
    let oppo = &summary.channels["oppo"].figures;
    assert_eq!(oppo.get("switches").map(|figure| figure.text()), Some("-".to_owned()), "no series says so");
    assert_eq!(oppo.get("time_to_detect").map(|figure| figure.text()), Some("3 s".to_owned()));
    let page = render(&world, &summary);
    for expected in ["s-degraded", "s-probing", "s-recovering", "to apns (34)", "class=\"event\""] {
        assert!(page.contains(expected), "{expected}");
    }
}

#[test]
fn the_same_run_gives_the_same_page() {
    let scenario = Scenario::parse(SCENARIO).unwrap();
    assert_eq!(page(&world(&scenario)), page(&world(&scenario)));
}
