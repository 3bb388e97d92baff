//! Nodes that the config names, and the node of the service.

use super::lifecycle::{of_node, submitted};
use super::names::{check_name, host, upper};
use super::{Builder, Faults, compile, objective};
use crate::adapter::{Condition, RecipientKind, Response};
use crate::classify::Classifier;
use crate::config::wire::{DirectionWire, List, NodeWire};
use crate::extract::{Field, ReaderBuilder};
use crate::path::PathPattern;
use crate::plan::{Node, Route};
use crate::source::Source;
use std::time::Duration;

/// A route has a bit for each condition.
pub(super) const MAX_CONDITIONS: usize = 32;
const DEFAULT_LIMIT: Duration = Duration::from_millis(500);

pub(super) fn nodes(builder: &mut Builder<'_>) {
    let wire = builder.wire;
    for (index, node) in wire.nodes.iter() {
        add(builder, node, &format!("$.nodes[{index}]"));
    }
}

fn add(builder: &mut Builder<'_>, wire: &NodeWire, at: &str) {
    check_name(&wire.name, &format!("{at}.name"), builder.faults);
    let node = Node {
        name: wire.name.as_str().into(),
        channel: Node::NO_CHANNEL.into(),
        objective: objective(wire.objective.as_ref(), &format!("{at}.objective"), DEFAULT_LIMIT, builder.faults),
        counts_messages: true,
        enter: wire.enter,
        statuses: of_node(builder, wire, at),
    };
    let id = builder.add_node(node, &format!("{at}.name"));
    let path = path_pattern(wire.path.as_deref(), &format!("{at}.path"), builder.faults);
    let captures = path.as_ref().map(PathPattern::captures).unwrap_or_default().to_vec();
    let mut reader = ReaderBuilder::default();
    let lists = [
        (Field::MessageId, "message_id", &wire.message_id),
        (Field::Recipient, "recipients", &wire.recipients),
        (Field::Template, "template", &wire.template),
        (Field::Business, "business", &wire.business),
    ];
    for (field, name, list) in lists {
        reader.field(field, &compile(list.iter(), &format!("{at}.{name}"), &captures, builder.faults));
    }
    builder.message_sources(&mut reader);
    let conditions: Vec<(usize, &Condition)> = wire.when.iter().collect();
    let when = add_conditions(&mut reader, 0, &conditions, &format!("{at}.when"), &captures, builder.faults);
    let route = Route {
        node: id,
        channel: None,
        operation: None,
        methods: methods(&wire.methods, &format!("{at}.methods"), builder.faults),
        path,
        reader: reader.build(),
        recipient_kind: wire.recipient_kind,
        when,
        dry_run: 0,
        message: None,
        receipt: None,
        shown: Vec::new(),
        classifier: classifier(&wire.response, &format!("{at}.response"), builder.faults),
        id_promised: !wire.message_id.is_empty() || !builder.wire.message.id.is_empty(),
    };
    let hosts = hosts(&wire.hosts, &format!("{at}.hosts"), builder.faults);
    let route = builder.add_route(route);
    match wire.direction {
        DirectionWire::Inbound => builder.plan.inbound.add(&hosts, route),
        DirectionWire::Outbound => builder.plan.outbound.add(&hosts, route),
    }
}

/// The node that takes whatever is pushed to the service and has no node of its own.
pub(super) fn service(builder: &mut Builder<'_>) {
    let Some(service) = &builder.wire.service else { return };
    check_name(service, "$.service", builder.faults);
    let node = Node {
        name: upper(service).into(),
        channel: Node::NO_CHANNEL.into(),
        objective: objective(None, "$.service", DEFAULT_LIMIT, builder.faults),
        counts_messages: true,
        enter: false,
        statuses: submitted(),
    };
    let node = builder.add_node(node, "$.service");
    let mut reader = ReaderBuilder::default();
    builder.message_sources(&mut reader);
    let route = Route {
        node,
        channel: None,
        operation: None,
        methods: vec!["POST".into(), "PUT".into()],
        path: None,
        reader: reader.build(),
        recipient_kind: RecipientKind::default(),
        when: 0,
        dry_run: 0,
        message: None,
        receipt: None,
        shown: Vec::new(),
        classifier: classifier(&Response::default(), "$.service", builder.faults),
        id_promised: !builder.wire.message.id.is_empty(),
    };
    let route = builder.add_route(route);
    builder.plan.inbound.add(&[], route);
}

/// Adds conditions from bit `first` on and returns their bits.
pub(super) fn add_conditions(
    reader: &mut ReaderBuilder,
    first: usize,
    conditions: &[(usize, &Condition)],
    at: &str,
    captures: &[Box<str>],
    faults: &mut Faults,
) -> u32 {
    let mut bits = 0;
    for (offset, (index, condition)) in conditions.iter().enumerate() {
        let bit = first.saturating_add(offset);
        if bit >= MAX_CONDITIONS {
            faults.add(at, format!("has more than {MAX_CONDITIONS} conditions"));
            break;
        }
        let alternatives = condition.or.iter().enumerate().map(|(number, wire)| (format!("or[{number}]"), wire));
        for (name, wire) in std::iter::once(("source".to_owned(), &condition.source)).chain(alternatives) {
            match Source::of_request(wire, captures) {
                Ok(source) => {
                    reader.condition(u8::try_from(bit).unwrap_or(u8::MAX), &source, &condition.equals);
                    bits |= 1_u32 << bit;
                }
                Err(fault) => faults.add(format!("{at}[{index}].{name}"), fault),
            }
        }
    }
    bits
}

pub(super) fn classifier(response: &Response, at: &str, faults: &mut Faults) -> Classifier {
    match Classifier::new(response, None) {
        Ok(classifier) => classifier,
        Err(found) => {
            for (field, fault) in found {
                faults.add(format!("{at}.{field}"), fault);
            }
            Classifier::by_status()
        }
    }
}

pub(super) fn path_pattern(text: Option<&str>, at: &str, faults: &mut Faults) -> Option<PathPattern> {
    match PathPattern::parse(text?) {
        Ok(pattern) => Some(pattern),
        Err(fault) => {
            faults.add(at, fault);
            None
        }
    }
}

pub(super) fn hosts(list: &List<String>, at: &str, faults: &mut Faults) -> Vec<Box<str>> {
    list.iter().filter_map(|(index, text)| host(text, &format!("{at}[{index}]"), faults)).collect()
}

fn methods(list: &List<String>, at: &str, faults: &mut Faults) -> Vec<Box<str>> {
    let mut methods = Vec::new();
    for (index, method) in list.iter() {
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            faults.add(
                format!("{at}[{index}]"),
                format!("{method:?} is no HTTP method: write it in upper case, such as \"POST\""),
            );
        }
        methods.push(method.as_str().into());
    }
    methods
}
