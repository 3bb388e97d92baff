//! From the name that a guest gave its metric to a name and labels of Prometheus.

/// What a metric is called in the exposition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series {
    /// Letters, digits and underscores; never empty, and no digit comes first.
    pub(super) name: String,
    /// In the order of their names. One with an empty value is left out: Prometheus makes no difference.
    pub(super) labels: Vec<(String, String)>,
}

/// Takes `label=.=value;.;` off the front of a name as often as it stands there, and sanitises what is left as Envoy does.
/// A label that Prometheus does not allow, or that was there before, stays in the name. `None` if nothing is left, or if it
/// begins with a digit: Envoy does not show such a metric either.
pub(super) fn decode(encoded: &str) -> Option<Series> {
    let (mut rest, mut labels) = (encoded, Vec::<(String, String)>::new());
    while let Some((label, value, after)) = front(rest) {
        if !is_label(label) || labels.iter().any(|(known, _)| known == label) {
            break;
        }
        labels.push((label.to_owned(), value.chars().map(printable).collect()));
        rest = after;
    }
    labels.retain(|(_, value)| !value.is_empty());
    labels.sort();
    let name = sanitise(rest);
    let shown = name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    shown.then_some(Series { name, labels })
}

/// The first label, its value, and what comes after them.
fn front(name: &str) -> Option<(&str, &str, &str)> {
    let (label, rest) = name.split_once("=.=")?;
    let (value, after) = rest.split_once(";.;")?;
    Some((label, value, after))
}

/// `le` is for buckets, and Prometheus keeps names with two underscores for itself.
fn is_label(name: &str) -> bool {
    let plain = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
    let first = name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    first && name.bytes().all(plain) && name != "le" && !name.starts_with("__")
}

/// Every character that is no letter, digit or underscore becomes one underscore.
pub(super) fn sanitise(name: &str) -> String {
    name.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '_' }).collect()
}

/// Some parsers stop at control characters, though the formats allow them.
fn printable(character: char) -> char {
    if character.is_control() { char::REPLACEMENT_CHARACTER } else { character }
}

#[cfg(test)]
mod tests {
    use super::{Series, decode};

    /// The series as text; `-` for none.
    fn shown(encoded: &str) -> String {
        let Some(Series { name, labels }) = decode(encoded) else { return "-".to_owned() };
        labels.iter().fold(name, |text, (label, value)| format!("{text} {label}={value}"))
    }

    #[test]
    fn labels_come_off_the_front_and_the_rest_is_sanitised() {
        let cases = [
            ("pushes_total", "pushes_total"),
            ("channel=.=apns;.;node=.=apns_send;.;calls_total", "calls_total channel=apns node=apns_send"),
            ("b=.=2;.;a=.=1;.;m", "m a=1 b=2"),
            ("a=.=;.;m", "m"),
            ("a=.=x=y;z.w;.;m", "m a=x=y;z.w"),
            ("a=.=x\n\"\\\0;.;m", "m a=x\u{fffd}\"\\\u{fffd}"),
            ("a.b-c/d", "a_b_c_d"),
            ("\u{e9}t\u{e9}_total", "_t__total"),
            // A value that is not closed is no label.
            ("a=.=x", "a___x"),
            ("a=.=1;.;a=.=2;.;m", "a___2___m a=1"),
            ("le=.=5;.;m", "le___5___m"),
            ("__name__=.=x;.;m", "__name_____x___m"),
            ("a b=.=x;.;m", "a_b___x___m"),
            ("=.=x;.;m", "___x___m"),
            ("1a=.=x;.;m", "-"),
            ("a=.=x;.;", "-"),
            ("a=.=x;.;9m", "-"),
            ("9m", "-"),
            ("", "-"),
        ];
        for (encoded, series) in cases {
            assert_eq!(shown(encoded), series, "{encoded:?}");
        }
    }
}
