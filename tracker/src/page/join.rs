//! Makes one script of the page's modules, so that a browser asks once and what is alike in them is packed once.
//!
//! It knows the few forms in which they are written, and no more: an import or export is a line of its own, and begins it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// One script that does what the module of that name does, with all that it imports. Each module is a function that gives what
/// the module exports, behind those that it needs.
pub(super) fn join(name: &str, modules: &[(&str, &str)]) -> String {
    let mut script = String::new();
    add(name, modules, &mut BTreeSet::new(), &mut script);
    script
}

fn add<'a>(name: &'a str, modules: &[(&'a str, &'a str)], done: &mut BTreeSet<&'a str>, script: &mut String) {
    let Some((_, text)) = modules.iter().find(|(known, _)| *known == name) else { return };
    if !done.insert(name) {
        return;
    }
    let (mut body, mut exports) = (String::new(), Vec::new());
    for line in text.lines() {
        if let Some((what, from)) = import(line) {
            add(from, modules, done, script);
            let _ = writeln!(body, "const {} = {};", what.replace(" as ", ": "), variable(from));
        } else if let Some(rest) = line.strip_prefix("export ") {
            exports.extend(exported(rest));
            let _ = writeln!(body, "{rest}");
        } else {
            let _ = writeln!(body, "{line}");
        }
    }
    let _ =
        writeln!(script, "const {} = (() => {{\n{body}return {{ {} }};\n}})();", variable(name), exports.join(", "));
}

/// What is imported, and from which file: `import { a } from "./b.js";` or `import * as a from "./b.js";`.
pub(super) fn import(line: &str) -> Option<(&str, &str)> {
    let (what, from) = line.strip_prefix("import ")?.split_once(" from \"./")?;
    Some((what.strip_prefix("* as ").unwrap_or(what), from.strip_suffix("\";")?))
}

/// The name that a declaration gives.
fn exported(declaration: &str) -> Option<&str> {
    let rest = declaration.strip_prefix("async ").unwrap_or(declaration);
    let rest = ["function ", "const ", "class "].iter().find_map(|word| rest.strip_prefix(word))?;
    rest.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_').next()
}

/// The variable that a module is in.
fn variable(name: &str) -> String {
    format!("${}", name.trim_end_matches(".js").replace('-', "_"))
}
