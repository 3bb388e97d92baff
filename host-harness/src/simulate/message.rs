//! One message to one or more recipients, and what has become of it as far as the world knows.

use std::time::Duration;

use super::moment::Moment;
use crate::demo::push::{recipient, scramble};

/// Recipients of one message, a bit for each.
pub(super) type Recipients = u64;

/// A message that the application has not done with.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) number: u64,
    /// The place of its channel in the scenario.
    pub(super) channel: usize,
    /// The place of its business in the scenario.
    pub(super) business: usize,
    pub(super) submitted: Moment,
    /// How often it was sent.
    pub(super) attempts: u32,
    /// Those whom the application still wants to reach.
    pub(super) open: Recipients,
    /// Makes its recipients its own.
    salt: u64,
    all: Recipients,
    accepted: Recipients,
    accepted_again: Recipients,
    /// Accepted too late.
    late: Recipients,
    /// Accepted by another vendor than that of its channel.
    switched: Recipients,
    /// Refused for their own sake.
    refused: Recipients,
}

/// What has become of a message's recipients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fates {
    pub(super) sent: u32,
    pub(super) on_time: u32,
    pub(super) late: u32,
    pub(super) duplicated: u32,
    pub(super) switched: u32,
    pub(super) undeliverable: u32,
    pub(super) lost: u32,
}

impl Message {
    pub(super) fn new(
        number: u64,
        channel: usize,
        business: usize,
        recipients: u32,
        submitted: Moment,
        salt: u64,
    ) -> Self {
        let all = first(recipients as usize, u64::MAX);
        Self {
            number,
            channel,
            business,
            submitted,
            attempts: 0,
            open: all,
            salt,
            all,
            accepted: 0,
            accepted_again: 0,
            late: 0,
            switched: 0,
            refused: 0,
        }
    }

    /// Its id, a UUID in form that begins with its number.
    pub(super) fn id(&self) -> String {
        let (a, b) = (self.salt, scramble(self.salt));
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            self.number & 0xffff_ffff,
            a & 0xffff,
            a >> 16 & 0xfff,
            a >> 28 & 0xfff,
            b & 0xffff_ffff_ffff,
        )
    }

    /// How the vendor's API knows these recipients.
    pub(super) fn recipients(&self, stand_in: &str, which: Recipients) -> Vec<String> {
        let bits = (0..u64::BITS).filter(|bit| which >> bit & 1 == 1);
        bits.map(|bit| recipient(stand_in, scramble(self.salt.wrapping_add(u64::from(bit))))).collect()
    }

    /// A vendor has accepted some recipients.
    pub(super) fn accept(&mut self, which: Recipients, when: Moment, objective: Duration, by_other: bool) {
        self.accepted_again |= self.accepted & which;
        let new = which & !self.accepted;
        self.accepted |= which;
        if when.since(self.submitted) > objective {
            self.late |= new;
        }
        if by_other {
            self.switched |= new;
        }
    }

    /// A vendor has refused some recipients for their own sake.
    pub(super) fn refuse(&mut self, which: Recipients) {
        self.refused |= which;
    }

    /// How many recipients it has.
    pub(super) const fn count(&self) -> u32 {
        self.all.count_ones()
    }

    /// What has become of every recipient.
    pub(super) const fn fates(&self) -> Fates {
        let missed = self.all & !self.accepted;
        Fates {
            sent: self.accepted.count_ones(),
            on_time: (self.accepted & !self.late).count_ones(),
            late: self.late.count_ones(),
            duplicated: self.accepted_again.count_ones(),
            switched: self.switched.count_ones(),
            undeliverable: (missed & self.refused).count_ones(),
            lost: (missed & !self.refused).count_ones(),
        }
    }
}

/// The number of the message whose id, or something like it, stands in a text.
pub(super) fn number_in(text: &[u8]) -> Option<u64> {
    let shape = |window: &[u8]| {
        window.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    let id = text.windows(36).find(|window| shape(window))?;
    u64::from_str_radix(std::str::from_utf8(id.get(..8)?).ok()?, 16).ok()
}

/// The first `count` of some recipients.
pub(super) const fn first(count: usize, of: Recipients) -> Recipients {
    let (mut rest, mut taken) = (of, 0);
    while taken < count && rest != 0 {
        rest &= rest - 1;
        taken += 1;
    }
    of & !rest
}

#[cfg(test)]
mod tests {
    use super::{Fates, Message, Moment, first, number_in};
    use std::time::Duration;

    const OBJECTIVE: Duration = Duration::from_secs(2);

    fn message(recipients: u32) -> Message {
        Message::new(7, 0, 0, recipients, Moment::default(), 99)
    }

    #[test]
    fn every_recipient_has_one_fate_and_duplicates_are_counted_beside() {
        let mut message = message(4);
        message.accept(0b0011, Moment::from_micros(1), OBJECTIVE, false);
        message.accept(0b0010, Moment::from_micros(2), OBJECTIVE, true);
        message.refuse(0b0100);
        let fates = message.fates();
        let expected = Fates { sent: 2, on_time: 2, duplicated: 1, undeliverable: 1, lost: 1, ..Fates::default() };
        assert_eq!(fates, expected);
        message.accept(0b1000, Moment::from_micros(2_000_001), OBJECTIVE, true);
        let fates = message.fates();
        assert_eq!((fates.sent, fates.late, fates.switched, fates.lost), (3, 1, 1, 0));
        assert_eq!(message.count(), fates.sent + fates.undeliverable + fates.lost);
    }

    #[test]
    fn a_message_is_known_by_its_id_wherever_it_stands() {
        let text = format!("{{\"id\": \"{}\"}}", message(1).id());
        assert_eq!(number_in(text.as_bytes()), Some(7));
        assert_eq!(number_in(b"nothing of the kind, however long it may be"), None);
    }

    #[test]
    fn the_first_of_some_are_the_lowest_bits() {
        assert_eq!((first(2, 0b1_0110), first(0, 0b11), first(9, 0b11)), (0b0_0110, 0, 0b11));
        assert_eq!(first(64, u64::MAX), u64::MAX);
    }
}
