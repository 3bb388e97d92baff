//! Where things stand in the text of a config, and small changes to it: what an operator wrote stays as they wrote it.
//!
//! Only text that is JSON is looked at, so the scanner need not know every fault of a document.

use std::ops::Range;

type Span = Range<usize>;

/// A config and the place of its rules.
#[derive(Debug)]
pub(crate) struct RulesText<'a> {
    text: &'a str,
    newline: &'static str,
    /// The members of the config: name and value.
    members: Vec<(Span, Span)>,
    /// The list of rules, if there is one.
    list: Option<Span>,
    /// The rules.
    rules: Vec<Span>,
}

impl<'a> RulesText<'a> {
    /// Finds the rules; `None` if this is no JSON object, or its `rules` are no list or there twice.
    pub(crate) fn find(text: &'a str) -> Option<Self> {
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).ok()?;
        let members = members(text);
        let is_rules =
            |name: &Span| serde_json::from_str::<String>(&text[name.clone()]).is_ok_and(|name| name == "rules");
        let mut lists = members.iter().filter(|(name, _)| is_rules(name)).map(|(_, value)| value.clone());
        let (list, second) = (lists.next(), lists.next());
        if second.is_some() || list.as_ref().is_some_and(|list| !text[list.clone()].starts_with('[')) {
            return None;
        }
        let rules = list.as_ref().map(|list| elements(text, list.start)).unwrap_or_default();
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        Some(Self { text, newline, members, list, rules })
    }

    /// Each rule as it is written.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &'a str> {
        self.rules.iter().map(|rule| &self.text[rule.clone()])
    }

    /// The text with `rule` in front of all others.
    pub(crate) fn with_first(&self, rule: &str) -> String {
        match (&self.list, self.rules.first()) {
            (Some(list), Some(first)) => {
                let lead = &self.text[list.start + 1..first.start];
                let lead = lead.rfind('\n').map_or(" ".to_owned(), |at| format!("{}{}", self.newline, &lead[at + 1..]));
                self.put(first.start..first.start, &format!("{rule},{lead}"))
            }
            (Some(list), None) => self.put(list.clone(), &self.list_of(rule, self.indent(list.start))),
            (None, _) => self.with_list(rule),
        }
    }

    /// The text with `rule` in place of another.
    pub(crate) fn with(&self, index: usize, rule: &str) -> Option<String> {
        self.rules.get(index).map(|old| self.put(old.clone(), rule))
    }

    /// The text without a rule.
    pub(crate) fn without(&self, index: usize) -> Option<String> {
        let rule = self.rules.get(index)?;
        let before = index.checked_sub(1).and_then(|before| self.rules.get(before));
        Some(match (before, self.rules.get(index + 1)) {
            (_, Some(next)) => self.put(rule.start..next.start, ""),
            (Some(before), None) => self.put(before.end..rule.end, ""),
            (None, None) => self.put(self.list.clone()?, "[]"),
        })
    }

    /// The text with a list of rules behind everything else.
    fn with_list(&self, rule: &str) -> String {
        let Some((_, last)) = self.members.last() else {
            let open = self.text.find('{').map_or(0, |at| at + 1);
            return self.put(open..open, &format!("\"rules\": [{rule}]"));
        };
        let (between, indent) = match self.member_indent() {
            Some(indent) => (format!("{}{indent}", self.newline), indent),
            None => (" ".to_owned(), ""),
        };
        self.put(last.end..last.end, &format!(",{between}\"rules\": {}", self.list_of(rule, indent)))
    }

    /// A list of one, on lines of its own if the members of the config have such.
    fn list_of(&self, rule: &str, indent: &str) -> String {
        match self.member_indent() {
            Some(step) => format!("[{nl}{indent}{step}{rule}{nl}{indent}]", nl = self.newline),
            None => format!("[{rule}]"),
        }
    }

    /// What stands before the first member, if it begins a line.
    fn member_indent(&self) -> Option<&'a str> {
        let (first, _) = self.members.first()?;
        let indent = self.line_before(first.start);
        indent.chars().all(char::is_whitespace).then_some(indent)
    }

    /// What the line that holds `at` begins with.
    fn indent(&self, at: usize) -> &'a str {
        let line = self.line_before(at);
        &line[..line.len() - line.trim_start().len()]
    }

    fn line_before(&self, at: usize) -> &'a str {
        let begin = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        &self.text[begin..at]
    }

    fn put(&self, span: Span, new: &str) -> String {
        format!("{}{new}{}", &self.text[..span.start], &self.text[span.end..])
    }
}

fn members(text: &str) -> Vec<(Span, Span)> {
    let mut scanner = Scanner { bytes: text.as_bytes(), at: 0 };
    scanner.enter();
    let mut found = Vec::new();
    while let Some(name) = scanner.next() {
        scanner.skip(|byte| byte.is_ascii_whitespace() || byte == b':');
        let Some(value) = scanner.next() else { break };
        found.push((name, value));
    }
    found
}

fn elements(text: &str, list: usize) -> Vec<Span> {
    let mut scanner = Scanner { bytes: text.as_bytes(), at: list };
    scanner.enter();
    std::iter::from_fn(|| scanner.next()).collect()
}

