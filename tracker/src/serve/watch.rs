//! Failures that are too many, and what is then put before the operators.

use super::app::App;
use crate::answers::patterns::watch as patterns;
use crate::answers::patterns::watch::Propose;
use std::sync::Arc;

/// Looks at failures for as long as the program runs.
pub async fn watch(app: App) {
    let settings = Arc::new(app.page.patterns.clone());
    let propose = app.operations.clone().map(|operations| -> Arc<dyn Propose> { operations });
    let above = app.metrics.above();
    patterns::watch(app, settings, above, propose).await;
}
