//! Curves and stacked areas over time.

use std::fmt::Write as _;
use std::time::Duration;

use super::Story;
use super::axis::{LEFT, RIGHT, Scale, WIDTH};

const TOP: f64 = 8.0;
const BOTTOM: f64 = 24.0;

/// The least distance between two names at the end of their curves.
const NAME_HEIGHT: f64 = 15.0;

/// One chart.
pub(super) struct Chart {
    pub(super) title: &'static str,
    /// What is drawn, and in which unit.
    pub(super) note: String,
    pub(super) kind: Kind,
    pub(super) height: f64,
    pub(super) unit: Unit,
    pub(super) series: Vec<Series>,
}

/// How a chart's series are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Lines,
    /// Lines on a vertical axis whose every step is ten times the one below.
    LogLines,
    /// Areas on top of each other.
    Stack,
}

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    PerSecond,
    Percent,
    Milliseconds,
}

/// One curve: a value for each bucket of the timeline, or nothing.
pub(super) struct Series {
    pub(super) name: String,
    /// The class that gives it its colour.
    pub(super) class: String,
    pub(super) values: Vec<Option<f64>>,
}

impl Unit {
    pub(super) fn text(self, value: f64) -> String {
        match self {
            Self::PerSecond => number(value),
            Self::Percent => format!("{} %", number(value)),
            Self::Milliseconds if value >= 1_000.0 => format!("{} s", number(value / 1_000.0)),
            Self::Milliseconds => format!("{} ms", number(value)),
        }
    }
}

/// A number with separators and no more decimals than it needs.
fn number(value: f64) -> String {
    if value.abs() >= 1_000.0 {
        return crate::simulate::summary::thousands(value.round().max(0.0) as u64);
    }
    let text = if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.1}") };
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

