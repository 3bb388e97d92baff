//! The operations log: one JSON object a line, each with the SHA-256 of the line before, on disk before anything is changed.
//!
//! It is as the log of `pointsman switch`, and tells more: what waits, what was refused and by whom, and what has failed. A line
//! holds all that is known of its operation by then, so the last line of an operation is how it stands.

use super::wish::Wish;
use pointsman_core::time::{WallClock, format_rfc3339};
use pointsman_host::guarded::{GuardError, Guarded};
use pointsman_host::oplog::{Broken, ZERO, sha256};
use serde::{Deserialize, Serialize};
use std::fs::TryLockError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The owner writes, the group reads.
const MODE: u32 = 0o640;

/// How far an operation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It waits for a second person, or for somebody to take a proposal up.
    Waiting,
    /// It is about to be carried out; the change may be in place or not.
    Running,
    /// The change is in place.
    Done,
    /// It has gone wrong on the way.
    Failed,
    /// Somebody has refused it: a person, the config, or the cluster. Nothing was changed.
    Refused,
    /// Nobody has agreed in time.
    Expired,
}

/// An operation as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Which one it is.
    pub id: String,
    /// When it was asked for: milliseconds since 1970.
    pub asked_ms: u64,
    /// What is wanted.
    pub wish: Wish,
    /// Who wants it; empty as long as nobody has taken a proposal up.
    pub by: String,
    /// Their groups, in whose name it is carried out in a cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Who or what has proposed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed_by: Option<String>,
    /// Why it needs a second person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_wide: Option<String>,
    /// Who has agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// Which person has refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_by: Option<String>,
    /// What becomes of the rules, as a unified diff.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub diff: String,
    /// The version of the config before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The version of the config that comes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When nobody can agree any more: milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// What has gone wrong, or why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One line. The order of the fields is that of the line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// RFC 3339, UTC.
    pub time: String,
    /// The same in milliseconds since 1970.
    pub at_ms: u64,
    /// How far it has come.
    pub step: Step,
    /// What was tried and denied, where nothing else has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The operation.
    #[serde(flatten)]
    pub record: Record,
    /// What an interrupted write had left behind the line before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_off: Option<String>,
    /// SHA-256 of the line before, without its end; zeros in the first line.
    pub prev: String,
}

impl Line {
    /// How an operation stands now.
    pub(super) fn new(step: Step, record: Record, now_ms: u64) -> Self {
        let time = format_rfc3339(wall(now_ms));
        Self { time, at_ms: now_ms, step, note: None, record, cut_off: None, prev: String::new() }
    }
}

/// Milliseconds since 1970 as the time of the config's code.
pub(super) const fn wall(now_ms: u64) -> WallClock {
    WallClock(now_ms.saturating_mul(1_000_000))
}

/// Why nothing can be written to the log, and so nothing is changed.
#[derive(Debug, Error)]
pub enum JournalError {
    /// Somebody has changed it, or a disk has.
    #[error(
        "the operations log {path} is broken: {broken}. Keep it as evidence under another name, and a new one begins",
        path = path.display()
    )]
    Broken {
        /// The log.
        path: PathBuf,
        /// Where and how.
        broken: Broken,
    },
    /// Its file or folder is not safe.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// Another program writes to it.
    #[error("another program has the operations log {path} open", path = path.display())]
    Locked {
        /// The log.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {what} the operations log {path}", path = path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The log.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// What the folder of the log has to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Folder {
    /// Nobody else can write to it: as beside a config that is a file.
    Guarded,
    /// As it is: the volumes of a cluster let a group write, and what is changed does not stand there.
    Any,
}

/// The log, open for more. Nobody else can write to it meanwhile.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    end: End,
}

/// Where a log ends.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    last_hash: String,
    whole_bytes: u64,
    cut_off: Option<String>,
}

