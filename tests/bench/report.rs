//! All rounds as a table, and whether the targets are met.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::idle::Idle;
use crate::lab::Variant;
use crate::round::{Round, Settings};
use crate::spread::Spread;

/// The targets: what a variant may add, as a multiple of what another one adds.
const TARGETS: [(Variant, Variant, f64); 3] = [
    (Variant::Pointsman, Variant::Noop, 2.5),
    (Variant::Pointsman, Variant::Lua, 1.0),
    (Variant::Records, Variant::Noop, 3.2),
];

/// The most bytes that a record may take on the wire, uncompressed.
const RECORD_TARGET: f64 = 420.0;

/// The least that the native proxy does for Envoy's one request per second and core with the same filter.
const NATIVE_TARGET: f64 = 0.5;

/// How far a target may be missed before a check fails.
const TOLERANCE: f64 = 1.15;

const BLOCK_BEGIN: &str = "<!-- bench: written by scripts/bench --write -->\n";
const BLOCK_END: &str = "<!-- end of bench -->";

/// The rounds measured so far.
pub(crate) struct Report {
    settings: Settings,
    rounds: Vec<Round>,
    /// What a record takes on the wire.
    pub(crate) bytes_per_record: Option<f64>,
    /// What the native proxy needs when there is nothing to do.
    pub(crate) idle: Option<Idle>,
}

impl Report {
    pub(crate) const fn new(settings: &Settings) -> Self {
        Self { settings: *settings, rounds: Vec::new(), bytes_per_record: None, idle: None }
    }

    /// Adds a round.
    ///
    /// # Errors
    /// If a filter seems to cost nothing, which no ratio can be made of.
    pub(crate) fn add(&mut self, round: Round) -> Result<()> {
        for variant in round.done.keys().filter(|variant| variant.adds_to_envoy()) {
            let added = added(&round, *variant).unwrap_or_default();
            ensure!(added > 0.0, "{} adds {added:.2} µs: the measurement was disturbed", variant.name());
        }
        self.rounds.push(round);
        Ok(())
    }

    fn spread(&self, figure: impl Fn(&Round) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.rounds.iter().filter_map(figure))
    }

    /// What `variant` adds, as a multiple of what `other` adds, round by round.
    fn ratio(&self, variant: Variant, other: Variant) -> Option<Spread> {
        self.spread(|round| Some(added(round, variant)? / added(round, other)?))
    }

    /// Requests per second and core of the native proxy, as a share of Envoy's with the same filter, round by round.
    fn native_share(&self) -> Option<Spread> {
        let cost = |round: &Round, variant| Some(round.done.get(&variant)?.cost_us());
        self.spread(|round| Some(cost(round, Variant::Pointsman)? / cost(round, Variant::Native)?))
    }

    /// # Errors
    /// If a target is missed, those of Envoy by more than the tolerance; names every such target.
    pub(crate) fn check(&self) -> Result<()> {
        let mut missed = Vec::new();
        for (variant, other, target) in TARGETS {
            let ratio = self.ratio(variant, other).context("nothing was measured")?.median;
            let (limit, variant, other) = (target * TOLERANCE, variant.name(), other.name());
            if ratio > limit {
                let targets = format!("target {target}, limit {limit:.2}");
                missed.push(format!("{variant} adds {ratio:.2} times what {other} adds ({targets})"));
            }
        }
        if let Some(bytes) = self.bytes_per_record.filter(|bytes| *bytes > RECORD_TARGET) {
            missed.push(format!("a record takes {bytes:.0} bytes (target {RECORD_TARGET})"));
        }
        if let Some(Spread { median, .. }) = self.native_share().filter(|share| share.median < NATIVE_TARGET) {
            missed.push(format!("the native proxy does {median:.2} times what Envoy does (target {NATIVE_TARGET})"));
        }
        missed.extend(self.idle.iter().flat_map(Idle::missed));
        ensure!(missed.is_empty(), "{}", missed.join("; "));
        Ok(())
    }

    /// Puts the table into the marked block of a file.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let text = with_block(&text, &self.to_string());
        let text = text.with_context(|| format!("{} has no block for the table", path.display()))?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    fn row(&self, f: &mut fmt::Formatter<'_>, variant: Variant) -> fmt::Result {
        let show = |spread: Option<Spread>| spread.map_or("-".to_owned(), |spread| format!("{spread:.2}"));
        let cost = self.spread(|round| Some(round.done.get(&variant)?.cost_us()));
        let added = self.spread(|round| added(round, variant)).filter(|_| variant.adds_to_envoy());
        let ratio = |other| self.ratio(variant, other).filter(|_| variant.adds_to_envoy() && variant != other);
        let (noop, lua) = (ratio(Variant::Noop), ratio(Variant::Lua));
        writeln!(f, "| {} | {} | {} | {} | {} |", variant.name(), show(cost), show(added), show(noop), show(lua))
    }
}

/// CPU time per push over that of a bare Envoy in the same round, in microseconds.
fn added(round: &Round, variant: Variant) -> Option<f64> {
    Some(round.done.get(&variant)?.cost_us() - round.done.get(&Variant::Bare)?.cost_us())
}

