//! One half of a stream on its way through the filter: Envoy's `FilterManager` and the pausing rules of its Wasm filter, for
//! a chain of one.
//!
//! Source: Envoy, source/common/http/filter_manager.cc (`commonHandleAfter...Callback`, `commonContinue`) and
//! source/extensions/common/wasm/context.cc (`decodeHeaders`, `decodeData`, `decodeTrailers` and their encoding twins).

use super::callbacks::Answer;
use super::stream::Iteration;
use super::worker::Worker;
use super::{Effect, Half, StreamEffect, StreamId};
use crate::abi::Headers;
use crate::vm::MapView;
use bytes::{Bytes, BytesMut};

/// What a guest answers in a headers callback, as the ABI numbers it.
mod headers_action {
    pub(super) const CONTINUE: u32 = 0;
    pub(super) const STOP_ITERATION: u32 = 1;
    pub(super) const CONTINUE_AND_END_STREAM: u32 = 2;
    pub(super) const STOP_ALL_AND_BUFFER: u32 = 3;
}

/// What a guest answers in a body callback, as the ABI numbers it.
mod data_action {
    pub(super) const CONTINUE: u32 = 0;
    pub(super) const STOP_AND_BUFFER: u32 = 1;
    pub(super) const STOP_AND_WATERMARK: u32 = 2;
}

/// How much of a full buffer must be gone before the peer may send on.
const LOW_WATERMARK_DIVISOR: usize = 2;

impl Worker {
    /// Headers of one half arrive.
    pub(super) fn headers(&mut self, id: StreamId, half: Half, headers: Headers, end: bool) {
        let Some(stream) = self.stream(id) else { return };
        let side = stream.side(half);
        if side.finished {
            return;
        }
        side.ended = end;
        let count = headers.len();
        if let Some(view) = self.view(id) {
            view.half(half).headers = MapView::Live(headers);
        }
        let answer = self.ask(id, |vm, context| {
            let arguments = (context, u32::try_from(count).unwrap_or(u32::MAX), u32::from(end));
            match half {
                Half::Request => vm.call(context, |exports| exports.on_request_headers.as_ref(), arguments),
                Half::Response => vm.call(context, |exports| exports.on_response_headers.as_ref(), arguments),
            }
        });
        let iteration = match answer {
            Answer::Gone => return,
            Answer::Stop => Iteration::StoppedAll { watermark: true },
            Answer::Said(action) => headers_iteration(action, self.knob(id)),
        };
        let Some(side) = self.side(id, half) else { return };
        if iteration != Iteration::Flowing {
            side.iteration = iteration;
            return;
        }
        if side.finished {
            return;
        }
        let already = std::mem::replace(&mut side.headers_passed, true);
        if let Some(view) = self.view(id) {
            view.half(half).hide_headers();
        }
        if !already {
            self.pass_headers(id, half, end);
        }
    }

    /// A piece of a body arrives.
    pub(super) fn data(&mut self, id: StreamId, half: Half, piece: Bytes, end: bool) {
        let Some(side) = self.side(id, half) else { return };
        if side.finished {
            return;
        }
        side.ended |= end;
        if let Iteration::StoppedAll { watermark } = side.iteration {
            self.hold(id, half, BytesMut::from(piece), watermark);
        } else {
            self.data_through(id, half, BytesMut::from(piece), end);
        }
    }

    /// Shows a piece to the guest, with what it has had buffered, and goes by its answer.
    fn data_through(&mut self, id: StreamId, half: Half, piece: BytesMut, end: bool) {
        let Some(side) = self.side(id, half) else { return };
        let (buffering, had_trailers) = (side.buffering, side.has_trailers);
        let mut too_much = false;
        let shown = if buffering {
            let mut whole = self.take_shown(id, half);
            whole.extend_from_slice(&piece);
            too_much = self.stream(id).is_some_and(|stream| whole.len() > stream.buffer_limit_bytes);
            whole
        } else {
            piece
        };
        // Envoy adds the piece to its buffer before the filter sees it. If that is too much, a request is refused once the
        // filter has seen it, and a response at once.
        if too_much && half == Half::Response {
            self.too_large(id, half);
            return;
        }
        self.show(id, half, shown, end);
        let size = self.view(id).and_then(|view| view.half(half).body.as_ref().map(BytesMut::len)).unwrap_or(0);
        let answer = self.ask(id, |vm, context| {
            let arguments = (context, u32::try_from(size).unwrap_or(u32::MAX), u32::from(end));
            match half {
                Half::Request => vm.call(context, |exports| exports.on_request_body.as_ref(), arguments),
                Half::Response => vm.call(context, |exports| exports.on_response_body.as_ref(), arguments),
            }
        });
        let body = self.take_shown(id, half);
        let made_trailers = !had_trailers && self.trailers_were_made(id, half, end);
        let Some(side) = self.side(id, half) else { return };
        side.buffering = false;
        side.has_trailers |= made_trailers;
        if side.finished {
            return;
        }
        if too_much {
            self.too_large(id, half);
            return;
        }
        match answer {
            Answer::Gone => {}
            Answer::Said(data_action::CONTINUE) => self.after_data(id, half, body, end, made_trailers),
            Answer::Said(action @ (data_action::STOP_AND_BUFFER | data_action::STOP_AND_WATERMARK)) => {
                side.iteration = Iteration::Stopped;
                let buffer = action == data_action::STOP_AND_BUFFER;
                if self.hold(id, half, body, !buffer) && buffer {
                    self.show_waiting(id, half);
                }
            }
            Answer::Stop | Answer::Said(_) => {
                side.iteration = Iteration::Stopped;
                if buffering {
                    side.waiting = Some(body);
                }
            }
        }
    }

