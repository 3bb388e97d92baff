//! What a stream waits for, in the order of its weight: what the filter wants comes before what is new.

use super::Exchange;
use super::deadline::Due;
use super::upstream_side::Stage;
use crate::filter::StreamEffect;
use crate::proxy::upstream::{Failure, Reply};
use bytes::Bytes;
use hyper::body::{Body as _, Frame};
use std::pin::Pin;
use std::task::{Context, Poll};

type NextFrame = Option<Result<Frame<Bytes>, hyper::Error>>;

/// What has come to pass.
pub(super) enum Event {
    Effect(StreamEffect),
    ClientLeft,
    Request(NextFrame),
    Replied(Result<Box<Reply>, Failure>),
    Response(NextFrame),
    Due(Due),
}

impl Exchange {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Poll::Ready(effect) = self.mailbox.poll(cx) {
            return Poll::Ready(Event::Effect(effect));
        }
        if self.downstream.poll_left(cx).is_ready() {
            return Poll::Ready(Event::ClientLeft);
        }
        let has_room = self.downstream.has_room(cx);
        match &mut self.upstream.stage {
            Stage::Waiting(reply) => {
                if let Poll::Ready(result) = reply.as_mut().poll(cx) {
                    return Poll::Ready(Event::Replied(result.map(Box::new)));
                }
            }
            Stage::Streaming { body, .. } if self.upstream.reading && has_room => {
                if let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) {
                    return Poll::Ready(Event::Response(frame));
                }
            }
            Stage::Streaming { .. } | Stage::Idle => {}
        }
        if self.downstream.reading
            && self.upstream.has_room(cx, self.listener.config.buffer_limit_bytes)
            && let Some(body) = &mut self.downstream.body
            && let Poll::Ready(frame) = Pin::new(body).poll_frame(cx)
        {
            return Poll::Ready(Event::Request(frame));
        }
        self.deadline.poll(cx).map(Event::Due)
    }
}
