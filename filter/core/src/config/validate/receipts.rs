//! Callback URLs become nodes of the inbound listener.

use super::channel::{adapter, adapter_name};
use super::names::{check_name, upper};
use super::node::{add_conditions, classifier, path_pattern};
use super::{Builder, compile, objective};
use crate::adapter::{self, Condition, OperationKind};
use crate::config::wire::{ChannelWire, ReceiptWire};
use crate::extract::{Field, ReaderBuilder};
use crate::path::PathPattern;
use crate::plan::{Node, NodeId, Route};
use crate::receipt::{Receipt, ReceiptField};
use crate::time::parse_zone;
use std::time::Duration;

const DEFAULT_LIMIT: Duration = Duration::from_millis(500);

pub(super) fn receipts(builder: &mut Builder<'_>) {
    let wire = builder.wire;
    let mut paths: Vec<(PathPattern, NodeId)> = Vec::new();
    for (index, receipt) in wire.receipts.iter() {
        let added = add(builder, receipt, &format!("$.receipts[{index}]"));
        paths.extend(added.filter(|(path, _)| !paths.iter().any(|(known, _)| known == path)));
    }
    // What else a vendor posts there is no message of the service's either.
    for (path, node) in paths {
        let of_nothing = adapter::Receipt::default();
        let route = route(builder, &of_nothing, node, &path, "$.receipts");
        let route = builder.add_route(route);
        builder.plan.inbound.add(&[], route);
    }
}

fn add(builder: &mut Builder<'_>, wire: &ReceiptWire, at: &str) -> Option<(PathPattern, NodeId)> {
    let channel = channel_of(builder, wire);
    let adapter = adapter(builder, &wire.adapter, channel, at)?;
    if adapter.receipt.is_empty() {
        builder.faults.add(format!("{at}.adapter"), format!("`{}` sends no receipts", wire.adapter));
    }
    let path = path_pattern(Some(&wire.path), &format!("{at}.path"), builder.faults)?;
    let name = wire.channel.as_deref().or(channel.map(|channel| channel.name.as_str())).unwrap_or(&wire.adapter);
    check_name(name, &format!("{at}.channel"), builder.faults);
    let node = node(builder, name, at);
    for (number, receipt) in adapter.receipt.iter().enumerate() {
        let at = format!("{at}.adapter({}).receipt[{number}]", adapter.name);
        let route = route(builder, receipt, node, &path, &at);
        let route = builder.add_route(route);
        builder.plan.inbound.add(&[], route);
    }
    Some((path, node))
}

fn channel_of<'a>(builder: &Builder<'a>, wire: &ReceiptWire) -> Option<&'a ChannelWire> {
    let mut channels = builder.wire.channels.iter().map(|(_, channel)| channel);
    channels.find(|channel| match &wire.channel {
        Some(name) => channel.name == *name,
        None => adapter_name(channel) == wire.adapter,
    })
}

/// One node a channel, however many callback URLs it has.
fn node(builder: &mut Builder<'_>, channel: &str, at: &str) -> NodeId {
    let name = format!("{}_{}", upper(channel), OperationKind::Receipt.node_suffix());
    let known = builder.plan.nodes().find(|(_, node)| *node.name == *name && *node.channel == *channel);
    if let Some((id, _)) = known {
        return id;
    }
    let objective = objective(None, at, DEFAULT_LIMIT, builder.faults);
    // Receipts come before the channels themselves, and never move a breaker: the label is all that ties them.
    let (name, channel) = (name.into(), channel.into());
    let node = Node { name, channel, objective, counts_messages: false, enter: false, statuses: Vec::new() };
    builder.add_node(node, at)
}

fn route(builder: &mut Builder<'_>, receipt: &adapter::Receipt, node: NodeId, path: &PathPattern, at: &str) -> Route {
    let captures = path.captures();
    let mut reader = ReaderBuilder::default();
    reader.adapter_follows();
    let lists = [
        (ReceiptField::VendorId, "vendor_id", &receipt.vendor_id),
        (ReceiptField::Recipient, "recipients", &receipt.recipients),
        (ReceiptField::Country, "country", &receipt.country),
        (ReceiptField::Status, "status", &receipt.status),
        (ReceiptField::Time, "time", &receipt.time),
    ];
    for (field, name, list) in lists {
        let sources = compile(list.iter().enumerate(), &format!("{at}.{name}"), captures, builder.faults);
        reader.field(Field::Receipt(field), &sources);
    }
    let when: Vec<(usize, &Condition)> = receipt.when.iter().enumerate().collect();
    let opaque: Vec<(usize, &Condition)> = receipt.opaque.iter().enumerate().collect();
    let when_bits = add_conditions(&mut reader, 0, &when, &format!("{at}.when"), captures, builder.faults);
    let opaque_bits =
        add_conditions(&mut reader, when.len(), &opaque, &format!("{at}.opaque"), captures, builder.faults);
    let offset_s = match &receipt.time_zone {
        None => 0,
        Some(zone) => parse_zone(zone).unwrap_or_else(|| {
            let fault = "is no time zone: write its distance from UTC, such as \"+08:00\"";
            builder.faults.add(format!("{at}.time_zone"), fault);
            0
        }),
    };
    Route {
        node,
        channel: None,
        operation: Some(OperationKind::Receipt),
        methods: vec!["POST".into(), "PUT".into()],
        path: Some(path.clone()),
        reader: reader.build(),
        recipient_kind: receipt.recipient_kind,
        when: when_bits,
        dry_run: 0,
        message: None,
        receipt: Some(Receipt::new(receipt, opaque_bits, offset_s, &builder.plan.lifecycle)),
        shown: Vec::new(),
        classifier: classifier(&crate::adapter::Response::default(), at, builder.faults),
        id_promised: false,
    }
}
