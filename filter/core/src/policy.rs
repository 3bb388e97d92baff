//! The rules of a channel as a plan holds them. Only validation makes them; what they do is decided elsewhere.
//!
//! Rules apply in the order of kinds: force, shed, auto, limit, drill; failover comes after a failure. Of several rules of
//! one kind, the first one of the config that matches wins.

use crate::breaker::Settings;
use crate::plan::ChannelId;
use crate::time::WallClock;
use crate::trace::Ratio;
use std::collections::BTreeMap;
use std::time::Duration;

/// All rules of one channel.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// What has been ordered by hand.
    pub force: Vec<Force>,
    /// When the channel counts as degraded, and where its messages go then.
    pub auto: Option<Auto>,
    /// Who has to wait when the channel is in need.
    pub shed: Vec<Shed>,
    /// Where a message goes whose call has failed.
    pub failover: Option<Failover>,
    /// How much the channel may be given.
    pub limit: Option<Limit>,
    /// Rehearsals.
    pub drills: Vec<Drill>,
}

impl Policy {
    /// Whether no rule names the channel.
    pub fn is_empty(&self) -> bool {
        let Self { force, auto, shed, failover, limit, drills } = self;
        force.is_empty()
            && auto.is_none()
            && shed.is_empty()
            && failover.is_none()
            && limit.is_none()
            && drills.is_empty()
    }

    /// The targets of a list; empty if there is no such rule.
    pub fn list(&self, list: List) -> &[Target] {
        match list {
            List::Force(index) => match self.force.get(index).map(|force| &force.action) {
                Some(ForceAction::Switch(to)) => to,
                _ => &[],
            },
            List::Auto => self.auto.as_ref().map_or(&[], |auto| &auto.to),
            List::Limit => match self.limit.as_ref().map(|limit| &limit.over) {
                Some(Over::Switch(to)) => to,
                _ => &[],
            },
            List::Failover => self.failover.as_ref().map_or(&[], |failover| &failover.to),
        }
    }

    /// Every channel to which an order may move a message.
    pub fn forced(&self) -> impl Iterator<Item = &Target> {
        self.force.iter().flat_map(|force| match &force.action {
            ForceAction::Switch(to) => to.as_slice(),
            ForceAction::Shed { .. } | ForceAction::Hold(_) => &[],
        })
    }

    /// Every channel to which a rule may move a message, with those that come more than once.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        let forced = self.forced();
        let auto = self.auto.iter().flat_map(|auto| &auto.to);
        let failover = self.failover.iter().flat_map(|failover| &failover.to);
        let limit = self.limit.iter().flat_map(|limit| match &limit.over {
            Over::Switch(to) => to.as_slice(),
            Over::Shed { .. } => &[],
        });
        forced.chain(auto).chain(failover).chain(limit)
    }
}

/// A list of targets in a channel's rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// That of a `force` rule, by its place.
    Force(usize),
    /// That of the `auto` rule.
    Auto,
    /// That of the `limit` rule.
    Limit,
    /// That of the `failover` rule.
    Failover,
}

/// Who has set a rule, why, and until when it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manual {
    /// Who answers for it; `force` and `drill` always have it.
    pub by: Option<Box<str>>,
    /// Why; `force` and `drill` always have it.
    pub reason: Option<Box<str>>,
    /// The end of it; `force` and `drill` always have it.
    pub until: Option<WallClock>,
}

impl Manual {
    /// Whether its time is over, so that it is as if it did not stand there.
    pub fn is_over(&self, now: WallClock) -> bool {
        self.until.is_some_and(|until| now >= until)
    }
}

/// A channel to which messages of another may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// That channel.
    pub channel: ChannelId,
    /// Whether it has the same adapter, so that authority and path are all that changes. Otherwise the message is composed.
    pub same_adapter: bool,
    /// Whether the request keeps the credentials of the first channel; only with the same adapter.
    pub keep_credentials: bool,
    /// Texts of templates by their id, for a channel that needs the text itself.
    pub texts: BTreeMap<String, String>,
}

/// An order given by hand.
#[derive(Clone, Debug)]
pub struct Force {
    /// The rule's name.
    pub name: Box<str>,
    /// Who ordered it.
    pub manual: Manual,
    /// What is to happen.
    pub action: ForceAction,
}

