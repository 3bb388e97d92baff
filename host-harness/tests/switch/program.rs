//! The program as an operator runs it.

use super::bed::{Bed, CONFIG, Said, mode, pointsman};
use anyhow::Result;
use pointsman_host::oplog::{Operation, Step, ZERO, sha256};
use pointsman_host::rules::{PluginSettings, render_ecds};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::thread;

fn assert_done(said: &Said) {
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
}

#[test]
fn a_switch_is_one_rule_and_nothing_else_of_the_file_changes() -> Result<()> {
    let bed = Bed::new()?;
    let before = fs::metadata(&bed.config)?;
    let said = bed.by_alice(&["xiaomi", "--to", "xiaomi-b", "--to", "xiaomi-c"])?;
    assert_done(&said);
    assert!(said.out.starts_with("switched xiaomi to xiaomi-b, xiaomi-c until 20"), "{}", said.out);
    let text = bed.text()?;
    let config: Value = serde_json::from_str(&text)?;
    let rule = &config["rules"][0];
    assert_eq!(rule["name"], "switch-xiaomi");
    assert_eq!(
        rule["force"],
        serde_json::json!({"channel": "xiaomi", "action": "switch", "to": ["xiaomi-b", "xiaomi-c"]})
    );
    assert_eq!((&rule["by"], &rule["reason"]), (&"alice".into(), &"vendor down".into()));
    let kept = CONFIG.trim_end().trim_end_matches('}').trim_end();
    assert!(text.starts_with(&format!("{kept},\n    \"rules\": [")) && text.ends_with("]\n}\n"), "{text}");
    let after = fs::metadata(&bed.config)?;
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
    assert_ne!(after.ino(), before.ino(), "an edit in place would go unseen by Envoy");
    assert_eq!(bed.beside()?, ["pointsman.json.lock", "pointsman.ops.jsonl"]);
    Ok(())
}

#[test]
fn a_rehearsal_is_ordered_and_ended_like_a_switch() -> Result<()> {
    let bed = Bed::new()?;
    let auto = r#"{"name": "a", "auto": {"channel": "xiaomi", "to": ["xiaomi-b"]}}"#;
    let mut config: Value = serde_json::from_str(CONFIG)?;
    config["rules"] = serde_json::json!([serde_json::from_str::<Value>(auto)?]);
    fs::write(&bed.config, config.to_string())?;
    let said = bed.by_alice(&["xiaomi", "--drill", "status:503", "--share", "0.1"])?;
    assert_done(&said);
    assert!(said.out.starts_with("rehearsing status:503 for 0.1 of xiaomi until 20"), "{}", said.out);
    let rules: Value = serde_json::from_str(&bed.text()?)?;
    let expected = serde_json::json!({"channel": "xiaomi", "share": 0.1, "fault": {"status": 503}});
    assert_eq!(rules["rules"][0]["drill"], expected);
    assert_done(&bed.switch(&["--end-drill", "xiaomi", "--by", "bob", "--reason", "seen enough"])?);
    assert_eq!(bed.text()?, config.to_string());
    let told: Vec<_> = bed.entries()?.iter().map(|entry| entry.operation).collect();
    assert_eq!(told, [Operation::Drill, Operation::Drill, Operation::EndDrill, Operation::EndDrill]);
    Ok(())
}

