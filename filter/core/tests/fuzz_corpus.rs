//! The corpus of the fuzzer, as it is and a little mutated: so every run of the tests fuzzes a bit.

#[path = "support/exchange.rs"]
mod exchange;
#[path = "support/mutate.rs"]
mod mutate;

use exchange::{Origin, faults};
use std::error::Error;
use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Mutations of each file.
const MUTATIONS: u64 = 300;

/// The files of the corpus by name.
fn corpus() -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/exchange"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push((name, fs::read(path)?));
    }
    files.sort();
    Ok(files)
}

/// What does not hold, a panic among it.
fn judge(bytes: &[u8], origin: Origin) -> Vec<String> {
    catch_unwind(|| faults(bytes, origin)).unwrap_or_else(|_| vec!["the core panics".to_owned()])
}

/// Keeps an exchange for the one who mends what is wrong with it.
fn keep(name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes)?;
    Ok(path)
}

#[test]
fn what_the_corpus_tells_holds() -> Result<()> {
    let mut wrong = Vec::new();
    let corpus = corpus()?;
    for (name, bytes) in &corpus {
        wrong.extend(judge(bytes, Origin::Written).into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(corpus.len() >= 100, "the corpus is small");
    Ok(())
}

#[test]
fn what_is_near_the_corpus_holds() -> Result<()> {
    let corpus = corpus()?;
    let mut wrong = Vec::new();
    for (name, bytes) in &corpus {
        for seed in 0..MUTATIONS {
            let mutated = mutate::mutate(bytes, seed);
            let faults = judge(&mutated, Origin::Mutated);
            if let Some(fault) = faults.first() {
                let path = keep(&format!("{name}.{seed}"), &mutated)?;
                wrong.push(format!("{}: {fault}", path.display()));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
