//! The compiled reader of one route.

use super::{Facts, Field, Rank, Want, Whose};
use crate::document::{self, Document};
use crate::headers::Headers;
use crate::json::{At, Scan};
use crate::source::{Place, Source};
use std::borrow::Cow;

/// Everything that one route reads from a request.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    head: Vec<(Source, Want)>,
    /// What is wanted of the body, as it was added.
    wants: Vec<(Place, Want)>,
    body: Document<Want>,
    /// The best source in the body for each half of a message's key.
    message_id_in_body: Option<Rank>,
    tenant_in_body: Option<Rank>,
    /// Whether the body may tell business or priority.
    ranks_in_body: bool,
    conditions: u32,
    body_conditions: u32,
}

/// Collects sources. Those of the config come first, then those of an adapter; within each, the head ranks before the
/// body, and else earlier ones before later ones.
#[derive(Debug, Default)]
pub struct ReaderBuilder {
    reader: Reader,
    whose: Whose,
    added: u16,
}

impl ReaderBuilder {
    /// From here on, sources are an adapter's.
    pub fn adapter_follows(&mut self) {
        self.whose = Whose::Adapter;
    }

    /// Adds the alternatives for one field, best first.
    pub fn field(&mut self, field: Field, sources: &[Source]) {
        for source in sources {
            self.add(field, source, &[]);
        }
    }

    /// Adds a condition: the source says one of `equals`, or anything at all if that is empty. Several sources of one bit
    /// are alternatives.
    pub fn condition(&mut self, bit: u8, source: &Source, equals: &[String]) {
        let mask = 1_u32.checked_shl(bit.into()).unwrap_or(0);
        self.reader.conditions |= mask;
        if source.place.in_body() {
            self.reader.body_conditions |= mask;
        }
        self.add(Field::Condition(bit), source, equals);
    }

    /// Adds a sign that the vendor removes repeats.
    pub fn dedupe(&mut self, source: &Source, equals: &[String]) {
        self.add(Field::Dedupe, source, equals);
    }

    fn add(&mut self, field: Field, source: &Source, equals: &[String]) {
        let equals = equals.iter().map(|text| text.as_str().into()).collect();
        let rank = Rank { whose: self.whose, in_body: source.place.in_body(), added: self.added };
        self.added = self.added.saturating_add(1);
        let want = Want { field, rank, cut: source.cut.clone(), equals };
        let reader = &mut self.reader;
        let best = match field {
            Field::MessageId if rank.in_body => Some(&mut reader.message_id_in_body),
            Field::Tenant if rank.in_body => Some(&mut reader.tenant_in_body),
            _ => None,
        };
        if let Some(best) = best {
            *best = Some(best.map_or(rank, |best| best.min(rank)));
        }
        if rank.in_body {
            reader.ranks_in_body |= matches!(field, Field::Business | Field::Priority);
            reader.wants.push((source.place.clone(), want.clone()));
            reader.body.add(&source.place, want);
        } else {
            reader.head.push((source.clone(), want));
        }
    }

    /// The reader.
    pub fn build(self) -> Reader {
        self.reader
    }
}

impl Reader {
    /// Whether the body says anything that counts.
    pub fn reads_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// Whether the body may tell the message's key, tenant and id, better than it is known so far.
    pub fn body_may_identify(&self, facts: &Facts) -> bool {
        let better =
            |body: Option<Rank>, known: Option<Rank>| body.is_some_and(|body| known.is_none_or(|known| body < known));
        let id = better(self.message_id_in_body, facts.ranks.message_id);
        // The tenant alone derives nothing.
        id || (!facts.message_ids.is_empty() && better(self.tenant_in_body, facts.ranks.tenant))
    }

    /// Whether the body may tell how important the message is.
    pub const fn body_may_rank(&self) -> bool {
        self.ranks_in_body
    }

    /// The bits of all conditions, and of those that the body can answer.
    pub const fn condition_bits(&self) -> (u32, u32) {
        (self.conditions, self.body_conditions)
    }

    /// Reads header, query and path. `captures` are those of the route's path pattern. At an `edge` listener a header
    /// is believed only where its source says so.
    pub fn head(
        &self,
        headers: &Headers<'_>,
        query: Option<&str>,
        captures: &[&str],
        edge: bool,
        keep_recipients: bool,
        facts: &mut Facts,
    ) {
        for (source, want) in &self.head {
            let value = match &source.place {
                Place::Header(_) if edge && !source.from_edge && !matches!(want.field, Field::Condition(_)) => None,
                Place::Header(name) => headers.get_str(name).map(Cow::Borrowed),
                Place::Path(index) => captures.get(*index).map(|capture| Cow::Borrowed(*capture)),
                Place::Query(name) | Place::QueryJson(name, _) => {
                    query.and_then(|query| document::query_value(query, name))
                }
                _ => None,
            };
            match (value, &source.place) {
                (Some(text), Place::QueryJson(_, pointer)) => {
                    document::read_json(&text, pointer, want, &mut |want, at, value| {
                        if let Some(text) = value.into_text() {
                            facts.tell(want, at, &text, keep_recipients);
                        }
                    });
                }
                (Some(text), _) => facts.tell(want, At::default(), &text, keep_recipients),
                (None, _) => {}
            }
        }
    }

    /// Reads a body, or its beginning if it is not `whole`.
    pub fn body(&self, bytes: &[u8], whole: bool, keep_recipients: bool, facts: &mut Facts) -> Scan {
        self.body.read(bytes, whole, &mut |want, at, value| {
            if let Some(text) = value.into_text() {
                facts.tell(want, at, &text, keep_recipients);
            }
        })
    }
}

/// The readers of several routes of which the body must tell which one it is, joined so that it is gone through once.
#[derive(Clone, Debug, Default)]
pub struct JointReader {
    body: Document<(usize, Want)>,
}

impl JointReader {
    /// Joins `readers`.
    pub fn new<'a>(readers: impl IntoIterator<Item = &'a Reader>) -> Self {
        let mut body = Document::default();
        for (index, reader) in readers.into_iter().enumerate() {
            for (place, want) in &reader.wants {
                body.add(place, (index, want.clone()));
            }
        }
        Self { body }
    }

    /// Reads a body, or its beginning if it is not `whole`. `facts` are those of the readers, in their order.
    pub fn body(&self, bytes: &[u8], whole: bool, keep_recipients: bool, facts: &mut [&mut Facts]) -> Scan {
        self.body.read(bytes, whole, &mut |(index, want), at, value| {
            if let (Some(text), Some(facts)) = (value.into_text(), facts.get_mut(*index)) {
                facts.tell(want, at, &text, keep_recipients);
            }
        })
    }
}