/// The table in Markdown.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| sidecar | CPU per push, µs | added, µs | times the Wasm that does nothing | times Lua |")?;
        writeln!(f, "|---|---|---|---|---|")?;
        let variants = self.rounds.first().into_iter().flat_map(|round| round.done.keys());
        for variant in variants {
            self.row(f, *variant)?;
        }
        writeln!(f)?;
        let Settings { connections, length, .. } = self.settings;
        write!(
            f,
            "Medians (and extremes) of {} rounds of {} s, {connections} connections per sidecar.",
            self.rounds.len(),
            length.as_secs()
        )?;
        if let Some(busy) = self.spread(|round| Some(round.busy() * 100.0)) {
            write!(f, " The sidecars had {busy:.0} % of their CPU.")?;
        }
        if let Some(ratio) = self.ratio(Variant::Other, Variant::Pointsman) {
            write!(f, " The other build adds {ratio:.3} times what this one adds.")?;
        }
        if let Some(bytes) = self.bytes_per_record {
            write!(f, " A record takes {bytes:.0} bytes on the wire, uncompressed.")?;
        }
        if let Some(share) = self.native_share() {
            write!(
                f,
                "\n\nThe native proxy does {share:.2} times the requests per second and core of Envoy with the same filter."
            )?;
        }
        if let Some(idle) = &self.idle {
            write!(f, " {idle}")?;
        }
        Ok(())
    }
}

fn with_block(text: &str, block: &str) -> Option<String> {
    let (before, rest) = text.split_once(BLOCK_BEGIN)?;
    let (_, after) = rest.split_once(BLOCK_END)?;
    Some(format!("{before}{BLOCK_BEGIN}{block}\n{BLOCK_END}{after}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::round::Done;

    /// With records it takes as much as without.
    fn report(costs: &[[u64; 4]]) -> Report {
        let settings = Settings { cpu: 0, connections: 16, length: Duration::from_secs(1) };
        let mut report = Report::new(&settings);
        for costs in costs {
            let variants = [Variant::Bare, Variant::Noop, Variant::Lua, Variant::Pointsman, Variant::Records];
            let [bare, noop, lua, pointsman] = *costs;
            let done = [bare, noop, lua, pointsman, pointsman];
            let done = done.map(|us| Done { pushes: 10, cpu: Duration::from_micros(us * 10) });
            let round = Round { done: variants.into_iter().zip(done).collect(), elapsed: Duration::from_millis(5) };
            report.add(round).unwrap();
        }
        report
    }

    #[test]
    fn ratios_are_those_of_what_is_added_round_by_round() {
        let report = report(&[[40, 50, 60, 60], [50, 58, 66, 66], [40, 45, 60, 60]]);
        assert_eq!(report.ratio(Variant::Pointsman, Variant::Noop).map(|ratio| ratio.median), Some(2.0));
        assert_eq!(report.ratio(Variant::Pointsman, Variant::Lua).map(|ratio| ratio.median), Some(1.0));
        let row = "| Pointsman | 60.00 (60.00..66.00) | 20.00 (16.00..20.00) | 2.00 (2.00..4.00) |";
        assert!(report.to_string().contains(row), "{report}");
    }

    #[test]
    fn a_check_fails_beyond_a_target_and_its_tolerance() {
        assert!(report(&[[40, 48, 64, 63]]).check().is_ok());
        let too_much = report(&[[40, 48, 64, 64]]).check().unwrap_err();
        assert!(too_much.to_string().contains("3.00 times what Wasm that does nothing adds"), "{too_much}");
        assert!(report(&[[40, 50, 51, 54]]).check().is_err());
    }

    #[test]
    fn records_are_held_against_their_length() {
        let mut report = report(&[[40, 48, 64, 60]]);
        report.bytes_per_record = Some(420.0);
        assert!(report.check().is_ok());
        report.bytes_per_record = Some(421.0);
        assert!(report.check().unwrap_err().to_string().contains("a record takes 421 bytes"));
    }

    #[test]
    fn the_native_proxy_is_held_against_all_that_envoy_takes() {
        let mut report = report(&[[40, 48, 64, 60]]);
        let round = report.rounds.first_mut().unwrap();
        round.done.insert(Variant::Native, Done { pushes: 10, cpu: Duration::from_micros(1_200) });
        assert!(report.check().is_ok());
        assert!(report.to_string().contains("does 0.50 (0.50..0.50) times the requests"), "{report}");
        assert!(report.to_string().contains("| Pointsman in the native proxy | 120.00 (120.00..120.00) | - | - | - |"));
        let round = report.rounds.first_mut().unwrap();
        round.done.insert(Variant::Native, Done { pushes: 10, cpu: Duration::from_micros(1_210) });
        assert!(report.check().is_err());
    }

    #[test]
    fn only_the_block_is_written() {
        let text = format!("# Head\n\n{BLOCK_BEGIN}old\n{BLOCK_END}\n\nTail\n");
        assert_eq!(with_block(&text, "new"), Some(format!("# Head\n\n{BLOCK_BEGIN}new\n{BLOCK_END}\n\nTail\n")));
        assert_eq!(with_block("# Head\n", "new"), None);
    }
}
