//! The compiled reader of one route.

use super::{Facts, Field, Headers, Place, Pointers, Rank, Scan, Slot, Source, Value, Want, Whose, form};
use std::borrow::Cow;

/// How a body is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// Nothing in it is wanted.
    Unwanted,
    /// One JSON document.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// Everything that one route reads from a request.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    head: Vec<(Source, Want)>,
    json: JsonWants,
    form: Vec<FormWants>,
    /// The best source in the body for each half of a message's key.
    message_id_in_body: Option<Rank>,
    tenant_in_body: Option<Rank>,
    conditions: u32,
    body_conditions: u32,
}

#[derive(Clone, Debug, Default)]
struct JsonWants {
    pointers: Pointers,
    wants: Vec<(Slot, Want)>,
}

#[derive(Clone, Debug, Default)]
struct FormWants {
    name: Box<str>,
    plain: Vec<Want>,
    json: JsonWants,
}

impl JsonWants {
    fn add(&mut self, pointer: &str, want: Want) {
        if let Ok(slot) = self.pointers.add(pointer) {
            self.wants.push((slot, want));
        }
    }

    fn read(&self, text: &[u8], facts: &mut Facts, keep_recipients: bool) -> Scan {
        self.pointers.scan(text, &mut |slot, _, value: Value<'_>| {
            let Some(text) = value.into_text() else { return };
            for (_, want) in self.wants.iter().filter(|(known, _)| *known == slot) {
                facts.tell(want, &text, keep_recipients);
            }
        })
    }
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

    /// Adds a condition: the source says one of `equals`, or anything at all if that is empty. Returns its bit.
    pub fn condition(&mut self, bit: u8, source: &Source, equals: &[String]) {
        let mask = 1_u32.checked_shl(bit.into()).unwrap_or(0);
        self.reader.conditions |= mask;
        if source.in_body() {
            self.reader.body_conditions |= mask;
        }
        self.add(Field::Condition(bit), source, equals);
    }

    fn add(&mut self, field: Field, source: &Source, equals: &[String]) {
        let equals = equals.iter().map(|text| text.as_str().into()).collect();
        let rank = Rank { whose: self.whose, in_body: source.in_body(), added: self.added };
        self.added = self.added.saturating_add(1);
        let want = Want { field, rank, split: source.split, equals };
        let reader = &mut self.reader;
        let best = match field {
            Field::MessageId if rank.in_body => Some(&mut reader.message_id_in_body),
            Field::Tenant if rank.in_body => Some(&mut reader.tenant_in_body),
            _ => None,
        };
        if let Some(best) = best {
            *best = Some(best.map_or(rank, |best| best.min(rank)));
        }
        match &source.place {
            Place::Header(_) | Place::Query(_) | Place::Path(_) => {
                reader.head.push((source.clone(), want));
            }
            Place::Json(pointer) => reader.json.add(pointer, want),
            Place::Form(name) => with_field(&mut reader.form, name, |field| field.plain.push(want)),
            Place::FormJson(name, pointer) => {
                with_field(&mut reader.form, name, |field| field.json.add(pointer, want));
            }
        }
    }

    /// The reader.
    pub fn build(self) -> Reader {
        self.reader
    }
}

fn with_field(form: &mut Vec<FormWants>, name: &str, add: impl FnOnce(&mut FormWants)) {
    if let Some(field) = form.iter_mut().find(|field| *field.name == *name) {
        return add(field);
    }
    let mut field = FormWants { name: name.into(), ..FormWants::default() };
    add(&mut field);
    form.push(field);
}

impl Reader {
    /// How to read the body, given its content type. A route that reads both kinds goes by the type.
    pub fn body_kind(&self, content_type: Option<&[u8]>) -> BodyKind {
        let says_form = content_type.is_some_and(|value| value.starts_with(b"application/x-www-form-urlencoded"));
        match (self.json.pointers.is_empty(), self.form.is_empty()) {
            (true, true) => BodyKind::Unwanted,
            (false, true) => BodyKind::Json,
            (true, false) => BodyKind::Form,
            (false, false) if says_form => BodyKind::Form,
            (false, false) => BodyKind::Json,
        }
    }

    /// Whether the body may tell the message's key, tenant and id, better than it is known so far.
    pub fn body_may_identify(&self, facts: &Facts) -> bool {
        let better =
            |body: Option<Rank>, known: Option<Rank>| body.is_some_and(|body| known.is_none_or(|known| body < known));
        let id = better(self.message_id_in_body, facts.ranks.message_id);
        // The tenant alone derives nothing.
        id || (!facts.message_ids.is_empty() && better(self.tenant_in_body, facts.ranks.tenant))
    }

    /// The bits of all conditions, and of those that only the body can answer.
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
                Place::Query(name) => query.and_then(|query| form_value(query.as_bytes(), name)),
                Place::Form(_) | Place::Json(_) | Place::FormJson(..) => None,
            };
            if let Some(value) = value {
                facts.tell(want, &value, keep_recipients);
            }
        }
    }

    /// Reads a whole body.
    pub fn body(&self, kind: BodyKind, bytes: &[u8], keep_recipients: bool, facts: &mut Facts) -> Scan {
        match kind {
            BodyKind::Unwanted => Scan::Complete,
            BodyKind::Json => self.json.read(bytes, facts, keep_recipients),
            BodyKind::Form => self.form_body(bytes, true, keep_recipients, facts),
        }
    }

    /// Reads the beginning of a body. Half a value is another value, so what the cut may have gone through says nothing.
    pub fn beginning(&self, kind: BodyKind, bytes: &[u8], keep_recipients: bool, facts: &mut Facts) -> Scan {
        match kind {
            BodyKind::Form => self.form_body(bytes, false, keep_recipients, facts),
            _ => self.body(kind, bytes, keep_recipients, facts),
        }
    }

    fn form_body(&self, bytes: &[u8], whole: bool, keep_recipients: bool, facts: &mut Facts) -> Scan {
        let mut scan = Scan::Complete;
        let mut fields = form::parse(bytes).peekable();
        while let Some((name, value)) = fields.next() {
            let Some(field) = self.form.iter().find(|field| name.is(&field.name)) else { continue };
            let is_whole = whole || fields.peek().is_some() || bytes.ends_with(b"&");
            for want in field.plain.iter().filter(|_| is_whole) {
                facts.tell(want, &value.decode_text(), keep_recipients);
            }
            if !field.json.pointers.is_empty() {
                let inner = field.json.read(&value.decode(), facts, keep_recipients);
                scan = if scan == Scan::Complete { inner } else { scan };
            }
        }
        scan
    }
}

fn form_value<'a>(text: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    form::parse(text).find(|(known, _)| known.is(name)).map(|(_, value)| value.decode_text())
}