impl Chart {
    /// The chart as SVG within a figure.
    pub(super) fn render(&self, story: &Story<'_>, id: usize) -> String {
        let mut svg = String::new();
        let scale = self.scale();
        let floor = self.height - BOTTOM;
        let y = |value: f64| floor - scale.place(value) * (floor - TOP);
        for (from, to) in &story.shades {
            let (from, to) = (story.axis.x(*from), story.axis.x(*to));
            let _ = write!(
                svg,
                r#"<rect class="shade" x="{from:.1}" y="{TOP}" width="{:.1}" height="{:.1}"/>"#,
                (to - from).max(1.0),
                floor - TOP
            );
        }
        self.grid(&mut svg, story, &scale);
        match self.kind {
            Kind::Stack => self.stack(&mut svg, story, &y),
            Kind::Lines | Kind::LogLines => self.lines(&mut svg, story, &y),
        }
        for event in &story.events {
            let x = story.axis.x(event.at());
            let _ = write!(svg, r#"<line class="moved" x1="{x:.1}" x2="{x:.1}" y1="{TOP}" y2="{floor:.1}"/>"#);
        }
        let _ = write!(svg, r#"<line class="cursor" y1="{TOP}" y2="{floor:.1}"/>"#);
        format!(
            "<figure><figcaption><h2>{}</h2><span>{}</span>{}</figcaption>\n\
             <svg class=\"chart\" data-chart=\"{id}\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{}\">{svg}</svg></figure>\n",
            self.title,
            self.note,
            if self.kind == Kind::Stack { self.legend() } else { String::new() },
            self.height,
            self.title,
        )
    }

    /// What the chart's own script reads of it: names, colours and values.
    pub(super) fn data(&self) -> serde_json::Value {
        let series = self.series.iter().map(|series| {
            let values: Vec<Option<String>> =
                series.values.iter().map(|value| value.map(|value| self.unit.text(value))).collect();
            serde_json::json!({ "name": series.name, "class": series.class, "values": values })
        });
        serde_json::Value::Array(series.collect())
    }

    fn scale(&self) -> Scale {
        let values = || self.series.iter().flat_map(|series| series.values.iter().flatten().copied());
        match (self.kind, self.unit) {
            (Kind::LogLines, _) => {
                let least = values().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
                Scale::log(if least.is_finite() { least } else { 1.0 }, values().fold(1.0, f64::max))
            }
            (_, Unit::Percent) => Scale::Linear(100.0),
            (Kind::Lines, _) => Scale::linear(values().fold(0.0, f64::max)),
            (Kind::Stack, _) => Scale::linear(self.sums().into_iter().fold(0.0, f64::max)),
        }
    }

    /// The height of the whole stack in each bucket.
    fn sums(&self) -> Vec<f64> {
        let buckets = self.series.iter().map(|series| series.values.len()).max().unwrap_or(0);
        let at =
            |bucket: usize| self.series.iter().filter_map(move |series| series.values.get(bucket).copied().flatten());
        (0..buckets).map(|bucket| at(bucket).sum()).collect()
    }

    fn grid(&self, svg: &mut String, story: &Story<'_>, scale: &Scale) {
        let floor = self.height - BOTTOM;
        for value in scale.ticks() {
            let y = floor - scale.place(value) * (floor - TOP);
            let _ = write!(
                svg,
                r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/><text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0,
                self.unit.text(value)
            );
        }
        for (x, label) in story.axis.ticks() {
            let _ = write!(
                svg,
                r#"<line class="grid" x1="{x:.1}" x2="{x:.1}" y1="{TOP}" y2="{floor:.1}"/><text class="tick" x="{x:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#,
                floor + 17.0
            );
        }
    }

    fn lines(&self, svg: &mut String, story: &Story<'_>, y: &impl Fn(f64) -> f64) {
        let mut ends = Vec::new();
        for (place, series) in self.series.iter().enumerate() {
            let mut path = String::new();
            let mut pen_down = false;
            for (bucket, value) in series.values.iter().enumerate() {
                let Some(value) = value else {
                    pen_down = false;
                    continue;
                };
                let command = if pen_down { 'L' } else { 'M' };
                let _ = write!(path, "{command}{:.1} {:.1}", middle(story, bucket), y(*value));
                pen_down = true;
            }
            let _ = write!(svg, r#"<path class="line {}" d="{path}"/>"#, series.class);
            if let Some(last) = series.values.iter().rev().find_map(|value| *value) {
                ends.push((y(last), place));
            }
        }
        self.names(svg, ends);
    }

    /// The names of the curves, each at the end of its own, moved apart where they would cover each other.
    fn names(&self, svg: &mut String, mut ends: Vec<(f64, usize)>) {
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut free_from = TOP;
        for (y, _) in &mut ends {
            *y = y.max(free_from);
            free_from = *y + NAME_HEIGHT;
        }
        let mut free_to = self.height - BOTTOM + 2.0;
        for (y, _) in ends.iter_mut().rev() {
            *y = y.min(free_to);
            free_to = *y - NAME_HEIGHT;
        }
        for (y, place) in ends {
            if let Some(series) = self.series.get(place) {
                let (x, y, class) = (WIDTH - RIGHT + 8.0, y + 4.0, &series.class);
                let _ =
                    write!(svg, r#"<text class="name {class}" x="{x:.1}" y="{y:.1}">{}</text>"#, escape(&series.name));
            }
        }
    }

    fn stack(&self, svg: &mut String, story: &Story<'_>, y: &impl Fn(f64) -> f64) {
        let mut below = vec![0.0; self.sums().len()];
        for series in &self.series {
            let above: Vec<f64> = below
                .iter()
                .enumerate()
                .map(|(bucket, below)| below + series.values.get(bucket).copied().flatten().unwrap_or(0.0))
                .collect();
            let point = |(bucket, value): (usize, &f64)| format!("{:.1} {:.1}", middle(story, bucket), y(*value));
            let there: Vec<String> = above.iter().enumerate().map(point).collect();
            let back: Vec<String> = below.iter().enumerate().rev().map(point).collect();
            let _ =
                write!(svg, r#"<path class="area {}" d="M{}L{}Z"/>"#, series.class, there.join("L"), back.join("L"));
            below = above;
        }
    }

    fn legend(&self) -> String {
        let names = self.series.iter().rev().map(|series| {
            format!(r#"<span class="key"><i class="{}"></i>{}</span>"#, series.class, escape(&series.name))
        });
        format!(r#"<span class="legend">{}</span>"#, names.collect::<String>())
    }
}

/// Where the value of a bucket stands.
fn middle(story: &Story<'_>, bucket: usize) -> f64 {
    let timeline = story.timeline();
    story.axis.x(timeline.start(bucket) + Duration::from_secs_f64(timeline.seconds(bucket) / 2.0))
}

/// Text for HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::{Unit, escape, number};

    #[test]
    fn numbers_have_as_many_decimals_as_they_need() {
        assert_eq!([0.0, 0.5, 12.0, 99.95, 250.4, 12_345.6].map(number), ["0", "0.5", "12", "100", "250", "12,346"]);
        assert_eq!(Unit::Milliseconds.text(2_500.0), "2.5 s");
    }

    #[test]
    fn names_from_a_scenario_cannot_break_the_page() {
        assert_eq!(escape("<b>\"&\""), "&lt;b&gt;&quot;&amp;&quot;");
    }
}
