//! Shows the table: in place on a terminal, block after block elsewhere.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write, stdout};
use std::net::SocketAddr;
use std::time::Duration;

use super::Told;
use super::check::Difference;
use super::moves::Moves;
use super::story::{Followed, Story};
use super::table::{Row, render};
use super::traffic::Pushes;

/// Where the demo writes.
#[derive(Debug)]
pub(super) struct Screen {
    metrics: String,
    control: SocketAddr,
    tracker: Option<SocketAddr>,
    in_place: bool,
    /// Lines of the last frame, which the next one takes the place of.
    lines: usize,
}

impl Screen {
    pub(super) fn new(metrics: String, control: SocketAddr, tracker: Option<SocketAddr>) -> Self {
        Self { metrics, control, tracker, in_place: stdout().is_terminal(), lines: 0 }
    }

    pub(super) fn show(&mut self, elapsed: Duration, news: &str, rows: &[Row], story: Option<&Story>) {
        let frame = self.frame(elapsed, news, rows, story);
        self.draw(&frame);
    }

    /// The last word of a bounded run.
    pub(super) fn finish(
        &mut self,
        rows: &[Row],
        differences: &[Difference],
        moves: &Moves,
        told: &Told,
        pushes: Pushes,
    ) {
        let Pushes { sent, broken } = pushes;
        let mut frame = format!("All pushes have ended: {sent} sent, {broken} without the service's answer.\n\n");
        frame.push_str(&render(rows));
        frame.push_str("\ncounts agree with the vendors' own: ");
        frame.push_str(if differences.is_empty() { "yes\n" } else { "no\n" });
        for difference in differences {
            // Writing to a string does not fail.
            let _ = writeln!(frame, "  {difference}");
        }
        let back = if moves.there_and_back() { "yes" } else { "no" };
        let _ = writeln!(frame, "messages have moved and come back: {back}\n  {moves}");
        let Followed { whole, sent } = told.followed;
        let all = if told.is_all() { "yes" } else { "no" };
        let _ = writeln!(frame, "messages can be followed to their receipts: {all}\n  {whole} of {sent}");
        if let Some(story) = &told.example {
            let _ = write!(frame, "\n{story}");
        }
        self.draw(&frame);
    }

    fn frame(&self, elapsed: Duration, news: &str, rows: &[Row], story: Option<&Story>) -> String {
        let tracker = self.tracker.map(|addr| format!("tracker  http://{addr}/\n")).unwrap_or_default();
        format!(
            "{:>4} s  {news}\n\n{}\n{}\nmetrics  {}\nfaults   http://{}/faults\n{tracker}\n",
            elapsed.as_secs(),
            render(rows),
            story.map(Story::to_string).unwrap_or_default(),
            self.metrics,
            self.control,
        )
    }

    fn draw(&mut self, frame: &str) {
        let mut text = String::new();
        if self.in_place {
            if self.lines > 0 {
                let _ = write!(text, "\x1b[{}A\x1b[J", self.lines);
            }
            // A wrapped line would make the frame taller than its lines say.
            let _ = write!(text, "\x1b[?7l{frame}\x1b[?7h");
        } else {
            text.push_str(frame);
        }
        self.lines = frame.lines().count();
        // A reader that went away (`| head`) is no reason to stop the pushes.
        let mut out = stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}
