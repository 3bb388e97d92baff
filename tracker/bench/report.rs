//! The result, beside what it has to be.

use crate::load::Taken;
use crate::questions::Answers;
use anyhow::{Context as _, Result};
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// What was measured.
pub(crate) struct Report {
    /// While it took events.
    pub(crate) taken: Taken,
    /// On disk when the last was taken.
    pub(crate) before_bytes: u64,
    /// On disk after compaction.
    pub(crate) after_bytes: u64,
    /// The most memory.
    pub(crate) memory_bytes: u64,
    /// From the start of the process until it was ready, after it was killed at the end of the load.
    pub(crate) start_after_kill: Duration,
    /// The questions.
    pub(crate) answers: Answers,
}

/// A figure and its target.
struct Figure {
    what: &'static str,
    value: f64,
    unit: &'static str,
    target: Option<Target>,
}

#[derive(Clone, Copy)]
enum Target {
    AtLeast(f64),
    AtMost(f64),
}

/// How far a figure may be off before `--check` fails: machines differ.
const TOLERANCE: f64 = 1.5;

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
impl Report {
    fn figures(&self) -> Vec<Figure> {
        let taken = &self.taken;
        let (events, seconds) = (taken.events as f64, taken.took.as_secs_f64());
        let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let (least, most) = (|value| Some(Target::AtLeast(value)), |value| Some(Target::AtMost(value)));
        let figure = |what, value, unit, target| Figure { what, value, unit, target };
        vec![
            figure("events taken, decoded and on disk, a second", events / seconds, "", least(100_000.0)),
            figure("processor time of an event", taken.cpu.as_secs_f64() * 1e6 / events, "µs", None),
            figure("bytes of an event in the request", taken.body_bytes as f64 / events, "B", None),
            figure("bytes of an event on disk at the end of the load", self.before_bytes as f64 / events, "B", None),
            figure("bytes of an event on disk after compaction", self.after_bytes as f64 / events, "B", most(80.0)),
            figure("by a message's id, p50", ms(self.answers.by_id.quantile(0.5)), "ms", None),
            figure("by a message's id, p99", ms(self.answers.by_id.quantile(0.99)), "ms", most(5.0)),
            figure("by a vendor's id, p99", ms(self.answers.by_vendor_id.quantile(0.99)), "ms", most(5.0)),
            figure("a message's view, p99", ms(self.answers.view.quantile(0.99)), "ms", most(50.0)),
            figure("trend of all events, p99", ms(self.answers.trend.quantile(0.99)), "ms", most(50.0)),
            figure("memory, at most", mib(self.memory_bytes), "MiB", most(512.0)),
            figure("start after it was killed", ms(self.start_after_kill), "ms", most(5_000.0)),
        ]
    }

    /// Whether no figure is far from its target.
    pub(crate) fn is_good_enough(&self) -> bool {
        self.figures().iter().all(|figure| match figure.target {
            None => true,
            Some(Target::AtLeast(target)) => figure.value * TOLERANCE >= target,
            Some(Target::AtMost(target)) => figure.value <= target * TOLERANCE,
        })
    }

    /// Puts it between the marks of a page.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        const BEGIN: &str = "<!-- bench-tracker: begin -->\n";
        const END: &str = "<!-- bench-tracker: end -->";
        let page = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
        let (before, rest) = page.split_once(BEGIN).context("the page has no begin mark")?;
        let (_, after) = rest.split_once(END).context("the page has no end mark")?;
        Ok(std::fs::write(file, format!("{before}{BEGIN}{self}{END}{after}"))?)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let millions = self.taken.events as f64 / 1e6;
        writeln!(f, "{millions:.0} million events, {} refusals\n", self.taken.refusals)?;
        writeln!(f, "| | measured | target |\n|---|---|---|")?;
        for Figure { what, value, unit, target } in self.figures() {
            let digits = usize::from(value < 100.0);
            write!(f, "| {what} | {value:.digits$} {unit} | ")?;
            match target {
                None => writeln!(f, "|")?,
                Some(Target::AtLeast(target)) => writeln!(f, "at least {target} {unit} |")?,
                Some(Target::AtMost(target)) => writeln!(f, "at most {target} {unit} |")?,
            }
        }
        Ok(())
    }
}
