//! What a rehearsal is made of: traffic, channels with their vendors, and what goes wrong when.

mod channel;
mod fields;
mod phase;
mod shipped;
mod traffic;

use std::fmt;
use std::time::Duration;

use super::assertion::{Assertion, AssertionError};
use fields::{Fields, array, duration, some_duration, text, time_of_day, whole};

pub(super) use channel::Channel;
pub use fields::ScenarioFault;
pub(crate) use fields::parse_duration;
pub(super) use phase::{Failure, Mode, Phase, Trouble};
pub use shipped::{SHIPPED, shipped};
pub(super) use traffic::Traffic;

/// The longest run: a week.
const MAX_DURATION: Duration = Duration::from_secs(7 * 86_400);

const DAY: Duration = Duration::from_secs(86_400);

/// China Standard Time.
const UTC_OFFSET_S: i64 = 8 * 3_600;

/// A scenario, checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// A few words, for titles.
    pub name: String,
    /// How long the traffic lasts.
    pub duration: Duration,
    /// The time of day at which it begins, since local midnight.
    pub start: Duration,
    /// How many proxies there are. Each knows only what passes it.
    pub sidecars: u32,
    /// How many workers each proxy has.
    pub workers: u32,
    /// Where all randomness comes from.
    pub seed: u64,
    /// The time from a message's submission to its acceptance by a vendor beyond which it is late.
    pub objective: Duration,
    /// What must hold at its end, with rules that do what they are there for.
    pub asserts: Vec<Assertion>,
    pub(super) utc_offset_s: i64,
    pub(super) traffic: Traffic,
    pub(super) application: Application,
    pub(super) proxy: Proxy,
    pub(super) channels: Vec<Channel>,
}

/// The service that sends the messages, which knows nothing of the filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Application {
    /// How often a failed send is tried again.
    pub(super) retries: u32,
    /// How long it waits before the first retry; each later one waits twice as long.
    pub(super) delay: Duration,
    /// When it gives up waiting for an answer.
    pub(super) timeout: Duration,
    /// Whether it reads the vendor's code. If not, a status of 200 means sent to it.
    pub(super) reads_codes: bool,
}

/// What the proxy does by itself, as in `envoy/bootstrap.yaml`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proxy {
    /// After which a vendor that does not answer is answered for with 504.
    pub(super) timeout: Duration,
}

/// All that is wrong with a scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ScenarioFaults(Vec<ScenarioFault>);

impl fmt::Display for ScenarioFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl ScenarioFaults {
    /// Every fault, in the order of the file's sections.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &ScenarioFault> {
        self.0.iter()
    }
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// Every fault at once, each with its path.
    pub fn parse(toml: &str) -> Result<Self, ScenarioFaults> {
        let table = toml.parse::<toml::Table>().map_err(|error| {
            ScenarioFaults(vec![ScenarioFault { path: String::new(), reason: error.to_string().trim_end().to_owned() }])
        })?;
        let mut faults = Vec::new();
        let mut fields = Fields::new(table, &mut faults);
        let scenario = read(&mut fields);
        fields.finish();
        match scenario {
            Some(scenario) if faults.is_empty() => Ok(scenario),
            _ => Err(ScenarioFaults(faults)),
        }
    }

    /// The names of its channels, in order.
    pub fn channel_names(&self) -> impl Iterator<Item = &str> {
        self.channels.iter().map(|channel| channel.name.as_str())
    }

    /// The first local midnight after a moment of the run, as the time since its start.
    pub(super) fn midnight_after(&self, moment: Duration) -> Duration {
        let days = (self.start + moment).as_secs() / DAY.as_secs() + 1;
        (DAY * u32::try_from(days).unwrap_or(u32::MAX)).saturating_sub(self.start)
    }

    /// The same scenario in less time: everything that has a time is shortened alike, and what is counted per day too.
    /// Rates, latencies and time limits stay. A midnight within the run comes as much sooner as all else.
    #[must_use]
    pub fn shortened(mut self, factor: u32) -> Self {
        let factor = factor.max(1);
        if self.start + self.duration > DAY {
            self.start = DAY - (DAY - self.start) / factor;
        }
        self.duration /= factor;
        for burst in &mut self.traffic.bursts {
            burst.start /= factor;
            burst.duration /= factor;
        }
        for phase in self.channels.iter_mut().flat_map(|channel| &mut channel.phases) {
            phase.shorten(factor);
        }
        self
    }

    /// The same scenario with less traffic for as long: the rate, and what is counted per second or per day, are divided alike.
    /// Times, latencies and the number of sidecars stay.
    #[must_use]
    pub fn thinned(mut self, factor: u32) -> Self {
        let factor = factor.max(1);
        self.traffic.rate /= f64::from(factor);
        for phase in self.channels.iter_mut().flat_map(|channel| &mut channel.phases) {
            phase.thin(factor);
        }
        self
    }
}

