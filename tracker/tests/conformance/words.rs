//! Words and ids as they come, and as they come from somebody who means no good.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_xoshiro::Xoshiro256PlusPlus;

/// Chance; the same seed gives the same history.
pub(crate) type Chance = Xoshiro256PlusPlus;

/// What breaks whoever puts text together instead of binding it, or takes it apart at the wrong sign.
pub(crate) const HOSTILE: &[&str] = &[
    "'; DROP TABLE events; --",
    "\\",
    "\\'",
    "it's",
    "a\0b",
    "\0",
    "two\nlines\r\nand\ta tab",
    "😀 推送",
    "\"quoted\"",
    "{tenant:String}",
    "? ?? ?fields",
    "%00 _ %",
    "\u{202e}txt.exe",
    "NULL",
    "\\N",
    " ",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
];

/// One of some.
pub(crate) fn one<'a>(chance: &mut Chance, of: &[&'a str]) -> &'a str {
    of.choose(chance).copied().unwrap_or_default()
}

/// One of some, and sometimes one that means no good, or nothing.
pub(crate) fn word(chance: &mut Chance, of: &[&str]) -> String {
    match chance.random_range(0..20) {
        0 => one(chance, HOSTILE).to_owned(),
        1 => String::new(),
        _ => one(chance, of).to_owned(),
    }
}

/// An id in one of the forms that people use: what looks like a number, hexadecimal digits or a UUID has to come back as it was.
pub(crate) fn id(chance: &mut Chance) -> String {
    let number: u128 = chance.random();
    let small: u32 = chance.random();
    match chance.random_range(0..12) {
        0 => format!("{number:032X}"),
        1 => uuid(number),
        2 => uuid(number).to_uppercase(),
        3 => format!("{small}"),
        4 => format!("000{small}"),
        5 => format!("{number}"),
        6 => format!("order-{small}"),
        7 => format!("{}{small}", one(chance, HOSTILE)),
        8 => "long".repeat(60) + &small.to_string(),
        _ => format!("{number:032x}"),
    }
}

fn uuid(number: u128) -> String {
    let digits = format!("{number:032x}");
    let (a, rest) = digits.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// A JSON object, or nothing.
pub(crate) fn rest(chance: &mut Chance) -> String {
    match chance.random_range(0..6) {
        0 => serde_json::json!({ "push.note": one(chance, HOSTILE), "n": chance.random::<u16>() }).to_string(),
        1 => r#"{"http.response.status_code":503}"#.to_owned(),
        _ => String::new(),
    }
}
