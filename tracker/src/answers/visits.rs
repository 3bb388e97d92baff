//! The visits of a message: each node that it was in, from when to when, and out of which other visit it came.
//!
//! A span, the statuses it has led to and the record of its beginning have one span id: they are one visit. Where the visit
//! out of which it came is not among them, the order in time may suggest one; that is told apart from what is known.

use super::meaning;
use super::rest::Rest;
use crate::event::{Event, Kind, SpanId, TraceId};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The most visits of a message: those that began first.
const MAX_VISITS: usize = 2_000;

/// Where it is known from, out of which visit a visit came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Edge {
    /// Its parent is a visit of this message.
    Propagated,
    /// By a link, or because it is in the same trace and began after the other.
    Inferred,
    /// It is the first, or nothing suggests another.
    #[default]
    None,
}

/// One visit of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Visit {
    /// The visit.
    pub span_id: String,
    /// The visit out of which it came: with `propagated` one of this message, as told; with `inferred` one of this message,
    /// as it seems; with `none` as told, and not known here.
    pub parent_id: Option<String>,
    /// Where that is known from.
    pub edge: Edge,
    /// The node.
    pub node: String,
    /// The channel.
    pub channel: String,
    /// The service.
    pub service: String,
    /// The name of the span.
    pub name: String,
    /// When it began, in milliseconds since 1970.
    pub start_ms: u64,
    /// How long it took; null while it is open.
    pub duration_ms: Option<u64>,
    /// How long it may take (`push.limit_ms`), where that is told.
    pub limit_ms: Option<u64>,
    /// Whether it was within its objective.
    pub on_time: Option<bool>,
    /// The outcome class.
    pub outcome: String,
    /// The vendor's code.
    pub code: String,
    /// What the code means.
    pub meaning: Option<String>,
    /// `unsure`, `not_sent`, `rejected`, `accepted` or empty.
    pub fate: String,
    /// Which visit of this node it was; 0 if nothing is told.
    pub attempt: u32,
    /// The channel that the application asked, where another one was asked in its stead.
    pub switched_from: String,
    /// Whether a drill has struck it.
    pub drill: bool,
    /// The HTTP status of the answer.
    pub http_status: Option<u64>,
    /// What went wrong, with numbers and ids taken out.
    pub text: String,
}

impl Visit {
    /// When it ended; `None` while it is open.
    pub fn end_ms(&self) -> Option<u64> {
        self.duration_ms.map(|duration_ms| self.start_ms.saturating_add(duration_ms))
    }
}

/// A visit while it is put together.
#[derive(Default)]
struct Draft {
    visit: Visit,
    id: SpanId,
    parent: Option<SpanId>,
    trace: Option<TraceId>,
    links: Vec<SpanId>,
    /// Whether a span says when it began.
    measured: bool,
    /// When another event of it was told.
    told_ms: Option<u64>,
    ended: bool,
}

/// The visits that these events tell of, in the order in which they began; at most 2,000.
pub fn visits(events: &[Event]) -> Vec<Visit> {
    let mut drafts: BTreeMap<SpanId, Draft> = BTreeMap::new();
    for event in events {
        let tells = matches!(event.facts.kind, Kind::Span | Kind::Status | Kind::Enter | Kind::DeadLetter);
        if let Some(id) = event.span_id.filter(|_| tells) {
            drafts.entry(id).or_insert_with(|| Draft { id, ..Draft::default() }).add(event);
        }
    }
    let mut drafts: Vec<Draft> = drafts.into_values().collect();
    drafts.iter_mut().for_each(Draft::close);
    drafts.sort_by_key(|draft| (draft.visit.start_ms, draft.id));
    drafts.truncate(MAX_VISITS);
    let edges = edges(&drafts);
    let tied = drafts.into_iter().zip(edges).map(|(draft, (edge, parent))| Visit {
        edge,
        parent_id: parent.map(|id| id.to_string()),
        ..draft.visit
    });
    tied.collect()
}

