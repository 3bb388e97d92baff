//! The way of an operation: asked for, looked at, agreed to, carried out; each step in the log first.

use super::book::Standing;
use super::error::OperationError;
use super::journal::{Journal, Line, Record, Step, wall};
use super::target::{Fate, Preview, Target};
use super::wish::{Kind, Wish, plain, words};
use super::{Foreseen, Inner, Moment};
use crate::access::{Person, Role, random_id};
use pointsman_core::time::format_duration;
use pointsman_host::switch::{Order, Planned, is_same_person};
use std::time::Duration;

/// The most operations that may wait at once.
const MAX_WAITING: usize = 100;
/// The longest difference that is recorded.
const MAX_DIFF_BYTES: usize = 64 * 1_024;
/// By which a proposal is known.
const PATTERN: &str = "pattern";

/// A switch that a failure pattern suggests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The channel.
    pub channel: String,
    /// Where its messages would go, in order.
    pub to: Vec<String>,
    /// For how long.
    pub lasting: Duration,
    /// Why.
    pub reason: String,
}

impl Inner {
    /// What an order would come to.
    pub(super) fn foresee(&self, person: &Person, wish: &Wish, now_ms: u64) -> Result<Foreseen, OperationError> {
        let order = wish.order(self.settings.longest_drill, wall(now_ms), &person.name)?;
        let preview = self.target.preview(&order, &person.groups, wall(now_ms))?;
        let why_wide = self.why_wide(wish, (&person.name, &person.groups), &preview);
        Ok(Foreseen { diff: preview.planned.diff, wide: why_wide.is_some(), why_wide })
    }

    fn why_wide(&self, wish: &Wish, (name, groups): (&str, &[String]), preview: &Preview) -> Option<String> {
        let highest = || highest_priority(&self.target.loaded(name, groups).ok()?);
        let demanded = || preview.needs_approval.then(|| "the object demands a second person".to_owned());
        self.settings.wide.why(wish, highest).or_else(demanded)
    }

    pub(super) fn ask(
        &self,
        journal: &mut Journal,
        person: Person,
        wish: Wish,
        now_ms: u64,
    ) -> Result<Standing, OperationError> {
        let record = Record { by: person.name, groups: person.groups, ..new_record(wish, now_ms)? };
        self.start(journal, record, now_ms)
    }

    /// Does at once what needs nobody else, and lets the rest wait.
    fn start(&self, journal: &mut Journal, mut record: Record, now_ms: u64) -> Result<Standing, OperationError> {
        let order = self.order(&record, now_ms)?;
        let preview = match self.target.preview(&order, &record.groups, wall(now_ms)) {
            Ok(preview) => preview,
            Err(error) => return self.end(journal, record, now_ms, error),
        };
        record.why_wide = self.why_wide(&record.wish, (&record.by, &record.groups), &preview);
        if record.why_wide.is_none() {
            return self.carry_out(journal, record, &order, preview.planned, now_ms);
        }
        self.wait(journal, record, preview.planned.diff, now_ms)
    }

    fn wait(
        &self,
        journal: &mut Journal,
        mut record: Record,
        diff: String,
        now_ms: u64,
    ) -> Result<Standing, OperationError> {
        let waits_already = |standing: &Standing| standing.record.id == record.id;
        let waiting = self.lock_book().at(Step::Waiting).filter(|standing| !waits_already(standing)).count();
        if waiting >= MAX_WAITING {
            return Err(OperationError::Full);
        }
        record.diff = cut(diff);
        record.expires_ms = Some(now_ms.saturating_add(millis(self.settings.wait)));
        self.write(journal, Step::Waiting, record, now_ms)
    }

