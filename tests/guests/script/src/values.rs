//! Words of scripts as numbers, and answers as text.

/// What `proxy_on_vm_start` can read.
pub(crate) const VM_CONFIGURATION: u32 = 6;
/// What `proxy_on_configure` can read.
pub(crate) const PLUGIN_CONFIGURATION: u32 = 7;

/// Headers that proxies add on their own, and what carries the script.
const NOISE: [&str; 8] = [
    "x-script",
    "x-request-id",
    "x-forwarded-proto",
    "x-forwarded-for",
    "date",
    "server",
    "content-length",
    "transfer-encoding",
];

/// Values longer than this are logged by their length.
const LONG: usize = 160;

/// The number of a header map.
pub(crate) fn map(word: &str) -> u32 {
    let names = [
        "request",
        "request_trailers",
        "response",
        "response_trailers",
        "grpc_initial",
        "grpc_trailing",
        "call",
        "call_trailers",
    ];
    position(&names, word)
}

/// The number of a buffer.
pub(crate) fn buffer(word: &str) -> u32 {
    let names =
        ["request", "response", "downstream", "upstream", "call", "grpc", "vm_config", "plugin_config", "call_data"];
    position(&names, word)
}

/// The number of a kind of metric.
pub(crate) fn metric(word: &str) -> u32 {
    position(&["counter", "gauge", "histogram"], word)
}

/// The number of a stream's half.
pub(crate) fn stream(word: &str) -> u32 {
    position(&["request", "response", "downstream", "upstream"], word)
}

fn position(names: &[&str], word: &str) -> u32 {
    match names.iter().position(|name| *name == word) {
        Some(index) => index as u32,
        None => number(word) as u32,
    }
}

/// A number in decimal or, after `0x`, hexadecimal notation.
pub(crate) fn number(word: &str) -> i64 {
    match word.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).unwrap_or_default(),
        None => word.parse().unwrap_or_default(),
    }
}

/// Bytes of a script's word: `%20` is a blank, `-` alone is nothing, `*300*a` is 300 times `a`.
pub(crate) fn text(word: &str) -> Vec<u8> {
    if word == "-" {
        return Vec::new();
    }
    if let Some((count, of)) = word.strip_prefix('*').and_then(|rest| rest.split_once('*')) {
        return text(of).repeat(count.parse().unwrap_or_default());
    }
    let bytes = word.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while let Some(byte) = bytes.get(index) {
        let hex = word.get(index + 1..index + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, hex) {
            (b'%', Some(value)) => {
                out.push(value);
                index += 3;
            }
            _ => {
                out.push(*byte);
                index += 1;
            }
        }
    }
    out
}

/// `name=value,name=value` in the wire form of header maps.
pub(crate) fn pairs(word: &str, further: &[(&str, &str)]) -> Vec<u8> {
    let mut list: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for pair in word.split(',').filter(|pair| !pair.is_empty() && *pair != "-") {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        list.push((text(name), text(value)));
    }
    list.extend(further.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())));
    if list.is_empty() {
        return Vec::new();
    }
    let mut out = (list.len() as u32).to_le_bytes().to_vec();
    for (name, value) in &list {
        out.extend((name.len() as u32).to_le_bytes());
        out.extend((value.len() as u32).to_le_bytes());
    }
    for (name, value) in list {
        out.extend(name);
        out.push(0);
        out.extend(value);
        out.push(0);
    }
    out
}

/// A header map in wire form as text, without what proxies add.
pub(crate) fn shown_pairs(bytes: &[u8]) -> String {
    let word = |at: usize| {
        let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        u32::from_le_bytes(bytes.unwrap_or_default()) as usize
    };
    let count = if bytes.len() < 4 { 0 } else { word(0) };
    let mut at = 4 + count * 8;
    let mut shown = Vec::new();
    for index in 0..count {
        let (name_len, value_len) = (word(4 + index * 8), word(8 + index * 8));
        let name = bytes.get(at..at + name_len).unwrap_or_default();
        let value = bytes.get(at + name_len + 1..at + name_len + 1 + value_len).unwrap_or_default();
        at += name_len + value_len + 2;
        let name = String::from_utf8_lossy(name).into_owned();
        if !NOISE.contains(&name.as_str()) && !name.starts_with("x-envoy") {
            shown.push(format!("{name}={}", self::shown(value)));
        }
    }
    shown.sort();
    format!("[{}]", shown.join(" "))
}

/// Bytes as text on one line.
pub(crate) fn shown(bytes: &[u8]) -> String {
    if bytes.len() > LONG { format!("({} bytes)", bytes.len()) } else { format!("'{}'", bytes.escape_ascii()) }
}