/// Goes through the members of one object or list.
struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    /// Goes behind the opening bracket.
    fn enter(&mut self) {
        self.skip(|byte| byte.is_ascii_whitespace());
        self.at += 1;
    }

    fn skip(&mut self, belongs: impl Fn(u8) -> bool) {
        while self.bytes.get(self.at).is_some_and(|byte| belongs(*byte)) {
            self.at += 1;
        }
    }

    /// The next value, or name of a value; none at the closing bracket.
    fn next(&mut self) -> Option<Span> {
        self.skip(|byte| byte.is_ascii_whitespace() || byte == b',');
        let start = self.at;
        match *self.bytes.get(start)? {
            b']' | b'}' => return None,
            b'"' => self.text(),
            b'[' | b'{' => self.nested(),
            _ => self.skip(|byte| !byte.is_ascii_whitespace() && !b",]}".contains(&byte)),
        }
        Some(start..self.at)
    }

    fn text(&mut self) {
        self.at += 1;
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += if *byte == b'\\' { 2 } else { 1 };
            if *byte == b'"' {
                return;
            }
        }
    }

    fn nested(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.text();
                    continue;
                }
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn first(text: &str) -> String {
        RulesText::find(text).unwrap().with_first("{N}")
    }

    #[test]
    fn a_rule_comes_first_and_nothing_else_is_touched() {
        for (text, expected) in [
            ("{\"a\": 1}", "{\"a\": 1, \"rules\": [{N}]}"),
            ("{}", "{\"rules\": [{N}]}"),
            ("{\n  \"a\": 1\n}\n", "{\n  \"a\": 1,\n  \"rules\": [\n    {N}\n  ]\n}\n"),
            ("{\r\n\t\"a\": 1\r\n}", "{\r\n\t\"a\": 1,\r\n\t\"rules\": [\r\n\t\t{N}\r\n\t]\r\n}"),
            ("{\n  \"rules\": [],\n  \"a\": 1}", "{\n  \"rules\": [\n    {N}\n  ],\n  \"a\": 1}"),
            ("{\"rules\": [ ], \"a\": 1}", "{\"rules\": [{N}], \"a\": 1}"),
            ("{\"rules\": [{}, {}]}", "{\"rules\": [{N}, {}, {}]}"),
            ("{\"rules\": [\n\n    {\"b\": \"]\"}\n]}", "{\"rules\": [\n\n    {N},\n    {\"b\": \"]\"}\n]}"),
            ("{\"r\\u0075les\":[7]}", "{\"r\\u0075les\":[{N}, 7]}"),
            ("{\"a\": {\"rules\": [1]}}", "{\"a\": {\"rules\": [1]}, \"rules\": [{N}]}"),
        ] {
            assert_eq!(first(text), expected, "{text}");
        }
    }

    #[test]
    fn a_rule_is_replaced_and_taken_out_where_it_stands() {
        let text = "{\"rules\": [1,\n  {\"x\": [2]} , \"3\" ] }";
        let found = RulesText::find(text).unwrap();
        assert_eq!(found.rules().collect::<Vec<_>>(), ["1", "{\"x\": [2]}", "\"3\""]);
        assert_eq!(found.with(1, "N").unwrap(), "{\"rules\": [1,\n  N , \"3\" ] }");
        assert_eq!(found.without(0).unwrap(), "{\"rules\": [{\"x\": [2]} , \"3\" ] }");
        assert_eq!(found.without(1).unwrap(), "{\"rules\": [1,\n  \"3\" ] }");
        assert_eq!(found.without(2).unwrap(), "{\"rules\": [1,\n  {\"x\": [2]} ] }");
        assert_eq!(found.without(3), None);
        assert_eq!(RulesText::find("{\"rules\": [ 1 ]}").unwrap().without(0).unwrap(), "{\"rules\": []}");
    }

    #[test]
    fn what_has_no_list_of_rules_is_left_alone() {
        for text in ["", "[]", "{", "{\"rules\": {}}", "{\"rules\": [], \"rules\": []}", "{\"a\": 1,}"] {
            assert!(RulesText::find(text).is_none(), "{text}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[\\[\\]{},:\"\\\\a-c é]{0,6}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[\"\\\\{\\]a-c]{0,3}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_document_keeps_its_content(
            members in proptest::collection::btree_map("[\"\\\\{\\]a-c]{0,3}", any_json(), 0..4),
            rules in proptest::option::of(proptest::collection::vec(any_json(), 0..4)),
            pretty: bool,
        ) {
            let mut document = Value::Object(members.into_iter().collect());
            if let Some(rules) = &rules {
                document["rules"] = json!(rules);
            }
            let text = if pretty { format!("{document:#}") } else { document.to_string() };
            let changed = RulesText::find(&text).unwrap().with_first("{\"new\":true}");
            let mut expected = rules.clone().unwrap_or_default();
            expected.insert(0, json!({"new": true}));
            let mut with = document.clone();
            with["rules"] = json!(expected);
            prop_assert_eq!(serde_json::from_str::<Value>(&changed).unwrap(), with);
            let back = RulesText::find(&changed).unwrap().without(0).unwrap();
            match rules {
                Some(_) => prop_assert_eq!(back, text),
                None => {
                    document["rules"] = json!([]);
                    prop_assert_eq!(serde_json::from_str::<Value>(&back).unwrap(), document);
                }
            }
        }
    }
}