    /// The guest lets a piece go on: all that waited goes before it.
    fn after_data(&mut self, id: StreamId, half: Half, body: BytesMut, end: bool, made_trailers: bool) {
        let Some(side) = self.side(id, half) else { return };
        if side.iteration == Iteration::Flowing {
            self.pass_data(id, half, body.freeze(), end && !made_trailers);
            if made_trailers {
                self.pass_trailers(id, half);
            }
        } else if self.hold(id, half, body, true) {
            self.proceed(id, half);
        }
    }

    fn trailers_were_made(&mut self, id: StreamId, half: Half, end: bool) -> bool {
        let Some(view) = self.view(id) else { return false };
        let view = view.half(half);
        view.may_add_trailers = false;
        end && view.any_trailers().is_some()
    }

    /// Trailers arrive.
    pub(super) fn trailers(&mut self, id: StreamId, half: Half, trailers: Headers) {
        let Some(side) = self.side(id, half) else { return };
        if side.finished {
            return;
        }
        side.ended = true;
        side.has_trailers = true;
        let waits = matches!(side.iteration, Iteration::StoppedAll { .. });
        if let Some(view) = self.view(id) {
            if waits {
                view.half(half).hidden_trailers = Some(trailers);
            } else {
                view.half(half).trailers = MapView::Live(trailers);
            }
        }
        if !waits {
            self.trailers_through(id, half);
        }
    }

    fn trailers_through(&mut self, id: StreamId, half: Half) {
        let Some(view) = self.view(id) else { return };
        let view = view.half(half);
        if let Some(hidden) = view.hidden_trailers.take() {
            view.trailers = MapView::Live(hidden);
        }
        let count = view.any_trailers().map_or(0, Headers::len);
        let answer = self.ask(id, |vm, context| {
            let arguments = (context, u32::try_from(count).unwrap_or(u32::MAX));
            match half {
                Half::Request => vm.call(context, |exports| exports.on_request_trailers.as_ref(), arguments),
                Half::Response => vm.call(context, |exports| exports.on_response_trailers.as_ref(), arguments),
            }
        });
        let Some(side) = self.side(id, half) else { return };
        if side.finished {
            return;
        }
        match answer {
            Answer::Gone => {}
            Answer::Said(0) => {
                let flowing = side.iteration == Iteration::Flowing;
                if let Some(view) = self.view(id) {
                    view.half(half).hide_trailers();
                }
                if flowing {
                    self.pass_trailers(id, half);
                } else {
                    self.proceed(id, half);
                }
            }
            Answer::Stop | Answer::Said(_) => side.iteration = Iteration::Stopped,
        }
    }

    /// Lets go what waits (Envoy's `commonContinue`).
    pub(super) fn proceed(&mut self, id: StreamId, half: Half) {
        let Some(side) = self.side(id, half) else { return };
        if side.finished {
            return;
        }
        let headers_passed = side.headers_passed;
        if !headers_passed && self.view(id).is_none_or(|view| view.half(half).any_headers().is_none()) {
            return;
        }
        let Some(side) = self.side(id, half) else { return };
        let through_filter = matches!(side.iteration, Iteration::StoppedAll { .. });
        side.iteration = Iteration::Flowing;
        let buffering = std::mem::take(&mut side.buffering);
        let shown = if buffering { Some(self.take_shown(id, half)) } else { None };
        let Some(side) = self.side(id, half) else { return };
        let waiting = shown.or_else(|| side.waiting.take());
        let (ended, had_trailers) = (side.ended, side.has_trailers);
        let began = !std::mem::replace(&mut side.headers_passed, true);
        if began {
            self.pass_headers(id, half, ended && waiting.is_none() && !had_trailers);
        }
        match waiting {
            Some(body) if through_filter => {
                self.relieve(id, half);
                self.data_through(id, half, body, ended && !had_trailers);
            }
            Some(body) => {
                self.relieve(id, half);
                self.pass_data(id, half, body.freeze(), ended && !had_trailers);
            }
            // A body that ended with an empty piece, of which nothing waits, still has its end to pass on.
            None if ended && !had_trailers && !began => self.pass_data(id, half, Bytes::new(), true),
            None => {}
        }
        if had_trailers && through_filter {
            self.trailers_through(id, half);
        } else if had_trailers {
            self.pass_trailers(id, half);
        }
    }