#[test]
fn an_order_and_its_end_are_four_lines_in_the_log() -> Result<()> {
    let bed = Bed::new()?;
    assert_done(&bed.by_alice(&["xiaomi", "--to", "xiaomi-b", "--approved-by", "bob"])?);
    let switched = bed.text()?;
    let said = bed.switch(&["--back", "xiaomi", "--by", "bob", "--reason", "vendor is back"])?;
    assert_done(&said);
    assert!(said.out.starts_with("took the manual rule of xiaomi back in "), "{}", said.out);
    let entries = bed.entries()?;
    let steps: Vec<_> = entries.iter().map(|entry| (entry.operation, entry.step)).collect();
    let (switch, back) = (Operation::Switch, Operation::Back);
    assert_eq!(steps, [(switch, Step::Intent), (switch, Step::Done), (back, Step::Intent), (back, Step::Done)]);
    let first = &entries[0];
    assert_eq!((first.by.as_str(), first.approved_by.as_deref(), &first.prev[..]), ("alice", Some("bob"), ZERO));
    assert_eq!((first.to.as_slice(), first.reason.as_str()), (&["xiaomi-b".to_owned()][..], "vendor down"));
    assert_eq!((&first.before, &first.after), (&sha256(CONFIG.as_bytes()), &sha256(switched.as_bytes())));
    let rule: Value = serde_json::from_str(&switched)?;
    assert_eq!(rule["rules"][0]["until"], first.until.clone().unwrap_or_default());
    assert_eq!(mode(&bed.log)?, 0o640);
    let text = bed.text()?;
    assert!(!text.contains("switch-xiaomi") && text.starts_with(CONFIG.trim_end().trim_end_matches('}').trim_end()));

    let said = bed.switch(&["--back", "xiaomi", "--by", "bob", "--reason", "again"])?;
    assert_eq!((said.code, said.out.as_str()), (Some(64), ""));
    assert!(said.err.contains("there is no manual rule `switch-xiaomi`"), "{}", said.err);
    assert_eq!((bed.text()?, bed.entries()?.len()), (text, 4));
    Ok(())
}

#[test]
fn a_second_switch_replaces_the_first_and_shed_and_hold_do_too() -> Result<()> {
    let auto = "  \"businesses\": [{\"name\": \"order\", \"priority\": 9}],\n  \"rules\": [{\"name\": \"a\", \"auto\": {\"channel\": \"xiaomi\"}}],\n";
    let bed = Bed::with(&CONFIG.replacen("{\n", &format!("{{\n{auto}"), 1))?;
    let orders: [&[&str]; 4] = [
        &["xiaomi", "--to", "xiaomi-b"],
        &["xiaomi", "--to", "xiaomi-c"],
        &["xiaomi", "--shed", "--below-priority", "5"],
        &["xiaomi", "--hold", "degraded"],
    ];
    for arguments in orders {
        assert_done(&bed.by_alice(arguments)?);
        let config: Value = serde_json::from_str(&bed.text()?)?;
        assert_eq!(config["rules"].as_array().map(Vec::len), Some(2));
        let action = config["rules"][0]["force"]["action"].as_str().unwrap_or_default().to_owned();
        let last = bed.entries()?.pop().map(|entry| serde_json::json!(entry.operation));
        assert_eq!(last, Some(action.into()));
    }
    Ok(())
}

#[test]
fn credentials_in_the_body_are_handed_on_only_when_ordered() -> Result<()> {
    let bed = Bed::with(&CONFIG.replace("xiaomi", "oppo"))?;
    let order = ["oppo", "--to", "oppo-b"];
    let said = bed.by_alice(&order)?;
    assert_eq!((said.code, said.err.contains("keep_credentials")), (Some(64), true), "{}", said.err);
    assert_done(&bed.by_alice(&[&order[..], &["--keep-credentials"]].concat())?);
    let config: Value = serde_json::from_str(&bed.text()?)?;
    let target = serde_json::json!({"channel": "oppo-b", "keep_credentials": true});
    assert_eq!(config["rules"][0]["force"]["to"][0], target);
    Ok(())
}

#[test]
fn a_dry_run_shows_the_change_and_writes_nothing() -> Result<()> {
    let bed = Bed::new()?;
    let said = bed.by_alice(&["xiaomi", "--to", "xiaomi-b", "--dry-run"])?;
    assert_done(&said);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines[0], format!("--- {}", bed.config.display()));
    assert_eq!(lines[2], "@@ -2,5 +2,8 @@");
    assert!(
        lines.iter().any(|line| line.starts_with("+        {\"name\": \"switch-xiaomi\", \"force\": ")),
        "{}",
        said.out
    );
    assert_eq!((bed.text()?.as_str(), bed.beside()?), (CONFIG, vec![]));
    Ok(())
}