/// What is ordered.
#[derive(Clone, Debug)]
pub enum ForceAction {
    /// All messages go to the first of these that takes them.
    Switch(Vec<Target>),
    /// Messages are answered by "try later".
    Shed {
        /// Only those below this priority; none is all.
        below_priority: Option<u8>,
        /// What callers are told to wait.
        retry_after: Duration,
    },
    /// The breaker keeps this state whatever it sees.
    Hold(HeldState),
}

/// A state in which a channel is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldState {
    /// Nothing is diverted.
    Healthy,
    /// Everything is diverted as the `auto` rule says.
    Degraded,
}

/// The breaker of a channel.
#[derive(Clone, Debug)]
pub struct Auto {
    /// The rule's name.
    pub name: Box<str>,
    /// Who set it.
    pub manual: Manual,
    /// The next channels in order; empty shows the state and diverts nothing.
    pub to: Vec<Target>,
    /// When it trips and how it recovers.
    pub settings: Settings,
    /// What has a breaker of its own.
    pub per: Per,
}

/// What has a breaker of its own.
#[derive(Clone, Debug, Default)]
pub enum Per {
    /// The channel as a whole.
    #[default]
    Channel,
    /// Each operation of the channel.
    Operation,
    /// Each credential, told apart by a hash of what the config names as such.
    Credential,
}

/// Who has to wait when a channel is in need.
#[derive(Clone, Debug)]
pub struct Shed {
    /// The rule's name.
    pub name: Box<str>,
    /// Who set it.
    pub manual: Manual,
    /// Messages below this priority wait.
    pub below_priority: u8,
    /// Of those with just this priority, businesses with a smaller value wait too.
    pub below_value: Option<u32>,
    /// Whether while the channel is not healthy.
    pub while_degraded: bool,
    /// The used share of the vendor's quota from which they wait; none is regardless of it.
    pub quota_ratio: Option<Ratio>,
    /// What callers are told to wait.
    pub retry_after: Duration,
}

/// Where a message goes whose call has failed and surely not sent.
#[derive(Clone, Debug)]
pub struct Failover {
    /// The rule's name.
    pub name: Box<str>,
    /// Who set it.
    pub manual: Manual,
    /// The next channels in order, at least one.
    pub to: Vec<Target>,
    /// The longest that one further call may take.
    pub timeout: Duration,
    /// Failovers under way at once in one worker.
    pub max_concurrent: u16,
    /// Whether a message whose fate is unsure may be sent again, so that a user may get it twice.
    pub accepts_duplicates: bool,
}

/// How much a channel may be given.
#[derive(Clone, Debug)]
pub struct Limit {
    /// The rule's name.
    pub name: Box<str>,
    /// Who set it.
    pub manual: Manual,
    /// Messages in a second; none is any.
    pub messages_per_second: Option<u32>,
    /// Calls under way; none is any. One of both is set.
    pub calls_at_once: Option<u32>,
    /// Whether each credential has this limit for itself.
    pub per_credential: bool,
    /// What becomes of the rest.
    pub over: Over,
}

/// What becomes of messages over a limit.
#[derive(Clone, Debug)]
pub enum Over {
    /// They are answered by "try later".
    Shed {
        /// What callers are told to wait.
        retry_after: Duration,
    },
    /// They go to the first of these that takes them.
    Switch(Vec<Target>),
}

/// A rehearsal: a share of a channel's calls fails without leaving the proxy.
#[derive(Clone, Debug)]
pub struct Drill {
    /// The rule's name.
    pub name: Box<str>,
    /// Who ordered it.
    pub manual: Manual,
    /// The share of calls that is hit.
    pub share: Ratio,
    /// How they are hit.
    pub fault: DrillFault,
    /// The drill ends when the backup's real failures reach this share.
    pub stop_above: Ratio,
}

/// What a drill does to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DrillFault {
    /// As if nobody listened: the message has surely not been sent.
    Refused,
    /// An answer with this status.
    Status(u16),
    /// An answer with this code of the vendor's.
    Code(Box<str>),
    /// It is sent this much later.
    Delay(Duration),
}
