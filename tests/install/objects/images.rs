//! Images are named by version, and the Dockerfiles that make ours hold what they should and nothing else.

use super::{files, places, repository};
use std::fs;
use std::path::Path;

/// What `scripts/build-filter` and `cargo build --release` leave in target/.
const BUILT: [&str; 3] = ["target/pointsman.wasm", "target/release/pointsman", "target/release/pointsman-tracker"];

/// Whether an image is named by a version or a digest.
fn pinned(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or_default();
    image.contains("@sha256:") || name.split_once(':').is_some_and(|(_, tag)| !tag.is_empty() && tag != "latest")
}

#[test]
fn a_tag_is_told_from_a_port_and_from_latest() {
    for image in ["a:1", "example.com:5000/a:1.2", "a@sha256:00"] {
        assert!(pinned(image), "{image}");
    }
    for image in ["a", "a:latest", "example.com:5000/a", "a:"] {
        assert!(!pinned(image), "{image}");
    }
}

#[test]
fn every_image_of_an_overlay_is_named_by_version() {
    let loose = places(|path, value| {
        let names_image = path.ends_with(".image") || path.ends_with(".image.reference");
        names_image && value.as_str().is_some_and(|image| image != "auto" && !pinned(image))
    });
    assert!(loose.is_empty(), "{loose:?}");
}

#[test]
fn dockerfiles_copy_what_is_there_and_name_versions_and_a_number_as_user() {
    let files = files("k8s", "Dockerfile");
    assert!(!files.is_empty(), "there is no Dockerfile");
    for file in files {
        let text = fs::read_to_string(&file).unwrap().replace("\\\n", " ");
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        for words in &lines {
            instruction(words).unwrap_or_else(|wrong| panic!("{}: {wrong}", file.display()));
        }
        let runs = lines.iter().any(|words| matches!(words.first(), Some(&("ENTRYPOINT" | "CMD"))));
        let user = lines.iter().rfind(|words| words.first() == Some(&"USER"));
        assert!(!runs || user.is_some(), "{}: who runs it?", file.display());
    }
}

fn instruction(words: &[&str]) -> Result<(), String> {
    let [instruction, arguments @ ..] = words else { return Ok(()) };
    let line = || words.join(" ");
    match *instruction {
        "FROM" => {
            let image = arguments.iter().find(|word| !word.starts_with("--")).copied().unwrap_or_default();
            if image == "scratch" || pinned(image) || image.starts_with("${") { Ok(()) } else { Err(line()) }
        }
        "ADD" => Err(format!("{}: ADD may fetch or unpack", line())),
        "COPY" if arguments.iter().any(|word| word.starts_with("--from=")) => Ok(()),
        "COPY" => {
            let named: Vec<&str> = arguments.iter().filter(|word| !word.starts_with("--")).copied().collect();
            let sources = named.split_last().map(|(_, sources)| sources).unwrap_or_default();
            let missing = sources.iter().find(|source| !BUILT.contains(source) && !is_there(source));
            missing.map_or(Ok(()), |source| Err(format!("{}: there is no {source}", line())))
        }
        "USER" => {
            let number = arguments.first().and_then(|user| user.split(':').next()?.parse::<u32>().ok());
            if number.is_some_and(|number| number > 0) { Ok(()) } else { Err(line()) }
        }
        "ARG" | "ENV" => {
            let hint = line().to_uppercase();
            let secret = ["SECRET", "TOKEN", "PASSWORD"].iter().any(|word| hint.contains(word));
            if secret { Err(line()) } else { Ok(()) }
        }
        _ => Ok(()),
    }
}

fn is_there(source: &str) -> bool {
    Path::new(source).is_relative() && repository(source).exists()
}
