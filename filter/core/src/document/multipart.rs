//! `multipart/form-data` (RFC 7578), as far as names and texts of fields go.

/// The fields of a body that begins with its first boundary, in order. The last one is told only if its end has come.
pub(super) fn parse(body: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let line_len = body.windows(2).position(|pair| pair == b"\r\n").unwrap_or(body.len());
    let boundary = body.get(..line_len).unwrap_or_default();
    let mut rest = body.get(line_len..).unwrap_or_default();
    std::iter::from_fn(move || {
        loop {
            let (part, after) = part(rest, boundary)?;
            rest = after;
            if let Some(field) = field(part) {
                return Some(field);
            }
        }
    })
}

/// Whether `body` looks like one.
pub(super) fn is_multipart(body: &[u8]) -> bool {
    body.starts_with(b"--")
}

/// Whether its end has come.
pub(super) fn is_whole(body: &[u8]) -> bool {
    body.trim_ascii_end().ends_with(b"--")
}

/// The next part, head and content, and what follows its closing boundary.
fn part<'a>(rest: &'a [u8], boundary: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    if boundary.is_empty() {
        return None;
    }
    let rest = rest.strip_prefix(b"\r\n")?;
    let mut from = 0_usize;
    loop {
        let tail = rest.get(from..)?;
        let end = from.checked_add(tail.windows(2).position(|pair| pair == b"\r\n")?)?;
        let after = rest.get(end.checked_add(2)?..)?;
        // A boundary may begin as another one does.
        let closed = after.strip_prefix(boundary).filter(|rest| rest.starts_with(b"\r\n") || rest.starts_with(b"--"));
        if let Some(closed) = closed {
            return Some((rest.get(..end)?, closed));
        }
        from = end.checked_add(2)?;
    }
}

/// Name and content of a part that is a field.
fn field(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = part.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(part.get(..end)?).ok()?;
    let disposition = head.split("\r\n").find(|line| {
        line.split_once(':').is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"))
    })?;
    let name = disposition.split(';').find_map(|parameter| parameter.trim().strip_prefix("name="))?;
    Some((name.trim_matches('"').as_bytes(), part.get(end.checked_add(4)?..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "--b-1\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\nalice@example.com\r\n--b-1\r\n\
                        content-disposition: form-data; name=\"file\"; filename=\"a\"\r\ncontent-type: text/plain\r\n\r\n\
                        one\r\ntwo\r\n--b-1--\r\n";

    fn fields(body: &str) -> Vec<(&str, &str)> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        parse(body.as_bytes()).map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn fields_are_found_with_their_names() {
        assert_eq!(fields(BODY), [("to", "alice@example.com"), ("file", "one\r\ntwo")]);
    }

    #[test]
    fn a_field_that_is_cut_is_not_told() {
        for end in 0..BODY.len() {
            let whole = fields(BODY);
            let cut = fields(BODY.get(..end).unwrap());
            assert!(whole.starts_with(&cut), "{end}: {cut:?}");
        }
    }
}
