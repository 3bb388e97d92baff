//! Finds what is wanted in a body, whatever kind of document it is: JSON, a form, XML, and JSON inside of either.
//!
//! Each body is gone through once, whatever the number of things that are wanted of it.

use crate::json::{At, Pointers, Scan, Slot, Value};
use crate::source::Place;
use std::borrow::Cow;

mod form;
mod multipart;

/// What is wanted of a body; each place has a `T` that says what for.
#[derive(Clone, Debug)]
pub struct Document<T> {
    json: Tree<T>,
    xml: Tree<T>,
    form: Vec<Field<T>>,
}

/// What is wanted of a JSON text, or of an XML one.
#[derive(Clone, Debug)]
struct Tree<T> {
    pointers: Pointers,
    wants: Vec<(Slot, Want<T>)>,
}

#[derive(Clone, Debug)]
enum Want<T> {
    /// The value itself.
    Value(T),
    /// What stands in the JSON text that the value is.
    Inside(Tree<T>),
}

/// What is wanted of a form field.
#[derive(Clone, Debug)]
struct Field<T> {
    name: Box<str>,
    plain: Vec<T>,
    json: Tree<T>,
}

/// Takes what is found: what it is for, where in the lists of the document it stands, and the value.
pub type Found<'f, T> = dyn FnMut(&T, At, Value<'_>) + 'f;

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self { pointers: Pointers::default(), wants: Vec::new() }
    }
}

impl<T> Default for Document<T> {
    fn default() -> Self {
        Self { json: Tree::default(), xml: Tree::default(), form: Vec::new() }
    }
}

impl<T> Tree<T> {
    fn is_empty(&self) -> bool {
        self.wants.is_empty()
    }

    /// A pointer that is none was refused when its source was checked.
    fn add(&mut self, pointer: &str, want: Want<T>) {
        if let Ok(slot) = self.pointers.add(pointer) {
            self.wants.push((slot, want));
        }
    }

    /// The tree of the JSON text at `pointer`.
    fn inside(&mut self, pointer: &str) -> Option<&mut Self> {
        let slot = self.pointers.add(pointer).ok()?;
        let known = self.wants.iter().position(|(of, want)| *of == slot && matches!(want, Want::Inside(_)));
        let index = known.unwrap_or_else(|| {
            self.wants.push((slot, Want::Inside(Self::default())));
            self.wants.len().saturating_sub(1)
        });
        match self.wants.get_mut(index) {
            Some((_, Want::Inside(tree))) => Some(tree),
            _ => None,
        }
    }

    fn tell(&self, slot: Slot, at: At, value: &Value<'_>, found: &mut Found<'_, T>) {
        for (_, want) in self.wants.iter().filter(|(of, _)| *of == slot) {
            match (want, value) {
                (Want::Value(want), value) => found(want, at, value.clone()),
                (Want::Inside(tree), Value::Text(text)) => {
                    // Such a text is often no JSON at all, "success" for one: then there is nothing in it.
                    tree.read_json(text.as_bytes(), &mut |want, inside, value| {
                        found(want, if at == At::default() { inside } else { at }, value);
                    });
                }
                (Want::Inside(_), _) => {}
            }
        }
    }

    fn read_json(&self, text: &[u8], found: &mut Found<'_, T>) -> Scan {
        self.pointers.scan(text, &mut |slot, at, value| self.tell(slot, at, &value, found))
    }

    fn read_xml(&self, text: &[u8], found: &mut Found<'_, T>) -> Scan {
        self.pointers.scan_xml(text, &mut |slot, at, value| self.tell(slot, at, &value, found))
    }
}

