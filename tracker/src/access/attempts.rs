//! How often an address may be wrong about a token.

use super::network::masked;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// So many wrong tokens of one address within [`WINDOW`] are a mistake; more are an attack.
const MOST: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// The most addresses that are remembered; the one that was wrong first goes.
const MAX_ADDRESSES: usize = 4_096;
/// What one customer of a network has of IPv6.
const V6_BITS: u8 = 64;

/// Who was wrong how often.
#[derive(Default)]
pub(super) struct Attempts(Mutex<BTreeMap<IpAddr, Failures>>);

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    since: Instant,
}

impl Attempts {
    /// How long the address has to wait, if it has been wrong too often.
    pub(super) fn wait(&self, peer: IpAddr, now: Instant) -> Option<Duration> {
        let failures = *self.lock().get(&network(peer))?;
        let left = WINDOW.checked_sub(now.duration_since(failures.since)).filter(|left| !left.is_zero())?;
        (failures.count >= MOST).then_some(left)
    }

    /// The address was wrong.
    pub(super) fn failed(&self, peer: IpAddr, now: Instant) {
        let mut all = self.lock();
        let is_over = |failures: &Failures| now.duration_since(failures.since) >= WINDOW;
        let peer = network(peer);
        if all.len() >= MAX_ADDRESSES && !all.contains_key(&peer) {
            all.retain(|_, failures| !is_over(failures));
            let oldest = all.iter().min_by_key(|(_, failures)| failures.since).map(|(peer, _)| *peer);
            if let Some(oldest) = oldest.filter(|_| all.len() >= MAX_ADDRESSES) {
                all.remove(&oldest);
            }
        }
        let failures = all.entry(peer).or_insert(Failures { count: 0, since: now });
        if is_over(failures) {
            *failures = Failures { count: 0, since: now };
        }
        failures.count = failures.count.saturating_add(1);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        peer @ IpAddr::V4(_) => peer,
        peer @ IpAddr::V6(_) => masked(peer, V6_BITS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_wrong_too_often_waits_and_nobody_else_does() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let peer = |text: &str| text.parse::<IpAddr>().unwrap();
        for _ in 0..MOST - 1 {
            attempts.failed(peer("2001:db8::1"), now);
        }
        assert_eq!(attempts.wait(peer("2001:db8::1"), now), None);
        attempts.failed(peer("2001:db8::2"), now);
        assert_eq!(attempts.wait(peer("2001:db8::3"), now), Some(WINDOW), "one network, one customer");
        assert_eq!(attempts.wait(peer("2001:db8:0:1::1"), now), None);
        assert_eq!(attempts.wait(peer("2001:db8::1"), now + WINDOW), None);
    }

    #[test]
    fn the_memory_is_bounded() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for number in 0..MAX_ADDRESSES as u32 + 10 {
            attempts.failed(IpAddr::V4(number.into()), now);
        }
        assert_eq!(attempts.lock().len(), MAX_ADDRESSES);
        attempts.failed(IpAddr::V4(u32::MAX.into()), now + WINDOW);
        assert_eq!(attempts.lock().len(), 1);
    }
}
