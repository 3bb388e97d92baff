//! Switches from one vendor to another, written from the vendors' documents, against the adapters.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod answers;
mod cases;
mod faults;
mod properties;

use pointsman_core::adapter::{Adapter, Operation};
use pointsman_core::compose::{Canonical, Head, MessageReader, NoMessage, OwnSources};
use pointsman_core::headers::Headers;
use pointsman_core::path::PathPattern;
use pointsman_core::trace::CountryCode;

fn adapter(name: &str) -> Adapter {
    Adapter::built_in(name).unwrap_or_else(|| panic!("there is no adapter {name}")).unwrap()
}

fn captures(operation: &Operation, path: &str) -> Option<(PathPattern, Vec<String>)> {
    operation.paths.iter().find_map(|written| {
        let pattern = PathPattern::parse(written).unwrap();
        let captured = pattern.matches(path)?.into_iter().map(str::to_owned).collect();
        Some((pattern, captured))
    })
}

/// What the first operation with that path reads; none if it reads no messages.
fn read(
    adapter: &Adapter,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Result<Canonical, NoMessage>> {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let found = adapter.operation.iter().find_map(|operation| Some((operation, captures(operation, path)?)));
    let (operation, (pattern, captured)) = found.unwrap_or_else(|| panic!("{} has no {path}", adapter.name));
    let own = OwnSources::default();
    let reader = MessageReader::new(&adapter.name, operation, pattern.captures(), &own, CountryCode::default());
    let reader = reader.unwrap_or_else(|faults| panic!("{}: {faults:?}", adapter.name))?;
    let captures: Vec<&str> = captured.iter().map(String::as_str).collect();
    let headers: Headers<'_> = headers.iter().copied().collect();
    Some(reader.read(Head { headers: &headers, query, captures: &captures }, body))
}
