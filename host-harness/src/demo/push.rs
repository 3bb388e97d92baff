//! A push as the callers of the demo's push service write it, and a stream of made-up ones.

use serde::{Deserialize, Serialize};

/// The channels in the mix of the stream, out of 20: `sms-tencent` in batches, `oppo` now and then.
const MIX: [&str; 20] = [
    "apns",
    "fcm",
    "oppo",
    "lc",
    "wechat",
    "apns",
    "oppo",
    "fcm",
    "sms-tencent",
    "apns",
    "lc",
    "fcm",
    "oppo",
    "wechat",
    "apns",
    "fcm",
    "lc",
    "oppo",
    "apns",
    "sms-tencent",
];

/// What a push is about, out of 10: business, template, title. The last business is none that the rules know.
const SUBJECTS: [(&str, &str, &str); 10] = [
    ("order", "order-shipped", "Your parcel is on its way"),
    ("promo", "promo-weekend", "This weekend only"),
    ("order", "order-paid", "We have your payment"),
    ("login", "login-code", "Your code"),
    ("order", "order-delivered", "Your parcel is here"),
    ("promo", "promo-weekend", "This weekend only"),
    ("order", "order-shipped", "Your parcel is on its way"),
    ("promo", "promo-coupon", "A coupon for you"),
    ("order", "order-paid", "We have your payment"),
    ("survey", "survey-short", "How was it?"),
];

/// The request body of `POST /push`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Push {
    pub(crate) message_id: String,
    pub(crate) business: String,
    pub(crate) channel: String,
    pub(crate) recipients: Vec<String>,
    pub(crate) template: String,
    pub(crate) title: String,
    pub(crate) body: String,
}

impl Push {
    /// The `number`th push of the stream. The same number is the same push.
    pub(crate) fn numbered(number: u64) -> Self {
        let channel = pick(&MIX, number);
        // Channels repeat every 20 pushes; the other choices must not follow the same beat.
        let (business, template, title) = pick(&SUBJECTS, scramble(number));
        let recipients = 0..batch(channel, number);
        Self {
            message_id: uuid(number),
            business: business.to_owned(),
            channel: channel.to_owned(),
            recipients: recipients.map(|index| recipient(channel, scramble(number * 16 + index))).collect(),
            template: template.to_owned(),
            title: title.to_owned(),
            body: format!("Message {number} of the demo"),
        }
    }
}

fn pick<T: Copy + Default, const N: usize>(list: &[T; N], number: u64) -> T {
    let index = usize::try_from(number % N as u64).unwrap_or(0);
    list.get(index).copied().unwrap_or_default()
}

fn batch(channel: &str, number: u64) -> u64 {
    let size = scramble(number ^ 0xba7c);
    match channel {
        "sms-tencent" => 1 + size % 5,
        "oppo" if size.is_multiple_of(4) => 3,
        _ => 1,
    }
}

/// A made-up recipient in the form of its channel.
pub(crate) fn recipient(channel: &str, random: u64) -> String {
    let (a, b) = (random, scramble(random));
    match channel {
        "apns" => format!("{a:016x}{b:016x}{:016x}{:016x}", scramble(b), scramble(a ^ b)),
        "fcm" => format!("fake-{a:016x}:APA91b{b:016x}"),
        "oppo" => format!("OPPO_CN_{a:016x}{b:016x}"),
        "wechat" => format!("oFAKE{a:016x}{:07x}", b & 0xfff_ffff),
        // 07700 900000 to 900999 are kept free for drama by the British regulator.
        "sms-tencent" | "twilio" => format!("+447700900{:03}", a % 1_000),
        _ => format!("user-{:06}", a % 1_000_000),
    }
}

fn uuid(number: u64) -> String {
    let (high, low) = (scramble(number), scramble(!number));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0xfff,
        low & 0xffff_ffff_ffff,
    )
}

/// Mixes the bits of a number (the finaliser of MurmurHash3), so that neighbours have nothing in common.
pub(crate) fn scramble(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::Push;

    #[test]
    fn the_stream_has_every_channel_business_and_batches() {
        let pushes: Vec<_> = (0..2_000).map(Push::numbered).collect();
        let mut channels = BTreeMap::new();
        let mut subjects = BTreeSet::new();
        for push in &pushes {
            *channels.entry(push.channel.as_str()).or_insert(0) += 1;
            subjects.insert((push.channel.as_str(), push.business.as_str()));
        }
        assert_eq!(channels["sms-tencent"], 200);
        assert_eq!(channels.len(), 6);
        assert_eq!(subjects.len(), 6 * 4, "every business on every channel");
        let ids: BTreeSet<_> = pushes.iter().map(|push| &push.message_id).collect();
        assert_eq!(ids.len(), pushes.len());
        let batches = |channel| {
            let sizes = pushes.iter().filter(|push| push.channel == channel);
            sizes.map(|push| push.recipients.len()).collect::<BTreeSet<_>>()
        };
        assert_eq!(batches("sms-tencent"), BTreeSet::from([1, 2, 3, 4, 5]));
        assert_eq!(batches("oppo"), BTreeSet::from([1, 3]));
        assert_eq!(batches("apns"), BTreeSet::from([1]));
    }

    #[test]
    fn a_phone_is_one_that_nobody_has() {
        let mut phones = (0..2_000)
            .map(Push::numbered)
            .filter(|push| push.channel == "sms-tencent")
            .flat_map(|push| push.recipients);
        assert!(phones.all(|phone| phone.starts_with("+447700900") && phone.len() == 13));
    }
}
