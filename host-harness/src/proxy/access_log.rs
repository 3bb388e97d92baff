//! The access log: one JSON object a line, written by a thread of its own. A disk that is too slow costs lines, which are
//! counted, and never time.

use super::config::AccessLogConfig;
use crate::filter::{StreamInfo, flags};
use pointsman_core::time::as_millis;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// The most lines that wait for the disk.
const MAX_WAITING: usize = 8_192;

/// Response flags in Envoy's letters.
const FLAGS: [(u64, &str); 12] = [
    (flags::NO_HEALTHY_UPSTREAM, "UH"),
    (flags::UPSTREAM_REQUEST_TIMEOUT, "UT"),
    (flags::UPSTREAM_REMOTE_RESET, "UR"),
    (flags::UPSTREAM_CONNECTION_FAILURE, "UF"),
    (flags::UPSTREAM_CONNECTION_TERMINATION, "UC"),
    (flags::UPSTREAM_OVERFLOW, "UO"),
    (flags::NO_ROUTE_FOUND, "NR"),
    (flags::DOWNSTREAM_CONNECTION_TERMINATION, "DC"),
    (flags::STREAM_IDLE_TIMEOUT, "SI"),
    (flags::NO_CLUSTER_FOUND, "NC"),
    (flags::DOWNSTREAM_PROTOCOL_ERROR, "DPE"),
    (flags::UPSTREAM_PROTOCOL_ERROR, "UPE"),
];

/// The access log of one config.
pub(super) struct AccessLog {
    config: AccessLogConfig,
    lines: SyncSender<String>,
    dropped: AtomicU64,
}

impl AccessLog {
    /// Opens the file, which is made if need be, and starts the thread that writes it.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(super) fn open(config: AccessLogConfig) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&config.path)?;
        let (lines, written) = sync_channel(MAX_WAITING);
        std::thread::Builder::new().name(String::from("access-log")).spawn(move || write_all(file, &written))?;
        Ok(Self { config, lines, dropped: AtomicU64::new(0) })
    }

    /// What the config says of it.
    pub(super) fn config(&self) -> &AccessLogConfig {
        &self.config
    }

    /// How many lines were lost because the disk was too slow.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The line of a stream that has ended; `None` if it is not wanted.
    pub(super) fn line(&self, method: &str, path: &str, authority: &str, info: &StreamInfo) -> Option<String> {
        let failed = info.response_flags != 0 || info.response_code.is_none_or(|code| code >= 500);
        if self.config.failures_only && !failed {
            return None;
        }
        let name = |name: &str| if name.is_empty() { Value::Null } else { Value::from(name) };
        let line = json!({
            "start_time": start_time(info.start),
            "method": method,
            "authority": authority,
            "path": path,
            "protocol": info.protocol,
            "response_code": info.response_code.unwrap_or(0),
            "response_code_details": name(&info.response_code_details),
            "response_flags": letters(info.response_flags),
            "bytes_received": info.request_size,
            "bytes_sent": info.response_size,
            "duration_ms": info.duration.map(as_millis),
            "upstream_cluster": name(&info.cluster_name),
            "upstream_host": info.upstream.address.map(|address| address.to_string()),
            "route_name": name(&info.route_name),
        });
        Some(format!("{line}\n"))
    }

    /// Hands a line to the writer, or drops it if too many wait.
    pub(super) fn write(&self, line: String) {
        if self.lines.try_send(line).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write_all(file: File, lines: &Receiver<String>) {
    let mut file = BufWriter::new(file);
    while let Ok(line) = lines.recv() {
        // A full disk must not stop the proxy; the next line is tried again.
        let _ = file.write_all(line.as_bytes());
        while let Ok(line) = lines.try_recv() {
            let _ = file.write_all(line.as_bytes());
        }
        let _ = file.flush();
    }
}

/// Response flags in Envoy's letters.
pub(super) fn letters(flags: u64) -> String {
    let letters: Vec<&str> = FLAGS.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, letters)| *letters).collect();
    if letters.is_empty() { String::from("-") } else { letters.join(",") }
}

/// A point in time as RFC 3339 with milliseconds.
fn start_time(since_1970: Duration) -> String {
    let seconds = since_1970.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let millis = since_1970.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The date of a day since 1970, by counting years of 400 that begin in March (Howard Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms").
const fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year_of_era + carry, month, day)
}

#[cfg(test)]
mod tests {
    use super::{letters, start_time};
    use crate::filter::flags;
    use std::time::Duration;

    #[test]
    fn times_are_written_as_the_calendar_has_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_700_000_000, "2023-11-14T22:13:20.000Z"),
            (4_102_444_799, "2099-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(start_time(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn flags_have_envoys_letters() {
        assert_eq!(letters(0), "-");
        assert_eq!(letters(flags::UPSTREAM_CONNECTION_FAILURE | flags::DOWNSTREAM_CONNECTION_TERMINATION), "UF,DC");
    }
}
