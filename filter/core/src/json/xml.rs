//! XML by the same pointers: an element is an object whose members are the elements inside it, and `*` is each of them.

use super::{At, MAX_DEPTH, Node, Pointers, Scan, Slot, Value};
use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};
/// An element that is open.
struct Open<'n> {
    /// What is wanted of it and below it; `None` if nothing is.
    node: Option<&'n Node>,
    at: At,
    text: String,
    /// How many elements have begun inside it.
    children: u32,
}

impl Pointers {
    /// Scans an XML document and reports the text of each element that a pointer names. Names are taken with their prefix,
    /// as they are written.
    pub fn scan_xml(&self, text: &[u8], found: &mut dyn FnMut(Slot, At, Value<'_>)) -> Scan {
        let root = Open { node: self.nodes.first(), at: At::default(), text: String::new(), children: 0 };
        let mut open = vec![root];
        let mut reader = Reader::from_reader(text);
        loop {
            match reader.read_event() {
                Ok(Event::Start(tag)) if open.len() <= usize::from(MAX_DEPTH) => {
                    let inside = self.enter(open.last_mut(), tag.name().as_ref());
                    open.push(inside);
                }
                Ok(Event::Start(_)) => return Scan::Malformed,
                Ok(Event::Empty(tag)) => {
                    let inside = self.enter(open.last_mut(), tag.name().as_ref());
                    tell(&inside, found);
                }
                Ok(Event::End(_)) => match open.pop() {
                    Some(inside) => tell(&inside, found),
                    None => return Scan::Malformed,
                },
                Ok(Event::Text(text)) => {
                    add(open.last_mut(), text.xml_content(XmlVersion::Implicit1_0).ok().as_deref())
                }
                Ok(Event::CData(text)) => {
                    add(open.last_mut(), text.xml_content(XmlVersion::Implicit1_0).ok().as_deref())
                }
                Ok(Event::GeneralRef(name)) => {
                    let resolved = name.resolve_char_ref().ok().flatten().map(String::from);
                    let named = || name.decode().ok().and_then(|name| predefined(&name));
                    add(open.last_mut(), resolved.or_else(named).as_deref());
                }
                Ok(Event::Eof) => {
                    let begun = open.first().is_some_and(|root| root.children > 0);
                    return if open.len() == 1 && begun { Scan::Complete } else { Scan::Cut };
                }
                Ok(Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_)) => {}
                Err(quick_xml::Error::Syntax(_)) => return Scan::Cut,
                Err(_) => return Scan::Malformed,
            }
        }
    }

    fn enter<'n>(&'n self, parent: Option<&mut Open<'n>>, name: &[u8]) -> Open<'n> {
        let Some(parent) = parent else {
            return Open { node: None, at: At::default(), text: String::new(), children: 0 };
        };
        let index = parent.children;
        parent.children = index.saturating_add(1);
        let named = |node: &Node| node.keys.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, child)| *child);
        let (node, at) = match parent.node.map(|node| (named(node), node.each)) {
            Some((Some(child), _)) => (self.nodes.get(child), parent.at),
            Some((None, Some(each))) => (self.nodes.get(each), parent.at.within(index)),
            _ => (None, parent.at),
        };
        Open { node, at, text: String::new(), children: 0 }
    }
}

fn tell(element: &Open<'_>, found: &mut dyn FnMut(Slot, At, Value<'_>)) {
    if let Some(slot) = element.node.and_then(|node| node.slot) {
        let value = if element.children > 0 { Value::Container } else { Value::Text(element.text.trim().into()) };
        found(slot, element.at, value);
    }
}

/// Only what is wanted is kept.
fn add(element: Option<&mut Open<'_>>, text: Option<&str>) {
    if let (Some(element), Some(text)) = (element, text) {
        if element.node.is_some_and(|node| node.slot.is_some()) {
            element.text.push_str(text);
        }
    }
}

/// The entities that need no declaration (XML 1.0, section 4.6).
fn predefined(name: &str) -> Option<String> {
    let text = match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "apos" => "'",
        "quot" => "\"",
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn find(pointers: &[&str], text: &str) -> (Scan, Vec<(At, Option<String>)>) {
        let mut set = Pointers::default();
        for pointer in pointers {
            set.add(pointer).unwrap();
        }
        let mut found = Vec::new();
        let scan = set.scan_xml(text.as_bytes(), &mut |_, at, value| {
            found.push((at, value.into_text().map(Cow::into_owned)));
        });
        (scan, found)
    }

    #[test]
    fn elements_are_found_by_their_path_whether_as_text_or_as_cdata() {
        let text = "<?xml version='1.0'?><xml>\n<MsgID>12</MsgID><Status><![CDATA[failed: user block]]></Status>\
                    <Empty/><Other><MsgID>13</MsgID></Other><T>a &amp; &#66;</T></xml>";
        let one = |path: &str| find(&[path], text).1.into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(one("/xml/MsgID"), [Some("12".to_owned())]);
        assert_eq!(one("/xml/Status"), [Some("failed: user block".to_owned())]);
        assert_eq!(one("/xml/Empty"), [Some(String::new())]);
        assert_eq!(one("/xml/T"), [Some("a & B".to_owned())]);
        assert_eq!(one("/xml/Other"), [None]);
        assert_eq!(find(&["/xml/MsgID"], text).0, Scan::Complete);
    }

    #[test]
    fn repeated_elements_are_told_apart() {
        let text = "<xml><L><I><A>1</A><B>2</B></I><I><A>3</A></I></L></xml>";
        let (_, found) = find(&["/xml/L/*/A", "/xml/L/*/B"], text);
        let at = |index| At { outer: Some(index), inner: None };
        let expected = [(at(0), Some("1".to_owned())), (at(0), Some("2".to_owned())), (at(1), Some("3".to_owned()))];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_end_tells_what_it_is_worth() {
        for (text, expected) in [
            ("<xml><a>1</a></xml>", Scan::Complete),
            ("<xml><a>1</a>", Scan::Cut),
            ("<xml><a>1</a", Scan::Cut),
            ("", Scan::Cut),
            ("<xml></b></xml>", Scan::Malformed),
        ] {
            assert_eq!(find(&["/xml/a"], text).0, expected, "{text}");
        }
        let deep = "<a>".repeat(10_000);
        assert_eq!(find(&["/a"], &deep).0, Scan::Malformed);
    }

    #[test]
    fn an_entity_that_a_document_declares_is_never_expanded() {
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;\">]><xml><t>&b;</t></xml>";
        assert_eq!(find(&["/xml/t"], bomb).1, [(At::default(), Some(String::new()))]);
    }
}
