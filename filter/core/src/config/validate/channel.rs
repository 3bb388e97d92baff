//! Channels: a name in the config and an adapter become nodes and routes.

use super::names::{check_name, upper};
use super::node::{add_conditions, hosts, path_pattern};
use super::{Builder, compile, objective};
use crate::adapter::{Adapter, Condition, Operation, OperationKind};
use crate::classify::Classifier;
use crate::config::wire::ChannelWire;
use crate::extract::{Field, ReaderBuilder};
use crate::outcome::OutcomeClass;
use crate::plan::{Node, NodeId, Objective, Route};
use std::time::Duration;

const DEFAULT_LIMIT: Duration = Duration::from_secs(2);

pub(super) fn channels(builder: &mut Builder<'_>) {
    let wire = builder.wire;
    let mut taken: Vec<(Box<str>, &str)> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for (index, channel) in wire.channels.iter() {
        let at = format!("$.channels[{index}]");
        if names.contains(&channel.name.as_str()) {
            builder.faults.add(&at, format!("a second channel named `{}`", channel.name));
            continue;
        }
        names.push(&channel.name);
        let Some(hosts) = add(builder, channel, &at) else { continue };
        for host in hosts {
            match taken.iter().find(|(known, _)| *known == host) {
                Some((_, other)) if *other == channel.name => {
                    builder.faults.add(format!("{at}.hosts"), format!("names the host `{host}` twice"));
                }
                Some((_, other)) => builder
                    .faults
                    .add(&at, format!("has the host `{host}`, which channel `{other}` has too: set `hosts`")),
                None => {}
            }
            taken.push((host, &channel.name));
        }
    }
}

/// Adds one channel and returns its hosts.
fn add(builder: &mut Builder<'_>, wire: &ChannelWire, at: &str) -> Option<Vec<Box<str>>> {
    check_name(&wire.name, &format!("{at}.name"), builder.faults);
    if wire.name == Node::NO_CHANNEL {
        builder.faults.add(format!("{at}.name"), "`none` has a meaning of its own: choose another name");
    }
    let mut adapter = adapter(builder, wire, at)?;
    adapter.response.reclassify(&wire.class);
    check_classes(builder, wire, at);
    let hosts = if wire.hosts.is_empty() {
        adapter.hosts.iter().map(|host| host.as_str().into()).collect()
    } else {
        hosts(&wire.hosts, &format!("{at}.hosts"), builder.faults)
    };
    if wire.hosts.is_empty() && hosts.is_empty() {
        builder.faults.add(format!("{at}.hosts"), "is needed: this adapter has no hosts of its own");
    }
    let objective = objective(wire.objective.as_ref(), &format!("{at}.objective"), DEFAULT_LIMIT, builder.faults);
    let mut nodes: Vec<(OperationKind, NodeId)> = Vec::new();
    for (number, operation) in adapter.operation.iter().enumerate() {
        let known = nodes.iter().find(|(kind, _)| *kind == operation.kind).map(|(_, node)| *node);
        let node = known.unwrap_or_else(|| {
            let node = add_node(builder, wire, operation.kind, objective, at);
            nodes.push((operation.kind, node));
            node
        });
        let Some(route) = route(builder, wire, &adapter, operation, node, (at, number)) else { continue };
        let route = builder.add_route(route);
        builder.plan.outbound.add(&hosts, route);
    }
    Some(hosts)
}

fn check_classes(builder: &mut Builder<'_>, wire: &ChannelWire, at: &str) {
    for class in wire.class.keys().filter(|class| matches!(class, OutcomeClass::Ok | OutcomeClass::Partial)) {
        let path = format!("{at}.class.{}", class.as_str());
        builder.faults.add(path, "is no class of failures: what a success is stands in the adapter");
    }
}

fn adapter(builder: &mut Builder<'_>, wire: &ChannelWire, at: &str) -> Option<Adapter> {
    let name = wire.adapter.as_ref().unwrap_or(&wire.name);
    match Adapter::built_in(name) {
        Some(Ok(adapter)) => Some(adapter),
        Some(Err(error)) => {
            builder.faults.add(at, format!("the built-in adapter `{name}` is faulty: {error}"));
            None
        }
        None => {
            let known: Vec<&str> = Adapter::names().collect();
            builder
                .faults
                .add(at, format!("there is no adapter `{name}`: set `adapter` to one of {}", known.join(", ")));
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
        (Some(name), OperationKind::Send) => {
            check_name(name, &format!("{at}.node"), builder.faults);
            name.clone()
        }
        _ => format!("{}_{}", upper(&wire.name), kind.node_suffix()),
    };
    let node = Node {
        name: name.into(),
        channel: wire.name.as_str().into(),
        objective,
        counts_messages: kind == OperationKind::Send,
    };
    builder.add_node(node, at)
}

fn route(
    builder: &mut Builder<'_>,
    wire: &ChannelWire,
    adapter: &Adapter,
    operation: &Operation,
    node: NodeId,
    (at, number): (&str, usize),
) -> Option<Route> {
    // An adapter that is built in has been tested; a fault in it is still reported and never a panic.
    let in_adapter = format!("{at}.adapter({}).operation[{number}]", adapter.name);
    let path = path_pattern(Some(&operation.path), &format!("{in_adapter}.path"), builder.faults)?;
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
    let classifier =
        match Classifier::new(&adapter.response, operation.items.as_ref(), operation.kind != OperationKind::Send) {
            Ok(classifier) => classifier,
            Err(faults) => {
                for (field, fault) in faults {
                    builder.faults.add(format!("{at}.adapter({}).response.{field}", adapter.name), fault);
                }
                return None;
            }
        };
    Some(Route {
        node,
        methods: vec![operation.method.as_deref().unwrap_or("POST").into()],
        reader: reader.build(),
        recipient_kind: operation.recipient_kind,
        when: when_bits,
        dry_run: dry_run_bits,
        classifier,
        id_promised: !wire.message_id.is_empty() || !builder.wire.message.id.is_empty(),
        path: Some(path),
    })
}
