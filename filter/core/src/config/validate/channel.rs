//! Channels: a name in the config and an adapter become nodes and routes.

mod ends;
mod message;

use super::lifecycle::check_words;
use super::names::{check_name, host, upper};
use super::node::{add_conditions, hosts, path_pattern};
use super::{Builder, Faults, compile, objective};
use crate::adapter::{Adapter, Condition, Operation, OperationKind, patched};
use crate::classify::Classifier;
use crate::config::decode::without_text;
use crate::config::wire::ChannelWire;
use crate::extract::{Field, ReaderBuilder};
use crate::outcome::OutcomeClass;
use crate::plan::{ChannelId, Node, NodeId, Objective, Route};
use crate::typed;
use std::time::Duration;

pub(super) use ends::{MAX_TEXT_BYTES, is_authority, is_token};

const DEFAULT_LIMIT: Duration = Duration::from_secs(2);

pub(super) fn channels(builder: &mut Builder<'_>) {
    let wire = builder.wire;
    // Two channels may share a host if their adapters tell its operations apart; one adapter cannot tell itself apart.
    let mut taken: Vec<(Box<str>, &str, &str)> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for (index, channel) in wire.channels.iter() {
        let at = format!("$.channels[{index}]");
        if names.contains(&channel.name.as_str()) {
            builder.faults.add(&at, format!("a second channel named `{}`", channel.name));
            continue;
        }
        names.push(&channel.name);
        let Some(hosts) = add(builder, channel, &at) else { continue };
        let adapter = adapter_name(channel);
        for host in hosts {
            match taken.iter().find(|(known, of, _)| *known == host && *of == adapter) {
                Some((_, _, other)) if *other == channel.name => {
                    builder.faults.add(format!("{at}.hosts"), format!("names the host `{host}` twice"));
                }
                Some((_, _, other)) => builder
                    .faults
                    .add(&at, format!("has the host `{host}`, which channel `{other}` has too: set `hosts`")),
                None => {}
            }
            taken.push((host, adapter, &channel.name));
        }
    }
}

pub(super) fn adapter_name(wire: &ChannelWire) -> &str {
    wire.adapter.as_deref().unwrap_or(&wire.name)
}

/// Adds one channel and returns its hosts.
fn add(builder: &mut Builder<'_>, wire: &ChannelWire, at: &str) -> Option<Vec<Box<str>>> {
    check_name(&wire.name, &format!("{at}.name"), builder.faults);
    if wire.name == Node::NO_CHANNEL {
        builder.faults.add(format!("{at}.name"), "`none` has a meaning of its own: choose another name");
    }
    let mut adapter = adapter(builder, adapter_name(wire), Some(wire), at)?;
    adapter.response.reclassify(&wire.class);
    check_classes(builder, wire, at);
    check_words(builder, &adapter, at);
    let in_adapter = format!("{at}.adapter({})", adapter.name);
    let hosts = if wire.hosts.is_empty() {
        let own = adapter.hosts.iter().chain(&adapter.unconfirmed_hosts);
        adapter_hosts(own, &format!("{in_adapter}.hosts"), builder.faults)
    } else {
        hosts(&wire.hosts, &format!("{at}.hosts"), builder.faults)
    };
    if wire.hosts.is_empty() && hosts.is_empty() {
        builder.faults.add(format!("{at}.hosts"), "is needed: this adapter has no hosts of its own");
    }
    let objective = objective(wire.objective.as_ref(), &format!("{at}.objective"), DEFAULT_LIMIT, builder.faults);
    let id = ChannelId(u16::try_from(builder.plan.channels.len()).unwrap_or(u16::MAX));
    let mut nodes: Vec<(&str, NodeId)> = Vec::new();
    for (number, operation) in adapter.operation.iter().enumerate() {
        let suffix = operation.kind.node_suffix();
        let known = nodes.iter().find(|(known, _)| *known == suffix).map(|(_, node)| *node);
        let node = known.unwrap_or_else(|| {
            let node = add_node(builder, wire, operation.kind, objective, at);
            nodes.push((suffix, node));
            node
        });
        let path = format!("{in_adapter}.operation[{number}].hosts");
        let mut served = adapter_hosts(&operation.hosts, &path, builder.faults);
        // Where the config names the hosts, they serve all that the adapter can do.
        if served.is_empty() || !wire.hosts.is_empty() {
            served.extend(hosts.iter().filter(|host| !operation.hosts.iter().any(|own| *own == ***host)).cloned());
        }
        for path in &operation.paths {
            let Some(route) = route(builder, wire, &adapter, operation, (id, node), (at, number, path)) else {
                continue;
            };
            let route = builder.add_route(route);
            builder.plan.outbound.add(&served, route);
        }
    }
    // One that sends nothing is known by whatever else it does.
    let sends = nodes.iter().find(|(suffix, _)| *suffix == OperationKind::Send.node_suffix()).or(nodes.first());
    if let Some((_, node)) = sends {
        let place = ends::Place { wire, adapter: &adapter, hosts: &hosts, at };
        if let Some(channel) = ends::channel(&place, *node, builder.faults) {
            builder.plan.channels.push(channel);
            builder.adapters.push(adapter);
        }
    }
    Some(hosts)
}

/// Hosts as an adapter writes them, or as a config has changed them; `*` is any.
fn adapter_hosts<'a>(written: impl IntoIterator<Item = &'a String>, path: &str, faults: &mut Faults) -> Vec<Box<str>> {
    let checked = |text: &String| if text == "*" { Some("*".into()) } else { host(text, path, faults) };
    written.into_iter().filter_map(checked).collect()
}

