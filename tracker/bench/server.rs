//! The program, started as a user would.

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// How long the program may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program and its folder.
pub(crate) struct Place {
    program: PathBuf,
    folder: PathBuf,
}

/// Asks the running program.
#[derive(Clone)]
pub(crate) struct Asker {
    addr: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// The running program.
pub(crate) struct Server {
    child: Child,
    /// Asks it.
    pub(crate) asker: Asker,
    /// From the start of the process until it was ready.
    pub(crate) started_in: Duration,
}

impl Place {
    /// Writes the config.
    pub(crate) fn new(program: PathBuf, folder: &Path) -> Result<Self> {
        let place = Self { program, folder: folder.to_owned() };
        let config = format!("listen: 127.0.0.1:0\nstore:\n  embedded:\n    directory: {:?}\n", place.data());
        std::fs::write(place.config(), config).context("cannot write the config")?;
        Ok(place)
    }

    /// Where the store is.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn config(&self) -> PathBuf {
        self.folder.join("tracker.yaml")
    }

    /// Starts the program and waits until it is ready.
    pub(crate) async fn start(&self) -> Result<Server> {
        let began = Instant::now();
        let mut child = Command::new(&self.program)
            .arg("serve")
            .arg("--config")
            .arg(self.config())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the tracker")?;
        let stdout = child.stdout.take().context("no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let addr = tokio::time::timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, addr)) = line.split_once("http://") {
                    return Ok(addr.trim_end_matches('/').parse::<SocketAddr>()?);
                }
            }
            bail!("the tracker has not said where it listens")
        })
        .await
        .context("the tracker does not start")??;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut server = Server { child, asker: Asker { addr, client }, started_in: Duration::ZERO };
        while server.asker.get("/readyz").await?.0 != StatusCode::OK {
            ensure!(began.elapsed() < PATIENCE, "the tracker does not get ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.started_in = began.elapsed();
        Ok(server)
    }
}

impl Asker {
    /// Asks.
    pub(crate) async fn get(&self, path: &str) -> Result<(StatusCode, Bytes)> {
        self.send(Request::get(format!("http://{}{path}", self.addr)).body(Full::default())?).await
    }

    /// Sends a batch.
    pub(crate) async fn post(&self, body: Bytes) -> Result<StatusCode> {
        let request = Request::post(format!("http://{}/v1/logs", self.addr))
            .header("content-type", "application/x-protobuf")
            .body(Full::new(body))?;
        Ok(self.send(request).await?.0)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes)> {
        let response = self.client.request(request).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}

impl Server {
    fn pid(&self) -> Result<u32> {
        self.child.id().context("the tracker has ended")
    }

    /// The processor time that it has used.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()?))?;
        let (_, fields) = stat.rsplit_once(')').context("no fields")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        // Of a hundredth of a second each, on every Linux of today.
        Ok(Duration::from_millis(ticks * 10))
    }

    /// The most memory that it has had, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1_024)
    }

    /// Ends it at once, whatever it does.
    pub(crate) async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Asks it to end, and waits for that.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = self.pid()?;
        let asked = Command::new("kill").arg("-TERM").arg(pid.to_string()).status().await?;
        ensure!(asked.success(), "the tracker cannot be asked to end");
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await.context("the tracker does not end")??;
        ensure!(ended.success(), "the tracker has ended with {ended}");
        Ok(())
    }
}
