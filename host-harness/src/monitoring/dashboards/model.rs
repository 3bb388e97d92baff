//! What a dashboard shows, without a word of how Grafana writes it.

/// A page.
#[derive(Clone, Debug)]
pub(super) struct Dashboard {
    /// The last part of its uid and file name.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    /// Which of the variables it has beside those of every dashboard.
    pub(super) variables: &'static [Variable],
    pub(super) annotations: Vec<Annotation>,
    pub(super) rows: Vec<Row>,
}

/// What a reader can choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    Channel,
    Node,
    Business,
}

/// Panels below a heading.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) title: String,
    /// Whether it is shut until somebody opens it: until then nothing of it is asked of Prometheus.
    pub(super) collapsed: bool,
    pub(super) panels: Vec<Panel>,
}

/// Moments to be marked in every graph.
#[derive(Clone, Debug)]
pub(super) struct Annotation {
    pub(super) name: &'static str,
    pub(super) expr: String,
    /// What stands at the mark; `{{label}}` is the label's value.
    pub(super) text: &'static str,
    pub(super) color: Color,
}

/// One view of one or several queries.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) description: &'static str,
    pub(super) view: View,
    pub(super) unit: Unit,
    pub(super) queries: Vec<Query>,
    /// Of 24 columns.
    pub(super) width: u8,
    pub(super) height: u8,
    /// Where the colour changes, ascending. In a graph each is a line.
    pub(super) thresholds: Vec<Threshold>,
    /// The colour below the first threshold.
    pub(super) base: Color,
}

/// How queries are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// Lines over time.
    Lines,
    /// Areas over time, one on top of the other.
    Stacked,
    /// One number.
    Stat,
    /// Rows of labels with a column for each query, as it is now.
    Table,
    /// A band for each series, coloured by [`STATES`].
    States,
    /// How a histogram's buckets fill over time.
    Heatmap,
    /// A bar for each series, as it is now.
    Bars,
}

/// The states of a channel as numbers, so that a band can be drawn of them.
pub(super) const STATES: [(&str, u8, Color); 4] = [
    ("healthy", 0, Color::Green),
    ("recovering", 1, Color::Blue),
    ("probing", 2, Color::Yellow),
    ("degraded", 3, Color::Red),
];

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Count,
    PerSecond,
    Milliseconds,
    /// 0 to 1, shown as percent.
    Share,
    /// How many times something.
    Times,
    Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Color {
    Green,
    Yellow,
    Orange,
    Red,
    Blue,
    Purple,
}

/// From `value` on, this colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Threshold {
    pub(super) value: f64,
    pub(super) color: Color,
}

/// A question to Prometheus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) expr: String,
    /// The name of its series; `{{label}}` is the label's value. In a table, the title of its column.
    pub(super) legend: String,
}

impl Row {
    pub(super) fn open(title: impl Into<String>, panels: Vec<Panel>) -> Self {
        Self { title: title.into(), collapsed: false, panels }
    }

    pub(super) fn shut(title: impl Into<String>, panels: Vec<Panel>) -> Self {
        Self { title: title.into(), collapsed: true, panels }
    }
}

impl Panel {
    pub(super) fn new(view: View, title: impl Into<String>, unit: Unit) -> Self {
        let (width, height) = if view == View::Stat { (4, 4) } else { (8, 8) };
        Self {
            title: title.into(),
            description: "",
            view,
            unit,
            queries: Vec::new(),
            width,
            height,
            thresholds: Vec::new(),
            base: Color::Green,
        }
    }

    pub(super) fn describe(self, description: &'static str) -> Self {
        Self { description, ..self }
    }

    pub(super) fn query(mut self, expr: impl Into<String>, legend: impl Into<String>) -> Self {
        self.queries.push(Query { expr: expr.into(), legend: legend.into() });
        self
    }

    pub(super) fn size(self, width: u8, height: u8) -> Self {
        Self { width, height, ..self }
    }

    /// Good until here, bad from here on.
    pub(super) fn bad_from(self, value: f64) -> Self {
        self.at(value, Color::Red)
    }

    /// Bad until here, good from here on.
    pub(super) fn good_from(self, value: f64) -> Self {
        Self { base: Color::Red, ..self }.at(value, Color::Green)
    }

    /// From here on this colour.
    pub(super) fn at(mut self, value: f64, color: Color) -> Self {
        self.thresholds.push(Threshold { value, color });
        self
    }
}