impl<T> Document<T> {
    /// Wants the value at `place`; one outside the body is not looked for.
    pub fn add(&mut self, place: &Place, want: T) {
        match place {
            Place::Json(pointer) => self.json.add(pointer, Want::Value(want)),
            Place::JsonJson(pointer, inner) => {
                if let Some(tree) = self.json.inside(pointer) {
                    tree.add(inner, Want::Value(want));
                }
            }
            Place::Xml(path) => self.xml.add(path, Want::Value(want)),
            Place::Form(name) => self.field(name, |field| field.plain.push(want)),
            Place::FormJson(name, pointer) => self.field(name, |field| field.json.add(pointer, Want::Value(want))),
            Place::Header(_) | Place::Query(_) | Place::QueryJson(..) | Place::Path(_) | Place::Text => {}
        }
    }

    fn field(&mut self, name: &str, add: impl FnOnce(&mut Field<T>)) {
        if let Some(field) = self.form.iter_mut().find(|field| *field.name == *name) {
            return add(field);
        }
        let mut field = Field { name: name.into(), plain: Vec::new(), json: Tree::default() };
        add(&mut field);
        self.form.push(field);
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.json.is_empty() && self.xml.is_empty() && self.form.is_empty()
    }

    /// Reads a body, or its beginning if it is not `whole`: half a value is another value, so what the cut may have gone
    /// through says nothing. Where several kinds of documents are wanted, the first character tells which it is: senders
    /// are less careful with the content type.
    pub fn read(&self, bytes: &[u8], whole: bool, found: &mut Found<'_, T>) -> Scan {
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        let json = matches!(first, Some(b'{' | b'['));
        let xml = matches!(first, Some(b'<'));
        match (!self.json.is_empty(), !self.xml.is_empty(), !self.form.is_empty()) {
            (false, false, false) => Scan::Complete,
            (true, false, false) => self.json.read_json(bytes, found),
            (false, true, false) => self.xml.read_xml(bytes, found),
            (false, false, true) if json || xml => Scan::Malformed,
            (true, _, _) if json => self.json.read_json(bytes, found),
            (_, true, _) if xml => self.xml.read_xml(bytes, found),
            (_, _, true) => self.read_form(bytes, whole, found),
            _ => Scan::Malformed,
        }
    }

    fn read_form(&self, bytes: &[u8], whole: bool, found: &mut Found<'_, T>) -> Scan {
        let mut scan = Scan::Complete;
        if multipart::is_multipart(bytes) {
            if !multipart::is_whole(bytes) {
                scan = Scan::Cut;
            }
            for (name, value) in multipart::parse(bytes) {
                let field = self.form.iter().find(|field| field.name.as_bytes() == name);
                scan = worse(scan, field.map(|field| field.read(|| form::lossy(value), true, found)));
            }
            return scan;
        }
        let mut fields = form::parse(bytes).peekable();
        while let Some((name, value)) = fields.next() {
            let Some(field) = self.form.iter().find(|field| name.is(&field.name)) else { continue };
            let is_whole = whole || fields.peek().is_some() || bytes.ends_with(b"&");
            scan = worse(scan, Some(field.read(|| value.decode_text(), is_whole, found)));
        }
        scan
    }
}

/// The first fault counts.
fn worse(known: Scan, next: Option<Scan>) -> Scan {
    if known == Scan::Complete { next.unwrap_or(known) } else { known }
}

impl<T> Field<T> {
    fn read<'a>(&self, text: impl FnOnce() -> Cow<'a, str>, is_whole: bool, found: &mut Found<'_, T>) -> Scan {
        let text = text();
        for want in self.plain.iter().filter(|_| is_whole) {
            found(want, At::default(), Value::Text(Cow::Borrowed(&text)));
        }
        if self.json.is_empty() { Scan::Complete } else { self.json.read_json(text.as_bytes(), found) }
    }
}

/// The first value of a parameter in a query.
pub fn query_value<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    form::parse(query.as_bytes()).find(|(known, _)| known.is(name)).map(|(_, value)| value.decode_text())
}

/// What stands in a JSON text at one pointer, for texts outside of a body.
pub fn read_json<T>(text: &str, pointer: &str, want: T, found: &mut Found<'_, T>) {
    let mut tree = Tree::default();
    tree.add(pointer, Want::Value(want));
    tree.read_json(text.as_bytes(), found);
}
