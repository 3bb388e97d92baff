//! Recipients in the one form that is hashed, so that a number written in two ways is one person.
//!
//! The rules are few and closed, because other programs must follow them to the letter: `docs/hash.md` states them.

use std::borrow::Cow;

/// The country calling code that a phone number without one belongs to, 1 to 999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountryCode(u16);

impl CountryCode {
    /// `None` for what is no calling code.
    pub const fn new(code: u16) -> Option<Self> {
        if matches!(code, 1..=999) { Some(Self(code)) } else { None }
    }

    /// The digits of a national number, for the countries where vendors take numbers with the code but no `+`.
    const fn national_digits(self) -> Option<usize> {
        match self.0 {
            1 => Some(10),
            86 => Some(11),
            _ => None,
        }
    }

    /// Whether `digits` begin with this code already.
    fn leads(self, digits: &str) -> bool {
        let code = self.0.to_string();
        self.national_digits().is_some_and(|national| digits.len() == code.len() + national)
            && digits.starts_with(&code)
    }
}

/// China, 86.
impl Default for CountryCode {
    fn default() -> Self {
        Self(86)
    }
}

/// Who gets a message, as the vendor's API names them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Recipient<'a> {
    /// A phone number in any usual form.
    Phone {
        /// The number.
        number: &'a str,
        /// The country of a number that names none.
        country: CountryCode,
    },
    /// An e-mail address, without a display name.
    Email(&'a str),
    /// A device token, openid, user id or any other opaque name.
    Token(&'a str),
}

impl<'a> Recipient<'a> {
    /// The word that keeps equal texts of different kinds apart.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Phone { .. } => "phone",
            Self::Email(_) => "email",
            Self::Token(_) => "token",
        }
    }

    /// A phone number as E.164, an address in lower case, a token as it is. What does not look like a phone number is
    /// left as it is too.
    pub fn normalised(&self) -> Cow<'a, str> {
        match *self {
            Self::Phone { number, country } => e164(number, country).map_or(Cow::Borrowed(number), Cow::Owned),
            Self::Email(address) => lower_case(address.trim_matches([' ', '\t', '\r', '\n'])),
            Self::Token(token) => Cow::Borrowed(token),
        }
    }
}

fn e164(number: &str, country: CountryCode) -> Option<String> {
    let compact: String = number.chars().filter(|char| !matches!(char, ' ' | '-' | '.' | '(' | ')')).collect();
    let international = compact.strip_prefix('+').or_else(|| compact.strip_prefix("00"));
    let digits = international.unwrap_or(&compact);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let complete = international.is_some() || country.leads(digits);
    Some(if complete { format!("+{digits}") } else { format!("+{}{digits}", country.0) })
}

/// ASCII only: other alphabets have several lower cases, and not every language agrees on them.
fn lower_case(address: &str) -> Cow<'_, str> {
    if address.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(address.to_ascii_lowercase())
    } else {
        Cow::Borrowed(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(number: &str, code: u16) -> String {
        let country = CountryCode::new(code).unwrap();
        Recipient::Phone { number, country }.normalised().into_owned()
    }

    #[test]
    fn a_phone_number_is_the_same_however_it_is_written() {
        for number in [
            "+8613800138000",
            "008613800138000",
            "8613800138000",
            "13800138000",
            "138 0013 8000",
            "+86 138-0013-8000",
            "(+86) 138.0013.8000",
            "0086 (138) 0013-8000",
        ] {
            assert_eq!(phone(number, 86), "+8613800138000", "{number}");
        }
    }

    #[test]
    fn a_number_without_country_belongs_to_the_configured_one() {
        for (number, code, expected) in [
            ("2025550143", 1, "+12025550143"),
            ("12025550143", 1, "+12025550143"),
            ("+1 (202) 555-0143", 86, "+12025550143"),
            ("91234567", 852, "+85291234567"),
            ("85291234567", 852, "+85285291234567"),
            ("86138001380", 86, "+8686138001380"),
            ("13800138000", 86, "+8613800138000"),
        ] {
            assert_eq!(phone(number, code), expected, "{number} in {code}");
        }
        assert_eq!(CountryCode::default(), CountryCode::new(86).unwrap());
        assert_eq!(CountryCode::new(0), None);
        assert_eq!(CountryCode::new(1000), None);
    }

    #[test]
    fn what_is_no_phone_number_is_left_as_it_is() {
        for number in ["", " ", "+", "00", "138****8000", "+86 138x", "1380013800+", "١٢٣", "alice", "１３８"] {
            assert_eq!(phone(number, 86), number);
        }
    }

    #[test]
    fn an_address_is_trimmed_and_its_ascii_letters_are_lowered() {
        let normalised = |address| Recipient::Email(address).normalised().into_owned();
        assert_eq!(normalised("Alice@Example.COM"), "alice@example.com");
        assert_eq!(normalised(" \talice@example.com\r\n"), "alice@example.com");
        assert_eq!(normalised("İÄ@Example.com"), "İÄ@example.com");
    }

    #[test]
    fn a_token_is_left_as_it_is() {
        for token in ["", " oABC-123_xyz ", "AbCd"] {
            assert_eq!(Recipient::Token(token).normalised(), token);
        }
    }
}
