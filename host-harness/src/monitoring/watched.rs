//! What of a plan is watched: its nodes, channels and objectives, as alerts and dashboards need them.

use pointsman_core::plan::{self, Plan};
use pointsman_core::policy::{List, Policy};
use pointsman_core::time::as_millis;
use std::collections::BTreeSet;

/// What a config gives to watch.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// The service behind the inbound listener.
    pub service: Option<String>,
    /// Every node, in the order of the config.
    pub nodes: Vec<Node>,
    /// Every channel, in the order of the config.
    pub channels: Vec<Channel>,
    /// The objective of the whole message.
    pub message: Objective,
    /// The values of the label `age`, in milliseconds, ascending.
    pub blocked_after_ms: Vec<u64>,
    /// The businesses that the config lists. `none` and `other` are values of the label beside them.
    pub businesses: Vec<String>,
    /// Whether spans and records go to a collector.
    pub records: bool,
    /// Whether any rule stands in the config.
    pub rules: bool,
}

/// A share that is to be within a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// The longest that is on time, in milliseconds.
    pub limit_ms: u64,
    /// The share that must be on time.
    pub target: f64,
}

/// A node.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The label `node`.
    pub name: String,
    /// The label `channel`, where it is not `none`.
    pub channel: Option<String>,
    /// The longest that is on time, in milliseconds.
    pub limit_ms: u64,
    /// The share that must be on time.
    pub target: f64,
    /// Whether its visits are messages; else they are token requests, queries, uploads or receipts.
    pub counts_messages: bool,
    /// Whether receipts visit it.
    pub receipt: bool,
}

impl Node {
    /// The label `channel`.
    pub fn channel_label(&self) -> &str {
        self.channel.as_deref().unwrap_or(plan::Node::NO_CHANNEL)
    }
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// The label `channel`.
    pub name: String,
    /// The node of its sends.
    pub node: String,
    /// The channels to which its `auto`, `failover` and `force` rules move messages, in this order, each once.
    pub backups: Vec<String>,
}

/// A channel and those that stand in for it: if none of them is well, its messages have nowhere to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// The channel whose messages they are.
    pub channel: &'a Channel,
    /// Who takes them otherwise, at least one.
    pub backups: &'a [String],
}

impl<'a> Group<'a> {
    /// The channel, then its backups.
    pub fn members(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        std::iter::once(self.channel.name.as_str()).chain(self.backups.iter().map(String::as_str))
    }
}

impl Watched {
    /// What `plan` gives to watch.
    pub fn of(plan: &Plan) -> Self {
        let settings = &plan.settings;
        let receipts: BTreeSet<_> = plan.receipt_nodes().map(|(id, _)| id).collect();
        let listed = plan.businesses().skip(UNLISTED_BUSINESSES);
        Self {
            service: settings.service.as_deref().map(str::to_owned),
            nodes: plan.nodes().map(|(id, node)| Node::of(node, receipts.contains(&id))).collect(),
            channels: plan.channels().map(|(_, channel)| Channel::of(plan, channel)).collect(),
            message: Objective {
                limit_ms: as_millis(settings.message_objective.limit),
                target: settings.message_objective.target,
            },
            blocked_after_ms: settings.blocked_after.iter().copied().map(as_millis).collect(),
            businesses: listed.map(|(_, business)| business.name.to_string()).collect(),
            records: settings.records.is_some(),
            rules: plan.channels().any(|(_, channel)| !channel.policy.is_empty()),
        }
    }

    /// Every channel that has a backup, with its backups.
    pub fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        let with_backups = self.channels.iter().filter(|channel| !channel.backups.is_empty());
        with_backups.map(|channel| Group { channel, backups: &channel.backups })
    }
}

/// `none` and `other`, which every plan has.
const UNLISTED_BUSINESSES: usize = 2;