#[test]
fn a_config_with_faults_is_never_written() -> Result<()> {
    let bed = Bed::new()?;
    for arguments in [["nobody", "--to", "xiaomi-b"], ["xiaomi", "--to", "nobody"], ["xiaomi", "--to", "xiaomi"]] {
        let said = bed.by_alice(&arguments)?;
        assert_eq!((said.code, said.out.as_str()), (Some(64), ""), "{arguments:?}");
        assert!(said.err.contains("$.rules[0].force"), "{}", said.err);
        assert!(said.err.lines().next().is_some_and(|line| line.contains(", not switched; ")), "{}", said.err);
        assert_eq!((bed.text()?.as_str(), fs::exists(&bed.log)?), (CONFIG, false));
    }
    let faulty = Bed::with("{\"servce\": 1, \"channels\": [\"xiaomi\", 7]}")?;
    let said = faulty.by_alice(&["xiaomi", "--shed"])?;
    assert!(said.err.contains("$.servce: ") && said.err.contains("$.channels[1]: "), "{}", said.err);
    Ok(())
}

#[test]
fn a_rule_that_is_over_is_told_and_stands_in_nobodys_way() -> Result<()> {
    let order = |name: &str, until: &str| {
        format!(
            "{{\"name\": \"{name}\", \"force\": {{\"channel\": \"xiaomi\", \"action\": \"shed\"}}, \"by\": \"bob\", \
             \"reason\": \"test\", \"until\": \"{until}\"}}"
        )
    };
    let with = |rule: String| CONFIG.replacen("{\n", &format!("{{\n  \"rules\": [{rule}],\n"), 1);
    let bed = Bed::with(&with(order("old", "2026-01-01T00:00:00Z")))?;
    let checked = pointsman(&["check", &bed.config.to_string_lossy()])?;
    assert_eq!(checked.code, Some(64));
    assert!(checked.err.contains("$.rules[0].until: is in the past"), "{}", checked.err);
    let said = bed.by_alice(&["xiaomi", "--to", "xiaomi-b"])?;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.starts_with("note: $.rules[1].until: is in the past"), "{}", said.err);

    let bed = Bed::with(&with(order("long", "2100-01-01T00:00:00Z")))?;
    let said = bed.by_alice(&["xiaomi", "--to", "xiaomi-b"])?;
    assert_eq!(said.code, Some(64), "{said:?}");
    assert!(said.err.contains("$.rules[1].force: is for channel `xiaomi`"), "{}", said.err);
    Ok(())
}

#[test]
fn a_mistake_in_the_order_says_how_it_is_used() -> Result<()> {
    let bed = Bed::new()?;
    let who: &[&str] = &["--by", "alice", "--reason", "x"];
    let mistakes: [&[&str]; 11] = [
        &["xiaomi", "--to", "xiaomi-b", "--for", "30m", "--by", "alice"],
        &["xiaomi", "--to", "xiaomi-b", "--for", "30m", "--reason", "x"],
        &["xiaomi", "--to", "xiaomi-b", "--for", "30m", "--by", " ", "--reason", "x"],
        &["xiaomi", "--to", "xiaomi-b", "--for", "30m", "--by", "a\nb", "--reason", "x"],
        &[&["xiaomi", "--to", "xiaomi-b"], who].concat(),
        &[&["xiaomi", "--to", "xiaomi-b", "--for", "25h"], who].concat(),
        &[&["xiaomi", "--to", "xiaomi-b", "--for", "soon"], who].concat(),
        &[&["xiaomi", "--for", "30m"], who].concat(),
        &[&["--to", "xiaomi-b", "--for", "30m"], who].concat(),
        &[&["xiaomi", "--to", "xiaomi-b", "--back"], who].concat(),
        &[&["xiaomi", "--to", "xiaomi-b", "--for", "30m", "--approved-by", "Alice "], who].concat(),
    ];
    for mistake in mistakes {
        let said = bed.switch(mistake)?;
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{mistake:?}");
        assert!(said.err.contains("--"), "{}", said.err);
    }
    assert_eq!((bed.text()?.as_str(), bed.beside()?), (CONFIG, vec![]));
    Ok(())
}

