//! Tables that go out row by row: never more than a few pages of them are in memory.

use super::error::ApiError;
use super::search::{Gathered, gather};
use crate::answers::{Brief, csv};
use crate::serve::App;
use crate::store::Search;
use axum::body::{Body, HttpBody};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use hyper::body::Frame;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// The most rows of a table.
pub(super) const MAX_ROWS: usize = 10_000;
/// Pages that wait for a slow reader.
const AHEAD: usize = 2;

/// The table breaks off: what has come is not all.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the table is not complete")]
pub(super) struct BrokenOff;

/// A body that comes piece by piece.
struct Pieces(mpsc::Receiver<Result<Bytes, BrokenOff>>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// The messages of searches, `left` at most. The first page is there before anything goes out, so that a question that
/// cannot be answered is refused as any other.
pub(super) async fn messages(app: App, mut searches: Vec<Search>, mut left: usize) -> Result<Response, ApiError> {
    let mut page = gather(&app, &searches).await?;
    let (send, pieces) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let mut piece = csv::line(csv::MESSAGE_COLUMNS);
        loop {
            let rows = page.messages.iter().take(left);
            rows.for_each(|message| piece.push_str(&csv::message(&Brief::from(message))));
            left = left.saturating_sub(page.messages.len());
            if send.send(Ok(std::mem::take(&mut piece).into())).await.is_err() {
                return;
            }
            let Some(next) = page.next.filter(|_| left > 0) else { return };
            searches.iter_mut().for_each(|search| search.after = Some(next));
            page = match next_page(&app, &searches).await {
                Some(page) => page,
                None => {
                    let _ = send.send(Err(BrokenOff)).await;
                    return;
                }
            };
        }
    });
    Ok(table("pointsman-messages.csv", Body::new(Pieces(pieces))))
}

async fn next_page(app: &App, searches: &[Search]) -> Option<Gathered> {
    tokio::time::timeout(app.limits.query_timeout, gather(app, searches)).await.ok()?.ok()
}

/// A table with a name for the file. The name is ours: nothing that a caller gives goes into a header.
pub(super) fn table(name: &'static str, body: Body) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers =
        [(CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()), (CONTENT_DISPOSITION, disposition)];
    (headers, body).into_response()
}
