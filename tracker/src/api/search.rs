//! Messages of which one event is as asked.

use super::ask::{self, HOUR_MS, MAX_ID, MAX_RANGE_MS, given};
use super::error::ApiError;
use super::route::Route;
use super::rows;
use crate::answers::Brief;
use crate::event::{Key, Kind};
use crate::serve::App;
use crate::store::{Cursor, Filter, MAX_PAGE, Message, Range, Search};
use axum::response::Response;
use pointsman_core::time::DurationText;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The tenant of whoever names none.
const USUAL_TENANT: &str = "default";
/// The longest time after which a message may count as lost.
const MAX_AFTER: Duration = Duration::from_secs(7 * 24 * 3_600);

pub(super) fn table() -> Vec<Route> {
    vec![
        Route::get("/search", "Messages of which one event is as asked; the latest first", search),
        Route::post("/search", "The same, asked in a body: a plain recipient stands in no address then", search),
        Route::csv("/search.csv", "The same as a table, up to 10,000 rows", search_csv),
        Route::get("/lost", "Messages that were submitted and never sent; the latest first", lost),
        Route::get("/doubled", "Messages that were sent twice to one recipient; the latest first", doubled),
        Route::get("/late", "Messages of which a visit has missed its objective; the latest first", late),
    ]
}

/// What one event of the message says, and where the message is. What is not given does not matter.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// When the event happened, in milliseconds since 1970: not before; an hour ago if left out.
    from_ms: Option<u64>,
    /// And before this; up to the newest if left out. At most 31 days, but for one recipient.
    to_ms: Option<u64>,
    /// The recipient: a keyed hash, or in plain.
    recipient: Option<String>,
    /// Where the message is now.
    status: Option<String>,
    /// Which status the event tells.
    event_status: Option<String>,
    /// The channel.
    channel: Option<String>,
    /// The node.
    node: Option<String>,
    /// The business.
    business: Option<String>,
    /// The template.
    template: Option<String>,
    /// The vendor's code.
    code: Option<String>,
    /// The outcome class.
    outcome: Option<String>,
    /// The service.
    service: Option<String>,
    /// The tenant.
    tenant: Option<String>,
    /// What went wrong, as patterns have it: with numbers and ids taken out.
    text: Option<String>,
    /// Whether the visit was within its objective.
    on_time: Option<bool>,
    /// Whether a drill has struck it.
    drill: Option<bool>,
    /// Whether another channel was asked in the place of the first.
    switched: Option<bool>,
    /// Whether the message was sent twice to one recipient.
    doubled: Option<bool>,
    /// Where the page before has ended.
    cursor: Option<String>,
    /// How many messages at most, up to 1,000; 50 if left out. Of a table up to 10,000, and those if left out.
    limit: Option<usize>,
}

/// Messages that were found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Listed {
    /// The latest first.
    messages: Vec<Brief>,
    /// The cursor with which to go on; null if there are no more. A page may be short, or empty, and still have one.
    next: Option<String>,
}

impl From<Gathered> for Listed {
    fn from(gathered: Gathered) -> Self {
        let messages = gathered.messages.iter().map(Brief::from).collect();
        Self { messages, next: gathered.next.map(|next| next.to_string()) }
    }
}

async fn search(app: App, asked: Asked) -> Result<Listed, ApiError> {
    Ok(gather(&app, &searches(&app, asked)?).await?.into())
}

async fn search_csv(app: App, asked: Asked) -> Result<Response, ApiError> {
    let most = ask::number("limit", asked.limit, rows::MAX_ROWS, rows::MAX_ROWS)?;
    let searches = searches(&app, Asked { limit: Some(most.min(MAX_PAGE)), ..asked })?;
    rows::messages(app, searches, most).await
}

/// One search for each hash that the recipient may have.
fn searches(app: &App, asked: Asked) -> Result<Vec<Search>, ApiError> {
    let recipient = given(asked.recipient);
    if recipient.as_ref().is_some_and(|recipient| recipient.len() > MAX_ID) {
        return Err(ApiError::bad(format!("the recipient has more than {MAX_ID} bytes"), "no event has such a one"));
    }
    let most_ms = if recipient.is_some() { u64::MAX } else { MAX_RANGE_MS };
    let range = ask::range(app, asked.from_ms, asked.to_ms, HOUR_MS, most_ms)?;
    let tenant = given(asked.tenant);
    let recipients: Vec<Option<String>> = match recipient {
        Some(plain) => hashes(app, tenant.as_deref(), &plain).into_iter().map(Some).collect(),
        None => vec![None],
    };
    let search = Search {
        range,
        filter: Filter {
            kind: None,
            tenant,
            service: given(asked.service),
            node: given(asked.node),
            channel: given(asked.channel),
            status: given(asked.event_status),
            outcome: given(asked.outcome),
            code: given(asked.code),
            business: given(asked.business),
            template: given(asked.template),
            text: given(asked.text),
            on_time: asked.on_time,
            drill: asked.drill,
            switched: asked.switched,
            recipient: None,
        },
        now: given(asked.status),
        doubled: asked.doubled,
        after: cursor(asked.cursor)?,
        limit: ask::number("limit", asked.limit, 50, MAX_PAGE)?,
    };
    let of = |recipient| Search { filter: Filter { recipient, ..search.filter.clone() }, ..search.clone() };
    Ok(recipients.into_iter().map(of).collect())
}

fn cursor(text: Option<String>) -> Result<Option<Cursor>, ApiError> {
    let bad = |_| ApiError::bad("the cursor is none", "take `next` of the page before as it is");
    given(text).map(|text| text.parse().map_err(bad)).transpose()
}