    pub(super) fn approve(
        &self,
        journal: &mut Journal,
        person: &Person,
        id: &str,
        now_ms: u64,
    ) -> Result<Standing, OperationError> {
        let mut record = self.waiting(id, now_ms)?;
        if record.by.is_empty() {
            // Who takes a proposal up wants it from then on, as if they had asked for it.
            record.by.clone_from(&person.name);
            record.groups.clone_from(&person.groups);
            return self.start(journal, record, now_ms);
        }
        if person.role < Role::Approver {
            return self.deny(journal, record, person, now_ms, OperationError::Role(Role::Approver));
        }
        if is_same_person(&person.name, &record.by) {
            return self.deny(journal, record, person, now_ms, OperationError::SamePerson);
        }
        record.approved_by = Some(person.name.clone());
        let order = self.order(&record, now_ms)?;
        let planned = match self.target.preview(&order, &record.groups, wall(now_ms)) {
            Ok(preview) => preview.planned,
            Err(error) if error.step() == Step::Refused => return self.end(journal, record, now_ms, error),
            // It may be agreed to again when what has failed works again.
            Err(error) => return Err(error),
        };
        if removed(&cut(planned.diff.clone())) != removed(&record.diff) {
            let looked_at = Record { approved_by: None, diff: cut(planned.diff), ..record };
            self.write(journal, Step::Waiting, looked_at, now_ms)?;
            return Err(OperationError::ChangedSince);
        }
        self.carry_out(journal, record, &order, planned, now_ms)
    }

    pub(super) fn reject(
        &self,
        journal: &mut Journal,
        person: &Person,
        id: &str,
        reason: &str,
        now_ms: u64,
    ) -> Result<Standing, OperationError> {
        words("reason", reason)?;
        let mut record = self.waiting(id, now_ms)?;
        let may = record.by.is_empty() || person.role >= Role::Approver || is_same_person(&person.name, &record.by);
        if !may {
            return self.deny(journal, record, person, now_ms, OperationError::NotYours);
        }
        record.refused_by = Some(person.name.clone());
        record.error = Some(reason.trim().to_owned());
        self.write(journal, Step::Refused, record, now_ms)
    }

    pub(super) fn propose(
        &self,
        journal: &mut Journal,
        proposal: Proposal,
        now_ms: u64,
    ) -> Result<Standing, OperationError> {
        let Proposal { channel, to, lasting, reason } = proposal;
        let since_ms = now_ms.saturating_sub(millis(self.settings.wait));
        let is_news = |standing: &Standing| {
            let of_channel = standing.record.wish.channel == channel;
            let is_recent = standing.record.proposed_by.is_some() && standing.since_ms > since_ms;
            !(of_channel && (is_recent || standing.step_at(now_ms) == Step::Waiting))
        };
        if !self.lock_book().newest().all(is_news) {
            return Err(OperationError::ProposedAlready);
        }
        let wish = Wish::new(Kind::Switch, channel, plain(&reason));
        let wish = Wish { to, lasting: Some(format_duration(lasting)), ..wish };
        let record = Record { proposed_by: Some(PATTERN.to_owned()), ..new_record(wish, now_ms)? };
        let order = Order { by: PATTERN.to_owned(), ..self.order(&record, now_ms)? };
        // Nobody has signed in, in whose name a cluster could be asked.
        let diff = match &self.target {
            Target::File(_) => self.target.preview(&order, &[], wall(now_ms))?.planned.diff,
            Target::Cluster(..) => String::new(),
        };
        self.wait(journal, record, diff, now_ms)
    }

    /// Puts the change in place, between two lines of the log.
    fn carry_out(
        &self,
        journal: &mut Journal,
        record: Record,
        order: &Order,
        planned: Planned,
        now_ms: u64,
    ) -> Result<Standing, OperationError> {
        let record = as_planned(record, planned);
        self.write(journal, Step::Running, record.clone(), now_ms)?;
        (self.reached)(Moment::Intended)?;
        let planned = match self.target.perform(order, &record.groups, wall(now_ms), &self.reached) {
            Ok(planned) => planned,
            Err(OperationError::Crashed) => return Err(OperationError::Crashed),
            Err(error @ OperationError::Unclear(_)) => return self.leave_open(journal, record, now_ms, error),
            Err(error) => return self.end(journal, record, now_ms, error),
        };
        (self.reached)(Moment::Performed)?;
        match self.write(journal, Step::Done, as_planned(record, planned), now_ms) {
            Err(OperationError::Journal(error)) => Err(OperationError::Unrecorded(error)),
            written => written,
        }
    }

