//! The routes that a request may turn out to take, as long as only its body can tell.

use super::RequestHead;
use super::collected::Collected;
use crate::extract::Facts;
use crate::json::Scan;
use crate::plan::{Direction, RouteId, Target, host_of};
use crate::worker::Worker;

#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) route: RouteId,
    pub(super) facts: Facts,
    pub(super) reads_body: bool,
    /// Whether the body can still change whether it fits.
    pub(super) open: bool,
}

/// The routes that the head allows, up to and including the first that needs nothing more to be certain.
pub(super) fn candidates(worker: &Worker, direction: Direction, head: &RequestHead<'_>) -> Vec<Candidate> {
    let authority = head.headers.get_str(":authority").unwrap_or_default();
    let whole_path = head.headers.get_str(":path").unwrap_or_default();
    let (path, query) = match whole_path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (whole_path, None),
    };
    let host = host_of(authority);
    let target = Target { host: &host, method: head.headers.get_str(":method").unwrap_or_default(), path };
    let keep = worker.keeps_recipients();
    let mut found = Vec::new();
    for (id, route, captures) in worker.plan.candidates(direction, target) {
        let mut facts = Facts::default();
        route.reader.head(&head.headers, query, &captures, head.edge, keep, &mut facts);
        let missing = route.when & !facts.conditions;
        let body_can_tell = if head.end_of_stream { 0 } else { route.reader.condition_bits().1 };
        if missing & !body_can_tell != 0 {
            continue;
        }
        let open = missing != 0;
        found.push(Candidate { route: id, facts, reads_body: route.reader.reads_body(), open });
        if !open {
            break;
        }
    }
    found
}

/// Reads what has been collected as that route reads it.
pub(super) fn read(worker: &Worker, collected: &Collected, route: RouteId, facts: &mut Facts) -> Option<Scan> {
    let reader = &worker.plan.route(route)?.reader;
    facts.is_cut = !collected.is_whole();
    Some(reader.body(collected.bytes(), collected.is_whole(), worker.keeps_recipients(), facts))
}

/// Lets every candidate read the body: together if the plan foresees it, so that the bytes are gone through once, else one
/// after the other. The worst of what they saw tells whether it could be read.
pub(super) fn read_among(worker: &Worker, candidates: &mut [Candidate], collected: &Collected) -> Option<Scan> {
    let routes: Vec<RouteId> = candidates.iter().map(|candidate| candidate.route).collect();
    if let Some(joint) = worker.plan.joint(&routes) {
        let mut facts: Vec<&mut Facts> = candidates.iter_mut().map(|candidate| &mut candidate.facts).collect();
        facts.iter_mut().for_each(|facts| facts.is_cut = !collected.is_whole());
        return Some(joint.body(collected.bytes(), collected.is_whole(), worker.keeps_recipients(), &mut facts));
    }
    let mut worst = None;
    for candidate in candidates {
        let scan = read(worker, collected, candidate.route, &mut candidate.facts);
        worst = worst.filter(|worst| *worst != Scan::Complete).or(scan);
    }
    worst
}
