//! How much of a day's quota an answer says is used.

/// A share in thousandths, from 0 to 1,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerMille(u16);

impl PerMille {
    /// All of it.
    const ALL: u16 = 1_000;

    /// `part` of `whole`, at most all; `None` of nothing.
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        let share = u128::from(part).saturating_mul(Self::ALL.into()).checked_div(whole.into())?;
        Some(Self(u16::try_from(share).unwrap_or(Self::ALL).min(Self::ALL)))
    }

    /// The thousandths.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// What a number of an answer says about the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QuotaField {
    Limit,
    Used,
    Remaining,
}

/// The numbers, by field, each with the rank of its source.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct QuotaNumbers([Option<(usize, u64)>; 3]);

impl QuotaNumbers {
    pub(super) fn note(&mut self, field: QuotaField, rank: usize, text: &str) {
        let (Ok(number), Some(held)) = (text.trim().parse(), self.0.get_mut(field as usize)) else { return };
        if held.is_none_or(|(best, _)| rank < best) {
            *held = Some((rank, number));
        }
    }

    pub(super) fn ratio(&self) -> Option<PerMille> {
        let [limit, used, remaining] = self.0.map(|number| number.map(|(_, number)| number));
        match (limit, used, remaining) {
            (Some(limit), Some(used), _) => PerMille::of(used, limit),
            (Some(limit), None, Some(remaining)) => PerMille::of(limit.saturating_sub(remaining), limit),
            (None, Some(used), Some(remaining)) => PerMille::of(used, used.saturating_add(remaining)),
            _ => None,
        }
    }
}