    /// Records that nobody can tell yet whether the change is in place. A file tells at once. A cluster may still be at it, and is
    /// asked by the next operation or start.
    fn leave_open<T>(
        &self,
        journal: &mut Journal,
        record: Record,
        now_ms: u64,
        error: OperationError,
    ) -> Result<T, OperationError> {
        let record = Record { error: Some(cut(error.to_string())), ..record };
        // A log that does not take this says that it is being carried out, which is true as well.
        let written = self.write(journal, Step::Running, record, now_ms);
        if written.is_ok() && matches!(self.target, Target::File(_)) {
            let _ = self.settle(journal, now_ms);
        }
        Err(error)
    }

    /// Finds out what has become of operations that were interrupted, and ends those to which nobody has agreed in time.
    pub(super) fn settle(&self, journal: &mut Journal, now_ms: u64) -> Result<(), OperationError> {
        let all: Vec<Standing> = self.lock_book().newest().cloned().collect();
        for standing in all.iter().rev() {
            if standing.step == Step::Waiting && standing.step_at(now_ms) == Step::Expired {
                self.write(journal, Step::Expired, standing.record.clone(), now_ms)?;
            }
            if standing.step != Step::Running {
                continue;
            }
            // Where nobody can tell, the next operation tries again.
            let Ok(fate) = self.target.fate(&standing.record) else { continue };
            let (step, fate) = match fate {
                Fate::InPlace => (Step::Done, "it is in place"),
                Fate::Nothing => (Step::Failed, "it has changed nothing"),
                Fate::ChangedSince => (Step::Failed, "the config has been changed otherwise since"),
            };
            let before = standing.record.error.as_deref().unwrap_or("it was interrupted");
            let record = Record { error: Some(format!("{before}; {fate}")), ..standing.record.clone() };
            self.write(journal, step, record, now_ms)?;
        }
        Ok(())
    }

    fn order(&self, record: &Record, now_ms: u64) -> Result<Order, OperationError> {
        let order = record.wish.order(self.settings.longest_drill, wall(now_ms), &record.by)?;
        Ok(Order { approved_by: record.approved_by.clone(), ..order })
    }

    /// What waits under this id.
    fn waiting(&self, id: &str, now_ms: u64) -> Result<Record, OperationError> {
        let book = self.lock_book();
        let standing = book.find(id).ok_or(OperationError::NotFound)?;
        match standing.step_at(now_ms) {
            Step::Waiting => Ok(standing.record.clone()),
            step => Err(OperationError::NotWaiting(step)),
        }
    }

    /// Records that an order has come to nothing.
    fn end<T>(
        &self,
        journal: &mut Journal,
        record: Record,
        now_ms: u64,
        error: OperationError,
    ) -> Result<T, OperationError> {
        let record = Record { error: Some(cut(error.to_string())), ..record };
        self.write(journal, error.step(), record, now_ms)?;
        Err(error)
    }

    /// Records that somebody has tried what they may not; the operation goes on waiting.
    fn deny<T>(
        &self,
        journal: &mut Journal,
        record: Record,
        person: &Person,
        now_ms: u64,
        error: OperationError,
    ) -> Result<T, OperationError> {
        let note = Some(format!("{} was denied: {error}", person.name));
        self.put(journal, Line { note, ..Line::new(Step::Waiting, record, now_ms) })?;
        Err(error)
    }

    fn write(
        &self,
        journal: &mut Journal,
        step: Step,
        record: Record,
        now_ms: u64,
    ) -> Result<Standing, OperationError> {
        let standing = Standing { step, since_ms: now_ms, record: record.clone() };
        self.put(journal, Line::new(step, record, now_ms))?;
        Ok(standing)
    }

    /// What is not in the log is not known here either.
    fn put(&self, journal: &mut Journal, line: Line) -> Result<(), OperationError> {
        journal.append(line.clone())?;
        self.lock_book().take(line);
        Ok(())
    }
}

