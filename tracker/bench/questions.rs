//! The questions that somebody asks who looks for a message.

use crate::generate::Known;
use crate::load::Taken;
use crate::server::Server;
use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use serde_json::Value;
use std::time::{Duration, Instant};

/// How often each kind of question is asked about a message.
const LOOK_UPS: usize = 2_000;
/// How often the trend is asked for.
const TRENDS: usize = 20;

/// How long answers took.
pub(crate) struct Answers {
    /// By the message's id.
    pub(crate) by_id: Times,
    /// By the vendor's id.
    pub(crate) by_vendor_id: Times,
    /// The whole message.
    pub(crate) view: Times,
    /// The trend of all the time that has events, in 60 points.
    pub(crate) trend: Times,
}

/// Lengths of time, ascending.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// The time below which this share lies.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a few thousand"
        )]
        let place = (self.0.len().saturating_sub(1) as f64 * share).round() as usize;
        self.0.get(place).copied().unwrap_or_default()
    }
}

/// Asks all of them, of a program that has just been started.
pub(crate) async fn ask(server: &Server, taken: &Taken) -> Result<Answers> {
    let some: Vec<&Known> = taken.known.iter().cycle().take(LOOK_UPS).collect();
    let (mut by_id, mut by_vendor_id, mut view) = (Vec::new(), Vec::new(), Vec::new());
    for known in some {
        let found = timed(server, &format!("/api/v1/find?id={}", known.message_id), &mut by_id).await?;
        let message = found.pointer("/messages/0").context("a message is not found by its id")?;
        ensure!(message["id"] == known.message_id.as_str(), "another message was found: {message}");
        let key = message["key"].as_str().context("a message without a key")?.to_owned();
        if message["vendor_ids"].as_array().is_some_and(|ids| !ids.is_empty()) {
            let path = format!("/api/v1/find?id={}", known.vendor_id);
            let found = timed(server, &path, &mut by_vendor_id).await?;
            ensure!(found.pointer("/messages/0/key") == Some(&message["key"]), "not found by the vendor's id");
        }
        timed(server, &format!("/api/v1/messages/{key}"), &mut view).await?;
    }
    let mut trend = Vec::new();
    let (from_ms, to_ms) = taken.range_ms;
    for _ in 0..TRENDS {
        timed(server, &format!("/api/v1/trend?from_ms={from_ms}&to_ms={to_ms}&points=60"), &mut trend).await?;
    }
    Ok(Answers { by_id: sorted(by_id), by_vendor_id: sorted(by_vendor_id), view: sorted(view), trend: sorted(trend) })
}

fn sorted(mut times: Vec<Duration>) -> Times {
    times.sort_unstable();
    Times(times)
}

async fn timed(server: &Server, path: &str, times: &mut Vec<Duration>) -> Result<Value> {
    let began = Instant::now();
    let (status, body) = server.asker.get(path).await?;
    times.push(began.elapsed());
    ensure!(status == StatusCode::OK, "{path}: {status} {}", String::from_utf8_lossy(&body));
    Ok(serde_json::from_slice(&body)?)
}
