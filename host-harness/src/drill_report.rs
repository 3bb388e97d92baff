//! Reports of drills out of a proxy's log: lines with `record {"event_name":"push.drill.report",…}`, wherever else stands in
//! them.

use pointsman_core::time::{WallClock, format_duration, format_rfc3339};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::io::{self, BufRead};
use std::time::Duration;

const EVENT: &str = "push.drill.report";
const MARK: &str = "record {";

/// Whether a drill has shown what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It has.
    Passed,
    /// It has not.
    Failed,
}

/// The attributes of the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "snake_case"))]
pub struct DrillReport {
    /// The rule.
    #[serde(rename(deserialize = "push.drill.name"))]
    pub name: String,
    /// The channel whose calls were made to fail.
    #[serde(rename(deserialize = "push.channel"))]
    pub channel: String,
    /// Who wanted it.
    #[serde(default, rename(deserialize = "push.by"))]
    pub by: Option<String>,
    /// Why.
    #[serde(default, rename(deserialize = "push.reason"))]
    pub reason: Option<String>,
    /// When it began, in milliseconds since 1970.
    #[serde(rename(deserialize = "push.drill.started_unix_ms"))]
    pub started_unix_ms: u64,
    /// When it ended.
    #[serde(rename(deserialize = "push.drill.ended_unix_ms"))]
    pub ended_unix_ms: u64,
    /// The share of calls that it was made for, 0 to 1.
    #[serde(default, rename(deserialize = "push.drill.share"))]
    pub share: Value,
    /// What was done to them.
    #[serde(default, rename(deserialize = "push.drill.fault"))]
    pub fault: Value,
    /// How many there were.
    #[serde(default, rename(deserialize = "push.drill.calls"))]
    pub calls: u64,
    /// How many went to a backup.
    #[serde(default, rename(deserialize = "push.drill.switched_calls"))]
    pub switched_calls: u64,
    /// From the first fault until the channel was degraded; none if it never was.
    #[serde(default, rename(deserialize = "push.drill.time_to_detect_ms"))]
    pub time_to_detect_ms: Option<u64>,
    /// Until the first message went to a backup.
    #[serde(default, rename(deserialize = "push.drill.time_to_switch_ms"))]
    pub time_to_switch_ms: Option<u64>,
    /// From the end of the faults until the channel was healthy.
    #[serde(default, rename(deserialize = "push.drill.time_to_recover_ms"))]
    pub time_to_recover_ms: Option<u64>,
    /// Messages that nobody has taken.
    #[serde(default, rename(deserialize = "push.drill.lost"))]
    pub lost: u64,
    /// Messages that were taken twice.
    #[serde(default, rename(deserialize = "push.drill.doubled"))]
    pub doubled: u64,
    /// `until`, `stop_above` or `config`.
    #[serde(default, rename(deserialize = "push.drill.stopped_by"))]
    pub stopped_by: Option<String>,
    /// What came of it.
    #[serde(rename(deserialize = "push.drill.verdict"))]
    pub verdict: Verdict,
}

/// What a log holds.
#[derive(Debug, Default, PartialEq)]
pub struct Found {
    /// Each report once, in the order of the log.
    pub reports: Vec<DrillReport>,
    /// Reports that cannot be read: the line, counted from 1, and what is wrong.
    pub unreadable: Vec<(usize, String)>,
}

impl Found {
    /// Whether there is neither a report nor what should be one.
    pub const fn is_empty(&self) -> bool {
        self.reports.is_empty() && self.unreadable.is_empty()
    }

    /// Whether every report can be read and has passed.
    pub fn all_passed(&self) -> bool {
        self.unreadable.is_empty() && self.reports.iter().all(|report| report.verdict == Verdict::Passed)
    }
}

/// Reads a log of any size; bytes that are no text do no harm.
///
/// # Errors
/// What the operating system says.
pub fn find(mut log: impl BufRead) -> io::Result<Found> {
    let mut found = Found::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if log.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        match report(&String::from_utf8_lossy(&line)) {
            // A record can be written twice, and is the same then.
            Some(Ok(report)) if !found.reports.contains(&report) => found.reports.push(report),
            Some(Err(error)) => found.unreadable.push((number, error.to_string())),
            _ => {}
        }
    }
    Ok(found)
}

/// The report of a line: of the line itself, or of a text in it if the whole log is JSON.
fn report(line: &str) -> Option<serde_json::Result<DrillReport>> {
    if !line.contains(EVENT) {
        return None;
    }
    match serde_json::from_str::<serde_json::Map<String, Value>>(line) {
        Ok(members) => members.values().filter_map(Value::as_str).find_map(record),
        Err(_) => record(line),
    }
}