fn read(fields: &mut Fields<'_>) -> Option<Scenario> {
    let name = fields.take("name", text).unwrap_or_else(|| "rehearsal".to_owned());
    let duration = fields.need("duration", some_duration);
    if duration.is_some_and(|duration| duration > MAX_DURATION) {
        fields.fault("duration", "must not be more than a week (168h)");
    }
    let start = fields.take("start", time_of_day).unwrap_or(Duration::from_secs(9 * 3_600));
    let utc_offset_s = fields.take("utc_offset", offset).unwrap_or(UTC_OFFSET_S);
    let sidecars = fields.take("sidecars", whole(1, 64)).unwrap_or(1);
    let workers = fields.take("workers", whole(1, 64)).unwrap_or(2);
    let seed = fields.take("seed", whole(0, i64::MAX as u64)).unwrap_or(1);
    let objective = fields.take("objective", some_duration).unwrap_or(Duration::from_secs(2));
    let traffic = fields.within("traffic", traffic::read);
    let application = fields.within("application", application);
    let proxy = fields.within("proxy", |fields| Proxy {
        timeout: fields.take("timeout", some_duration).unwrap_or(Duration::from_secs(30)),
    });
    let channels = fields.named("channels", channel::read);
    if channels.is_empty() {
        fields.fault("channels", "must name at least one channel");
    }
    let channels: Vec<Channel> = channels.into_iter().collect::<Option<_>>()?;
    check_channels(fields, &channels);
    let asserts = asserts(fields, &channels);
    Some(Scenario {
        name,
        duration: duration?,
        start,
        sidecars: u32::try_from(sidecars).ok()?,
        workers: u32::try_from(workers).ok()?,
        seed,
        objective,
        asserts,
        utc_offset_s,
        traffic: traffic?,
        application,
        proxy,
        channels,
    })
}

fn application(fields: &mut Fields<'_>) -> Application {
    Application {
        retries: fields.take("retries", whole(0, 10)).and_then(|retries| u32::try_from(retries).ok()).unwrap_or(0),
        delay: fields.take("delay", duration).unwrap_or(Duration::from_secs(1)),
        timeout: fields.take("timeout", some_duration).unwrap_or(Duration::from_secs(35)),
        reads_codes: fields.take("reads_codes", fields::truth).unwrap_or(true),
    }
}

fn asserts(fields: &mut Fields<'_>, channels: &[Channel]) -> Vec<Assertion> {
    let mut asserts = Vec::new();
    for (index, value) in fields.take("asserts", array).unwrap_or_default().iter().enumerate() {
        let read = text(value).and_then(|text| {
            let assertion: Assertion = text.parse().map_err(|error: AssertionError| error.to_string())?;
            let known = channels.iter().map(|channel| channel.name.as_str());
            assertion.check_channel(known).map_err(|error| error.to_string())?;
            Ok(assertion)
        });
        match read {
            Ok(assertion) => asserts.push(assertion),
            Err(reason) => fields.fault(&format!("asserts[{index}]"), reason),
        }
    }
    asserts
}

fn check_channels(fields: &mut Fields<'_>, channels: &[Channel]) {
    if !channels.is_empty() && channels.iter().all(|channel| channel.share <= 0.0) {
        fields.fault("channels", "have no traffic: every share is 0");
    }
    for (index, channel) in channels.iter().enumerate() {
        let twin = channels.iter().take(index).find(|other| other.authority == channel.authority);
        if let Some(twin) = twin {
            let reason = format!("is the authority of {} too", twin.name);
            fields.fault(&format!("channels.{}.authority", channel.name), reason);
        }
    }
}

/// An offset from UTC such as `+08:00`, in seconds.
fn offset(value: &toml::Value) -> Result<i64, String> {
    let parsed = value.as_str().and_then(|text| {
        let (sign, time) = match text.split_at_checked(1)? {
            ("+", time) => (1, time),
            ("-", time) => (-1, time),
            _ => return None,
        };
        let seconds = i64::try_from(fields::parse_time_of_day(time)?.as_secs()).ok()?;
        (seconds <= 14 * 3_600).then_some(sign * seconds)
    });
    parsed.ok_or_else(|| format!("must be an offset such as \"+08:00\", not {value}"))
}
