//! Messages by whatever is known of them.

use super::ask::{self, MAX_ID};
use super::error::ApiError;
use super::route::Route;
use super::search::{Gathered, gather, hashes};
use crate::answers::{Brief, Detail, detail};
use crate::event::{Key, TraceId};
use crate::serve::App;
use crate::store::{Filter, Id, Message, Range, Search};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;
use tokio::task::JoinSet;

/// The most ids of one look-up.
const MAX_IDS: usize = 1_000;
/// How many of them are looked up at once.
const AT_ONCE: usize = 16;
/// The most messages of one id in a look-up.
const MAX_OF_ID: usize = 20;
/// The most messages of one id.
const MAX_FOUND: usize = 500;

pub(super) fn table() -> Vec<Route> {
    vec![
        Route::get("/find", "The messages that any id is of", find),
        Route::post("/lookup", "The messages that many ids are of", lookup),
        Route::of_message("/messages/{key}", "One message with everything that is known of it", message),
    ]
}

/// Any id.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Find {
    /// The id of a message, a vendor's id, a trace, the hash of a recipient or a recipient in plain, the key of a message.
    id: String,
    /// Of which tenant a recipient in plain is; the usual one if left out.
    tenant: Option<String>,
    /// How many messages at most, up to 500; 50 if left out.
    limit: Option<usize>,
}

/// What the id was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Matched {
    /// The message's own.
    Message,
    /// A vendor's.
    Vendor,
    /// A trace.
    Trace,
    /// A recipient.
    Recipient,
}

/// The messages of an id.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Found {
    /// Those that have it as their own id first, then by a vendor's, by trace, by recipient.
    messages: Vec<Brief>,
    /// What the id was, of several the first in that order; null if there is no such message.
    matched: Option<Matched>,
}

async fn find(app: App, asked: Find) -> Result<Found, ApiError> {
    let limit = ask::number("limit", asked.limit, 50, MAX_FOUND)?;
    let (messages, matched) = any(&app, id(&asked.id)?, asked.tenant.as_deref(), limit).await?;
    Ok(Found { messages: messages.iter().map(Brief::from).collect(), matched })
}

fn id(text: &str) -> Result<&str, ApiError> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_ID {
        return Err(ApiError::bad(format!("an id has 1 to {MAX_ID} bytes"), "leave out what stands around it"));
    }
    Ok(text)
}

/// Whatever an id may be of.
async fn any(
    app: &App,
    text: &str,
    tenant: Option<&str>,
    limit: usize,
) -> Result<(Vec<Message>, Option<Matched>), ApiError> {
    let mut kinds =
        vec![(Matched::Message, Id::Message(text.to_owned())), (Matched::Vendor, Id::Vendor(text.to_owned()))];
    kinds.extend(TraceId::from_str(&text.to_ascii_lowercase()).map(|trace| (Matched::Trace, Id::Trace(trace))));
    kinds.extend(Key::from_str(&text.to_ascii_lowercase()).map(|key| (Matched::Message, Id::Key(key))));
    let (mut messages, mut seen, mut matched) = (Vec::new(), BTreeSet::new(), None);
    let mut take = |kind: Matched, found: Vec<Message>| {
        if !found.is_empty() {
            matched.get_or_insert(kind);
        }
        let fresh = found.into_iter().filter(|message| seen.insert(message.key));
        messages.extend(fresh.take(limit.saturating_sub(messages.len())).collect::<Vec<_>>());
        messages.len() >= limit
    };
    let mut full = false;
    for (kind, id) in kinds {
        if !full {
            full = take(kind, app.store.find(&id, limit).await?);
        }
    }
    if !full {
        take(Matched::Recipient, of_recipient(app, text, tenant, limit).await?);
    }
    Ok((messages, matched))
}

async fn of_recipient(app: &App, text: &str, tenant: Option<&str>, limit: usize) -> Result<Vec<Message>, ApiError> {
    let range = Range { from_ms: 0, to_ms: (app.clock)().saturating_add(ask::HOUR_MS) };
    let search = |hash: String| Search {
        range,
        filter: Filter { recipient: Some(hash), ..Filter::default() },
        now: None,
        doubled: None,
        after: None,
        limit,
    };
    let searches: Vec<Search> = hashes(app, tenant, text).into_iter().map(search).collect();
    let Gathered { messages, .. } = gather(app, &searches).await?;
    Ok(messages)
}

/// Many ids.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Lookup {
    /// Any ids, as of `find`; at most 1,000.
    #[schemars(length(min = 1, max = 1_000))]
    ids: Vec<String>,
    /// Of which tenant recipients in plain are; the usual one if left out.
    tenant: Option<String>,
}

/// What has come of many ids.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct LookedUp {
    /// In the order in which they were asked for.
    found: Vec<FoundId>,
    /// Those of which there is no message.
    missing: Vec<String>,
}

/// The messages of one of them.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct FoundId {
    /// The id.
    id: String,
    /// Its messages; at most 20.
    messages: Vec<Brief>,
}

async fn lookup(app: App, asked: Lookup) -> Result<LookedUp, ApiError> {
    let Lookup { ids, tenant } = asked;
    if ids.is_empty() || ids.len() > MAX_IDS {
        return Err(ApiError::bad(format!("ids has to have 1 to {MAX_IDS} elements"), "ask in several requests"));
    }
    let mut order: Vec<String> = Vec::new();
    let mut known = BTreeSet::new();
    for text in &ids {
        let text = id(text)?;
        if known.insert(text) {
            order.push(text.to_owned());
        }
    }
    let (mut tasks, mut results) = (JoinSet::new(), BTreeMap::new());
    for text in order.iter().cloned() {
        if tasks.len() >= AT_ONCE {
            finish(&mut tasks, &mut results).await?;
        }
        let (app, tenant) = (app.clone(), tenant.clone());
        tasks.spawn(async move {
            let (messages, _) = any(&app, &text, tenant.as_deref(), MAX_OF_ID).await?;
            Ok((text, messages.iter().map(Brief::from).collect()))
        });
    }
    while !tasks.is_empty() {
        finish(&mut tasks, &mut results).await?;
    }
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for id in order {
        match results.remove(&id).filter(|messages| !messages.is_empty()) {
            Some(messages) => found.push(FoundId { id, messages }),
            None => missing.push(id),
        }
    }
    Ok(LookedUp { found, missing })
}

type Answered = Result<(String, Vec<Brief>), ApiError>;

async fn finish(tasks: &mut JoinSet<Answered>, results: &mut BTreeMap<String, Vec<Brief>>) -> Result<(), ApiError> {
    match tasks.join_next().await {
        Some(Ok(answered)) => results.extend([answered?]),
        // A task of ours ends otherwise only with the program.
        Some(Err(_)) => return Err(ApiError::too_long()),
        None => {}
    }
    Ok(())
}

/// Which of its events.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// How many of the first events to leave out of `raw`; 0 if left out.
    events_after: Option<usize>,
}

async fn message(app: App, key: Key, asked: Which) -> Result<Detail, ApiError> {
    let found = app.store.find(&Id::Key(key), 1).await?;
    let message = found.first().ok_or_else(ApiError::not_found)?;
    let link = app.page.trace_link.as_deref();
    Ok(detail(&app.lifecycle, message, asked.events_after.unwrap_or_default(), link))
}
