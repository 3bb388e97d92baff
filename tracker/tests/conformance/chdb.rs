//! ClickHouse's own engine, behind the front in `tests/chdb/front.py`: a process and a folder for each engine under test.

use crate::compare::Engine;
use crate::lifecycle;
use pointsman_tracker::store::clickhouse::{ClickHouse, Password, Settings};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A server; it ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    /// It ends when this does.
    stdin: Option<ChildStdin>,
    pub(crate) port: u16,
    _folder: TempDir,
}

impl Server {
    /// Starts one, and waits until it answers.
    pub(crate) fn start() -> Self {
        Self::start_with(None, 0)
    }

    /// Starts one that asks for a password, if there is one, and does not answer the first inserts, so many of them.
    pub(crate) fn start_with(password: Option<&str>, forgets: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let front = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chdb/front.py");
        let mut command = Command::new(python());
        command.arg(front).arg(folder.path()).args(password).env("FRONT_FORGETS", forgets.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the front can be started");
        let stdin = child.stdin.take();
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output is ours");
        BufReader::new(stdout).read_line(&mut line).expect("it tells its port");
        let port = line.trim().parse().expect("a port");
        Self { child, stdin, port, _folder: folder }
    }

    /// What an engine is told of it. Times of the histories lie in the past, and all of them within a life.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            url: format!("http://127.0.0.1:{}", self.port),
            database: "pointsman".to_owned(),
            user: "default".to_owned(),
            password: Password::None,
            retention_days: 3_650,
            query_time: Duration::from_secs(60),
            max_scan: 1_000_000_000,
            life: Duration::from_secs(30 * 86_400),
        }
    }

    /// An engine on it.
    pub(crate) async fn engine(self) -> Engine<Self> {
        let store = ClickHouse::open(self.settings(), lifecycle()).await.expect("the database is opened");
        Engine { store: Arc::new(store), holds: self }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It has gone by itself, or goes now.
        drop(self.child.wait());
    }
}

fn python() -> PathBuf {
    let tools = std::env::var_os("POINTSMAN_TOOLS").filter(|folder| !folder.is_empty());
    let tools = tools.expect("POINTSMAN_TOOLS names what scripts/get-tools prints; ./scripts/test sets it");
    Path::new(&tools).join("bin/python")
}
