//! Which attribute goes where.

use super::facts::Word;
use crate::event::Kind;

/// Where an attribute goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// Into the facts, as it is.
    Word(Word),
    OnTime,
    Drill,
    Duration,
    Attempt,
    Message,
    /// The message too, if nothing else names it.
    MessageOfMessaging,
    Vendor,
    Recipient,
    /// Words of somebody on what went wrong, the first ones best. They stand in the rest too.
    Said(u8),
    Rest,
}

/// Names in front of which `push.` stands.
pub(super) fn slot(kind: Kind, name: &str) -> Slot {
    let Some(own) = name.strip_prefix("push.") else {
        return match name {
            "messaging.message.id" => Slot::MessageOfMessaging,
            "error.message" => Slot::Said(0),
            "exception.message" => Slot::Said(1),
            _ => Slot::Rest,
        };
    };
    match own {
        "message.id" => Slot::Message,
        "status" => Slot::Word(Word::Status),
        "node" => Slot::Word(Word::Node),
        "channel" => Slot::Word(Word::Channel),
        "business" => Slot::Word(Word::Business),
        "template.id" => Slot::Word(Word::Template),
        "outcome" => Slot::Word(Word::Outcome),
        "vendor.code" => Slot::Word(Word::Code),
        "vendor.message_id" => Slot::Vendor,
        "vendor.message" => Slot::Said(2),
        "recipient.hash" => Slot::Recipient,
        "duration_ms" => Slot::Duration,
        "on_time" => Slot::OnTime,
        "attempt" => Slot::Attempt,
        "tenant" => Slot::Word(Word::Tenant),
        "fate" => Slot::Word(Word::Fate),
        "switched_from" => Slot::Word(Word::SwitchedFrom),
        "drill" => Slot::Drill,
        "status.conflict" => Slot::Word(Word::Conflict),
        other => of_history(kind, other),
    }
}

/// What means something only of channels and rules.
fn of_history(kind: Kind, name: &str) -> Slot {
    match (kind, name) {
        (Kind::ChannelState, "state") => Slot::Word(Word::Status),
        (Kind::ChannelState, "reason") => Slot::Word(Word::Code),
        (Kind::Rule, "rule") | (Kind::DrillReport, "drill.name") => Slot::Word(Word::Name),
        (Kind::Rule, "rule.result") => Slot::Word(Word::Code),
        (Kind::Rule, "rule.kind") => Slot::Word(Word::Template),
        _ => Slot::Rest,
    }
}

/// The kind of a log record of that name.
pub(super) fn kind(event_name: &str) -> Kind {
    match event_name {
        "push.message.status" => Kind::Status,
        "push.message.alias" => Kind::Alias,
        "push.node.enter" => Kind::Enter,
        "push.message.dead_letter" => Kind::DeadLetter,
        "push.channel.state" => Kind::ChannelState,
        "push.rule.applied" => Kind::Rule,
        "push.drill.report" => Kind::DrillReport,
        _ => Kind::Other,
    }
}