fn record(text: &str) -> Option<serde_json::Result<DrillReport>> {
    let at = text.find(MARK)? + MARK.len() - 1;
    let mut record: Value = match serde_json::Deserializer::from_str(&text[at..]).into_iter().next()? {
        Ok(record) => record,
        // Cut off, as a log that rotates may leave it.
        Err(error) => return Some(Err(error)),
    };
    let is_report = record["event_name"] == EVENT;
    is_report.then(|| serde_json::from_value(record["attributes"].take()))
}

impl fmt::Display for DrillReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.verdict == Verdict::Passed { "passed" } else { "failed" };
        writeln!(f, "drill {} of {}: {verdict}", self.name, self.channel)?;
        let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
        writeln!(f, "  by          {}: {}", said(&self.by), said(&self.reason))?;
        let time = |unix_ms: u64| format_rfc3339(WallClock(unix_ms.saturating_mul(1_000_000)));
        let (start, end) = (time(self.started_unix_ms), time(self.ended_unix_ms));
        writeln!(f, "  ran         {start} to {end}, ended by {}", said(&self.stopped_by))?;
        let share = self.share.as_f64().map_or_else(|| plain(&self.share), |share| format!("{} %", share * 100.0));
        writeln!(f, "  fault       {} for {share} of calls", plain(&self.fault))?;
        writeln!(f, "  calls       {}, {} of them switched", self.calls, self.switched_calls)?;
        for (what, millis) in [
            ("detected", self.time_to_detect_ms),
            ("switched", self.time_to_switch_ms),
            ("recovered", self.time_to_recover_ms),
        ] {
            let after = millis.map_or_else(|| "never".to_owned(), |millis| format!("after {}", duration(millis)));
            writeln!(f, "  {what:<11} {after}")?;
        }
        writeln!(f, "  lost        {}\n  doubled     {}", self.lost, self.doubled)
    }
}

fn duration(millis: u64) -> String {
    format_duration(Duration::from_millis(millis))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"event_name":"push.drill.report","attributes":{"push.drill.name":"friday","push.channel":"oppo","push.by":"alice","push.reason":"rehearsal","push.drill.started_unix_ms":1700000000000,"push.drill.ended_unix_ms":1700000060000,"push.drill.share":0.1,"push.drill.fault":"refused","push.drill.calls":120,"push.drill.switched_calls":100,"push.drill.time_to_detect_ms":1250,"push.drill.time_to_switch_ms":2000,"push.drill.time_to_recover_ms":9000,"push.drill.lost":0,"push.drill.doubled":0,"push.drill.stopped_by":"until","push.drill.verdict":"passed"}}"#;

    fn found(log: &str) -> Found {
        find(log.as_bytes()).unwrap()
    }

    fn envoy(record: &str) -> String {
        format!("[2023-11-14 22:14:20.001][7][warning][wasm] [source/x.cc:1] wasm log pointsman: record {record}\n")
    }

    #[test]
    fn a_report_is_read_from_every_kind_of_line() {
        let json_log = serde_json::json!({ "level": "warning", "msg": envoy(RECORD) }).to_string();
        for line in [envoy(RECORD), format!("record {RECORD}"), format!("record {RECORD} thread=7"), json_log] {
            let found = found(&format!("noise\nrecord {{\"event_name\":\"push.channel.state\"}}\n{line}\nnoise"));
            assert!(found.all_passed() && found.reports.len() == 1, "{line}: {found:?}");
            assert_eq!((found.reports[0].calls, found.reports[0].time_to_recover_ms), (120, Some(9_000)));
        }
    }

    #[test]
    fn it_reads_as_a_person_would_tell_it() {
        let expected = "\
drill friday of oppo: passed
  by          alice: rehearsal
  ran         2023-11-14T22:13:20Z to 2023-11-14T22:14:20Z, ended by until
  fault       refused for 10 % of calls
  calls       120, 100 of them switched
  detected    after 1250ms
  switched    after 2s
  recovered   after 9s
  lost        0
  doubled     0
";
        assert_eq!(found(&envoy(RECORD)).reports[0].to_string(), expected);
    }

    #[test]
    fn a_record_that_is_there_twice_counts_once_and_one_failure_is_enough() {
        let failed = RECORD.replace("\"passed\"", "\"failed\"");
        let found = found(&[envoy(RECORD), envoy(RECORD), envoy(&failed)].concat());
        assert_eq!((found.reports.len(), found.all_passed()), (2, false));
    }

    #[test]
    fn what_should_be_a_report_and_cannot_be_read_is_no_success() {
        for broken in [RECORD.replace("\"passed\"", "\"perhaps\""), RECORD[..200].to_owned()] {
            let found = found(&format!("\n{}", envoy(&broken)));
            assert_eq!((found.reports.len(), found.all_passed(), found.is_empty()), (0, false, false));
            assert_eq!(found.unreadable[0].0, 2);
        }
        assert!(found("record of push.drill.report\n").is_empty());
        assert!(find(&b"\xff\xfe\n\xff push.drill.report"[..]).unwrap().is_empty());
    }
}