fn check_classes(builder: &mut Builder<'_>, wire: &ChannelWire, at: &str) {
    for class in wire.class.keys().filter(|class| matches!(class, OutcomeClass::Ok | OutcomeClass::Partial)) {
        let path = format!("{at}.class.{}", class.as_str());
        builder.faults.add(path, "is no class of failures: what a success is stands in the adapter");
    }
}

/// The built-in adapter `name`, with the changes of `channel`.
pub(super) fn adapter(
    builder: &mut Builder<'_>,
    name: &str,
    channel: Option<&ChannelWire>,
    at: &str,
) -> Option<Adapter> {
    let Some(document) = Adapter::document(name) else {
        let known: Vec<&str> = Adapter::names().collect();
        builder.faults.add(at, format!("there is no adapter `{name}`: set `adapter` to one of {}", known.join(", ")));
        return None;
    };
    let none = serde_json::Map::new();
    match patched(document, channel.map_or(&none, |channel| &channel.overrides)) {
        Ok(adapter) => Some(adapter),
        Err(error) => {
            let path = typed::path(&format!("{at}.overrides"), &error.path());
            builder.faults.add(path, format!("makes no adapter: {}", without_text(error.message())));
            None
        }
    }
}

fn add_node(
    builder: &mut Builder<'_>,
    wire: &ChannelWire,
    kind: OperationKind,
    objective: Objective,
    at: &str,
) -> NodeId {
    let name = match (&wire.node, kind) {
        (Some(name), OperationKind::Send | OperationKind::DryRun) => {
            check_name(name, &format!("{at}.node"), builder.faults);
            name.clone()
        }
        _ => format!("{}_{}", upper(&wire.name), kind.node_suffix()),
    };
    let node = Node {
        name: name.into(),
        channel: wire.name.as_str().into(),
        objective,
        counts_messages: kind.node_suffix() == OperationKind::Send.node_suffix(),
        enter: false,
        statuses: Vec::new(),
    };
    builder.add_node(node, at)
}

fn route(
    builder: &mut Builder<'_>,
    wire: &ChannelWire,
    adapter: &Adapter,
    operation: &Operation,
    (channel, node): (ChannelId, NodeId),
    (at, number, path): (&str, usize, &str),
) -> Option<Route> {
    // An adapter that is built in has been tested; a fault in it is still reported and never a panic.
    let in_adapter = format!("{at}.adapter({}).operation[{number}]", adapter.name);
    let path = path_pattern(Some(path), &format!("{in_adapter}.paths"), builder.faults)?;
    let captures = path.captures();
    let mut reader = ReaderBuilder::default();
    let own = [
        (Field::MessageId, "message_id", &wire.message_id),
        (Field::Recipient, "recipients", &wire.recipients),
        (Field::Template, "template", &wire.template),
        (Field::Business, "business", &wire.business),
    ];
    for (field, name, list) in own {
        reader.field(field, &compile(list.iter(), &format!("{at}.{name}"), captures, builder.faults));
    }
    builder.message_sources(&mut reader);
    // Their faults are told of the rule.
    for (_, rule) in builder.wire.rules.iter() {
        let auto = rule.auto.as_ref().map(|auto| (&auto.channel, &auto.credential));
        let limit = rule.limit.as_ref().map(|limit| (&limit.channel, &limit.credential));
        for (_, list) in auto.into_iter().chain(limit).filter(|(channel, _)| **channel == wire.name) {
            reader.field(Field::Credential, &compile(list.iter(), "", captures, &mut Faults::default()));
        }
    }
    reader.adapter_follows();
    let recipients = if wire.recipients.is_empty() { operation.recipients.as_slice() } else { &[] };
    let of_adapter = [
        (Field::MessageId, "message_id", operation.message_id.as_slice()),
        (Field::Recipient, "recipients", recipients),
        (Field::Template, "template", operation.template.as_slice()),
    ];
    for (field, name, list) in of_adapter {
        reader
            .field(field, &compile(list.iter().enumerate(), &format!("{in_adapter}.{name}"), captures, builder.faults));
    }
    let when: Vec<(usize, &Condition)> = operation.when.iter().enumerate().collect();
    let dry_run: Vec<(usize, &Condition)> = operation.dry_run.iter().enumerate().collect();
    let when_bits = add_conditions(&mut reader, 0, &when, &format!("{in_adapter}.when"), captures, builder.faults);
    let dry_run_bits =
        add_conditions(&mut reader, when.len(), &dry_run, &format!("{in_adapter}.dry_run"), captures, builder.faults);
    for (index, Condition { source, or, equals }) in operation.dedupe.iter().enumerate() {
        let sources = std::iter::once(source).chain(or).enumerate();
        for source in compile(sources, &format!("{in_adapter}.dedupe[{index}]"), captures, builder.faults) {
            reader.dedupe(&source, equals);
        }
    }
    let classifier = match Classifier::new(&adapter.response, Some(operation)) {
        Ok(classifier) => classifier,
        Err(faults) => {
            for (field, fault) in faults {
                builder.faults.add(format!("{at}.adapter({}).response.{field}", adapter.name), fault);
            }
            return None;
        }
    };
    let methods = match operation.methods.as_slice() {
        [] => vec!["POST".into()],
        methods => methods.iter().map(|method| method.as_str().into()).collect(),
    };
    Some(Route {
        node,
        channel: Some(channel),
        operation: Some(operation.kind),
        methods,
        reader: reader.build(),
        recipient_kind: operation.recipient_kind,
        when: when_bits,
        dry_run: dry_run_bits,
        message: message::reader(builder, wire, adapter, operation, captures, &in_adapter),
        receipt: None,
        shown: operation.shown.iter().map(|name| name.as_str().into()).collect(),
        classifier,
        id_promised: !wire.message_id.is_empty() || !builder.wire.message.id.is_empty(),
        path: Some(path),
    })
}