    /// Keeps a part of a body; `false` if it was too much and the stream was answered.
    fn hold(&mut self, id: StreamId, half: Half, piece: BytesMut, watermark: bool) -> bool {
        let before = self.side(id, half).and_then(|side| side.waiting.take());
        match before {
            Some(before) => self.hold_joined(id, half, before, piece, watermark),
            None => self.hold_joined(id, half, piece, BytesMut::new(), watermark),
        }
    }

    fn hold_joined(
        &mut self,
        id: StreamId,
        half: Half,
        mut first: BytesMut,
        second: BytesMut,
        watermark: bool,
    ) -> bool {
        if first.is_empty() {
            first = second;
        } else {
            first.extend_from_slice(&second);
        }
        let Some(stream) = self.stream(id) else { return false };
        let too_much = first.len() > stream.buffer_limit_bytes;
        let side = stream.side(half);
        side.waiting = Some(first);
        if !too_much {
            return true;
        }
        if watermark {
            if !std::mem::replace(&mut side.throttled, true) {
                self.emit(id, StreamEffect::Read(half, false));
            }
            return true;
        }
        self.too_large(id, half);
        false
    }

    /// Tells a peer that was made to wait that it may send on.
    fn relieve(&mut self, id: StreamId, half: Half) {
        let Some(stream) = self.stream(id) else { return };
        let low = stream.buffer_limit_bytes / LOW_WATERMARK_DIVISOR;
        let side = stream.side(half);
        if side.throttled && side.waiting.as_ref().map_or(0, BytesMut::len) <= low {
            side.throttled = false;
            self.emit(id, StreamEffect::Read(half, true));
        }
    }

    /// Puts a body into the guest's reach.
    fn show(&mut self, id: StreamId, half: Half, body: BytesMut, end: bool) {
        if let Some(view) = self.view(id) {
            let view = view.half(half);
            view.body = Some(body);
            view.may_add_trailers = end;
        }
    }

    /// Leaves what waits in the guest's reach, as long as nothing new comes.
    fn show_waiting(&mut self, id: StreamId, half: Half) {
        let Some(side) = self.side(id, half) else { return };
        side.buffering = true;
        let waiting = side.waiting.take().unwrap_or_default();
        self.show(id, half, waiting, false);
    }

    fn take_shown(&mut self, id: StreamId, half: Half) -> BytesMut {
        let Some(view) = self.view(id) else { return BytesMut::new() };
        let view = view.half(half);
        view.body.take().or_else(|| view.hidden_body.take()).unwrap_or_default()
    }

    fn pass_headers(&mut self, id: StreamId, half: Half, end: bool) {
        let Some(headers) = self.view(id).and_then(|view| view.half(half).any_headers().cloned()) else { return };
        if end && let Some(side) = self.side(id, half) {
            side.finished = true;
        }
        self.emit(
            id,
            match half {
                Half::Request => StreamEffect::RequestHeaders(headers, end),
                Half::Response => StreamEffect::ResponseHeaders(headers, end),
            },
        );
    }

    fn pass_data(&mut self, id: StreamId, half: Half, data: Bytes, end: bool) {
        if data.is_empty() && !end {
            return;
        }
        if end && let Some(side) = self.side(id, half) {
            side.finished = true;
        }
        self.emit(
            id,
            match half {
                Half::Request => StreamEffect::RequestData(data, end),
                Half::Response => StreamEffect::ResponseData(data, end),
            },
        );
    }

    fn pass_trailers(&mut self, id: StreamId, half: Half) {
        let Some(trailers) = self.view(id).and_then(|view| view.half(half).any_trailers().cloned()) else { return };
        let Some(side) = self.side(id, half) else { return };
        if std::mem::replace(&mut side.finished, true) {
            return;
        }
        self.emit(
            id,
            match half {
                Half::Request => StreamEffect::RequestTrailers(trailers),
                Half::Response => StreamEffect::ResponseTrailers(trailers),
            },
        );
    }

    pub(super) fn emit(&mut self, id: StreamId, effect: StreamEffect) {
        self.effects.push(Effect::Stream(id, effect));
    }
}

/// What a headers callback's answer means. Envoy takes "stop" for "stop everything" unless the plugin allows otherwise, and
/// what it does not know for "stop everything".
const fn headers_iteration(action: u32, allow_stop_iteration: bool) -> Iteration {
    match action {
        headers_action::CONTINUE | headers_action::CONTINUE_AND_END_STREAM => Iteration::Flowing,
        headers_action::STOP_ITERATION if allow_stop_iteration => Iteration::Stopped,
        headers_action::STOP_ALL_AND_BUFFER => Iteration::StoppedAll { watermark: false },
        _ => Iteration::StoppedAll { watermark: true },
    }
}