fn new_record(wish: Wish, now_ms: u64) -> Result<Record, OperationError> {
    Ok(Record {
        id: random_id()?,
        asked_ms: now_ms,
        wish,
        by: String::new(),
        groups: Vec::new(),
        proposed_by: None,
        why_wide: None,
        approved_by: None,
        refused_by: None,
        diff: String::new(),
        before: None,
        version: None,
        expires_ms: None,
        error: None,
    })
}

fn as_planned(record: Record, planned: Planned) -> Record {
    let Planned { diff, before, version } = planned;
    Record { diff: cut(diff), before: Some(before), version: Some(version), ..record }
}

/// The highest priority that a business of a config has.
fn highest_priority(config: &str) -> Option<u8> {
    let plan = pointsman_core::config::load(config).ok()?;
    plan.businesses().filter_map(|(_, business)| business.priority).max()
}

/// What a difference takes out: what it puts in says when it ends, and so is never the same.
fn removed(diff: &str) -> Vec<&str> {
    diff.lines().filter(|line| line.starts_with('-')).collect()
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_DIFF_BYTES {
        text.truncate(text.floor_char_boundary(MAX_DIFF_BYTES));
        text.push_str("\n…\n");
    }
    text
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{Operations, Wire};
    use super::*;
    use crate::config::fault::Faults;
    use pointsman_core::config::digest;
    use serde_json::{Value, json};
    use std::fs;
    use std::path::Path;

    const CONFIG: &str = r#"{"channels": ["apns"], "hold_request": true,
        "businesses": [{"name": "order", "priority": 9}, {"name": "news", "priority": 1}], "rules": []}"#;
    const NOW: u64 = 1_800_000_000_000;

    async fn operations(folder: &Path, destination: Option<&str>) -> Operations {
        let (config, log) = (folder.join("pointsman.json"), folder.join("operations.jsonl"));
        fs::write(&config, CONFIG).unwrap();
        let mut wire = json!({"file": {"config": config}, "log": log});
        if let Some(destination) = destination {
            wire["file"]["destination"] = json!(folder.join(destination));
        }
        let wire: Wire = serde_json::from_value(wire).unwrap();
        let settings = wire.validate("operations", &mut Faults::default()).unwrap();
        Operations::open(settings, NOW).await.unwrap()
    }

    fn alice() -> Person {
        Person { name: "alice".to_owned(), groups: Vec::new(), role: Role::Operator }
    }

    fn shed(below_priority: Value) -> Wish {
        let wish =
            json!({"kind": "shed", "channel": "apns", "below_priority": below_priority, "for": "1m", "reason": "x"});
        serde_json::from_value(wish).unwrap()
    }

    #[tokio::test]
    async fn what_lets_no_business_of_the_config_pass_needs_a_second_person() {
        let folder = tempfile::tempdir().unwrap();
        let operations = operations(folder.path(), None).await;
        for (below, expected) in [(json!(9), false), (json!(10), true), (json!(255), true), (Value::Null, true)] {
            let foreseen = operations.preview(alice(), shed(below.clone()), NOW).await.unwrap();
            assert_eq!(foreseen.wide, expected, "{below}");
        }
    }

    #[tokio::test]
    async fn what_is_in_place_and_went_no_further_is_done_and_says_how_far() {
        let folder = tempfile::tempdir().unwrap();
        let operations = operations(folder.path(), Some("nowhere/rules.yaml")).await;
        let said = operations.ask(alice(), shed(json!(9)), NOW).await;
        assert!(matches!(said, Err(OperationError::Unclear(_))), "{said:?}");
        let text = fs::read_to_string(folder.path().join("pointsman.json")).unwrap();
        assert_ne!(text, CONFIG);
        let entries = operations.entries(&[], 1, NOW);
        assert_eq!((entries[0].step, entries[0].version.clone()), (Step::Done, Some(digest(&text))));
        let error = entries[0].error.as_deref().unwrap();
        assert!(error.contains("not applied") && error.ends_with("; it is in place"), "{error}");
    }
}
