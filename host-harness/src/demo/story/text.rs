//! A story as people read it.

use std::fmt;

use super::{SENT, Step, Story, What};

/// A line: when it began and how long it took, in nanoseconds, and of what.
struct Line<'a> {
    after: u64,
    took: Option<u64>,
    span: &'a str,
    place: &'a str,
    what: String,
}

impl fmt::Display for Story {
    /// Its id and trace, and below them a line for each step, with times from the first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines();
        let place = lines.iter().map(|line| line.place.len()).max().unwrap_or(0);
        let trace = self.steps.first().map_or("-", |step| &step.trace_id);
        writeln!(f, "message {}, found by its id; the service passes no header on", self.id)?;
        writeln!(f, "trace   {trace}, {}", self.summary())?;
        for Line { after, took, span, place: at, what } in lines {
            let took = took.map_or_else(String::new, duration);
            let line = format!("  {:>8}  {took:>8}  {span:<16}  {at:<place$}  {what}", format!("+{}", duration(after)));
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl Story {
    fn lines(&self) -> Vec<Line<'_>> {
        let asked = self.visits(What::Visit).next();
        let begun = asked.or(self.steps.first()).map_or(0, |step| step.at);
        let mut lines: Vec<Line<'_>> = Vec::new();
        if let Some(step) = asked {
            lines.push(self.visit(step, begun));
            if let Some(send) = self.visits(What::Send).next() {
                let took = Some(send.at.saturating_sub(step.at));
                lines.push(Line {
                    after: 0,
                    took,
                    span: "",
                    place: "wait",
                    what: "until the service calls a vendor".into(),
                });
            }
        }
        lines.extend(self.visits(What::Send).map(|send| self.visit(send, begun)));
        let spans: Vec<&str> = lines.iter().map(|line| line.span).collect();
        let reports = self.visits(What::Status).filter(|step| !self.is_told_by_its_visit(step, &spans));
        let reports: Vec<&Step> = reports.collect();
        lines.extend(reports.into_iter().map(|step| Line {
            after: step.at.saturating_sub(begun),
            took: None,
            span: "",
            place: &step.node,
            what: step.how.clone(),
        }));
        lines
    }

    fn visit<'a>(&'a self, step: &'a Step, begun: u64) -> Line<'a> {
        let status = self.visits(What::Status).find(|status| told_by(status, step));
        let mut what = status.map_or(&step.how, |status| &status.how).clone();
        if step.what == What::Send && !step.code.is_empty() {
            what += &format!(", code {}", step.code);
        }
        if let Some(status) = status.filter(|status| !status.switched_from.is_empty()) {
            what += &format!(", in the place of {}", status.switched_from);
        }
        let (after, took) = (step.at.saturating_sub(begun), Some(step.until.saturating_sub(step.at)));
        Line { after, took, span: &step.span_id, place: &step.node, what }
    }

    fn is_told_by_its_visit(&self, status: &Step, spans: &[&str]) -> bool {
        let visits = self.steps.iter().filter(|step| step.what != What::Status);
        spans.contains(&status.span_id.as_str()) && visits.into_iter().any(|visit| told_by(status, visit))
    }

    fn summary(&self) -> String {
        let attempts = self.visits(What::Send).count();
        let tries = self.visits(What::Status).map(|step| step.attempt).max().unwrap_or(1);
        let moved = self.status(SENT).find(|step| !step.switched_from.is_empty());
        let mut text = if attempts == 1 { String::from("1 attempt") } else { format!("{attempts} attempts") };
        if tries > 1 {
            text += &format!(", {tries} of one kind");
        }
        match moved {
            Some(step) => text + &format!(", 1 switch: {} to {}", step.switched_from, step.channel),
            None => text + ", no switch",
        }
    }
}

/// Whether a status is the end of a visit.
fn told_by(status: &Step, visit: &Step) -> bool {
    status.span_id == visit.span_id && status.node == visit.node
}

#[expect(clippy::cast_precision_loss, reason = "times of a demo are far below 2^52 nanoseconds")]
fn duration(nanoseconds: u64) -> String {
    match nanoseconds as f64 / 1e6 {
        0.0 => String::from("0 ms"),
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.2} s", ms / 1_000.0),
    }
}
