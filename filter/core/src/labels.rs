//! Counters of one label whose values are an enum.

use crate::metrics::{Kind, Metrics, SeriesId, name};

/// An enum whose variants are the values of a label, all of them known.
pub(crate) trait Label: Copy + 'static {
    /// Every variant, in the order of the definition.
    const ALL: &'static [Self];
    /// The value of the label.
    fn as_str(self) -> &'static str;
    /// The place in [`Self::ALL`].
    fn index(self) -> usize;
}

/// Defines an enum with the value of its label behind each variant.
macro_rules! label {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $crate::labels::Label for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}
pub(crate) use label;

/// One counter for each value of a label.
#[derive(Debug)]
pub(crate) struct Counters<L> {
    series: Vec<Option<SeriesId>>,
    label: std::marker::PhantomData<L>,
}

impl<L: Label> Counters<L> {
    /// The counters of `metric`, all of them made.
    pub(crate) fn new(metric: &str, label: &str, metrics: &mut Metrics) -> Self {
        let make = |value: &L| metrics.series(Kind::Counter, name(metric, &[(label, value.as_str())]));
        Self { series: L::ALL.iter().map(make).collect(), label: std::marker::PhantomData }
    }

    /// Counts one.
    pub(crate) fn count(&self, value: L, metrics: &mut Metrics) {
        self.add(value, 1, metrics);
    }

    /// Counts several at once.
    pub(crate) fn add(&self, value: L, count: u64, metrics: &mut Metrics) {
        metrics.add(self.series.get(value.index()).copied().flatten(), count);
    }
}