#[test]
fn unsafe_files_and_folders_are_refused() -> Result<()> {
    let bed = Bed::new()?;
    let order = ["xiaomi", "--to", "xiaomi-b"];
    fs::set_permissions(bed.folder.path(), Permissions::from_mode(0o770))?;
    let said = bed.by_alice(&order)?;
    assert_eq!((said.code, said.err.contains("chmod go-w")), (Some(1), true), "{}", said.err);
    assert_eq!(bed.by_alice(&[&order[..], &["--dry-run"]].concat())?.code, Some(1));
    fs::set_permissions(bed.folder.path(), Permissions::from_mode(0o700))?;

    let elsewhere = tempfile::tempdir()?;
    let link = bed.folder.path().join("log");
    symlink(elsewhere.path().join("log"), &link)?;
    let open = elsewhere.path().join("open");
    fs::create_dir(&open)?;
    fs::set_permissions(&open, Permissions::from_mode(0o757))?;
    for (log, word) in [(link, "symbolic link"), (open.join("log"), "chmod go-w"), (open, "no regular file")] {
        let said = bed.by_alice(&[&order[..], &["--ops-log", &log.to_string_lossy()]].concat())?;
        assert_eq!((said.code, said.err.contains(word)), (Some(1), true), "{}", said.err);
    }
    let real = elsewhere.path().join("real.json");
    fs::rename(&bed.config, &real)?;
    symlink(&real, &bed.config)?;
    let said = bed.by_alice(&order)?;
    assert_eq!((said.code, said.err.contains("symbolic link")), (Some(1), true), "{}", said.err);
    assert_eq!((fs::read_to_string(&real)?.as_str(), fs::exists(&bed.log)?), (CONFIG, false));
    Ok(())
}

#[test]
fn two_operators_at_once_lose_nothing() -> Result<()> {
    let channels: Vec<String> = (0..8).map(|index| format!("o{index}")).collect();
    let wire: Vec<String> = channels
        .iter()
        .map(|name| format!("{{\"name\": \"{name}\", \"adapter\": \"xiaomi\", \"hosts\": [\"{name}.internal\"]}}"))
        .collect();
    let bed = Bed::with(&format!("{{\n  \"channels\": [\"xiaomi\", {}]\n}}\n", wire.join(", ")))?;
    thread::scope(|scope| {
        let runs: Vec<_> =
            channels.iter().map(|name| scope.spawn(|| bed.by_alice(&[name, "--to", "xiaomi"]))).collect();
        for run in runs {
            assert_done(&run.join().unwrap().unwrap());
        }
    });
    let config: Value = serde_json::from_str(&bed.text()?)?;
    let mut switched: Vec<_> =
        config["rules"].as_array().into_iter().flatten().map(|rule| rule["force"]["channel"].clone()).collect();
    switched.sort_by_key(ToString::to_string);
    assert_eq!(switched, channels);
    let said = pointsman(&["switch", "--log", &bed.log.to_string_lossy(), "--verify"])?;
    assert_done(&said);
    assert!(said.out.starts_with("ok: 16 lines, the last is "), "{}", said.out);
    Ok(())
}

