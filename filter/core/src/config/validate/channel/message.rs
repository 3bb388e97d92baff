//! How a channel's message is read for another vendor.

use crate::adapter::{Adapter, Operation, OperationKind};
use crate::compose::{MessageReader, OwnSources};
use crate::config::validate::Builder;
use crate::config::wire::{ChannelWire, List};
use crate::source::{Source, SourceWire};

/// The reader of an operation, if its messages can be read.
pub(super) fn reader(
    builder: &mut Builder<'_>,
    wire: &ChannelWire,
    adapter: &Adapter,
    operation: &Operation,
    captures: &[Box<str>],
    in_adapter: &str,
) -> Option<MessageReader> {
    if operation.kind != OperationKind::Send {
        return None;
    }
    let message = &builder.wire.message;
    // Faults of the config's own sources have been reported.
    let sound = |lists: &[&List<SourceWire>]| -> Vec<SourceWire> {
        let all = lists.iter().flat_map(|list| list.iter()).map(|(_, source)| source);
        all.filter(|source| Source::of_request(source, captures).is_ok()).cloned().collect()
    };
    let own = OwnSources {
        recipients: sound(&[&wire.recipients]),
        message_id: sound(&[&wire.message_id, &message.id]),
        template: sound(&[&wire.template, &message.template]),
        business: sound(&[&wire.business, &message.business]),
    };
    match MessageReader::new(&adapter.name, operation, captures, &own, builder.plan.settings.country_code) {
        Ok(reader) => reader,
        Err(faults) => {
            for (field, fault) in faults {
                builder.faults.add(format!("{in_adapter}.{field}"), fault);
            }
            None
        }
    }
}
