//! Addresses that are trusted: one, or all that begin alike.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use thiserror::Error;

/// A range of addresses, such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

/// Why a text is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotANetwork {
    /// It cannot be read.
    #[error("is no address, such as 10.1.2.3, and no range, such as 10.0.0.0/8")]
    Unreadable,
    /// It is an address within a range, and the range is not what was meant.
    #[error("has digits behind the range: the first address of it is {0}")]
    NotTheFirst(IpAddr),
    /// It is every address.
    #[error("is every address: name those of the proxy")]
    Everybody,
}

impl Network {
    /// Whether the address is in it; an IPv4 address within IPv6 is one of IPv4.
    pub fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && masked(address, self.bits) == self.first
    }
}

/// The first address with the same first bits.
pub(super) fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| NotANetwork::Unreadable)?)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| NotANetwork::Unreadable)?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits > most {
            return Err(NotANetwork::Unreadable);
        }
        match masked(first, bits) {
            _ if bits == 0 => Err(NotANetwork::Everybody),
            begin if begin != first => Err(NotANetwork::NotTheFirst(begin)),
            first => Ok(Self { first, bits }),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_the_addresses_that_begin_alike() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("10.0.0.0/8", "::10.0.0.1", false),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "fe12::1", false),
            ("::1", "::1", true),
            ("::1", "127.0.0.1", false),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.has(address.parse().unwrap()), expected, "{network} {address}");
        }
    }

    #[test]
    fn what_is_no_range_or_too_much_is_refused() {
        for text in ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "example.com", "10.0.0.0/8/8"] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork::Unreadable), "{text}");
        }
        assert_eq!("10.1.0.0/8".parse::<Network>(), Err(NotANetwork::NotTheFirst("10.0.0.0".parse().unwrap())));
        for text in ["0.0.0.0/0", "::/0"] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork::Everybody));
        }
    }
}