#[test]
fn a_log_that_was_tampered_with_takes_no_more() -> Result<()> {
    let bed = Bed::new()?;
    assert_done(&bed.by_alice(&["xiaomi", "--to", "xiaomi-b"])?);
    let (config, log) = (bed.text()?, fs::read_to_string(&bed.log)?);
    fs::write(&bed.log, log.replacen("alice", "mallory", 1))?;
    let said = pointsman(&["switch", "--log", &bed.log.to_string_lossy(), "--verify"])?;
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(said.err.contains("broken at line 2: it does not follow line 1"), "{}", said.err);
    let said = bed.by_alice(&["xiaomi", "--to", "xiaomi-c"])?;
    assert_eq!((said.code, said.err.contains("nothing is added to it")), (Some(1), true), "{}", said.err);
    assert_eq!(bed.text()?, config);

    fs::rename(&bed.log, bed.folder.path().join("evidence"))?;
    assert_done(&bed.by_alice(&["xiaomi", "--to", "xiaomi-c"])?);
    assert_eq!(bed.entries()?.len(), 2);
    Ok(())
}

#[test]
fn a_switch_may_be_applied_at_once() -> Result<()> {
    let bed = Bed::new()?;
    let destination = bed.folder.path().join("rules.ecds.json");
    let target = ["--target", "ecds", "--destination", &destination.to_string_lossy()];
    let said = bed.by_alice(&[&["xiaomi", "--to", "xiaomi-b"], &target[..]].concat())?;
    assert_done(&said);
    assert!(said.out.lines().nth(1).is_some_and(|line| line.starts_with("applied ")), "{}", said.out);
    assert_eq!(fs::read_to_string(&destination)?, render_ecds(&bed.text()?, &PluginSettings::shipped()?));
    assert_eq!(bed.entries()?[1].applied.as_deref(), destination.to_str());

    let nowhere = bed.folder.path().join("nowhere/rules.ecds.json");
    let target = ["--target", "ecds", "--destination", &nowhere.to_string_lossy()];
    let said = bed.by_alice(&[&["xiaomi", "--to", "xiaomi-c"], &target[..]].concat())?;
    assert_eq!((said.code, said.err.contains("not applied")), (Some(1), true), "{}", said.err);
    assert!(bed.text()?.contains("\"xiaomi-c\"]}, \"by\""));
    assert!(bed.entries()?.last().is_some_and(|entry| entry.step == Step::Done && entry.error.is_some()));
    Ok(())
}

#[test]
fn drills_are_told_from_a_log() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("envoy.log");
    let record = |verdict: &str| {
        let attributes = serde_json::json!({
            "push.drill.name": verdict, "push.channel": "xiaomi", "push.by": "alice", "push.reason": "rehearsal",
            "push.drill.started_unix_ms": 1_700_000_000_000_u64, "push.drill.ended_unix_ms": 1_700_000_060_000_u64,
            "push.drill.share": 0.1, "push.drill.fault": "refused", "push.drill.calls": 12, "push.drill.lost": 0,
            "push.drill.doubled": 0, "push.drill.stopped_by": "until", "push.drill.verdict": verdict,
        });
        let record = serde_json::json!({"event_name": "push.drill.report", "attributes": attributes});
        format!("[2023-11-14][7][warning][wasm] wasm log pointsman: record {record}\n")
    };
    for (text, code) in [
        ("[info] nothing\n".to_owned(), 64),
        (record("passed"), 0),
        (record("passed") + &record("failed"), 1),
        (record("passed") + &record("perhaps"), 1),
    ] {
        fs::write(&log, &text)?;
        let said = pointsman(&["drill", "report", &log.to_string_lossy()])?;
        assert_eq!(said.code, Some(code), "{said:?}");
        let told = pointsman(&["drill", "report", "--json", &log.to_string_lossy()])?;
        assert_eq!((told.code, told.out.lines().count()), (Some(code), said.out.matches("drill ").count()));
        for line in told.out.lines() {
            assert_eq!(serde_json::from_str::<Value>(line)?["channel"], "xiaomi");
        }
    }
    Ok(())
}
