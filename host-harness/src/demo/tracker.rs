//! The tracker in a process of its own, beside the demo: whatever the filter records, it keeps.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use thiserror::Error;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use super::push::Push;
use crate::http::{ClientError, Version, send};

/// How long the program may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(30);

/// The running tracker; dropping it ends its process and removes what it has kept.
#[derive(Debug)]
pub(super) struct Tracker {
    // Fields drop in this order: the process first, then the folder that it writes to.
    _child: Child,
    addr: SocketAddr,
    _folder: TempDir,
}

/// Why the tracker does not run, or does not answer.
#[derive(Debug, Error)]
pub enum TrackerError {
    /// The program could not be started, or its files not be written.
    #[error("cannot start {path}", path = program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It has ended, or taken too long, without saying where it listens.
    #[error("the tracker does not say where it listens")]
    Silent,
    /// It has not answered.
    #[error(transparent)]
    Http(#[from] ClientError),
    /// A request could not be built.
    #[error("the request cannot be put on the wire")]
    Request(#[from] http::Error),
    /// It has answered with something else than success, or with no JSON.
    #[error("the tracker answered {status} to a question")]
    Answer {
        /// The status.
        status: StatusCode,
    },
}

impl Tracker {
    /// Starts the program with an empty store.
    pub(super) async fn start(program: &Path, secret: &str) -> Result<Self, TrackerError> {
        let failed = |source| TrackerError::Start { program: program.to_owned(), source };
        let folder = tempfile::tempdir().map_err(failed)?;
        let config = folder.path().join("tracker.yaml");
        let data = folder.path().join("data");
        let text = format!("listen: 127.0.0.1:0\nstore:\n  embedded:\n    directory: {data:?}\n");
        fs::write(&config, text).map_err(failed)?;
        let mut child = Command::new(program)
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .env("POINTSMAN_SECRET", secret)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let stdout = child.stdout.take().ok_or(TrackerError::Silent)?;
        let said = tokio::time::timeout(START_LIMIT, address(stdout)).await;
        let addr = said.ok().flatten().ok_or(TrackerError::Silent)?;
        Ok(Self { _child: child, addr, _folder: folder })
    }

    /// Where it listens.
    pub(super) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Whether it finds a message of the stream by its own id, by the vendor's and by its recipient.
    pub(super) async fn finds(&self, push: &Push) -> Result<bool, TrackerError> {
        let by_id = self.find(&push.message_id).await?;
        let vendor_id = by_id.first().and_then(|message| message.pointer("/vendor_ids/0")?.as_str());
        let (Some(vendor_id), Some(recipient)) = (vendor_id, push.recipients.first()) else { return Ok(false) };
        for id in [vendor_id, recipient] {
            let found = self.find(id).await?;
            if !found.iter().any(|message| message.get("id").and_then(Value::as_str) == Some(&push.message_id)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether its trend shows failures of a channel.
    pub(super) async fn shows_outage(&self, channel: &str) -> Result<bool, TrackerError> {
        let trend = self.get(&format!("trend?channel={channel}")).await?;
        let failed = trend.pointer("/total/failed").and_then(Value::as_array).into_iter().flatten();
        Ok(failed.filter_map(Value::as_u64).sum::<u64>() > 0)
    }

    async fn find(&self, id: &str) -> Result<Vec<Value>, TrackerError> {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("id", id).finish();
        let messages = self.get(&format!("find?{query}")).await?.get_mut("messages").map(Value::take);
        Ok(messages.and_then(|messages| serde_json::from_value(messages).ok()).unwrap_or_default())
    }

    async fn get(&self, question: &str) -> Result<Value, TrackerError> {
        let request = Request::get(format!("http://{}/api/v1/{question}", self.addr)).body(Bytes::new())?;
        let answer = send(self.addr, Version::Http1, request).await?;
        let status = answer.status;
        answer.json().filter(|_| status.is_success()).ok_or(TrackerError::Answer { status })
    }
}

/// The address in the first line that has one.
async fn address(stdout: ChildStdout) -> Option<SocketAddr> {
    let mut lines = BufReader::new(stdout).lines();
    loop {
        let line = lines.next_line().await.ok()??;
        if let Some((_, addr)) = line.split_once("http://") {
            // It goes on writing when nobody reads: what it says later is for its log.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return addr.trim_end_matches('/').parse().ok();
        }
    }
}
