//! An ordered list of headers, pseudo-headers first.

use std::fmt;
use std::ops::Range;

/// Text is only taken together where there is enough of it to matter.
const COMPACT_FROM_BYTES: usize = 64 << 10;

/// Headers or trailers as a guest sees them: names in lower case, in order, with HTTP/2's pseudo-headers (`:method`) among
/// them and repeated names as repeated entries. All text is in one allocation, since a proxy makes and drops one such list
/// for every message.
#[derive(Clone, Default)]
pub struct Headers {
    text: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    start: usize,
    name_len: usize,
    value_start: usize,
    value_len: usize,
}

impl Entry {
    const fn name(self) -> Range<usize> {
        self.start..self.start + self.name_len
    }

    const fn value(self) -> Range<usize> {
        self.value_start..self.value_start + self.value_len
    }
}

impl Headers {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty list with room for `entries` headers of `bytes` bytes in all.
    pub fn with_capacity(entries: usize, bytes: usize) -> Self {
        Self { text: Vec::with_capacity(bytes), entries: Vec::with_capacity(entries) }
    }

    /// How many entries there are; a name that stands twice counts twice.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The names and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> + Clone {
        self.entries.iter().map(|entry| (self.slice(entry.name()), self.slice(entry.value())))
    }

    fn slice(&self, range: Range<usize>) -> &[u8] {
        self.text.get(range).unwrap_or_default()
    }

    /// The first value of `name`, which is in lower case.
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let name = name.as_ref();
        self.iter().find(|(of, _)| *of == name).map(|(_, value)| value)
    }

    /// [`Self::get`] as text; `None` too if it is not UTF-8.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// Adds an entry at the end, or behind the last pseudo-header if it is one. The name is put into lower case.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let entry = self.store(name.as_ref(), value.as_ref());
        if name.as_ref().first() == Some(&b':') {
            let pseudo = self.entries.iter().take_while(|entry| self.text.get(entry.start) == Some(&b':')).count();
            self.entries.insert(pseudo, entry);
        } else {
            self.entries.push(entry);
        }
    }

    fn store(&mut self, name: &[u8], value: &[u8]) -> Entry {
        // Values that were replaced or removed leave their text behind.
        if self.text.len() > COMPACT_FROM_BYTES && self.text.len() > 4 * self.byte_size() {
            self.compact();
        }
        let start = self.text.len();
        self.text.extend(name.iter().map(u8::to_ascii_lowercase));
        let value_start = self.text.len();
        self.text.extend_from_slice(value);
        Entry { start, name_len: name.len(), value_start, value_len: value.len() }
    }

    fn compact(&mut self) {
        let old = std::mem::take(&mut self.text);
        for entry in &mut self.entries {
            let start = self.text.len();
            self.text.extend_from_slice(old.get(entry.name()).unwrap_or_default());
            let value_start = self.text.len();
            self.text.extend_from_slice(old.get(entry.value()).unwrap_or_default());
            *entry = Entry { start, value_start, ..*entry };
        }
    }

    /// Gives `name` this one value, in the place of its first entry, or at the end.
    pub fn set(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (name, value) = (name.as_ref().to_ascii_lowercase(), value.as_ref());
        let Some(first) = self.position(&name) else { return self.push(&name, value) };
        let entry = self.store(&name, value);
        if let Some(place) = self.entries.get_mut(first) {
            *place = entry;
        }
        let mut index = 0;
        let text = &self.text;
        self.entries.retain(|entry| {
            index += 1;
            index - 1 <= first || text.get(entry.name()) != Some(&name[..])
        });
    }

    fn position(&self, name: &[u8]) -> Option<usize> {
        self.iter().position(|(of, _)| of == name)
    }

    /// Takes away every entry of `name`; says how many there were.
    pub fn remove(&mut self, name: impl AsRef<[u8]>) -> usize {
        let name = name.as_ref().to_ascii_lowercase();
        let before = self.entries.len();
        let text = &self.text;
        self.entries.retain(|entry| text.get(entry.name()) != Some(&name[..]));
        before - self.entries.len()
    }

    /// The bytes of all names and values, as `proxy_get_header_map_size` gives them.
    pub fn byte_size(&self) -> usize {
        self.entries.iter().map(|entry| entry.name_len + entry.value_len).sum()
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(entries: T) -> Self {
        let mut headers = Self::new();
        for (name, value) in entries {
            headers.push(name, value);
        }
        headers
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

/// Only the names: values may hold credentials.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| String::from_utf8_lossy(name))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Headers;

    fn text(headers: &Headers) -> String {
        let line = |(name, value): (&[u8], &[u8])| format!("{}={}", name.escape_ascii(), value.escape_ascii());
        headers.iter().map(line).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn pseudo_headers_stand_first_and_names_are_lower_case() {
        let headers: Headers = [(":method", "GET"), ("Accept", "*/*"), (":path", "/")].into_iter().collect();
        assert_eq!(text(&headers), ":method=GET :path=/ accept=*/*");
    }

    #[test]
    fn setting_keeps_the_first_place_and_drops_repeats() {
        let mut headers: Headers = [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")].into_iter().collect();
        headers.set("A", "5");
        headers.set("d", "6");
        assert_eq!(text(&headers), "a=5 b=2 c=4 d=6");
        assert_eq!(headers.byte_size(), 8);
    }

    #[test]
    fn a_value_that_is_set_for_ever_takes_no_more_room() {
        let mut headers: Headers = [("keep", "me")].into_iter().collect();
        for _ in 0..10_000 {
            headers.set("a", "x".repeat(100));
        }
        assert_eq!(headers.get("keep"), Some(&b"me"[..]));
        assert_eq!(headers.get("a").map(<[u8]>::len), Some(100));
        assert!(headers.text.len() < 2 * super::COMPACT_FROM_BYTES, "{} bytes are kept", headers.text.len());
    }

    #[test]
    fn removing_takes_every_entry() {
        let mut headers: Headers = [("a", "1"), ("b", "2"), ("a", "3")].into_iter().collect();
        assert_eq!((headers.remove("a"), headers.remove("a")), (2, 0));
        assert_eq!(text(&headers), "b=2");
    }
}
