//! What the rules make of a request before it leaves: it goes on, goes elsewhere, waits, or is failed by a drill.
//!
//! Where nothing is the matter with a channel, a send is only counted. Otherwise the request waits for its body if the rules
//! may need what stands in it. What cannot be done goes on unchanged.

use super::original::is_credential;
use super::relay::{Course, Origin, Relay, Stop};
use super::request::RequestState;
use super::visit::{Asked, Line, Visit};
use super::{Command, Effects, Exchange, Flow, Reply, Shell, answer, course, stitch};
use crate::classify::Verdict;
use crate::compose::Answer;
use crate::drill::DrillId;
use crate::governor::{Decision, DrillResult, Pass, SwitchReason};
use crate::outcome::{Fate, OutcomeClass};
use crate::plan::Plan;
use crate::policy::{DrillFault, List, Target};
use crate::time::Monotonic;
use crate::worker::{Bypass, Worker};
use std::rc::Rc;
use std::time::Duration;

/// The longest that a channel may take that is asked in another one's stead, where no `failover` says otherwise.
const SWITCH_TIMEOUT: Duration = Duration::from_secs(5);

/// A request on which the rules have a say.
struct Case {
    state: Box<RequestState>,
    asked: Asked,
    /// Whether all of its body is known, so that its message can be given to others.
    whole: bool,
    now: Monotonic,
}

/// Asks the rules, if it is time to. The request's headers have not left.
pub(super) fn decide(
    mut state: Box<RequestState>,
    worker: &mut Worker,
    shell: &mut dyn Shell,
    effects: &mut Effects,
) -> Exchange {
    let Some(whole) = state.must_decide() else { return Exchange::Request(state) };
    let told = state.told.take();
    let Some(visit) = state.ruled() else { return Exchange::Request(state) };
    match told {
        Some(told) => visit.identify_by(&told, worker),
        None => visit.identify(worker),
    }
    let is_send = visit.is_message() && !visit.is_dry_run(worker);
    let Some(asked) = visit.asked.filter(|_| is_send) else { return Exchange::Request(state) };
    let (plan, now) = (Rc::clone(&worker.plan), shell.now());
    let in_body = plan.route(visit.route).is_some_and(|route| route.reader.body_may_rank());
    let mut ask = visit.ask(asked.now, visit.route);
    if in_body && !whole {
        ask.priority = visit.facts.priority;
    }
    let Some(decision) = worker.governor.decide(&plan, &ask, now) else { return Exchange::Request(state) };
    let case = Case { state, asked, whole, now };
    match decision {
        Decision::Forward(pass) => case.forward(pass),
        Decision::Delay { pass, drill, delay } => case.delay(pass, drill, delay, worker, effects),
        Decision::Shed { retry_after, over_limit } => case.shed((retry_after, over_limit), worker, &plan, effects),
        Decision::Strike { pass, drill, fault } => case.strike(fault, (pass, drill), worker, &plan, shell, effects),
        Decision::Divert { reason, list } => case.divert(reason, list, worker, &plan, shell, effects),
    }
}

impl Case {
    fn forward(mut self, pass: Pass) -> Exchange {
        if let Some(visit) = self.state.ruled() {
            visit.pass = Some(pass);
        }
        Exchange::Request(self.state)
    }

    /// Lets the request wait as if its channel were slow, if Envoy's buffer is sure to bear it.
    fn delay(
        mut self,
        pass: Pass,
        drill: DrillId,
        delay: Duration,
        worker: &mut Worker,
        effects: &mut Effects,
    ) -> Exchange {
        if self.whole && worker.delays.insert(self.state.stream, self.now.after(delay)) {
            effects.flow = Flow::Hold;
            worker.drilled(self.asked.first, DrillResult::Delayed);
        }
        if let Some(visit) = self.state.ruled() {
            visit.struck(drill);
        }
        self.forward(pass)
    }

    /// Answers that the caller must wait.
    fn shed(
        self,
        (retry_after, over_limit): (Duration, bool),
        worker: &mut Worker,
        plan: &Plan,
        effects: &mut Effects,
    ) -> Exchange {
        let Some(mut visit) = self.state.into_visit(worker) else { return Exchange::Passing };
        visit.leave(worker);
        worker.shed(self.asked.first, visit.business, visit.facts.messages(), over_limit);
        let busy = plan.channel(self.asked.first).map(|channel| channel.answers.busy(retry_after));
        effects.commands.extend(busy.map(|answer| Reply::command(answer, answer::fate_told(Fate::NotSent))));
        effects.flow = Flow::Hold;
        Exchange::Ended
    }

