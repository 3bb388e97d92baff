//! The timeouts of one stream on one timer, which is set anew only when a nearer one comes up: most streams end long before.

use crate::proxy::config::ListenerConfig;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// What has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The client took too long to send its request.
    RequestTimeout,
    /// Nothing came from either side.
    Idle,
    /// The upstream took too long.
    Route,
}

/// The timeouts of one stream.
pub(super) struct Deadline {
    idle_timeout: Option<Duration>,
    active: Instant,
    request: Option<Instant>,
    route: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    pub(super) fn new(listener: &ListenerConfig) -> Self {
        let now = Instant::now();
        let idle_timeout = listener.stream_idle_timeout;
        let request = listener.request_timeout.map(|timeout| now + timeout);
        let mut deadline = Self { idle_timeout, active: now, request, route: None, timer: None };
        deadline.arm();
        deadline
    }

    /// Something came or went.
    pub(super) fn touch(&mut self) {
        self.active = Instant::now();
    }

    /// The client has sent all of its request.
    pub(super) fn request_ended(&mut self) {
        self.request = None;
    }

    /// The upstream has got all of the request and may take this long, or it is not waited for any more.
    pub(super) fn route(&mut self, timeout: Option<Duration>) {
        self.route = timeout.map(|timeout| Instant::now() + timeout);
        self.arm();
    }

    fn earliest(&self) -> Option<(Instant, Due)> {
        let idle = self.idle_timeout.map(|timeout| (self.active + timeout, Due::Idle));
        let request = self.request.map(|at| (at, Due::RequestTimeout));
        let route = self.route.map(|at| (at, Due::Route));
        [route, request, idle].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    fn arm(&mut self) {
        let Some((at, _)) = self.earliest() else { return };
        match &mut self.timer {
            Some(timer) if timer.deadline() <= at && !timer.is_elapsed() => {}
            Some(timer) => timer.as_mut().reset(at),
            none => *none = Some(Box::pin(tokio::time::sleep_until(at))),
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        loop {
            let Some(timer) = &mut self.timer else { return Poll::Pending };
            std::task::ready!(timer.as_mut().poll(cx));
            let now = Instant::now();
            match self.earliest() {
                Some((at, due)) if at <= now => {
                    self.clear(due);
                    return Poll::Ready(due);
                }
                Some((at, _)) => {
                    if let Some(timer) = &mut self.timer {
                        timer.as_mut().reset(at);
                    }
                }
                None => self.timer = None,
            }
        }
    }

    /// What has run out does so once.
    fn clear(&mut self, due: Due) {
        match due {
            Due::RequestTimeout => self.request = None,
            Due::Idle => self.idle_timeout = None,
            Due::Route => self.route = None,
        }
        self.timer = None;
        self.arm();
    }
}

#[cfg(test)]
mod tests {
    use super::{Deadline, Due};
    use crate::proxy::config::ListenerConfig;
    use std::time::Duration;

    fn deadline(idle_ms: u64, request_ms: u64) -> Deadline {
        let timeout = |ms: u64| (ms > 0).then(|| Duration::from_millis(ms));
        Deadline::new(&ListenerConfig {
            stream_idle_timeout: timeout(idle_ms),
            request_timeout: timeout(request_ms),
            ..ListenerConfig::default()
        })
    }

    async fn next(deadline: &mut Deadline) -> Due {
        std::future::poll_fn(|cx| deadline.poll(cx)).await
    }

    #[tokio::test]
    async fn the_nearest_runs_out_first_and_each_once() {
        let mut deadline = deadline(60, 40);
        deadline.route(Some(Duration::from_millis(20)));
        assert_eq!(next(&mut deadline).await, Due::Route);
        assert_eq!(next(&mut deadline).await, Due::RequestTimeout);
        assert_eq!(next(&mut deadline).await, Due::Idle);
        assert!(tokio::time::timeout(Duration::from_millis(100), next(&mut deadline)).await.is_err());
    }

    #[tokio::test]
    async fn activity_puts_idleness_off() {
        let mut deadline = deadline(50, 30);
        let started = tokio::time::Instant::now();
        assert_eq!(next(&mut deadline).await, Due::RequestTimeout);
        deadline.touch();
        assert_eq!(next(&mut deadline).await, Due::Idle);
        assert!(started.elapsed() >= Duration::from_millis(80));
    }
}