impl Journal {
    /// Opens the log, or makes it, and gives its lines.
    pub(super) fn open(path: &Path, folder: Folder) -> Result<(Self, Vec<Line>), JournalError> {
        if folder == Folder::Guarded {
            Guarded::new(path)?;
        }
        let path = path.to_owned();
        let mut file = open_file(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::Locked { path }),
            Err(TryLockError::Error(error)) => return Err(io_error("lock", &path)(error)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io_error("read", &path))?;
        let (lines, end) = read(&bytes).map_err(|broken| JournalError::Broken { path: path.clone(), broken })?;
        Ok((Self { path, file, end }, lines))
    }

    /// Adds a line and syncs it. What an interrupted write has left is written over, and kept in the line.
    pub(super) fn append(&mut self, mut line: Line) -> Result<(), JournalError> {
        line.prev.clone_from(&self.end.last_hash);
        line.cut_off.clone_from(&self.end.cut_off);
        let failed = io_error("write to", &self.path);
        let (text, end) = match serde_json::to_string(&line).map_err(io::Error::other).and_then(|text| {
            let end = self.write(&text)?;
            Ok((text, end))
        }) {
            Ok(written) => written,
            Err(error) => return Err(failed(error)),
        };
        self.end = End { last_hash: sha256(text.as_bytes()), whole_bytes: end, cut_off: None };
        Ok(())
    }

    fn write(&mut self, line: &str) -> io::Result<u64> {
        self.file.seek(SeekFrom::Start(self.end.whole_bytes))?;
        self.file.write_all(format!("{line}\n").as_bytes())?;
        let end = self.file.stream_position()?;
        self.file.set_len(end)?;
        self.file.sync_all()?;
        Ok(end)
    }
}

/// Reads a whole log.
///
/// # Errors
/// [`Broken`] with the first line that is wrong; a last line without an end is none.
pub fn verify(log: &[u8]) -> Result<Vec<Line>, Broken> {
    read(log).map(|(lines, _)| lines)
}

fn read(log: &[u8]) -> Result<(Vec<Line>, End), Broken> {
    let mut end = End { last_hash: ZERO.to_owned(), whole_bytes: 0, cut_off: None };
    let mut lines: Vec<Line> = Vec::new();
    let mut rest = log;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
        let (text, behind) = rest.split_at(at);
        let broken = |reason: String| Broken { line: lines.len() + 1, reason };
        let line: Line = serde_json::from_slice(text).map_err(|error| broken(format!("it is no entry: {error}")))?;
        if line.prev != end.last_hash {
            return Err(broken(
                "it does not follow the one before: one of them was changed, or lines are missing".to_owned(),
            ));
        }
        end.last_hash = sha256(text);
        end.whole_bytes += text.len() as u64 + 1;
        lines.push(line);
        rest = behind.get(1..).unwrap_or_default();
    }
    end.cut_off = (!rest.is_empty()).then(|| String::from_utf8_lossy(rest).into_owned());
    Ok((lines, end))
}

/// Opens the file itself, and none that a link leads to.
fn open_file(path: &Path) -> Result<File, JournalError> {
    let link = || GuardError::Link { path: path.to_owned() };
    let before = fs::symlink_metadata(path).ok();
    if before.as_ref().is_some_and(fs::Metadata::is_symlink) {
        return Err(link().into());
    }
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(MODE).open(path);
    let file = options.map_err(io_error("open", path))?;
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let opened = file.metadata().map(id).map_err(io_error("look at", path))?;
    let there = fs::symlink_metadata(path).map(id).map_err(io_error("look at", path))?;
    if opened != there {
        return Err(link().into());
    }
    if before.is_none() {
        // Without this a new file may be gone after a crash.
        let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error("sync the folder of", path))?;
    }
    Ok(file)
}

fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError + use<> {
    let path = path.to_owned();
    move |source| JournalError::Io { what, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::Kind;

    fn line(id: &str) -> Line {
        let wish = Wish::new(Kind::Back, "oppo".to_owned(), "a \"test\"\nof two lines".to_owned());
        let record = Record {
            id: id.to_owned(),
            asked_ms: 7,
            wish,
            by: "alice".to_owned(),
            groups: Vec::new(),
            proposed_by: None,
            why_wide: None,
            approved_by: None,
            refused_by: None,
            diff: "-a\n+b\n".to_owned(),
            before: None,
            version: None,
            expires_ms: None,
            error: None,
        };
        Line::new(Step::Waiting, record, 1_700_000_000_000)
    }

    fn ids(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.record.id.as_str()).collect()
    }

    #[test]
    fn lines_are_chained_and_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("operations.jsonl");
        let (mut journal, lines) = Journal::open(&path, Folder::Guarded).unwrap();
        assert_eq!(lines, []);
        journal.append(line("a")).unwrap();
        journal.append(line("b")).unwrap();
        drop(journal);
        let (_, lines) = Journal::open(&path, Folder::Guarded).unwrap();
        assert_eq!(ids(&lines), ["a", "b"]);
        assert_eq!(Line { prev: String::new(), ..lines[0].clone() }, Line { prev: String::new(), ..line("a") });
        assert_eq!((lines[0].prev.as_str(), lines[0].time.as_str()), (ZERO, "2023-11-14T22:13:20Z"));
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(lines[1].prev, sha256(text.lines().next().unwrap().as_bytes()));
    }

    #[test]
    fn what_was_changed_or_taken_out_breaks_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("operations.jsonl");
        let mut journal = Journal::open(&path, Folder::Guarded).unwrap().0;
        for id in ["a", "b", "c"] {
            journal.append(line(id)).unwrap();
        }
        drop(journal);
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (what, wrong) in [
            (format!("{}\n{}\n", lines[0].replace("alice", "mallory"), lines[1]), 2),
            (format!("{}\n{}\n", lines[0], lines[2]), 2),
            (format!("{}\n", lines[1]), 1),
            ("no line\n".to_owned(), 1),
        ] {
            assert_eq!(verify(what.as_bytes()).unwrap_err().line, wrong, "{what}");
            fs::write(&path, &what).unwrap();
            assert!(matches!(Journal::open(&path, Folder::Guarded), Err(JournalError::Broken { .. })));
            assert_eq!(fs::read_to_string(&path).unwrap(), what, "evidence is not touched");
        }
    }

    #[test]
    fn a_link_and_a_folder_of_others_are_refused_and_a_second_writer_too() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("operations.jsonl"), folder.path().join("link"));
        let first = Journal::open(&path, Folder::Any).unwrap();
        assert!(matches!(Journal::open(&path, Folder::Any), Err(JournalError::Locked { .. })));
        drop(first);
        symlink(&path, &link).unwrap();
        assert!(matches!(Journal::open(&link, Folder::Any), Err(JournalError::Guard(GuardError::Link { .. }))));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o775)).unwrap();
        let refused = Journal::open(&path, Folder::Guarded);
        assert!(matches!(refused, Err(JournalError::Guard(GuardError::Writable { .. }))), "{refused:?}");
        assert!(Journal::open(&path, Folder::Any).is_ok(), "as on a volume with an fsGroup");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_line_that_was_cut_off_is_kept_in_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("operations.jsonl");
        Journal::open(&path, Folder::Guarded).unwrap().0.append(line("a")).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{whole}{{\"time\":\"2")).unwrap();
        let (mut journal, lines) = Journal::open(&path, Folder::Guarded).unwrap();
        assert_eq!(ids(&lines), ["a"]);
        journal.append(line("b")).unwrap();
        let lines = verify(&fs::read(&path).unwrap()).unwrap();
        assert_eq!((ids(&lines), lines[1].cut_off.as_deref()), (vec!["a", "b"], Some("{\"time\":\"2")));
    }
}