    /// Sends the message by another channel, or by its own if no other takes it.
    fn divert(
        mut self,
        reason: SwitchReason,
        list: List,
        worker: &mut Worker,
        plan: &Plan,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) -> Exchange {
        let targets = plan.targets(self.asked.first, list);
        for (index, target) in targets.iter().enumerate() {
            if target.same_adapter {
                if self.rewrite(target, worker, plan, effects) {
                    let messages = self.state.ruled().map_or(1, |visit| visit.facts.messages());
                    worker.switched(self.asked.first, target.channel, reason, messages, self.now);
                    return Exchange::Request(self.state);
                }
            } else if self.whole && self.state.original().is_some() {
                let stops: Vec<Stop> = (index..targets.len()).map(|index| Stop::Listed(list, index)).collect();
                let course = Course { stops: stops.into_iter(), timeout: timeout(plan, self.asked) };
                let Some(mut visit) = self.state.into_visit(worker) else { return Exchange::Passing };
                visit.leave(worker);
                return Relay::new(visit, self.asked, Origin::Request(reason), course).go_on(worker, shell, effects);
            }
        }
        if !targets.is_empty() {
            worker.bypass(Bypass::NoBackup);
        }
        if let Some(visit) = self.state.ruled() {
            visit.pass_anyway(worker, self.now);
        }
        Exchange::Request(self.state)
    }

    /// Lets the request go to `target` as it is, but for its authority and its credentials; `false` if it may not go there.
    fn rewrite(&mut self, target: &Target, worker: &mut Worker, plan: &Plan, effects: &mut Effects) -> bool {
        let ends = (plan.channel(self.asked.first), plan.channel(target.channel));
        let (Some(first), Some(channel)) = ends else { return false };
        let Some(authority) = channel.authority.as_deref() else { return false };
        let Some(original) = self.state.original() else { return false };
        let head = original.headers();
        let (Some(method), Some(path)) = (head.get_str(":method"), head.get_str(":path")) else { return false };
        let Some(route) = plan.send_route(target.channel, authority, method, path) else { return false };
        let mut commands = vec![Command::SetRequestHeader(":authority", authority.to_owned())];
        if !target.keep_credentials {
            let names = head.names().filter_map(|name| std::str::from_utf8(name).ok());
            let credentials = names.filter(|name| is_credential([first, channel], name));
            commands.extend(credentials.map(|name| Command::RemoveRequestHeader(name.to_owned())));
        }
        let line = Line::new(method, authority);
        let Some(visit) = self.state.ruled() else { return false };
        let Some(pass) = worker.governor.admit(plan, &visit.ask(target.channel, route), self.now) else { return false };
        visit.move_to(worker, target.channel, route, pass);
        if let Some(of_span) = &mut self.state.line {
            **of_span = line;
        }
        effects.commands.extend(commands);
        true
    }

    /// Fails the request as a drill wants it, and lets it be saved by whoever would save it from a real failure.
    fn strike(
        self,
        fault: &DrillFault,
        (pass, drill): (Pass, DrillId),
        worker: &mut Worker,
        plan: &Plan,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) -> Exchange {
        let may_move = self.whole && self.state.original().is_some();
        let Some(mut visit) = self.state.into_visit(worker) else { return Exchange::Passing };
        worker.drilled(self.asked.first, DrillResult::Failed);
        visit.struck(drill);
        visit.pass = Some(pass);
        stitch::settle(&mut visit, worker, shell);
        let verdict = made_up(plan, &visit, fault);
        visit.exit(worker, &verdict, shell, effects);
        let course = course::of_failure(worker, plan, &visit, &verdict, shell).filter(|_| may_move);
        let course = course.unwrap_or_else(|| Course { stops: Vec::new().into_iter(), timeout: SWITCH_TIMEOUT });
        worker.governor.relay_begins(self.asked.first);
        let answer = failed(plan, self.asked, fault);
        Relay::new(visit, self.asked, Origin::Drill { verdict, answer }, course).go_on(worker, shell, effects)
    }
}

/// What a drill's fault would mean, had the vendor had it. The message has not left, whatever it was.
fn made_up(plan: &Plan, visit: &Visit, fault: &DrillFault) -> Verdict {
    let class = match fault {
        DrillFault::Refused | DrillFault::Delay(_) => OutcomeClass::VendorUnavailable,
        DrillFault::Status(status) => OutcomeClass::of_status(*status),
        DrillFault::Code(code) => plan
            .route(visit.route)
            .map_or(OutcomeClass::Unknown, |route| route.classifier.class_of_failure(200, Some(code), None)),
    };
    Verdict::uniform(class, Fate::NotSent, visit.facts.messages())
}

/// What the caller reads if nobody saves the message.
fn failed(plan: &Plan, asked: Asked, fault: &DrillFault) -> Option<Answer> {
    let answers = &plan.channel(asked.first)?.answers;
    Some(match fault {
        DrillFault::Refused | DrillFault::Delay(_) => answers.failed(Some(503), None),
        DrillFault::Status(status) => answers.failed(Some(*status), None),
        DrillFault::Code(code) => answers.failed(None, Some(code)),
    })
}

fn timeout(plan: &Plan, asked: Asked) -> Duration {
    let failover = plan.channel(asked.first).and_then(|channel| channel.policy.failover.as_ref());
    failover.map_or(SWITCH_TIMEOUT, |failover| failover.timeout)
}