impl Node {
    fn of(node: &plan::Node, receipt: bool) -> Self {
        Self {
            name: node.name.to_string(),
            channel: node.is_channel().then(|| node.channel.to_string()),
            limit_ms: as_millis(node.objective.limit),
            target: node.objective.target,
            counts_messages: node.counts_messages,
            receipt,
        }
    }
}

impl Channel {
    fn of(plan: &Plan, channel: &plan::Channel) -> Self {
        Self {
            name: channel.name.to_string(),
            node: plan.node(channel.node).map(|node| node.name.to_string()).unwrap_or_default(),
            backups: backups(plan, &channel.policy),
        }
    }
}

fn backups(plan: &Plan, policy: &Policy) -> Vec<String> {
    let listed = policy.list(List::Auto).iter().chain(policy.list(List::Failover)).chain(policy.forced());
    let names = listed.filter_map(|target| plan.channel(target.channel)).map(|channel| channel.name.to_string());
    names.fold(Vec::new(), |mut known, name| {
        if !known.contains(&name) {
            known.push(name);
        }
        known
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pointsman_core::config;

    fn watched(text: &str) -> Watched {
        Watched::of(&config::load(text).unwrap_or_else(|faults| panic!("{faults}")))
    }

    #[test]
    fn two_lines_of_config_give_nodes_and_channels_with_the_default_objectives() {
        let watched = watched(r#"{"service": "push", "channels": ["apns", "oppo"]}"#);
        assert_eq!(watched.service.as_deref(), Some("push"));
        assert_eq!(watched.message, Objective { limit_ms: 10_000, target: 0.99 });
        assert_eq!(watched.blocked_after_ms, [1_000, 5_000, 30_000, 60_000, 300_000]);
        let node = |name: &str| watched.nodes.iter().find(|node| node.name == name).unwrap();
        assert_eq!((node("PUSH").channel_label(), node("PUSH").limit_ms), ("none", 500));
        let sends = node("OPPO_PUSH");
        assert_eq!((sends.channel_label(), sends.limit_ms, sends.counts_messages), ("oppo", 2_000, true));
        assert!(!node("OPPO_TOKEN").counts_messages);
        let channels: Vec<_> = watched.channels.iter().map(|channel| (&*channel.name, &*channel.node)).collect();
        assert_eq!(channels, [("apns", "APNS_PUSH"), ("oppo", "OPPO_PUSH")]);
        assert!(watched.groups().next().is_none() && !watched.records && !watched.rules);
        assert!(watched.businesses.is_empty());
    }

    #[test]
    fn a_group_is_a_channel_with_every_backup_that_a_rule_names_each_once() {
        let watched = watched(
            r#"{"channels": ["oppo",
                             {"name": "b", "adapter": "generic-json", "hosts": ["b.internal"]},
                             {"name": "c", "adapter": "generic-json", "hosts": ["c.internal"]}],
                "businesses": [{"name": "order"}], "hold_request": true,
                "receipts": [{"path": "/callbacks/oppo", "adapter": "oppo"}],
                "records": {"cluster": "otlp"},
                "rules": [{"name": "f", "by": "alice", "reason": "moves", "until": "2099-12-31T23:59:59Z",
                           "force": {"channel": "oppo", "action": "switch", "to": ["c"]}},
                          {"name": "auto", "auto": {"channel": "oppo", "to": ["b"]}},
                          {"name": "over", "failover": {"channel": "oppo", "to": ["b", "c"]}}]}"#,
        );
        let groups: Vec<Vec<&str>> = watched.groups().map(|group| group.members().collect()).collect();
        assert_eq!(groups, [["oppo", "b", "c"]]);
        assert_eq!(watched.businesses, ["order"]);
        assert!(watched.records && watched.rules);
        assert!(watched.nodes.iter().any(|node| node.name == "OPPO_RECEIPT" && node.receipt));
    }

    #[test]
    fn the_empty_config_gives_nothing_to_watch() {
        let watched = watched("");
        assert!(watched.nodes.is_empty() && watched.channels.is_empty());
    }
}
