//! The files of the page, as they go out: made ready once, when the first is asked for.

use super::{join, squeeze};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::LazyLock;

macro_rules! files {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("../../page/", $name)))),*] };
}

/// The scripts, each an ES module that imports others of them by `./NAME`.
pub(super) const SCRIPTS: [(&str, &str); 26] = files![
    "api.js",
    "app.js",
    "blocked.js",
    "channels.js",
    "chart.js",
    "dialog.js",
    "dom.js",
    "find.js",
    "format.js",
    "freshness.js",
    "live.js",
    "message.js",
    "nodes.js",
    "operate.js",
    "oplog.js",
    "parts.js",
    "patterns.js",
    "range.js",
    "route.js",
    "search.js",
    "signin.js",
    "text.js",
    "trend.js",
    "waterfall.js",
    "words-en.js",
    "words-zh.js",
];
const STYLES: [(&str, &str); 2] = files!["vendor/uPlot.min.css", "style.css"];
const OTHERS: [(&str, &str); 4] = files!["index.html", "icon.svg", "vendor/uPlot.iife.min.js", "vendor/uPlot.LICENSE"];
/// Stands in the document for the version.
const VERSION: &str = "@@";

/// A file that is ready to go out.
#[derive(Debug)]
pub(super) struct File {
    /// The last part of its path.
    pub(super) name: &'static str,
    /// The media type.
    pub(super) kind: &'static str,
    /// What is in it.
    pub(super) text: String,
    /// The same by gzip.
    pub(super) zipped: Vec<u8>,
    /// Tells it from what it was before, in quotation marks.
    pub(super) tag: String,
}

/// The page.
#[derive(Debug)]
pub(super) struct Page {
    /// What is at `/`.
    pub(super) document: File,
    /// What it loads.
    pub(super) files: Vec<File>,
    /// Tells these files from those of other programs.
    pub(super) version: String,
}

/// The page of this program.
pub(super) static PAGE: LazyLock<Page> = LazyLock::new(make);

fn make() -> Page {
    let [(_, html), (_, icon), (_, uplot), (_, licence)] = OTHERS;
    let style = STYLES.map(|(_, text)| squeeze::style(text)).concat();
    let script = squeeze::script(&join::join("app.js", &SCRIPTS));
    let files = vec![
        file("style.css", "text/css; charset=utf-8", style),
        file("app.js", "text/javascript; charset=utf-8", script),
        file("uPlot.iife.min.js", "text/javascript; charset=utf-8", uplot.to_owned()),
        file("uPlot.LICENSE", "text/plain; charset=utf-8", licence.to_owned()),
        file("icon.svg", "image/svg+xml", icon.to_owned()),
    ];
    let version = digest(&files.iter().map(|file| file.tag.as_str()).collect::<String>());
    let document = file("", "text/html; charset=utf-8", html.replace(VERSION, &version));
    Page { document, files, version }
}

fn file(name: &'static str, kind: &'static str, text: String) -> File {
    let tag = format!("\"{}\"", digest(&text));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing into memory does not fail.
    let zipped = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).unwrap_or_default();
    File { name, kind, text, zipped, tag }
}

fn digest(text: &str) -> String {
    let mut hexadecimal = String::new();
    for byte in Sha256::digest(text).iter().take(8) {
        let _ = write!(hexadecimal, "{byte:02x}");
    }
    hexadecimal
}