/// What a recipient may stand under: as it is, for it may be a hash, and all hashes that it may have.
pub(super) fn hashes(app: &App, tenant: Option<&str>, plain: &str) -> BTreeSet<String> {
    let hashed = app.keys.iter().flat_map(|keys| keys.hashes(tenant.unwrap_or(USUAL_TENANT), plain));
    std::iter::once(plain.to_owned()).chain(hashed).collect()
}

/// What several searches have found together.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) messages: Vec<Message>,
    pub(super) next: Option<Cursor>,
}

/// Searches that differ in nothing but what they look for, merged into the order that each of them has.
pub(super) async fn gather(app: &App, searches: &[Search]) -> Result<Gathered, ApiError> {
    if let [search] = searches {
        let page = app.store.search(search).await?;
        return Ok(Gathered { messages: page.messages, next: page.next });
    }
    let mut found: BTreeMap<Key, (Cursor, Message)> = BTreeMap::new();
    let mut horizon: Option<Cursor> = None;
    for search in searches {
        let page = app.store.search(search).await?;
        for message in page.messages {
            // One that several have found stands where the first of them has it.
            let place = place(search, &message);
            if found.get(&message.key).is_none_or(|(known, _)| *known < place) {
                found.insert(message.key, (place, message));
            }
        }
        horizon = horizon.max(page.next);
    }
    // Behind where one of them has stopped, it may have more that come before what the others have.
    let mut whole: Vec<(Cursor, Message)> = found.into_values().collect();
    whole.retain(|(place, _)| horizon.is_none_or(|horizon| *place >= horizon));
    whole.sort_by_key(|(place, _)| Reverse(*place));
    let limit = searches.first().map_or(0, |search| search.limit.clamp(1, MAX_PAGE));
    let mut next = horizon;
    if whole.len() > limit {
        whole.truncate(limit);
        next = whole.last().map(|(place, _)| *place);
    }
    Ok(Gathered { messages: whole.into_iter().map(|(_, message)| message).collect(), next })
}

/// Where the message stands in the order of a search.
fn place(search: &Search, message: &Message) -> Cursor {
    let taken = message.events.iter().filter(|event| search.range.has(event.at_ms) && search.filter.takes(event));
    Cursor { second: taken.map(|event| event.at_ms).max().unwrap_or_default() / 1_000, key: message.key }
}

/// When, and of which.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct When {
    /// When it happened, in milliseconds since 1970: not before; a day ago if left out.
    from_ms: Option<u64>,
    /// And before this; up to the newest if left out. At most 31 days.
    to_ms: Option<u64>,
    /// The channel.
    channel: Option<String>,
    /// The business.
    business: Option<String>,
    /// Where the page before has ended.
    cursor: Option<String>,
    /// How many messages at most, up to 1,000; 50 if left out.
    limit: Option<usize>,
}

/// When, of which, and after how long.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhenLost {
    /// When it was submitted, in milliseconds since 1970: not before; a day ago if left out.
    from_ms: Option<u64>,
    /// And before this. At most 31 days.
    to_ms: Option<u64>,
    /// For how long nothing has been heard of it, such as `5m`, which it is if left out; at most `168h`.
    after: Option<DurationText>,
    /// The business.
    business: Option<String>,
    /// Where the page before has ended.
    cursor: Option<String>,
    /// How many messages at most, up to 1,000; 50 if left out.
    limit: Option<usize>,
}

impl When {
    fn search(self, app: &App) -> Result<Search, ApiError> {
        let (channel, business) = (given(self.channel), given(self.business));
        Ok(Search {
            range: ask::range(app, self.from_ms, self.to_ms, 24 * HOUR_MS, MAX_RANGE_MS)?,
            filter: Filter { kind: Some(Kind::Status), channel, business, ..Filter::default() },
            now: None,
            doubled: None,
            after: cursor(self.cursor)?,
            limit: ask::number("limit", self.limit, 50, MAX_PAGE)?,
        })
    }
}

async fn lost(app: App, asked: WhenLost) -> Result<Listed, ApiError> {
    let WhenLost { from_ms, to_ms, after, business, cursor, limit } = asked;
    let after_ms = ask::length("after", after.as_ref(), Duration::from_secs(300), MAX_AFTER)?;
    let when = When { from_ms, to_ms, channel: None, business, cursor, limit };
    let search = when.search(&app)?;
    let quiet_ms = (app.clock)().saturating_sub(after_ms);
    let range = Range { to_ms: search.range.to_ms.min(quiet_ms.saturating_add(1)), ..search.range };
    // Where a message is is a status that one of its events tells.
    let of = |status: &str| Search {
        range,
        filter: Filter { status: Some(status.to_owned()), ..search.filter.clone() },
        now: Some(status.to_owned()),
        ..search.clone()
    };
    let mut gathered = gather(&app, &[of("submitted"), of("sending")]).await?;
    gathered.messages.retain(|message| message.summary.last_ms <= quiet_ms);
    Ok(gathered.into())
}

async fn doubled(app: App, asked: When) -> Result<Listed, ApiError> {
    let search = Search { doubled: Some(true), ..asked.search(&app)? };
    Ok(gather(&app, &[search]).await?.into())
}

async fn late(app: App, asked: When) -> Result<Listed, ApiError> {
    let search = asked.search(&app)?;
    let filter = Filter { on_time: Some(false), ..search.filter };
    Ok(gather(&app, &[Search { filter, ..search }]).await?.into())
}
