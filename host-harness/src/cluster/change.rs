//! What an object becomes by an order: a pure function, so that it can be done again when somebody else was faster.

use super::annotation::APPROVAL;
use super::error::Unable;
use super::history::Record;
use super::place::Place;
use crate::oplog::Operation;
use crate::overrides;
use crate::switch::{Draft, Order, Sheet, Unfit, is_same_person, unified, valid};
use pointsman_core::config::{self, digest};
use pointsman_core::time::{WallClock, format_rfc3339, parse_rfc3339};
use serde_json::Value;
use std::path::Path;

/// A whole config in the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewConfig {
    /// The config.
    pub text: String,
    /// Who wants it.
    pub by: String,
    /// Who else has agreed.
    pub approved_by: Option<String>,
    /// Why.
    pub reason: String,
    /// Whether orders that hold now may end with it.
    pub end_orders: bool,
}

/// What somebody wants of an object.
#[derive(Clone, Copy, Debug)]
pub enum Wish<'a> {
    /// A manual rule, or its end.
    Order(&'a Order),
    /// Another config.
    Config(&'a NewConfig),
}

impl<'a> From<&'a Order> for Wish<'a> {
    fn from(order: &'a Order) -> Self {
        Self::Order(order)
    }
}

impl<'a> From<&'a NewConfig> for Wish<'a> {
    fn from(config: &'a NewConfig) -> Self {
        Self::Config(config)
    }
}

/// An object as wished.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// The whole object.
    pub object: Value,
    /// What has changed in its text, as a unified diff.
    pub diff: String,
    /// What its history says of it.
    pub record: Record,
    /// The config that filters will load.
    pub in_force: String,
}

/// The object with the wish carried out, signed. Nothing in it changes but one text and the annotations.
///
/// `config` is the text of the config that the object's overrides are put in front of; who has none leaves it empty.
///
/// # Errors
/// [`Unable`].
pub fn change(object: &Value, config: &str, wish: Wish<'_>, now: WallClock) -> Result<Changed, Unable> {
    check_approval(object, wish)?;
    let place = Place::of(object)?;
    let before = place.text(object);
    let loaded = in_force(place, before, config);
    let draft = draft(place, before, config, wish, now)?;
    let record = record(wish, &loaded, &draft, now);
    let mut changed = object.clone();
    place.put(&mut changed, &draft.text);
    record.sign(&mut changed);
    let diff = unified(Path::new(place.name()), before, &draft.text);
    Ok(Changed { object: changed, diff, record, in_force: draft.in_force })
}

fn check_approval(object: &Value, wish: Wish<'_>) -> Result<(), Unable> {
    let (by, approver, needed) = match wish {
        Wish::Order(order) => (&order.by, &order.approved_by, !order.action.is_end()),
        Wish::Config(new) => (&new.by, &new.approved_by, true),
    };
    match approver {
        Some(approver) if is_same_person(approver, by) => Err(Unable::SamePerson),
        None if needed && object["metadata"]["annotations"][APPROVAL] == "required" => Err(Unable::NeedsApproval),
        _ => Ok(()),
    }
}

/// What filters load while the object has this text. Overrides that cannot be merged have nothing in force.
pub(super) fn in_force(place: Place, text: &str, config: &str) -> String {
    match place {
        Place::Overrides => overrides::merge(config, text).unwrap_or_else(|_| config.to_owned()),
        Place::Config | Place::EnvoyFilter => text.to_owned(),
    }
}

fn draft(place: Place, before: &str, config: &str, wish: Wish<'_>, now: WallClock) -> Result<Draft, Unable> {
    let new = match wish {
        Wish::Order(order) => {
            let sheet = match place {
                Place::Overrides => Sheet::Overrides { text: before, config },
                Place::Config | Place::EnvoyFilter => Sheet::Config(before),
            };
            return Ok(sheet.ordered(order, &|text| valid(text, &order.action, now))?);
        }
        Wish::Config(new) => new,
    };
    if place == Place::Overrides {
        return Err(Unable::IsNoConfig);
    }
    config::load(&new.text).map_err(Unfit::Faults)?;
    let ended = orders_ended(before, &new.text, now);
    if !ended.is_empty() && !new.end_orders {
        return Err(Unable::EndsOrders { names: ended.join(", ") });
    }
    Ok(Draft { text: new.text.clone(), in_force: new.text.clone() })
}

/// Orders that hold, and are not in the new config.
fn orders_ended(before: &str, after: &str, now: WallClock) -> Vec<String> {
    let names = |text: &str| -> Vec<(String, bool)> {
        let config: Value = serde_json::from_str(text).unwrap_or_default();
        let rules = config["rules"].as_array().cloned().unwrap_or_default();
        let holds = |rule: &Value| rule["until"].as_str().and_then(parse_rfc3339).is_some_and(|until| until > now);
        let manual = rules.iter().filter(|rule| rule["force"].is_object());
        manual.map(|rule| (rule["name"].as_str().unwrap_or_default().to_owned(), holds(rule))).collect()
    };
    let kept = names(after);
    let held = names(before).into_iter().filter(|(_, holds)| *holds).map(|(name, _)| name);
    held.filter(|name| !kept.iter().any(|(kept, _)| kept == name)).collect()
}

fn record(wish: Wish<'_>, loaded: &str, draft: &Draft, now: WallClock) -> Record {
    let (at, before, version) = (format_rfc3339(now), digest(loaded), digest(&draft.in_force));
    match wish {
        Wish::Order(order) => Record {
            at,
            operation: order.operation(),
            channel: Some(order.channel.clone()),
            to: order.to().to_vec(),
            state: order.state().map(str::to_owned),
            by: order.by.clone(),
            approved_by: order.approved_by.clone(),
            reason: order.reason.clone(),
            until: order.until(),
            before,
            version,
        },
        Wish::Config(new) => Record {
            at,
            operation: Operation::Apply,
            channel: None,
            to: Vec::new(),
            state: None,
            by: new.by.clone(),
            approved_by: new.approved_by.clone(),
            reason: new.reason.clone(),
            until: None,
            before,
            version,
        },
    }
}

#[cfg(test)]
mod tests;