impl Draft {
    fn add(&mut self, event: &Event) {
        let facts = &*event.facts;
        let rest = Rest::of(event);
        let is_span = facts.kind == Kind::Span;
        self.ended |= event.ends_visit();
        self.parent = self.parent.or(event.parent_id);
        self.trace = self.trace.or(event.trace_id);
        self.links
            .extend(rest.list("links").iter().filter_map(|link| link.get("span_id")?.as_str()?.parse::<SpanId>().ok()));
        let visit = &mut self.visit;
        let texts = [
            (&mut visit.node, &facts.node),
            (&mut visit.channel, &facts.channel),
            (&mut visit.service, &facts.service),
            (&mut visit.outcome, &facts.outcome),
            (&mut visit.code, &facts.code),
            (&mut visit.fate, &facts.fate),
            (&mut visit.switched_from, &facts.switched_from),
            (&mut visit.text, &facts.text),
        ];
        for (known, told) in texts {
            // What the span says of the visit as a whole counts before what is said of one recipient.
            if known.is_empty() || (is_span && !told.is_empty()) {
                known.clone_from(told);
            }
        }
        if is_span {
            visit.name.clone_from(&facts.name);
        }
        visit.drill |= facts.drill;
        visit.attempt = visit.attempt.max(event.attempt);
        visit.on_time = visit.on_time.or(facts.on_time);
        visit.limit_ms = visit.limit_ms.or_else(|| rest.number("push.limit_ms"));
        visit.http_status = visit.http_status.or_else(|| rest.number("http.response.status_code"));
        self.time(event, &rest);
    }

    /// A span tells its beginning; a status is told at the end, and may be a vendor's time; an enter at the beginning, or
    /// later, and then how long it has been open.
    fn time(&mut self, event: &Event, rest: &Rest) {
        let visit = &mut self.visit;
        match event.facts.kind {
            Kind::Span => {
                visit.start_ms = event.at_ms;
                visit.duration_ms = event.duration_ms;
                self.measured = true;
            }
            _ if self.measured => {}
            Kind::Enter => {
                let start_ms = event.at_ms.saturating_sub(rest.number("push.open_for_ms").unwrap_or_default());
                self.told_ms = Some(self.told_ms.map_or(start_ms, |told_ms| told_ms.min(start_ms)));
            }
            _ => {
                let start_ms = event.at_ms.saturating_sub(event.duration_ms.unwrap_or_default());
                visit.duration_ms = visit.duration_ms.max(event.duration_ms);
                self.told_ms = Some(self.told_ms.map_or(start_ms, |told_ms| told_ms.min(start_ms)));
            }
        }
    }

    fn close(&mut self) {
        let visit = &mut self.visit;
        visit.span_id = self.id.to_string();
        if let Some(told_ms) = self.told_ms.filter(|_| !self.measured) {
            visit.start_ms = told_ms;
            // It has ended, and nobody tells how long it took.
            visit.duration_ms = visit.duration_ms.or(self.ended.then_some(0));
        }
        visit.meaning = meaning(&visit.channel, &visit.code, &visit.outcome);
    }
}

/// Out of which visit each came. What is known comes first, and nothing is guessed that would make a visit come out of itself.
fn edges(drafts: &[Draft]) -> Vec<(Edge, Option<SpanId>)> {
    let ids: BTreeSet<SpanId> = drafts.iter().map(|draft| draft.id).collect();
    let known = |draft: &Draft, id: &SpanId| *id != draft.id && ids.contains(id);
    let told = drafts.iter().filter_map(|draft| Some((draft.id, draft.parent.filter(|id| known(draft, id))?)));
    let mut parents: BTreeMap<SpanId, SpanId> = told.collect();
    let mut edges = Vec::new();
    for (index, draft) in drafts.iter().enumerate() {
        if let Some(parent) = parents.get(&draft.id) {
            edges.push((Edge::Propagated, Some(*parent)));
            continue;
        }
        let linked = draft.links.iter().copied().find(|id| known(draft, id));
        let guess = linked.or_else(|| before(draft, drafts.get(..index).unwrap_or_default()));
        match guess.filter(|guess| !descends(&parents, *guess, draft.id)) {
            Some(guess) => {
                parents.insert(draft.id, guess);
                edges.push((Edge::Inferred, Some(guess)));
            }
            None => edges.push((Edge::None, draft.parent)),
        }
    }
    edges
}

/// Whether a visit comes, by however many steps, out of another one. Parents that make a ring are a sender's fault.
fn descends(parents: &BTreeMap<SpanId, SpanId>, from: SpanId, ancestor: SpanId) -> bool {
    let up = std::iter::successors(Some(from), |id| parents.get(id).copied());
    up.take(parents.len() + 1).any(|id| id == ancestor)
}

/// Of those of the same trace that began earlier, the latest that was still open, else the one that ended last.
fn before(draft: &Draft, earlier: &[Draft]) -> Option<SpanId> {
    let trace = draft.trace?;
    let start_ms = draft.visit.start_ms;
    let same = earlier.iter().filter(|other| other.trace == Some(trace));
    let rank = |other: &&Draft| {
        let end_ms = other.visit.end_ms().unwrap_or(u64::MAX);
        if end_ms > start_ms { (true, other.visit.start_ms) } else { (false, end_ms) }
    };
    same.max_by_key(rank).map(|other| other.id)
}
