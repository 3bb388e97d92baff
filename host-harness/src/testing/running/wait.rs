//! Waiting for what the filter does of its own accord, with an end and with words for what was there instead.

use super::Running;
use crate::process::LogLine;
use crate::scrape::Scrape;
use crate::testing::error::{Said, TestError};
use std::time::Duration;
use tokio::time::Instant;

/// How often metrics are looked at.
const INTERVAL: Duration = Duration::from_millis(10);

impl Running {
    /// Waits until the sum of a metric, over all series with at least these labels, is exactly this, and gives the metrics of
    /// that moment.
    ///
    /// # Errors
    /// [`TestError::Waited`] with the series of the metric as they were at the end.
    pub async fn wait_for_metric(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        expected: f64,
    ) -> Result<Scrape, TestError> {
        let what = format!("the metric {name}{labels:?} to be {expected}");
        let holds = |metrics: &Scrape| (metrics.sum(name, labels) - expected).abs() < f64::EPSILON;
        self.look(what, holds, |metrics| series(metrics, name)).await
    }

    /// Waits until the metrics are as wanted, and gives them. `what` completes the sentence "waited for".
    ///
    /// # Errors
    /// [`TestError::Waited`] with all metrics as they were at the end.
    pub async fn wait_for(&self, what: &str, wanted: impl Fn(&Scrape) -> bool) -> Result<Scrape, TestError> {
        self.look(what.to_owned(), wanted, |metrics| format!("{metrics:?}")).await
    }

    /// Waits for a line in the filter's log that holds this text, and gives the line; one that is there already will do.
    ///
    /// # Errors
    /// [`TestError::Waited`] with all lines.
    pub async fn wait_for_log(&self, text: &str) -> Result<LogLine, TestError> {
        let found = self.log.find(|line| line.message.contains(text));
        let after = self.patience;
        tokio::time::timeout(after, found).await.map_err(|_| TestError::Waited {
            what: format!("a line with \"{text}\" in the filter's log"),
            seen: Said(&self.log()).to_string().trim_start().to_owned(),
            after,
        })
    }

    async fn look(
        &self,
        what: String,
        wanted: impl Fn(&Scrape) -> bool,
        show: impl Fn(&Scrape) -> String,
    ) -> Result<Scrape, TestError> {
        let deadline = Instant::now() + self.patience;
        loop {
            let metrics = self.metrics().await?;
            if wanted(&metrics) {
                return Ok(metrics);
            }
            if Instant::now() >= deadline {
                return Err(TestError::Waited { what, seen: show(&metrics), after: self.patience });
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

fn series(metrics: &Scrape, name: &str) -> String {
    let lines: Vec<String> =
        metrics.samples(name).map(|sample| format!("{name}{:?} {}", sample.labels, sample.value)).collect();
    if lines.is_empty() { String::from("no series of that name") } else { lines.join(", ") }
}
